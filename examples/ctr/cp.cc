// SPDX-License-Identifier: Apache-2.0
//
// ctr cp: files in and out of a container, which containerd's own ctr has not. Of a container that
// runs the files are those that its processes see, and it is paused meanwhile; of another they are
// those of its snapshot.
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <linux/openat2.h>
#include <memory>
#include <span>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "containerd/archive/archive.h"
#include "containerd/archive/diff.h"
#include "containerd/mount/temp.h"
#include "containerd/tar/tar.h"

#include "commands.h"
#include "session.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }

  bool ok() const { return fd_ >= 0; }
  int get() const { return fd_; }
  // The same file, whatever has its name by now.
  std::string Path() const { return absl::StrCat("/proc/self/fd/", fd_); }

 private:
  int fd_;
};

// A file below a root, of which neither ".." nor links lead out.
struct Place {
  std::string root;
  std::string path;
};

absl::StatusOr<Fd> Open(const Place& place, std::uint64_t flags) {
  const Fd root(open(place.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.ok()) return errdefs::FromErrno(errno, "opening " + place.root);
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const std::string path = place.path.empty() ? "/" : place.path;
  Fd fd(static_cast<int>(syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how)));
  if (!fd.ok()) return errdefs::FromErrno(errno, "opening " + path);
  return fd;
}

// A single file as a tar archive, made while it is read.
class FileArchive final : public io::Reader {
 public:
  FileArchive(Fd file, tar::Header header) : file_(std::move(file)), header_(std::move(header)) {}

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    if (piece_.size() == sent_ && !closed_) {
      piece_.clear();
      sent_ = 0;
      if (absl::Status s = Fill(ctx); !s.ok()) return s;
    }
    const std::size_t n = piece_.copy(buf.data(), buf.size(), sent_);
    sent_ += n;
    return n;
  }

 private:
  absl::Status Fill(const Context& ctx) {
    if (!begun_) {
      begun_ = true;
      return archive_.WriteHeader(ctx, header_);
    }
    std::string data(static_cast<std::size_t>(std::min(left_, std::int64_t{1} << 16)), '\0');
    absl::StatusOr<std::size_t> n = content_.Read(ctx, data);
    if (!n.ok()) return n.status();
    left_ -= static_cast<std::int64_t>(*n);
    if (*n > 0) return archive_.Write(ctx, std::string_view(data).substr(0, *n));
    closed_ = true;
    return archive_.Close(ctx);  // which tells of a file that has become shorter
  }

  const Fd file_;
  const tar::Header header_;
  io::FileReader content_{file_.get()};
  std::int64_t left_ = header_.size;
  std::string piece_;
  std::size_t sent_ = 0;
  io::StringWriter output_{&piece_};
  tar::Writer archive_{output_};
  bool begun_ = false;
  bool closed_ = false;
};

// Extracts an archive to a folder: not the owners of its files, unless --archive asks for them, and
// no devices, which would be this machine's.
absl::Status Extract(const Context& ctx, const Fd& folder, io::Reader& reader, const Args& args) {
  std::vector<archive::ApplyOpt> opts{
      // No layer: what looks like a whiteout is a file.
      archive::WithConvertWhiteout([](const tar::Header&, const std::string&) { return true; }),
      archive::WithFilter([](const tar::Header& header) {
        return header.typeflag != tar::kTypeBlock && header.typeflag != tar::kTypeChar;
      })};
  if (!args.Bool("archive")) opts.emplace_back(archive::WithNoSameOwner);
  return archive::Apply(ctx, folder.Path(), reader, opts).status();
}

// A folder and a name in it; without a name the folder itself.
struct Target {
  Fd folder;
  std::string name;
};

// As cp(1): into a folder that is there, and otherwise under the name that `to` gives.
absl::StatusOr<Target> Find(const Place& to, const std::string& name) {
  absl::StatusOr<Fd> folder = Open(to, O_PATH | O_DIRECTORY);
  if (folder.ok()) return Target{*std::move(folder), name};
  const std::filesystem::path path(to.path);
  if (path.filename().empty()) return folder.status();
  folder = Open({to.root, path.parent_path()}, O_PATH | O_DIRECTORY);
  if (!folder.ok()) return folder.status();
  return Target{*std::move(folder), path.filename()};
}

absl::Status CopyFolder(const Context& ctx, const Fd& source, const struct stat& st,
                        const std::string& name, const Place& to, const Args& args) {
  const std::unique_ptr<io::Reader> reader = archive::Diff("", source.Path() + "/.");
  if (to.path == "-") {
    io::FileWriter out(STDOUT_FILENO);
    return io::Copy(ctx, out, *reader).status();
  }
  absl::StatusOr<Target> target = Find(to, name);
  if (!target.ok()) return target.status();
  if (target->name.empty()) return Extract(ctx, target->folder, *reader, args);
  const int parent = target->folder.get();
  if (mkdirat(parent, target->name.c_str(), st.st_mode & 0777) != 0 && errno != EEXIST) {
    return errdefs::FromErrno(errno, "making the directory " + target->name);
  }
  const Fd folder(openat(parent, target->name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW));
  if (!folder.ok()) return errdefs::FromErrno(errno, "opening " + target->name);
  return Extract(ctx, folder, *reader, args);
}

