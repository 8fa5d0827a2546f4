// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <system_error>
#include <unistd.h>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "containerd/archive/archive.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"
#include "containerd/option/option.h"

#include "attributes.h"
#include "entry_attributes.h"
#include "lower_dirs.h"
#include "open_dirs.h"
#include "root_dir.h"
#include "src/base/escape.h"
#include "src/base/fd.h"
#include "src/base/options.h"
#include "src/base/path.h"
#include "src/base/userns.h"
#include "src/errdefs/internal/guard.h"
#include "whiteout.h"

namespace containerd::archive {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kParentMode = 0755;

bool IsDevice(const tar::Header& header) {
  return header.typeflag == tar::kTypeChar || header.typeflag == tar::kTypeBlock;
}

class Applying {
 public:
  Applying(RootDir root, LowerDirs parents, ApplyOptions options)
      : root_(std::move(root)), parents_(std::move(parents)), options_(std::move(options)) {}

  absl::StatusOr<std::int64_t> Run(const Context& ctx, io::Reader& reader) {
    tar::Reader archive(reader);
    for (;;) {
      if (absl::Status s = ctx.Err(); !s.ok()) return s;
      absl::StatusOr<std::optional<tar::Header>> header = archive.Next(ctx);
      if (!header.ok()) return header.status();
      if (!header->has_value()) break;
      absl::Status s = Entry(ctx, archive, **std::move(header));
      if (!s.ok()) return s;
    }
    // Making an entry in a directory changes the directory's time.
    for (const auto& [name, times] : directories_) {
      if (absl::Status s = SetDirectoryTimes(name, times); !s.ok()) return s;
    }
    if (options_.undescribed != nullptr) {
      options_.undescribed->assign(undescribed_.begin(), undescribed_.end());
    }
    return size_;
  }

 private:
  // Where an entry goes.
  struct Target {
    const tar::Header& header;
    const std::string& base;

    absl::Status Errno(std::string_view doing) const {
      return errdefs::FromErrno(errno,
                                fmt::format("entry {}: {}", base::Quote(header.name), doing));
    }
  };

  absl::Status Entry(const Context& ctx, io::Reader& content, tar::Header header) {
    if (header.size > options_.max_size - size_) {
      return errdefs::ResourceExhausted(
          fmt::format("entry {} makes the archive larger than {} bytes", base::Quote(header.name),
                      options_.max_size));
    }
    size_ += header.size;
    constexpr std::int64_t kMaxID = std::numeric_limits<std::uint32_t>::max() - 1;
    if (header.uid < 0 || header.uid > kMaxID || header.gid < 0 || header.gid > kMaxID) {
      return errdefs::InvalidArgument(fmt::format("entry {}: owner {}:{} is out of range",
                                                  base::Quote(header.name), header.uid,
                                                  header.gid));
    }
    header.name = base::CleanPath(header.name);
    if (options_.filter) {
      absl::StatusOr<bool> accepted =
          errdefs::Guard("a filter of entries", options_.filter, header);
      if (!accepted.ok()) return accepted.status();
      if (!*accepted) return absl::OkStatus();
    }
    if (IsDevice(header) && in_user_namespace_) {
      log::Warn(fmt::format("device {} left out: in a user namespace none can be made",
                            base::Quote(header.name)));
      return absl::OkStatus();
    }
    const auto [dir, base_name] = Split(header.name);
    if (base_name.empty() || base_name == "." || base_name == "..")
      return absl::OkStatus();  // The root.
    const std::string base(base_name);
    if (absl::Status s = OpenParent(dir); !s.ok()) {
      return errdefs::Annotate(s, fmt::format("entry {}", base::Quote(header.name)));
    }
    absl::StatusOr<bool> ordinary = Whiteout(header, base);
    if (!ordinary.ok()) {
      return errdefs::Annotate(ordinary.status(),
                               fmt::format("entry {}", base::Quote(header.name)));
    }
    if (!*ordinary) {
      dirs_.Forget();
      return absl::OkStatus();
    }
    return Extract(ctx, content, {.header = header, .base = base});
  }

  using Directory = OpenDirs::Directory;

