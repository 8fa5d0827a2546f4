// SPDX-License-Identifier: Apache-2.0
#include "containerd/content/helpers.h"

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <utility>

#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "lender.h"
#include "src/errdefs/internal/guard.h"
#include "src/errdefs/internal/mark.h"
#include "waiting.h"

namespace containerd::content {
namespace {

constexpr char kReset[] = "content.ErrReset";

// A source that is reset this often in a row without getting any further is given up.
constexpr int kMaxResets = 20;

constexpr char kReader[] = "a reader of content";
constexpr char kWriter[] = "a writer of content";
constexpr char kProvider[] = "a provider of content";

absl::StatusOr<std::size_t> ReadSome(const Context& ctx, ReaderAt& reader, std::span<char> buf,
                                     std::int64_t offset) {
  return errdefs::Guard(kReader, &ReaderAt::ReadAt, reader, ctx, buf, offset);
}

absl::Status WriteAll(const Context& ctx, Writer& writer, std::string_view data) {
  return errdefs::Guard(kWriter, &Writer::Write, writer, ctx, data);
}

absl::StatusOr<Status> StatusOf(const Context& ctx, Writer& writer) {
  return errdefs::Guard(kWriter, &Writer::Status, writer, ctx);
}

absl::StatusOr<std::unique_ptr<ReaderAt>> Open(const Context& ctx, Provider& provider,
                                               const ocispec::Descriptor& desc) {
  return errdefs::Guard(kProvider, &Provider::ReaderAt, provider, ctx, desc);
}

// Reads a ReaderAt from start to end.
class SectionReader final : public io::Reader {
 public:
  explicit SectionReader(ReaderAt& reader) : reader_(reader) {}

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    absl::StatusOr<std::size_t> n = ReadSome(ctx, reader_, buf, pos_);
    if (n.ok()) pos_ += static_cast<std::int64_t>(*n);
    return n;
  }

  absl::Status Seek(const Context& /*ctx*/, std::int64_t offset) override {
    if (offset < 0) {
      return errdefs::InvalidArgument(fmt::format("seek to negative offset {}", offset));
    }
    pos_ = offset;
    return absl::OkStatus();
  }

 private:
  ReaderAt& reader_;
  std::int64_t pos_ = 0;
};

// Keeps the ReaderAt that it reads from.
class OwningReader final : public io::Reader {
 public:
  explicit OwningReader(std::unique_ptr<ReaderAt> owned)
      : owned_(std::move(owned)), reader_(NewReader(*owned_)) {}

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    return reader_->Read(ctx, buf);
  }
  absl::Status Seek(const Context& ctx, std::int64_t offset) override {
    return reader_->Seek(ctx, offset);
  }
  absl::StatusOr<std::optional<std::int64_t>> WriteTo(const Context& ctx,
                                                      io::Writer& writer) override {
    return reader_->WriteTo(ctx, writer);
  }

 private:
  const std::unique_ptr<ReaderAt> owned_;
  const std::unique_ptr<io::Reader> reader_;
};

// Whether the descriptor embeds the very content that it names. Source: useDescriptorData.
absl::StatusOr<bool> UseDescriptorData(const ocispec::Descriptor& desc) {
  if (static_cast<std::int64_t>(desc.data.size()) != desc.size) return false;
  const digest::Digest dgst(desc.digest);
  if (absl::Status s = dgst.Validate(); !s.ok()) {
    return errdefs::Annotate(s, "invalid descriptor digest");
  }
  absl::StatusOr<digest::Digest> actual = dgst.Algorithm().FromBytes(desc.data);
  if (!actual.ok()) return actual.status();
  return *actual == dgst;
}

// A source of a copy, and where it stands.
class Source {
 public:
  explicit Source(io::Reader& reader) : reader_(reader) {}

  std::int64_t pos() const { return pos_; }

  absl::StatusOr<std::size_t> ReadFull(const Context& ctx, std::span<char> buf) {
    absl::StatusOr<std::size_t> n = io::ReadFull(ctx, reader_, buf);
    if (n.ok()) {
      pos_ += static_cast<std::int64_t>(*n);
    } else {
      pos_ = -1;  // some may have been read
    }
    return n;
  }

