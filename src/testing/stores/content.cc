// SPDX-License-Identifier: Apache-2.0
//
// The content store.
#include <algorithm>

#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/content/adaptor.h"
#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/labels/labels.h"

#include "state.h"
#include "views.h"

namespace containerd::testing::stores {
namespace {

absl::Status NoContent(std::string_view digest) {
  return errdefs::NotFound(fmt::format("content {}: not found", digest));
}
absl::Status NoIngest(std::string_view ref) {
  return errdefs::NotFound(fmt::format("ingestion \"{}\": not found", ref));
}

class BlobReader final : public content::ReaderAt {
 public:
  explicit BlobReader(std::string data) : data_(std::move(data)) {}
  absl::StatusOr<std::size_t> ReadAt(const Context& ctx, std::span<char> buf,
                                     std::int64_t offset) override {
    if (absl::Status s = ctx.Err(); !s.ok()) return s;
    if (offset < 0) return errdefs::InvalidArgument(fmt::format("read at offset {}", offset));
    return data_.copy(buf.data(), buf.size(),
                      std::min(static_cast<std::size_t>(offset), data_.size()));
  }
  std::int64_t Size() const override { return static_cast<std::int64_t>(data_.size()); }

 private:
  const std::string data_;
};

// Writes to an ingestion, which it has locked.
class IngestWriter final : public content::Writer {
 public:
  IngestWriter(std::shared_ptr<Database> db, Context ctx, std::string ref)
      : db_(std::move(db)), ctx_(std::move(ctx)), ref_(std::move(ref)) {}
  ~IngestWriter() override { Unlock(); }

  absl::Status Write(const Context& ctx, std::string_view data) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Ingest*> ingest = Open(ctx);
    if (!ingest.ok()) return ingest.status();
    (*ingest)->data += data;
    Touch(**ingest);
    return absl::OkStatus();
  }

  absl::Status Commit(const Context& ctx, std::int64_t size, const digest::Digest& expected,
                      const std::vector<content::Opt>& opts) override {
    absl::Status s = TryCommit(ctx, size, expected, opts);
    Unlock();
    return s;
  }

  digest::Digest Digest() const override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(WithoutCancel(ctx_));
    if (!ns.ok()) return digest_;
    const auto ingest = (*ns)->ingests.find(ref_);
    return ingest == (*ns)->ingests.end() ? digest_ : digest::FromString(ingest->second.data);
  }

