// SPDX-License-Identifier: Apache-2.0
#include "checkpoint.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <absl/cleanup/cleanup.h>
#include <fmt/format.h>

#include "containerd/archive/archive.h"
#include "containerd/archive/diff.h"
#include "containerd/checkpoint.h"
#include "containerd/content/content.h"
#include "containerd/content/helpers.h"
#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/io/io.h"
#include "containerd/leases/leases.h"
#include "containerd/libcontainerd/task.h"
#include "containerd/log/log.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/manifest.h"

#include "core.h"
#include "random_name.h"
#include "src/base/cleanup.h"
#include "wrap_error.h"

namespace containerd::libcontainerd {
namespace {

namespace fs = std::filesystem;

// What every dump of CRIU has.
constexpr char kInventory[] = "inventory.img";

// What goes wrong with a checkpoint that the daemon has made is nothing that the caller asked for,
// unless it was to stop. Source: errdefs.System.
absl::Status System(const absl::Status& why, std::string_view what) {
  if (errdefs::IsCanceled(why) || errdefs::IsDeadlineExceeded(why)) {
    return errdefs::Annotate(why, what);
  }
  return errdefs::Internal(fmt::format("{}: {}", what, errdefs::Message(why)));
}

absl::Status CheckDump(const std::string& dir) {
  struct stat st = {};
  if (::stat(dir.c_str(), &st) != 0) {
    return errdefs::FromErrno(errno, fmt::format("checkpoint folder \"{}\"", dir));
  }
  if (!S_ISDIR(st.st_mode)) {
    return errdefs::InvalidArgument(fmt::format("checkpoint folder \"{}\" is no directory", dir));
  }
  if (::lstat((dir + "/" + kInventory).c_str(), &st) != 0) {
    return errdefs::InvalidArgument(fmt::format(
        "checkpoint folder \"{}\" holds no data of CRIU: it has no {}", dir, kInventory));
  }
  return absl::OkStatus();
}

// The CRIU part of a checkpoint.
absl::StatusOr<std::unique_ptr<io::Reader>> OpenDump(const Context& ctx, containerd::Client& client,
                                                     const Image& checkpoint) {
  const std::shared_ptr<content::Store> store = client.ContentStore();
  auto data = content::ReadBlob(ctx, *store, checkpoint.Target());
  if (!data.ok()) return System(data.status(), "failed to retrieve checkpoint data");
  auto index = ocispec::Unmarshal<ocispec::Index>(*data);
  if (!index.ok()) return System(index.status(), "failed to decode checkpoint data");
  auto desc = GetIndexByMediaType(*index, images::kMediaTypeContainerd1Checkpoint);
  if (!desc.ok()) {
    return errdefs::Internal(
        fmt::format("invalid checkpoint \"{}\": it holds no data of CRIU", checkpoint.Name()));
  }
  auto reader = store->ReaderAt(ctx, *desc);
  if (!reader.ok()) return System(reader.status(), "failed to get checkpoint reader");
  return content::NewReader(*std::move(reader));
}

// Moves what is in one directory into another of the same file system.
absl::Status MoveInto(const std::string& from, const std::string& to) {
  std::error_code err;
  for (fs::directory_iterator entry(from, err), end; !err && entry != end; entry.increment(err)) {
    const fs::path target = fs::path(to) / entry->path().filename();
    fs::rename(entry->path(), target, err);
    if (err) return errdefs::FromErrno(err.value(), fmt::format("writing \"{}\"", target.string()));
  }
  if (err) return errdefs::FromErrno(err.value(), fmt::format("reading \"{}\"", from));
  return absl::OkStatus();
}

}  // namespace

bool IsRunc(std::string_view runtime) { return runtime.starts_with("io.containerd.runc."); }

CheckpointTaskOpt WithExit(bool exit) {
  return [exit](CheckpointTaskInfo& info) -> absl::Status {
    if (IsRunc(info.runtime)) return WithCheckpointOptions({.exit = exit})(info);
    if (!exit) return absl::OkStatus();
    return errdefs::NotImplemented(fmt::format(
        "runtime \"{}\" cannot be told to end a task after its checkpoint", info.runtime));
  };
}

absl::StatusOr<ocispec::Descriptor> UploadCheckpoint(const Context& ctx, containerd::Client& client,
                                                     const std::string& dir) {
  if (absl::Status s = CheckDump(dir); !s.ok()) return s;
  const std::shared_ptr<content::Store> store = client.ContentStore();
  // Of its own, as the same folder may be uploaded twice at once.
  const std::string ref = RandomName("libcontainerd-checkpoint");
  absl::Cleanup abort = [&] {
    static_cast<void>(store->Abort(base::CleanUpContext(ctx), ref));  // the lease would do, later
  };
  auto writer = store->Writer(ctx, {content::WithRef(ref)});
  if (!writer.ok()) return writer.status();
  if (absl::Status s = archive::WriteDiff(ctx, **writer, "", dir); !s.ok()) {
    static_cast<void>((*writer)->Close(base::CleanUpContext(ctx)));
    return s;
  }
  auto status = (*writer)->Status(ctx);
  if (!status.ok()) return status.status();
  const digest::Digest digest = (*writer)->Digest();
  absl::Status committed = (*writer)->Commit(ctx, status->offset, digest);
  // The lease holds content that was there already as well.
  if (!committed.ok() && !errdefs::IsAlreadyExists(committed)) return committed;
  std::move(abort).Cancel();
  return ocispec::Descriptor{.media_type = images::kMediaTypeContainerd1Checkpoint,
                             .digest = digest.String(),
                             .size = status->offset};
}

absl::Status DownloadCheckpoint(const Context& ctx, containerd::Client& client,
                                const Image& checkpoint, const std::string& dir) {
  auto dump = OpenDump(ctx, client, checkpoint);
  if (!dump.ok()) return dump.status();
  const bool made = ::mkdir(dir.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) {
    return errdefs::FromErrno(errno, fmt::format("making checkpoint folder \"{}\"", dir));
  }
  // What is there in the end is complete.
  const std::string incoming = dir + "/" + RandomName(".incoming");
  absl::Status written;
  if (::mkdir(incoming.c_str(), 0700) != 0) {
    written = errdefs::FromErrno(errno, fmt::format("making \"{}\"", incoming));
  } else {
    written = archive::Apply(ctx, incoming, **dump).status();
    written = written.ok() ? MoveInto(incoming, dir)
                           : System(written, "failed to read checkpoint reader");
  }
  std::error_code err;
  fs::remove_all(incoming, err);
  if (!written.ok() && made) ::rmdir(dir.c_str());
  return written;
}

absl::Status Task::CreateCheckpoint(const Context& ctx, const std::string& checkpoint_dir,
                                    bool exit) {
  const Context in = core_->In(ctx);
  if (!checkpoint_dir.starts_with('/')) {
    return errdefs::InvalidArgument(
        fmt::format("checkpoint folder \"{}\" is no absolute path", checkpoint_dir));
  }
  auto lease = core_->client.WithLease(in);
  if (!lease.ok()) return WrapError(lease.status());
  // A name of its own, so that it can be removed whatever is known of it.
  const std::string name = RandomName(fmt::format("libcontainerd.checkpoint/{}", ID()));
  const absl::Cleanup remove = [&] {
    const Context last = base::CleanUpContext(in);
    absl::Status image = core_->client.ImageService()->Delete(last, name);
    absl::Status held = lease->Release(last, {leases::SynchronousDelete});
    for (const absl::Status& s : {image, held}) {
      if (s.ok() || errdefs::IsNotFound(s)) continue;
      log::Warn(
          fmt::format("libcontainerd: container \"{}\": failed to delete checkpoint image: {}",
                      ID(), errdefs::Message(s)));
    }
  };
  auto image = task_.Checkpoint(lease->context(), {WithCheckpointName(name), WithExit(exit)});
  if (!image.ok()) return WrapError(image.status());
  return DownloadCheckpoint(lease->context(), core_->client, *image, checkpoint_dir);
}

}  // namespace containerd::libcontainerd