  absl::Status MoveTo(const Context& ctx, std::int64_t offset) {
    if (offset == pos_) return absl::OkStatus();
    absl::Status s = errdefs::Guard("a reader", &io::Reader::Seek, reader_, ctx, offset);
    if (s.ok()) {
      pos_ = offset;
      return s;
    }
    if (!errdefs::IsNotImplemented(s)) {
      return errdefs::Annotate(s, fmt::format("failed to seek to offset {}", offset));
    }
    if (pos_ < 0 || offset < pos_) {
      return errdefs::FailedPrecondition(
          fmt::format("the source cannot go back to offset {}", offset));
    }
    std::vector<char> buf(
        static_cast<std::size_t>(std::min<std::int64_t>(offset - pos_, io::kCopyBufferSize)));
    while (pos_ < offset) {
      const auto want =
          static_cast<std::size_t>(std::min(offset - pos_, static_cast<std::int64_t>(buf.size())));
      absl::StatusOr<std::size_t> n = ReadFull(ctx, std::span<char>(buf).first(want));
      if (!n.ok()) return errdefs::Annotate(n.status(), "failed to discard to offset");
      if (*n < want) {
        return errdefs::DataLoss(
            fmt::format("unable to discard to offset {}: the source ends at {}", offset, pos_));
      }
    }
    return absl::OkStatus();
  }

 private:
  io::Reader& reader_;
  std::int64_t pos_ = 0;
};

// What a copy goes through: the writer's own memory if it lends it.
class CopyBuffer {
 public:
  // Of a source of `size` bytes; 0: not known.
  CopyBuffer(Writer& writer, std::int64_t size)
      : writer_(writer), lender_(dynamic_cast<Lender*>(&writer)) {
    const auto most = static_cast<std::int64_t>(io::kCopyBufferSize);
    // One byte more than the source has: a short read then tells the end of it.
    size_ = static_cast<std::size_t>(size > 0 && size < most ? size + 1 : most);
  }

  // Room for the next bytes.
  std::span<char> Room() {
    if (lender_ == nullptr) {
      own_.resize(size_);
      return own_;
    }
    const std::span<char> lent = lender_->Lend();
    return lent.first(std::min(lent.size(), size_));
  }

  // Writes the first `n` bytes of that.
  absl::Status Write(const Context& ctx, std::size_t n) {
    return lender_ == nullptr ? WriteAll(ctx, writer_, std::string_view(own_.data(), n))
                              : lender_->WriteLent(ctx, n);
  }

 private:
  Writer& writer_;
  Lender* const lender_;
  std::size_t size_;
  std::vector<char> own_;
};

// Copies to the end of the source, or until more than `max` bytes were copied; negative: no limit.
absl::StatusOr<std::int64_t> CopyAll(const Context& ctx, CopyBuffer& buffer, Source& source,
                                     std::int64_t max) {
  std::int64_t copied = 0;
  for (;;) {
    const std::span<char> room = buffer.Room();
    absl::StatusOr<std::size_t> n = source.ReadFull(ctx, room);
    if (!n.ok()) return errdefs::Annotate(n.status(), "failed to read the source");
    if (*n > 0) {
      if (max >= 0 && static_cast<std::int64_t>(*n) > max - copied) {
        return copied + static_cast<std::int64_t>(*n);
      }
      if (absl::Status s = buffer.Write(ctx, *n); !s.ok()) return s;
      copied += static_cast<std::int64_t>(*n);
    }
    if (*n < room.size()) return copied;
  }
}

}  // namespace

absl::Duration Backoff::Next() {
  thread_local std::minstd_rand random{std::random_device{}()};
  const absl::Duration wait =
      absl::Milliseconds(std::uniform_int_distribution<int>(0, limit_ms_ - 1)(random));
  if (limit_ms_ < 2048) limit_ms_ *= 2;
  return wait;
}

bool IsLocked(const absl::Status& status) {
  const std::string_view message = errdefs::Message(status);
  return errdefs::IsUnavailable(status) && (message.find("locked") != std::string_view::npos ||
                                            message.find("on-going") != std::string_view::npos);
}

absl::Status ErrReset(std::string_view why) {
  return errdefs::Mark(
      errdefs::Aborted(why.empty() ? std::string("writer has been reset")
                                   : fmt::format("writer has been reset: {}", why)),
      kReset);
}

bool IsErrReset(const absl::Status& status) { return errdefs::IsMarked(status, kReset); }