  // Makes parent_ and parent_fd_ those of `dir`, as the archive names it.
  absl::Status OpenParent(std::string_view dir) {
    absl::StatusOr<const Directory*> parent =
        dirs_.Reach(dir, [this](const Directory& above, const std::string& name, int err) {
          return err == ENOENT ? MakeDirectory(above, name) : ResolveDirectory(above, name);
        });
    if (!parent.ok()) return parent.status();
    parent_ = (*parent)->place;
    parent_fd_ = (*parent)->fd.get();
    return absl::OkStatus();
  }

  // One that the archive does not describe, or not yet.
  absl::StatusOr<Directory> MakeDirectory(const Directory& above, const std::string& name) {
    Directory dir{.place = Join(above.place, name), .fd = base::Fd()};
    if (absl::Status s = MakeAt(above.fd.get(), name, dir.place); !s.ok()) return s;
    dir.fd = OpenDirAt(above.fd.get(), name);
    if (!dir.fd) {
      return errdefs::FromErrno(errno,
                                fmt::format("opening the directory {}", base::Quote(dir.place)));
    }
    if (absl::Status s = Describe(dir.place); !s.ok()) return s;
    return dir;
  }

  // `name` in `parent`, with its mode whatever the process masks and the directory inherits.
  static absl::Status MakeAt(int parent, const std::string& name, const Place& place) {
    struct stat st {};
    if (mkdirat(parent, name.c_str(), kParentMode) == 0 &&
        fstatat(parent, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        ((st.st_mode & 07777) == kParentMode ||
         fchmodat(parent, name.c_str(), kParentMode, 0) == 0)) {
      return absl::OkStatus();
    }
    return errdefs::FromErrno(errno, fmt::format("making the directory {}", base::Quote(place)));
  }

  // What a directory has that was made for what is in it.
  absl::Status Describe(const Place& dir) {
    if (options_.undescribed != nullptr) undescribed_.insert(dir);
    return parents_.Inherit(root_, dir, Times::kCopy);
  }

  // One that a link leads to, or that takes the place of a whiteout.
  absl::StatusOr<Directory> ResolveDirectory(const Directory& above, const std::string& name) {
    absl::StatusOr<Place> place = root_.Resolve(Join(above.place, name));
    if (!place.ok()) return place.status();
    if (absl::Status s = MakeParents(*place); !s.ok()) return s;
    base::Fd fd = root_.OpenDir(*place);
    if (!fd) {
      return errdefs::FromErrno(errno,
                                fmt::format("opening the directory {}", base::Quote(*place)));
    }
    return Directory{.place = *std::move(place), .fd = std::move(fd)};
  }

  absl::Status SetDirectoryTimes(const std::string& name, const std::array<timespec, 2>& times) {
    const auto [dir, base] = Split(name);
    const auto set = [&](int fd, const std::string& path) {
      if (utimensat(fd, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) == 0) {
        return absl::OkStatus();
      }
      return errdefs::FromErrno(errno, fmt::format("setting the times of {}", base::Quote(name)));
    };
    absl::StatusOr<const Directory*> parent =
        dirs_.Reach(dir, [](const Directory&, const std::string&, int) {
          return absl::StatusOr<Directory>(errdefs::NotFound(""));
        });
    if (parent.ok()) return set((*parent)->fd.get(), std::string(base));
    absl::StatusOr<Place> place = root_.Resolve(name);
    if (!place.ok()) return place.status();
    return set(root_.fd(), *place);
  }

  absl::Status MakeParents(const Place& place) {
    std::size_t end = 0;
    while (end < place.size()) {
      end = std::min(place.find('/', end + 1), place.size());
      const Place dir = place.substr(0, end);
      struct stat st {};
      const int err = root_.Stat(dir, &st);
      if (err == 0 && S_ISDIR(st.st_mode)) continue;
      const bool anew = err == 0 && whiteouts_.contains(dir);
      if (err == 0 && !anew) return errdefs::FromErrno(ENOTDIR, base::Quote(dir));
      if (err != 0 && err != ENOENT) {
        return errdefs::FromErrno(err, fmt::format("looking at {}", base::Quote(dir)));
      }
      if (anew && unlinkat(root_.fd(), dir.c_str(), 0) != 0) {
        return errdefs::FromErrno(errno, fmt::format("removing {}", base::Quote(dir)));
      }
      if (absl::Status made = MakeAt(root_.fd(), dir, dir); !made.ok()) return made;
      if (absl::Status s = anew ? MakeOpaque(dir) : Describe(dir); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  // False if the entry was a whiteout, which is dealt with then.
  absl::StatusOr<bool> Whiteout(const tar::Header& header, const std::string& base) {
    if (base.starts_with(kWhiteoutPrefix) && base != kWhiteoutOpaqueDir) {
      const std::string_view name = std::string_view(base).substr(kWhiteoutPrefix.size());
      if (name.empty() || name == "." || name == "..") {
        return errdefs::InvalidArgument(fmt::format("invalid whiteout name {}", base::Quote(base)));
      }
    }
    if (options_.convert_whiteout) {
      absl::StatusOr<bool> ordinary =
          errdefs::Guard("a converter of whiteouts", options_.convert_whiteout, header,
                         root_.PathOf(Join(parent_, base)));
      if (ordinary.ok() && !*ordinary && base != kWhiteoutOpaqueDir) {
        whiteouts_.insert(Join(parent_, base.substr(kWhiteoutPrefix.size())));
      }
      return ordinary;
    }
    if (base == kWhiteoutOpaqueDir) {
      if (absl::Status s = RemoveOthers(); !s.ok()) return s;
      return false;
    }
    if (!base.starts_with(kWhiteoutPrefix)) return true;
    if (absl::Status s = Remove(Join(parent_, base.substr(kWhiteoutPrefix.size()))); !s.ok())
      return s;
    return false;
  }

  // Of a directory that is made anew, after a whiteout of what the layers below have there: nothing
  // of that shows.
  absl::Status MakeOpaque(const Place& dir) {
    tar::Header header;
    header.name = fmt::format("{}/{}", dir, kWhiteoutOpaqueDir);
    return options_.convert_whiteout(header, root_.PathOf(header.name)).status();
  }

  absl::Status Remove(const Place& place) {
    std::error_code error;
    fs::remove_all(root_.PathOf(place), error);
    if (error)
      return errdefs::FromErrno(error.value(), fmt::format("removing {}", base::Quote(place)));
    return absl::OkStatus();
  }

  // Also for the directories on the way, whether the archive describes them or not.
  void NoteUnpacked(Place place) {
    while (unpacked_.insert(place).second) {
      const std::size_t slash = place.rfind('/');
      if (slash == Place::npos) return;
      place.resize(slash);
    }
  }

  // Removes from the parent what this archive did not put there.
  absl::Status RemoveOthers() {
    std::vector<Place> others;
    std::error_code error;
    const std::string dir = root_.PathOf(parent_);
    for (fs::recursive_directory_iterator it(dir, error), end; !error && it != end;
         it.increment(error)) {
      Place place =
          Join(parent_, it->path().string().substr(dir.size() + (dir.ends_with('/') ? 0 : 1)));
      if (!unpacked_.contains(place)) {
        others.push_back(std::move(place));
        it.disable_recursion_pending();
      }
    }
    if (error)
      return errdefs::FromErrno(error.value(), fmt::format("reading {}", base::Quote(parent_)));
    for (const Place& place : others) {
      if (absl::Status s = Remove(place); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  absl::Status Extract(const Context& ctx, io::Reader& content, const Target& to) {
    const tar::Header& header = to.header;
    // Mostly nothing is there yet, and asking first would be for nothing.
    bool merge = false;
    base::Fd file;
    absl::Status made = Make(to, file);
    if (errdefs::IsAlreadyExists(made)) {
      absl::StatusOr<bool> cleared = MakeRoom(to);
      if (!cleared.ok()) return cleared.status();
      merge = !*cleared;
      made = merge ? absl::OkStatus() : Make(to, file);
    }
    if (!made.ok()) return made;
    const Place place = Join(parent_, to.base);
    if (header.typeflag == tar::kTypeReg) {
      if (absl::Status s = Fill(ctx, content, to, file.get()); !s.ok()) return s;
    } else {
      absl::Status s = SetNodeAttributes(parent_fd_, to.base, root_.PathOf(place), header,
                                         options_.no_same_owner);
      if (!s.ok()) return s;
    }
    if (header.typeflag == tar::kTypeDir) {
      directories_.emplace_back(header.name, TimesOf(header));
      undescribed_.erase(place);
      if (!merge && whiteouts_.contains(place)) return MakeOpaque(place);
    }
    if (!options_.convert_whiteout) NoteUnpacked(place);
    return absl::OkStatus();
  }

  // Removes what is where the entry goes; false if that is a directory as the entry is, which
  // stays.
  absl::StatusOr<bool> MakeRoom(const Target& to) {
    struct stat st {};
    if (fstatat(parent_fd_, to.base.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
      return to.Errno("looking at what is there");
    }
    if (!S_ISDIR(st.st_mode)) {
      if (unlinkat(parent_fd_, to.base.c_str(), 0) != 0) return to.Errno("removing what was there");
    } else if (to.header.typeflag == tar::kTypeDir) {
      return false;
    } else if (absl::Status s = Remove(Join(parent_, to.base)); !s.ok()) {
      return s;
    }
    dirs_.Forget();  // The parent itself may have been reached through what is gone.
    return true;
  }

  // ErrAlreadyExists if something is there. `file` becomes that of a regular file.
  absl::Status Make(const Target& to, base::Fd& file) {
    const tar::Header& header = to.header;
    const auto mode = static_cast<mode_t>(header.mode & 07777);
    const char* base = to.base.c_str();
    const int parent = parent_fd_;
    switch (header.typeflag) {
      case tar::kTypeReg:
        // Bits beyond access come when the owner is known.
        file = base::Fd(openat(parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                               mode & 0777));
        if (!file) return to.Errno("making the file");
        return absl::OkStatus();
      case tar::kTypeDir:
        if (mkdirat(parent, base, mode) != 0) return to.Errno("making the directory");
        return absl::OkStatus();
      case tar::kTypeChar:
      case tar::kTypeBlock:
      case tar::kTypeFifo: {
        constexpr std::int64_t kMax = std::numeric_limits<std::uint32_t>::max();
        if (header.devmajor < 0 || header.devmajor > kMax || header.devminor < 0 ||
            header.devminor > kMax) {
          return errdefs::InvalidArgument(
              fmt::format("entry {}: device number {}:{} is out of range", base::Quote(header.name),
                          header.devmajor, header.devminor));
        }
        const mode_t kind = header.typeflag == tar::kTypeChar    ? S_IFCHR
                            : header.typeflag == tar::kTypeBlock ? S_IFBLK
                                                                 : S_IFIFO;
        const dev_t device =
            makedev(static_cast<unsigned>(header.devmajor), static_cast<unsigned>(header.devminor));
        if (mknodat(parent, base, kind | mode, device) != 0) return to.Errno("making the node");
        return absl::OkStatus();
      }
      case tar::kTypeSymlink:
        if (symlinkat(header.linkname.c_str(), parent, base) != 0)
          return to.Errno("making the link");
        return absl::OkStatus();
      case tar::kTypeLink:
        return Link(to);
      default:
        return errdefs::InvalidArgument(fmt::format("entry {}: unhandled type {:#04x}",
                                                    base::Quote(header.name),
                                                    static_cast<unsigned char>(header.typeflag)));
    }
  }

  absl::Status Link(const Target& to) {
    const std::string& name = to.header.linkname;
    const auto linking = [&] { return fmt::format("linking it to {}", base::Quote(name)); };
    const auto [dir, base] = Split(name);
    // The link itself is not followed: links to links are links.
    absl::StatusOr<Place> place = root_.Resolve(dir);
    if (!place.ok()) {
      return errdefs::Annotate(place.status(),
                               fmt::format("entry {}", base::Quote(to.header.name)));
    }
    Place target = *std::move(place);
    if (base == "..") {
      target = Place(base::CleanPath(Split(target).first));
      if (target == ".") target.clear();
    } else if (base != ".") {
      target = Join(target, base);
    }
    const auto [target_dir, target_base] = Split(target);
    const base::Fd from = root_.OpenDir(Place(target_dir));
    if (!from || target_base.empty()) {
      if (from) errno = EPERM;  // The root.
      return to.Errno(linking());
    }
    if (linkat(from.get(), std::string(target_base).c_str(), parent_fd_, to.base.c_str(), 0) != 0) {
      return to.Errno(linking());
    }
    return absl::OkStatus();
  }

  absl::Status Fill(const Context& ctx, io::Reader& content, const Target& to, int file) {
    const tar::Header& header = to.header;
    io::FileWriter writer(file);
    for (std::int64_t left = header.size; left > 0;) {
      absl::StatusOr<std::size_t> n = content.Read(ctx, buffer_);
      if (!n.ok()) return n.status();
      if (*n == 0)
        return errdefs::DataLoss(fmt::format("entry {} is cut off", base::Quote(header.name)));
      absl::Status s = writer.Write(ctx, {buffer_.data(), *n});
      if (!s.ok()) return errdefs::Annotate(s, fmt::format("entry {}", base::Quote(header.name)));
      left -= static_cast<std::int64_t>(*n);
    }
    return SetFileAttributes(file, header, options_.no_same_owner);
  }

  const RootDir root_;
  LowerDirs parents_;
  const ApplyOptions options_;
  const bool in_user_namespace_ = base::RunningInUserNS();
  std::int64_t size_ = 0;

  OpenDirs dirs_{root_};

  // Of the last entry; one of dirs_.
  Place parent_;
  int parent_fd_ = -1;

  std::vector<std::pair<std::string, std::array<timespec, 2>>> directories_;
  std::unordered_set<Place> unpacked_;
  std::unordered_set<Place> whiteouts_;  // Of this archive, for convert_whiteout.
  std::set<Place> undescribed_;
  std::vector<char> buffer_ = std::vector<char>(std::size_t{256} << 10);
};

}  // namespace

ApplyOpt WithFilter(Filter filter) {
  return [filter = std::move(filter)](ApplyOptions* options) {
    options->filter = filter;
    return absl::OkStatus();
  };
}

ApplyOpt WithConvertWhiteout(ConvertWhiteout convert) {
  return [convert = std::move(convert)](ApplyOptions* options) {
    options->convert_whiteout = convert;
    return absl::OkStatus();
  };
}

ApplyOpt WithParents(std::vector<std::string> parents) {
  return [parents = std::move(parents)](ApplyOptions* options) {
    options->parents = parents;
    return absl::OkStatus();
  };
}

constinit const option::Plain<ApplyOpt> WithNoSameOwner([](ApplyOptions* options) {
  options->no_same_owner = true;
  return absl::OkStatus();
});

ApplyOpt WithUndescribed(std::vector<std::string>* dirs) {
  return [dirs](ApplyOptions* options) {
    options->undescribed = dirs;
    return absl::OkStatus();
  };
}

ApplyOpt WithMaxSize(std::int64_t bytes) {
  return [bytes](ApplyOptions* options) {
    options->max_size = bytes;
    return absl::OkStatus();
  };
}

absl::StatusOr<std::int64_t> Apply(const Context& ctx, const std::string& root, io::Reader& reader,
                                   const std::vector<ApplyOpt>& opts) {
  ApplyOptions options;
  if (absl::Status s = base::Apply(opts, options); !s.ok()) {
    return errdefs::Annotate(s, "failed to apply option");
  }
  absl::StatusOr<RootDir> dir = RootDir::Open(root);
  if (!dir.ok()) return dir.status();
  absl::StatusOr<LowerDirs> parents = LowerDirs::Open(options.parents);
  if (!parents.ok()) return parents.status();
  return Applying(*std::move(dir), *std::move(parents), std::move(options)).Run(ctx, reader);
}

absl::Status InheritFrom(const std::vector<std::string>& parents, const std::string& root,
                         const std::vector<std::string>& dirs) {
  absl::StatusOr<RootDir> to = RootDir::Open(root);
  if (!to.ok()) return to.status();
  absl::StatusOr<LowerDirs> layers = LowerDirs::Open(parents);
  if (!layers.ok()) return layers.status();
  for (const std::string& dir : dirs) {
    if (absl::Status s = layers->Inherit(*to, dir, Times::kKeep); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace containerd::archive