absl::Status CopyFile(const Context& ctx, const Fd& source, const struct stat& st,
                      const std::string& name, const Place& to, const Args& args) {
  Fd file(open(source.Path().c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return errdefs::FromErrno(errno, "opening " + name);
  tar::Header header{.name = name,
                     .size = st.st_size,
                     .mode = st.st_mode & 0777,
                     .uid = st.st_uid,
                     .gid = st.st_gid,
                     .mod_time = absl::TimeFromTimespec(st.st_mtim)};
  if (to.path == "-") {
    FileArchive reader(std::move(file), std::move(header));
    io::FileWriter out(STDOUT_FILENO);
    return io::Copy(ctx, out, reader).status();
  }
  absl::StatusOr<Target> target = Find(to, name);
  if (!target.ok()) return target.status();
  header.name = target->name;
  FileArchive reader(std::move(file), std::move(header));
  return Extract(ctx, target->folder, reader, args);
}

absl::Status Copy(const Context& ctx, const Place& from, const Place& to, const Args& args) {
  if (from.path == "-") {
    absl::StatusOr<Fd> folder = Open(to, O_PATH | O_DIRECTORY);
    if (!folder.ok()) return folder.status();
    io::FileReader in(STDIN_FILENO);
    return Extract(ctx, *folder, in, args);
  }
  absl::StatusOr<Fd> source = Open(from, O_PATH);
  if (!source.ok()) return source.status();
  struct stat st {};
  if (fstat(source->get(), &st) != 0) return errdefs::FromErrno(errno, from.path);
  // Of "folder/." and "/" what is in them.
  std::string name = std::filesystem::path(from.path).filename();
  if (name.empty()) name = std::filesystem::path(from.path).parent_path().filename();
  if (name == "." || name == "..") name.clear();
  if (S_ISDIR(st.st_mode)) return CopyFolder(ctx, *source, st, name, to, args);
  if (S_ISREG(st.st_mode)) return CopyFile(ctx, *source, st, name, to, args);
  return Refused(from.path + " is neither a file nor a directory");
}

// Does `work` with the root of the container's files.
absl::Status WithRootOf(const Context& ctx, Client& client, const std::string& id, bool changes,
                        const std::function<absl::Status(const std::string& root)>& work) {
  absl::StatusOr<Container> container = client.LoadContainer(ctx, id);
  if (!container.ok()) return container.status();
  absl::StatusOr<Task> task = container->Task(ctx);
  if (!task.ok() && !errdefs::IsNotFound(task.status())) return task.status();
  if (task.ok()) {
    absl::StatusOr<Status> status = task->Status(ctx);
    if (!status.ok()) return status.status();
    if (status->status != ProcessStatus::kStopped) {
      const std::string root = absl::StrCat("/proc/", task->Pid(), "/root");
      // No process of it exchanges a folder for a link while it is read.
      return WhilePaused(ctx, *task, [&] { return work(root); });
    }
  }
  absl::StatusOr<containers::Container> info = container->Info(ctx);
  if (!info.ok()) return info.status();
  if (info->snapshot_key.empty()) {
    absl::StatusOr<specs::Spec> spec = container->Spec(ctx);
    if (!spec.ok()) return spec.status();
    return work(spec->root ? spec->root->path : "");
  }
  absl::StatusOr<std::shared_ptr<snapshots::Snapshotter>> snapshotter =
      client.GetSnapshotter(ctx, info->snapshotter);
  if (!snapshotter.ok()) return snapshotter.status();
  absl::StatusOr<std::vector<mount::Mount>> mounts =
      (*snapshotter)->Mounts(ctx, info->snapshot_key);
  if (!mounts.ok()) return mounts.status();
  return changes ? mount::WithTempMount(ctx, *mounts, work)
                 : mount::WithReadonlyTempMount(ctx, *mounts, work);
}

// A file of a container, or of this machine if the id is empty.
struct Side {
  std::string id;
  std::string path;
};

Side ParseSide(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || text.find_first_of("./") == 0) return {"", text};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

Place Local(const std::string& path) {
  return {"/", path == "-" ? path : std::filesystem::absolute(path).string()};
}

absl::Status CopyFiles(const Context& ctx, Client& client, const Args& args) {
  if (args.All().size() != 2) {
    return Refused("please provide what to copy, and where to");
  }
  const Side from = ParseSide(args.Get(0));
  const Side to = ParseSide(args.Get(1));
  if (from.id.empty() == to.id.empty()) {
    return Refused("either source or destination has to be CONTAINER:PATH");
  }
  if (from.id.empty()) {
    return WithRootOf(ctx, client, to.id, true, [&](const std::string& root) {
      return Copy(ctx, Local(from.path), {root, to.path}, args);
    });
  }
  return WithRootOf(ctx, client, from.id, false, [&](const std::string& root) {
    return Copy(ctx, {root, from.path}, Local(to.path), args);
  });
}

}  // namespace

Command CopyCommand() {
  return {"cp",
          "Copy files in or out of a container; \"-\" stands for a tar archive",
          "[flags] CONTAINER:PATH PATH|- or PATH|- CONTAINER:PATH",
          {{"archive,a", "Keep the owners of the files"}},
          CopyFiles};
}

}  // namespace ctr
