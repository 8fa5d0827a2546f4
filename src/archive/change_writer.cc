// SPDX-License-Identifier: Apache-2.0
#include "change_writer.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <span>
#include <string_view>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "attributes.h"
#include "src/base/options.h"
#include "src/base/path.h"
#include "whiteout.h"

namespace containerd::archive {
namespace {

constexpr char kCapabilityRecord[] = "SCHILY.xattr.security.capability";
constexpr std::size_t kPiece = std::size_t{64} << 10;

absl::Time WholeSeconds(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

char TypeOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return tar::kTypeDir;
    case S_IFLNK:
      return tar::kTypeSymlink;
    case S_IFCHR:
      return tar::kTypeChar;
    case S_IFBLK:
      return tar::kTypeBlock;
    case S_IFIFO:
      return tar::kTypeFifo;
    default:
      return tar::kTypeReg;
  }
}

}  // namespace

ChangeWriter::Impl::Impl(io::Writer& output, std::string source,
                         const std::vector<ChangeWriterOpt>& opts)
    : source_(std::move(source)), status_(base::Apply(opts, options_)), tar_(output) {}

absl::StatusOr<tar::Header> ChangeWriter::Impl::HeaderOf(const std::string& name,
                                                         const struct stat& st) const {
  const std::string path = source_ + "/" + name;
  absl::Time time = absl::FromUnixSeconds(st.st_mtim.tv_sec);
  if (options_.mod_time_upper_bound.has_value()) {
    time = std::min(time, WholeSeconds(*options_.mod_time_upper_bound));
  }
  tar::Header header{.typeflag = TypeOf(st.st_mode),
                     .name = S_ISDIR(st.st_mode) ? name + "/" : name,
                     .size = S_ISREG(st.st_mode) ? static_cast<std::int64_t>(st.st_size) : 0,
                     .mode = st.st_mode & 07777,
                     .uid = st.st_uid,
                     .gid = st.st_gid,
                     .mod_time = time};
  if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
    header.devmajor = major(st.st_rdev);
    header.devminor = minor(st.st_rdev);
  }
  if (S_ISLNK(st.st_mode)) {
    auto target = ReadLink(path);
    if (!target.ok()) return target.status();
    header.linkname = *std::move(target);
  }
  auto capability = ReadCapability(path);
  if (!capability.ok()) return capability.status();
  if (!capability->empty()) header.pax_records[kCapabilityRecord] = *std::move(capability);
  return header;
}

absl::Status ChangeWriter::Impl::Begin(const Context& ctx, ChangeKind kind,
                                       const std::string& path) {
  if (!status_.ok()) return status_;
  std::string name = base::CleanPath("/" + path).substr(1);
  if (name.empty()) return absl::OkStatus();  // the folder itself
  if (kind == ChangeKind::kDelete) return WriteWhiteout(ctx, name);

  struct stat st = {};
  const std::string file = source_ + "/" + name;
  if (::lstat(file.c_str(), &st) != 0)
    return errdefs::FromErrno(errno, fmt::format("\"{}\"", file));
  if (S_ISSOCK(st.st_mode)) return absl::OkStatus();
  auto made = HeaderOf(name, st);
  if (!made.ok()) return made.status();
  tar::Header header = *std::move(made);

  if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
    const Inode inode{st.st_dev, st.st_ino};
    if (const auto first = written_.find(inode); first != written_.end()) {
      header.typeflag = tar::kTypeLink;
      header.linkname = first->second;
      header.size = 0;
    } else if (kind == ChangeKind::kUnmodified) {
      unmodified_[inode].push_back(name);
      return absl::OkStatus();
    } else {
      written_[inode] = name;
      links_ = std::move(unmodified_[inode]);
      unmodified_.erase(inode);
    }
  } else if (kind == ChangeKind::kUnmodified) {
    return absl::OkStatus();
  }

  if (header.typeflag == tar::kTypeReg && header.size > 0) {
    // Another file may be in its place by now, a FIFO even.
    file_.Reset(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file_) return errdefs::FromErrno(errno, fmt::format("opening \"{}\"", file));
  }
  left_ = header.size;
  name_ = name;
  header_ = header;
  if (absl::Status s = WriteEntry(ctx, header); !s.ok()) return s;
  return HasContent() ? absl::OkStatus() : FinishLinks(ctx);
}