  absl::StatusOr<content::Status> Status(const Context& ctx) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Ingest*> ingest = Open(ctx);
    if (!ingest.ok()) return ingest.status();
    return (*ingest)->status;
  }

  absl::Status Truncate(const Context& ctx, std::int64_t size) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Ingest*> ingest = Open(ctx);
    if (!ingest.ok()) return ingest.status();
    if (size != 0 && size != (*ingest)->status.offset) {
      return errdefs::InvalidArgument(
          fmt::format("ingestion \"{}\": cannot truncate {} bytes to {}", ref_,
                      (*ingest)->status.offset, size));
    }
    (*ingest)->data.resize(static_cast<std::size_t>(size));
    Touch(**ingest);
    return absl::OkStatus();
  }

  absl::Status Close(const Context&) override {
    Unlock();
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<Ingest*> Open(const Context& ctx) ABSL_EXCLUSIVE_LOCKS_REQUIRED(db_->mu) {
    if (absl::Status s = ctx.Err(); !s.ok()) return s;
    if (closed_) {
      return errdefs::FailedPrecondition(
          fmt::format("ingestion \"{}\": the writer is closed", ref_));
    }
    absl::StatusOr<Namespace*> ns = db_->In(ctx_);
    if (!ns.ok()) return ns.status();
    const auto found = (*ns)->ingests.find(ref_);
    if (found == (*ns)->ingests.end()) return NoIngest(ref_);
    return &found->second;
  }

  static void Touch(Ingest& ingest) {
    ingest.status.offset = static_cast<std::int64_t>(ingest.data.size());
    ingest.status.updated_at = absl::Now();
  }

  absl::Status TryCommit(const Context& ctx, std::int64_t size, const digest::Digest& expected,
                         const std::vector<content::Opt>& opts) {
    content::Info info;
    for (const content::Opt& opt : opts) {
      if (absl::Status s = opt(info); !s.ok()) return s;
    }
    if (absl::Status s = labels::Validate(info.labels); !s.ok()) return s;
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Ingest*> ingest = Open(ctx);
    if (!ingest.ok()) return ingest.status();
    const std::string& data = (*ingest)->data;
    if (size > 0 && size != static_cast<std::int64_t>(data.size())) {
      return errdefs::FailedPrecondition(fmt::format(
          "ingestion \"{}\": unexpected commit size {}, expected {}", ref_, data.size(), size));
    }
    const digest::Digest actual = digest::FromString(data);
    if (!expected.empty() && expected != actual) {
      return errdefs::FailedPrecondition(
          fmt::format("ingestion \"{}\": unexpected commit digest {}, expected {}", ref_,
                      actual.String(), expected.String()));
    }
    absl::StatusOr<Namespace*> ns = db_->In(ctx_);
    if (!ns.ok()) return ns.status();
    if (absl::Status s = Database::Hold(ctx_, **ns, "content", actual.String()); !s.ok()) return s;
    digest_ = actual;
    info.digest = actual.String();
    info.size = static_cast<std::int64_t>(data.size());
    info.labels = Kept(info.labels);
    info.created_at = info.updated_at = absl::Now();
    const bool made =
        (*ns)->blobs.try_emplace(info.digest, Blob{.info = info, .data = data}).second;
    (*ns)->EraseIngest(ref_);
    return made ? absl::OkStatus()
                : errdefs::AlreadyExists(fmt::format("content {}: already exists", info.digest));
  }

  void Unlock() {
    const base::MutexLock lock(db_->mu);
    if (std::exchange(closed_, true)) return;
    absl::StatusOr<Namespace*> ns = db_->In(WithoutCancel(ctx_));
    if (!ns.ok()) return;
    const auto found = (*ns)->ingests.find(ref_);
    if (found != (*ns)->ingests.end()) found->second.locked = false;
  }

  const std::shared_ptr<Database> db_;
  const Context ctx_;
  const std::string ref_;
  digest::Digest digest_;
  bool closed_ = false;
};

class Content final : public content::Store {
 public:
  explicit Content(std::shared_ptr<Database> db) : db_(std::move(db)) {}

