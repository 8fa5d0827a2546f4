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
#include <vector>

#include <absl/cleanup/cleanup.h>
#include <fmt/format.h>

#include "containerd/archive/archive.h"
#include "containerd/archive/diff.h"
#include "containerd/checkpoint.h"
#include "containerd/containers/containers.h"
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
#include "containerd/runc/v1/options.pb.h"
#include "containerd/typeurl/typeurl.h"

#include "core.h"
#include "random_name.h"
#include "src/base/cleanup.h"
#include "src/base/path.h"
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

// Moves what is in one directory into another of the same file system; nothing if a directory there
// is in the way.
absl::Status MoveInto(const std::string& from, const std::string& to) {
  std::vector<std::pair<fs::path, fs::path>> moves;
  std::error_code err;
  for (fs::directory_iterator entry(from, err), end; !err && entry != end; entry.increment(err)) {
    const fs::path target = fs::path(to) / entry->path().filename();
    std::error_code ignored;
    if (fs::is_directory(fs::symlink_status(target, ignored))) {
      return errdefs::FailedPrecondition(
          fmt::format("writing \"{}\": it is a directory", target.string()));
    }
    moves.emplace_back(entry->path(), target);
  }
  if (err) return errdefs::FromErrno(err.value(), fmt::format("reading \"{}\"", from));
  for (const auto& [source, target] : moves) {
    fs::rename(source, target, err);
    if (err) return errdefs::FromErrno(err.value(), fmt::format("writing \"{}\"", target.string()));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsRunc(std::string_view runtime, const typeurl::Any& options) {
  return runtime.starts_with("io.containerd.runc.") || typeurl::Is<runc::v1::Options>(options);
}

CheckpointTaskOpt WithExit(bool exit, typeurl::Any runtime_options) {
  return [exit,
          runtime_options = std::move(runtime_options)](CheckpointTaskInfo& info) -> absl::Status {
    if (IsRunc(info.runtime, runtime_options)) return WithCheckpointOptions({.exit = exit})(info);
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

Incoming::Incoming(std::string dir, bool made, std::string path)
    : dir_(std::move(dir)), made_(made), path_(std::move(path)) {}

Incoming::Incoming(Incoming&& other) noexcept
    : dir_(std::move(other.dir_)),
      made_(std::exchange(other.made_, false)),
      path_(std::exchange(other.path_, {})) {}

absl::StatusOr<Incoming> Incoming::Make(const std::string& dir) {
  const bool made = ::mkdir(dir.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) {
    return errdefs::FromErrno(errno, fmt::format("making checkpoint folder \"{}\"", dir));
  }
  Incoming incoming(dir, made, fmt::format("{}/{}", dir, RandomName(".incoming")));
  if (::mkdir(incoming.path_.c_str(), 0700) != 0) {
    return errdefs::FromErrno(errno, fmt::format("making \"{}\"", incoming.path_));
  }
  return incoming;
}

Incoming::~Incoming() {
  std::error_code err;
  if (!path_.empty()) fs::remove_all(path_, err);
  if (made_) ::rmdir(dir_.c_str());  // unless something is in it
}

absl::Status Incoming::Keep() { return MoveInto(path_, dir_); }

absl::Status DownloadCheckpoint(const Context& ctx, containerd::Client& client,
                                const Image& checkpoint, Incoming& incoming) {
  auto dump = OpenDump(ctx, client, checkpoint);
  if (!dump.ok()) return dump.status();
  absl::Status written = archive::Apply(ctx, incoming.path(), **dump).status();
  // What is there in the end is complete.
  return written.ok() ? incoming.Keep() : System(written, "failed to read checkpoint reader");
}

absl::Status Task::CreateCheckpoint(const Context& ctx, const std::string& checkpoint_dir,
                                    bool exit) {
  const Context in = core_->In(ctx);
  if (!checkpoint_dir.starts_with('/')) {
    return errdefs::InvalidArgument(
        fmt::format("checkpoint folder \"{}\" is no absolute path", checkpoint_dir));
  }
  // Two dumps in one folder would be none.
  auto claim = core_->claims.Take(base::CleanPath(checkpoint_dir), "checkpoint folder in use");
  if (!claim.ok()) return claim.status();
  auto record = container_.Info(in, {WithoutRefreshedMetadata});
  if (!record.ok()) return WrapError(record.status());
  // First, as `exit` leaves no second chance.
  auto incoming = Incoming::Make(checkpoint_dir);
  if (!incoming.ok()) return incoming.status();
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
      log::Warn(fmt::format("{}: failed to delete checkpoint image: {}", core_->About(ID()),
                            errdefs::Message(s)));
    }
  };
  auto image = task_.Checkpoint(
      lease->context(), {WithCheckpointName(name), WithExit(exit, record->runtime.options)});
  if (!image.ok()) return WrapError(image.status());
  return DownloadCheckpoint(lease->context(), core_->client, *image, *incoming);
}

}  // namespace containerd::libcontainerd