absl::Status ChangeWriter::Impl::WriteContent(const Context& ctx) {
  if (absl::Status s = ctx.Err(); !s.ok()) return s;
  std::string piece(std::min(kPiece, static_cast<std::size_t>(left_)), '\0');
  ssize_t n = 0;
  do {
    n = ::read(file_.get(), piece.data(), piece.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0) return errdefs::FromErrno(errno, fmt::format("reading \"{}/{}\"", source_, name_));
  if (n == 0) {
    return errdefs::DataLoss(
        fmt::format("\"{}/{}\" became {} bytes shorter while it was read", source_, name_, left_));
  }
  left_ -= n;
  piece.resize(static_cast<std::size_t>(n));
  if (absl::Status s = tar_.Write(ctx, piece); !s.ok()) return s;
  return HasContent() ? absl::OkStatus() : FinishLinks(ctx);
}

// The names under which the file had not changed follow as links to the one under which it has.
absl::Status ChangeWriter::Impl::FinishLinks(const Context& ctx) {
  file_.Reset();
  for (const std::string& link : std::exchange(links_, {})) {
    tar::Header header = header_;
    header.typeflag = tar::kTypeLink;
    header.name = link;
    header.linkname = name_;
    header.size = 0;
    if (absl::Status s = WriteEntry(ctx, header); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status ChangeWriter::Impl::WriteWhiteout(const Context& ctx, const std::string& path) {
  const std::size_t base = path.rfind('/') + 1;
  const absl::Time time = options_.whiteout_time.value_or(absl::Now());
  return WriteEntry(
      ctx, {.typeflag = tar::kTypeReg,
            .name = fmt::format("{}{}{}", path.substr(0, base), kWhiteoutPrefix, path.substr(base)),
            .mod_time = WholeSeconds(time)});
}

absl::Status ChangeWriter::Impl::WriteEntry(const Context& ctx, const tar::Header& header) {
  if (absl::Status s = WriteParents(ctx, header.name); !s.ok()) return s;
  if (header.typeflag == tar::kTypeDir) dirs_.insert(header.name);
  return tar_.WriteHeader(ctx, header);
}

// The directories above an entry, which need not have changed themselves.
absl::Status ChangeWriter::Impl::WriteParents(const Context& ctx, const std::string& name) {
  for (std::size_t end = name.find('/'); end != std::string::npos && end + 1 < name.size();
       end = name.find('/', end + 1)) {
    const std::string dir = name.substr(0, end);
    if (dirs_.contains(dir + "/")) continue;
    struct stat st = {};
    const std::string path = source_ + "/" + dir;
    if (::lstat(path.c_str(), &st) != 0) {
      return errdefs::FromErrno(errno, fmt::format("\"{}\"", path));
    }
    auto header = HeaderOf(dir, st);
    if (!header.ok()) return header.status();
    dirs_.insert(dir + "/");
    if (absl::Status s = tar_.WriteHeader(ctx, *header); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status ChangeWriter::Impl::Close(const Context& ctx) {
  return status_.ok() ? tar_.Close(ctx) : status_;
}

ChangeWriter::ChangeWriter(io::Writer& output, std::string source,
                           const std::vector<ChangeWriterOpt>& opts)
    : impl_(std::make_unique<Impl>(output, std::move(source), opts)) {}

ChangeWriter::~ChangeWriter() = default;

absl::Status ChangeWriter::HandleChange(const Context& ctx, ChangeKind kind,
                                        const std::string& path) {
  absl::Status s = impl_->Begin(ctx, kind, path);
  while (s.ok() && impl_->HasContent()) s = impl_->WriteContent(ctx);
  return s;
}

absl::Status ChangeWriter::Close(const Context& ctx) { return impl_->Close(ctx); }

}  // namespace containerd::archive