absl::StatusOr<std::string> ReadBlob(const Context& ctx, Provider& provider,
                                     const ocispec::Descriptor& desc, std::int64_t max_size) {
  absl::StatusOr<bool> embedded = UseDescriptorData(desc);
  if (!embedded.ok()) return embedded.status();
  if (*embedded) return desc.data;

  absl::StatusOr<std::unique_ptr<ReaderAt>> reader = Open(ctx, provider, desc);
  if (!reader.ok()) return reader.status();
  const std::int64_t size = (*reader)->Size();
  if (size < 0 || (desc.size > 0 && size != desc.size)) {
    return errdefs::FailedPrecondition(fmt::format(
        "blob \"{}\" has {} bytes, its descriptor says {}", desc.digest, size, desc.size));
  }
  if (size > max_size) {
    return errdefs::ResourceExhausted(
        fmt::format("blob \"{}\" has {} bytes, more than the {} that are read at once", desc.digest,
                    size, max_size));
  }
  std::string blob(static_cast<std::size_t>(size), '\0');
  std::size_t filled = 0;
  while (filled < blob.size()) {
    absl::StatusOr<std::size_t> n =
        ReadSome(ctx, **reader, std::span<char>(blob.data() + filled, blob.size() - filled),
                 static_cast<std::int64_t>(filled));
    if (!n.ok()) return n.status();
    if (*n == 0) {
      return errdefs::DataLoss(
          fmt::format("blob \"{}\" ended after {} of {} bytes", desc.digest, filled, size));
    }
    filled += *n;
  }
  return blob;
}

absl::Status WriteBlob(const Context& ctx, Ingester& ingester, std::string_view ref,
                       io::Reader& reader, const ocispec::Descriptor& desc,
                       const std::vector<Opt>& opts) {
  absl::StatusOr<std::unique_ptr<Writer>> writer =
      OpenWriter(ctx, ingester, {WithRef(std::string(ref)), WithDescriptor(desc)});
  if (!writer.ok()) {
    if (errdefs::IsAlreadyExists(writer.status())) return absl::OkStatus();
    return errdefs::Annotate(writer.status(), "failed to open writer");
  }
  return Copy(ctx, **writer, reader, desc.size, desc.digest, opts);
}

absl::Status WriteBlob(const Context& ctx, Ingester& ingester, std::string_view ref,
                       std::string_view data, const ocispec::Descriptor& desc,
                       const std::vector<Opt>& opts) {
  io::StringReader reader{std::string(data)};
  return WriteBlob(ctx, ingester, ref, reader, desc, opts);
}

absl::StatusOr<std::unique_ptr<Writer>> OpenWriter(const Context& ctx, Ingester& ingester,
                                                   const std::vector<WriterOpt>& opts) {
  Backoff backoff;
  std::optional<absl::Status> locked;
  for (;;) {
    absl::StatusOr<std::unique_ptr<Writer>> writer =
        errdefs::Guard("an ingester", &Ingester::Writer, ingester, ctx, opts);
    if (writer.ok()) return writer;
    if (!IsLocked(writer.status())) {
      // If the context ended during an attempt, the lock is the reason, and its error is returned.
      return locked.has_value() && ctx.Done() ? *locked : writer.status();
    }
    locked = writer.status();
    if (!Sleep(ctx, backoff.Next()).ok()) return *locked;
  }
}

