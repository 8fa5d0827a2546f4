// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "containerd/content/content.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/io/io.h"

#include "src/base/mutex.h"
#include "src/base/options.h"
#include "src/errdefs/internal/guard.h"

namespace containerd::internal {
namespace {

class ProgressReader final : public io::Reader {
 public:
  ProgressReader(std::unique_ptr<io::Reader> inner, ocispec::Descriptor desc,
                 std::shared_ptr<Progress> progress)
      : inner_(std::move(inner)), desc_(std::move(desc)), progress_(std::move(progress)) {}

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    absl::StatusOr<std::size_t> n = inner_->Read(ctx, buf);
    if (n.ok() && *n > 0) {
      offset_ += static_cast<std::int64_t>(*n);
      absl::Status told = progress_->Report(desc_, offset_, BlobState::kTransferring);
      if (!told.ok()) return told;
    }
    return n;
  }

  absl::Status Seek(const Context& ctx, std::int64_t offset) override {
    absl::Status s = inner_->Seek(ctx, offset);
    if (s.ok()) offset_ = offset;
    return s;
  }

 private:
  const std::unique_ptr<io::Reader> inner_;
  const ocispec::Descriptor desc_;
  const std::shared_ptr<Progress> progress_;
  std::int64_t offset_ = 0;
};

class ProgressWriter final : public content::Writer {
 public:
  ProgressWriter(std::unique_ptr<content::Writer> inner, ocispec::Descriptor desc,
                 std::shared_ptr<Progress> progress)
      : inner_(std::move(inner)), desc_(std::move(desc)), progress_(std::move(progress)) {}

  absl::Status Write(const Context& ctx, std::string_view data) override {
    absl::Status s = inner_->Write(ctx, data);
    if (s.ok()) {
      offset_ += static_cast<std::int64_t>(data.size());
      s = progress_->Report(desc_, offset_, BlobState::kTransferring);
    }
    return s;
  }
  absl::Status Commit(const Context& ctx, std::int64_t size, const digest::Digest& expected,
                      const std::vector<content::Opt>& opts) override {
    absl::Status s = inner_->Commit(ctx, size, expected, opts);
    if (s.ok()) {
      s = progress_->Report(desc_, desc_.size, BlobState::kDone);
    } else if (errdefs::IsAlreadyExists(s)) {
      static_cast<void>(progress_->Report(desc_, desc_.size, BlobState::kExists));
    } else {
      static_cast<void>(progress_->Report(desc_, offset_, BlobState::kFailed));
    }
    return s;
  }
  digest::Digest Digest() const override { return inner_->Digest(); }
  absl::StatusOr<content::Status> Status(const Context& ctx) override {
    absl::StatusOr<content::Status> status = inner_->Status(ctx);
    // A copy that resumes goes on from the offset that the store reports.
    if (status.ok()) offset_ = status->offset;
    return status;
  }
  absl::Status Truncate(const Context& ctx, std::int64_t size) override {
    return inner_->Truncate(ctx, size);
  }
  absl::Status Close(const Context& ctx) override { return inner_->Close(ctx); }

 private:
  const std::unique_ptr<content::Writer> inner_;
  const ocispec::Descriptor desc_;
  const std::shared_ptr<Progress> progress_;
  std::int64_t offset_ = 0;
};

class ProgressFetcher final : public remotes::Fetcher {
 public:
  ProgressFetcher(std::shared_ptr<remotes::Fetcher> inner, std::shared_ptr<Progress> progress)
      : inner_(std::move(inner)), progress_(std::move(progress)) {}

  absl::StatusOr<std::unique_ptr<io::Reader>> Fetch(const Context& ctx,
                                                    const ocispec::Descriptor& desc) override {
    auto reader = inner_->Fetch(ctx, desc);
    if (!reader.ok()) return reader;
    return std::make_unique<ProgressReader>(*std::move(reader), desc, progress_);
  }

 private:
  const std::shared_ptr<remotes::Fetcher> inner_;
  const std::shared_ptr<Progress> progress_;
};

class ProgressPusher : public remotes::Pusher {
 public:
  ProgressPusher(std::shared_ptr<remotes::Pusher> inner, std::shared_ptr<Progress> progress)
      : inner_(std::move(inner)), progress_(std::move(progress)) {}

  absl::StatusOr<std::unique_ptr<content::Writer>> Push(const Context& ctx,
                                                        const ocispec::Descriptor& desc) override {
    if (absl::Status s = progress_->Report(desc, 0, BlobState::kWaiting); !s.ok()) return s;
    return Watched(inner_->Push(ctx, desc), desc);
  }