  absl::StatusOr<std::unique_ptr<content::ReaderAt>> ReaderAt(
      const Context& ctx, const ocispec::Descriptor& desc) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Blob*> blob = Find(ctx, desc.digest);
    if (!blob.ok()) return blob.status();
    return std::make_unique<BlobReader>((*blob)->data);
  }

  absl::StatusOr<content::Info> Info(const Context& ctx, const digest::Digest& dgst) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Blob*> blob = Find(ctx, dgst.String());
    if (!blob.ok()) return blob.status();
    return (*blob)->info;
  }

  absl::StatusOr<content::Info> Update(const Context& ctx, const content::Info& from,
                                       const std::vector<std::string>& fieldpaths) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Blob*> blob = Find(ctx, from.digest);
    if (!blob.ok()) return blob.status();
    absl::StatusOr<Labels> to = Updated((*blob)->info.labels, from.labels, fieldpaths,
                                        fmt::format("content {}", from.digest));
    if (!to.ok()) return to.status();
    (*blob)->info.labels = *std::move(to);
    (*blob)->info.updated_at = absl::Now();
    return (*blob)->info;
  }

  absl::Status Walk(const Context& ctx, const content::WalkFunc& fn,
                    const std::vector<std::string>& filters) override {
    absl::StatusOr<filters::FilterPtr> filter = filters::ParseAll(filters);
    if (!filter.ok()) return filter.status();
    std::vector<content::Info> infos;
    {
      const base::MutexLock lock(db_->mu);
      absl::StatusOr<Namespace*> ns = db_->In(ctx);
      if (!ns.ok()) return ns.status();
      for (const auto& [digest, blob] : (*ns)->blobs) {
        if ((*filter)->Match(content::AdaptInfo(blob.info))) infos.push_back(blob.info);
      }
    }
    for (const content::Info& info : infos) {
      if (absl::Status s = fn(info); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  absl::Status Delete(const Context& ctx, const digest::Digest& dgst) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    return (*ns)->blobs.erase(dgst.String()) > 0 ? absl::OkStatus() : NoContent(dgst.String());
  }

  absl::StatusOr<content::Status> Status(const Context& ctx, std::string_view ref) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    const auto found = (*ns)->ingests.find(std::string(ref));
    if (found == (*ns)->ingests.end()) return NoIngest(ref);
    return found->second.status;
  }

  absl::StatusOr<std::vector<content::Status>> ListStatuses(
      const Context& ctx, const std::vector<std::string>& filters) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    auto chosen = Select((*ns)->ingests, filters, [](const Ingest& ingest) {
      return [&ingest](std::span<const std::string> path) -> std::optional<std::string> {
        if (path.empty() || path[0] != "ref") return std::nullopt;
        return ingest.status.ref;
      };
    });
    if (!chosen.ok()) return chosen.status();
    std::vector<content::Status> all;
    for (Ingest& ingest : *chosen) all.push_back(std::move(ingest.status));
    return all;
  }

  absl::Status Abort(const Context& ctx, std::string_view ref) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    return (*ns)->EraseIngest(std::string(ref)) ? absl::OkStatus() : NoIngest(ref);
  }

  absl::StatusOr<std::unique_ptr<content::Writer>> Writer(
      const Context& ctx, const std::vector<content::WriterOpt>& opts) override {
    content::WriterOpts options;
    for (const content::WriterOpt& opt : opts) {
      if (absl::Status s = opt(options); !s.ok()) return s;
    }
    if (options.ref.empty())
      return errdefs::InvalidArgument("ingestion: the ref must not be empty");
    const std::string& expected = options.desc.digest;
    if (!expected.empty()) {
      if (absl::Status s = digest::Digest(expected).Validate(); !s.ok()) {
        return errdefs::InvalidArgument(
            fmt::format("ingestion \"{}\": {}", options.ref, errdefs::Message(s)));
      }
    }
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    if ((*ns)->blobs.contains(expected)) {
      if (absl::Status s = Database::Hold(ctx, **ns, "content", expected); !s.ok()) return s;
      return errdefs::AlreadyExists(fmt::format("content {}: already exists", expected));
    }
    if (absl::Status s = Database::Hold(ctx, **ns, "ingests", options.ref); !s.ok()) return s;
    const auto [at, made] = (*ns)->ingests.try_emplace(options.ref);
    Ingest& ingest = at->second;
    if (made) {
      ingest.status.ref = options.ref;
      ingest.status.started_at = ingest.status.updated_at = absl::Now();
    }
    if (std::exchange(ingest.locked, true)) {
      return errdefs::Unavailable(fmt::format("ref {} locked", options.ref));
    }
    if (options.desc.size > 0) ingest.status.total = options.desc.size;
    if (!expected.empty()) ingest.status.expected = expected;
    return std::make_unique<IngestWriter>(db_, ctx, options.ref);
  }

 private:
  absl::StatusOr<Blob*> Find(const Context& ctx, const std::string& digest) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(db_->mu) {
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    const auto found = (*ns)->blobs.find(digest);
    if (found == (*ns)->blobs.end()) return NoContent(digest);
    return &found->second;
  }

  const std::shared_ptr<Database> db_;
};

}  // namespace

std::shared_ptr<content::Store> NewContent(std::shared_ptr<Database> db) {
  return std::make_shared<Content>(std::move(db));
}

}  // namespace containerd::testing::stores