absl::Status Copy(const Context& ctx, Writer& writer, io::Reader& reader, std::int64_t size,
                  const digest::Digest& expected, const std::vector<Opt>& opts) {
  Source source(reader);
  CopyBuffer buffer(writer, size);
  std::int64_t furthest = -1;
  for (int resets = 0;;) {
    absl::StatusOr<Status> status = StatusOf(ctx, writer);
    absl::Status s = status.status();
    if (s.ok()) {
      s = source.MoveTo(ctx, status->offset);
      if (!s.ok()) {
        return errdefs::Annotate(s, fmt::format("unable to resume write to {}", status->ref));
      }
      const std::int64_t missing = size > 0 ? size - status->offset : -1;
      absl::StatusOr<std::int64_t> copied =
          CopyAll(ctx, buffer, source, size > 0 ? std::max<std::int64_t>(missing, 0) : -1);
      s = copied.status();
      if (s.ok() && size > 0 && *copied < missing) {
        return errdefs::DataLoss(fmt::format(
            "short read: expected {} bytes but got {}: unexpected EOF", missing, *copied));
      }
      if (s.ok() && size > 0 && *copied > std::max<std::int64_t>(missing, 0)) {
        return errdefs::FailedPrecondition(
            fmt::format("the source of {} has at least {} bytes, expected {}", status->ref,
                        status->offset + *copied, size));
      }
      if (s.ok()) {
        s = errdefs::Guard(kWriter, &Writer::Commit, writer, ctx, size, expected, opts);
        if (s.ok()) return s;
        s = errdefs::Annotate(s, fmt::format("failed commit on ref \"{}\"", status->ref));
      } else {
        s = errdefs::Annotate(s, "failed to copy");
      }
    } else {
      s = errdefs::Annotate(s, "failed to get status");
    }
    if (errdefs::IsAlreadyExists(s)) return absl::OkStatus();
    if (!IsErrReset(s)) return s;
    if (status.ok() && status->offset > furthest) {
      furthest = status->offset;
      resets = 0;
    }
    if (++resets > kMaxResets) {
      return errdefs::Annotate(s, fmt::format("given up after {} attempts", resets));
    }
  }
}

absl::Status CopyReaderAt(const Context& ctx, Writer& writer, ReaderAt& reader, std::int64_t n) {
  absl::StatusOr<Status> status = StatusOf(ctx, writer);
  if (!status.ok()) return status.status();
  CopyBuffer buffer(writer, n);
  std::int64_t copied = 0;
  while (copied < n) {
    const std::span<char> room = buffer.Room();
    const auto want =
        static_cast<std::size_t>(std::min(n - copied, static_cast<std::int64_t>(room.size())));
    absl::StatusOr<std::size_t> got =
        ReadSome(ctx, reader, room.first(want), status->offset + copied);
    if (!got.ok()) return errdefs::Annotate(got.status(), "failed to copy");
    if (*got == 0) {
      return errdefs::DataLoss(fmt::format(
          "failed to read expected number of bytes: {} of {}: unexpected EOF", copied, n));
    }
    if (absl::Status s = buffer.Write(ctx, *got); !s.ok()) {
      return errdefs::Annotate(s, "failed to copy");
    }
    copied += static_cast<std::int64_t>(*got);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::int64_t> CopyReader(const Context& ctx, Writer& writer, io::Reader& reader) {
  absl::StatusOr<Status> status = StatusOf(ctx, writer);
  if (!status.ok()) return errdefs::Annotate(status.status(), "failed to get status");
  Source source(reader);
  if (absl::Status s = source.MoveTo(ctx, status->offset); !s.ok()) {
    return errdefs::Annotate(s, fmt::format("unable to resume write to {}", status->ref));
  }
  CopyBuffer buffer(writer, 0);
  return CopyAll(ctx, buffer, source, -1);
}

absl::StatusOr<bool> Exists(const Context& ctx, InfoProvider& provider,
                            const ocispec::Descriptor& desc) {
  absl::StatusOr<Info> info =
      errdefs::Guard(kProvider, &InfoProvider::Info, provider, ctx, desc.digest);
  if (info.ok()) return true;
  if (errdefs::IsNotFound(info.status())) return false;
  return info.status();
}

std::unique_ptr<io::Reader> NewReader(ReaderAt& reader) {
  if (std::unique_ptr<io::Reader> own = reader.Reader(); own != nullptr) return own;
  return std::make_unique<SectionReader>(reader);
}

std::unique_ptr<io::Reader> NewReader(std::unique_ptr<ReaderAt> reader) {
  return std::make_unique<OwningReader>(std::move(reader));
}

absl::StatusOr<std::unique_ptr<io::Reader>> BlobReadSeeker(const Context& ctx, Provider& provider,
                                                           const ocispec::Descriptor& desc) {
  absl::StatusOr<bool> embedded = UseDescriptorData(desc);
  if (!embedded.ok()) return embedded.status();
  if (*embedded) return std::make_unique<io::StringReader>(desc.data);

  absl::StatusOr<std::unique_ptr<ReaderAt>> reader = Open(ctx, provider, desc);
  if (!reader.ok()) return reader.status();
  return NewReader(*std::move(reader));
}

}  // namespace containerd::content