 protected:
  absl::StatusOr<std::unique_ptr<content::Writer>> Watched(
      absl::StatusOr<std::unique_ptr<content::Writer>> writer,
      const ocispec::Descriptor& desc) const {
    if (writer.ok()) {
      return std::make_unique<ProgressWriter>(*std::move(writer), desc, progress_);
    }
    // ErrUnavailable means that another push of the content is under way. A push that waits for it
    // may see the error many times, and its state does not change.
    if (errdefs::IsAlreadyExists(writer.status())) {
      static_cast<void>(progress_->Report(desc, desc.size, BlobState::kExists));
    } else if (!errdefs::IsUnavailable(writer.status())) {
      static_cast<void>(progress_->Report(desc, 0, BlobState::kFailed));
    }
    return writer;
  }

  const std::shared_ptr<remotes::Pusher> inner_;
  const std::shared_ptr<Progress> progress_;
};

// Wraps a pusher that is an Ingester too: content::OpenWriter waits there while another push of the
// same content is under way.
class ProgressIngester final : public ProgressPusher, public content::Ingester {
 public:
  ProgressIngester(std::shared_ptr<remotes::Pusher> inner, content::Ingester& ingester,
                   std::shared_ptr<Progress> progress)
      : ProgressPusher(std::move(inner), std::move(progress)), ingester_(ingester) {}

  absl::StatusOr<std::unique_ptr<content::Writer>> Writer(
      const Context& ctx, const std::vector<content::WriterOpt>& opts) override {
    content::WriterOpts filled;
    if (absl::Status s = base::Apply(opts, filled); !s.ok()) return s;
    absl::Status told = progress_->Report(filled.desc, 0, BlobState::kWaiting);
    if (!told.ok()) return told;
    return Watched(ingester_.Writer(ctx, opts), filled.desc);
  }

 private:
  content::Ingester& ingester_;  // the same object as inner_
};

class ProgressApplier final : public diff::Applier {
 public:
  ProgressApplier(std::shared_ptr<diff::Applier> inner, std::shared_ptr<Progress> progress)
      : inner_(std::move(inner)), progress_(std::move(progress)) {}

  absl::StatusOr<ocispec::Descriptor> Apply(const Context& ctx, const ocispec::Descriptor& desc,
                                            const std::vector<mount::Mount>& mounts,
                                            const std::vector<diff::ApplyOpt>& opts) override {
    if (absl::Status s = progress_->Report(desc, 0, BlobState::kUnpacking); !s.ok()) return s;
    auto applied = inner_->Apply(ctx, desc, mounts, opts);
    absl::Status told = progress_->Report(desc, applied.ok() ? desc.size : 0,
                                          applied.ok() ? BlobState::kUnpacked : BlobState::kFailed);
    if (applied.ok() && !told.ok()) return told;
    return applied;
  }

 private:
  const std::shared_ptr<diff::Applier> inner_;
  const std::shared_ptr<Progress> progress_;
};

}  // namespace

absl::Status Progress::Report(const ocispec::Descriptor& desc, std::int64_t offset,
                              BlobState state) {
  if (report_ == nullptr) return absl::OkStatus();
  base::MutexLock lock(mu_);
  if (failure_.ok()) {
    const BlobProgress progress{.desc = desc, .offset = offset, .total = desc.size, .state = state};
    failure_ = errdefs::Guard("the progress callback", report_, progress);
  }
  return failure_;
}

absl::Status Progress::Failure() {
  base::MutexLock lock(mu_);
  return failure_;
}

std::shared_ptr<remotes::Fetcher> WithProgress(std::shared_ptr<remotes::Fetcher> inner,
                                               std::shared_ptr<Progress> progress) {
  if (!*progress) return inner;
  return std::make_shared<ProgressFetcher>(std::move(inner), std::move(progress));
}

std::shared_ptr<remotes::Pusher> WithProgress(std::shared_ptr<remotes::Pusher> inner,
                                              std::shared_ptr<Progress> progress) {
  if (!*progress) return inner;
  if (auto* ingester = dynamic_cast<content::Ingester*>(inner.get())) {
    return std::make_shared<ProgressIngester>(std::move(inner), *ingester, std::move(progress));
  }
  return std::make_shared<ProgressPusher>(std::move(inner), std::move(progress));
}

std::shared_ptr<diff::Applier> WithProgress(std::shared_ptr<diff::Applier> inner,
                                            std::shared_ptr<Progress> progress) {
  if (!*progress) return inner;
  return std::make_shared<ProgressApplier>(std::move(inner), std::move(progress));
}

}  // namespace containerd::internal
