// SPDX-License-Identifier: Apache-2.0
#include "containerd/apply/stream_applier.h"

#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "containerd/errdefs/errdefs.h"

#include "pipe.h"
#include "src/base/mutex.h"
#include "src/errdefs/internal/guard.h"
#include "src/threads/internal/start.h"
#include "staged.h"

namespace containerd::apply {
namespace {

// A layer that is extracted while it comes.
class Incoming {
 public:
  Incoming(const Context& ctx, std::unique_ptr<Staged> staged, const Options& options)
      : staged_(std::move(staged)), pipe_(ctx) {
    absl::StatusOr<std::thread> worker = threads::Start("extract a layer", [this, options] {
      result_ = errdefs::Guard("what the extraction of a layer calls",
                               [&] { return staged_->Extract(pipe_, options); });
      // The extraction has ended; nothing more is read from the pipe.
      if (!result_.ok()) pipe_.Break();
    });
    if (worker.ok()) {
      worker_ = *std::move(worker);
    } else {
      result_ = worker.status();
      pipe_.Break();
    }
  }

  Incoming(const Incoming&) = delete;
  Incoming& operator=(const Incoming&) = delete;

  ~Incoming() {
    pipe_.Break();
    if (worker_.joinable()) worker_.join();
  }

  const Staged& staged() const { return *staged_; }
  Pipe& pipe() { return pipe_; }

  // Waits until the layer is extracted. Called once.
  const absl::StatusOr<ocispec::Descriptor>& Result() {
    // The caller has fetched the whole layer. If not all of it came through the pipe, the rest
    // never will.
    pipe_.BreakUnlessClosed();
    if (worker_.joinable()) worker_.join();
    return result_;
  }

 private:
  const std::unique_ptr<Staged> staged_;
  Pipe pipe_;
  absl::StatusOr<ocispec::Descriptor> result_ = errdefs::Unknown("not extracted");
  std::thread worker_;
};

// Hands on what is read.
class TeeReader final : public io::Reader {
 public:
  TeeReader(std::unique_ptr<io::Reader> reader, std::shared_ptr<Incoming> incoming)
      : reader_(std::move(reader)), incoming_(std::move(incoming)) {}

  ~TeeReader() override {
    if (incoming_ != nullptr) incoming_->pipe().BreakUnlessClosed();
  }

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    absl::StatusOr<std::size_t> n = reader_->Read(ctx, buf);
    if (incoming_ == nullptr || !n.ok()) return n;
    incoming_->pipe().Write({buf.data(), *n});
    size_ += static_cast<std::int64_t>(*n);
    // The reader may stop at the known size, without a last read that returns 0.
    if (*n == 0 || size_ >= incoming_->staged().desc().size) {
      incoming_->pipe().Close();
      incoming_.reset();
    }
    return n;
  }

  absl::Status Seek(const Context& ctx, std::int64_t offset) override {
    absl::Status s = reader_->Seek(ctx, offset);
    if (s.ok() && incoming_ != nullptr && offset != size_) {
      incoming_->pipe().Break();
      incoming_.reset();
    }
    return s;
  }

 private:
  const std::unique_ptr<io::Reader> reader_;
  std::shared_ptr<Incoming> incoming_;
  std::int64_t size_ = 0;
};

class StreamApplierImpl final : public StreamApplier {
 public:
  StreamApplierImpl(const Context& ctx, std::shared_ptr<content::Provider> store,
                    std::shared_ptr<snapshots::Snapshotter> snapshotter, StreamOptions options)
      : ctx_(ctx),
        snapshotter_(std::move(snapshotter)),
        options_(options),
        from_store_(NewFileSystemApplier(std::move(store), options.layer)) {}

  std::shared_ptr<remotes::Fetcher> Wrap(std::shared_ptr<remotes::Fetcher> fetcher) override {
    return std::make_shared<remotes::FetcherFunc>(
        [this, fetcher = std::move(fetcher)](
            const Context& ctx,
            const ocispec::Descriptor& desc) -> absl::StatusOr<std::unique_ptr<io::Reader>> {
          absl::StatusOr<std::unique_ptr<io::Reader>> reader = fetcher->Fetch(ctx, desc);
          if (!reader.ok()) return reader;
          std::shared_ptr<Incoming> incoming = Begin(desc);
          if (incoming == nullptr) return reader;
          return std::make_unique<TeeReader>(*std::move(reader), std::move(incoming));
        });
  }

  absl::StatusOr<ocispec::Descriptor> Apply(const Context& ctx, const ocispec::Descriptor& desc,
                                            const std::vector<mount::Mount>& mounts,
                                            const std::vector<diff::ApplyOpt>& opts) override {
    const std::shared_ptr<Incoming> incoming = Take(desc.digest);
    if (incoming == nullptr) return from_store_->Apply(ctx, desc, mounts, opts);
    return ApplyStaged(ctx, incoming->staged(), incoming->Result(), *from_store_, mounts, opts);
  }

 private:
  std::shared_ptr<Incoming> Begin(const ocispec::Descriptor& desc) {
    std::unique_ptr<Staged> staged = Staged::Prepare(ctx_, snapshotter_, desc, options_.min_size);
    if (staged == nullptr) return nullptr;
    auto incoming = std::make_shared<Incoming>(ctx_, std::move(staged), options_.layer);
    // An entry that is replaced here belongs to a failed attempt, or to the same layer fetched
    // again.
    std::shared_ptr<Incoming> other = incoming;
    const base::MutexLock lock(mu_);
    incoming_[desc.digest].swap(other);
    return incoming;
  }

  std::shared_ptr<Incoming> Take(const std::string& digest) {
    const base::MutexLock lock(mu_);
    auto node = incoming_.extract(digest);
    return node.empty() ? nullptr : std::move(node.mapped());
  }

  const Context ctx_;
  const std::shared_ptr<snapshots::Snapshotter> snapshotter_;
  const StreamOptions options_;
  const std::shared_ptr<diff::Applier> from_store_;
  base::Mutex mu_;
  std::map<std::string, std::shared_ptr<Incoming>> incoming_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

std::unique_ptr<StreamApplier> NewStreamApplier(const Context& ctx,
                                                std::shared_ptr<content::Provider> store,
                                                std::shared_ptr<snapshots::Snapshotter> snapshotter,
                                                StreamOptions options) {
  return std::make_unique<StreamApplierImpl>(ctx, std::move(store), std::move(snapshotter),
                                             options);
}

}  // namespace containerd::apply
