// SPDX-License-Identifier: Apache-2.0
//
// A content store in memory, for tests.
#ifndef CONTAINERD_TESTS_UNIT_REMOTES_MEMORY_STORE_H_
#define CONTAINERD_TESTS_UNIT_REMOTES_MEMORY_STORE_H_

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/content/content.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/ocispec/json.h"

namespace containerd::remotes::testing {

class MemoryStore final : public content::Store {
 public:
  // Puts a blob and returns its descriptor.
  ocispec::Descriptor Put(std::string_view media_type, std::string data, Labels labels = {}) {
    ocispec::Descriptor desc;
    desc.media_type = media_type;
    desc.digest = digest::FromString(data).String();
    desc.size = static_cast<std::int64_t>(data.size());
    std::lock_guard lock(mu_);
    blobs_[desc.digest] = {std::move(data), std::move(labels)};
    return desc;
  }

  std::string Blob(const std::string& dgst) const {
    std::lock_guard lock(mu_);
    const auto it = blobs_.find(dgst);
    return it == blobs_.end() ? "<none>" : it->second.data;
  }

  Labels LabelsOf(const std::string& dgst) const {
    std::lock_guard lock(mu_);
    const auto it = blobs_.find(dgst);
    return it == blobs_.end() ? Labels() : it->second.labels;
  }

  void Drop(const std::string& dgst) {
    std::lock_guard lock(mu_);
    blobs_.erase(dgst);
  }

  std::map<std::string, std::string> Ingests() const {
    std::lock_guard lock(mu_);
    return ingests_;
  }
  void PutIngest(const std::string& ref, std::string data) {
    std::lock_guard lock(mu_);
    ingests_[ref] = std::move(data);
  }

  absl::StatusOr<content::Info> Info(const Context&, const digest::Digest& dgst) override {
    std::lock_guard lock(mu_);
    const auto it = blobs_.find(dgst.String());
    if (it == blobs_.end()) return errdefs::NotFound(fmt::format("content {}", dgst.String()));
    return content::Info{.digest = dgst.String(),
                         .size = static_cast<std::int64_t>(it->second.data.size()),
                         .labels = it->second.labels};
  }

  absl::StatusOr<std::unique_ptr<content::ReaderAt>> ReaderAt(
      const Context&, const ocispec::Descriptor& desc) override {
    std::lock_guard lock(mu_);
    const auto it = blobs_.find(desc.digest);
    if (it == blobs_.end()) return errdefs::NotFound(fmt::format("content {}", desc.digest));
    return std::make_unique<BlobReader>(it->second.data);
  }

  absl::StatusOr<content::Info> Update(const Context& ctx, const content::Info& info,
                                       const std::vector<std::string>& fieldpaths) override {
    {
      std::lock_guard lock(mu_);
      const auto it = blobs_.find(info.digest);
      if (it == blobs_.end()) return errdefs::NotFound(fmt::format("content {}", info.digest));
      for (const std::string& path : fieldpaths) {
        const std::string key = path.substr(std::string("labels.").size());
        it->second.labels[key] = info.labels.at(key);
      }
    }
    return Info(ctx, info.digest);
  }

  absl::Status Walk(const Context&, const content::WalkFunc&,
                    const std::vector<std::string>&) override {
    return errdefs::NotImplemented("");
  }
  absl::Status Delete(const Context&, const digest::Digest&) override {
    return errdefs::NotImplemented("");
  }
  absl::StatusOr<content::Status> Status(const Context&, std::string_view) override {
    return errdefs::NotImplemented("");
  }
  absl::StatusOr<std::vector<content::Status>> ListStatuses(
      const Context&, const std::vector<std::string>&) override {
    return errdefs::NotImplemented("");
  }
  absl::Status Abort(const Context&, std::string_view ref) override {
    std::lock_guard lock(mu_);
    if (ingests_.erase(std::string(ref)) == 0) {
      return errdefs::NotFound(fmt::format("ingest {}", ref));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<content::Writer>> Writer(
      const Context&, const std::vector<content::WriterOpt>& opts) override {
    content::WriterOpts o;
    for (const content::WriterOpt& opt : opts) {
      if (absl::Status s = opt(o); !s.ok()) return s;
    }
    std::lock_guard lock(mu_);
    if (blobs_.contains(o.desc.digest)) {
      return errdefs::AlreadyExists(fmt::format("content {}", o.desc.digest));
    }
    ingests_[o.ref];
    return std::make_unique<BlobWriter>(this, o);
  }

 private:
  struct Entry {
    std::string data;
    Labels labels;
  };

  class BlobReader final : public content::ReaderAt {
   public:
    explicit BlobReader(std::string data) : data_(std::move(data)) {}
    absl::StatusOr<std::size_t> ReadAt(const Context&, std::span<char> buf,
                                       std::int64_t offset) override {
      const auto at = static_cast<std::size_t>(offset);
      if (at >= data_.size()) return std::size_t{0};
      const std::size_t n = std::min(buf.size(), data_.size() - at);
      std::memcpy(buf.data(), data_.data() + at, n);
      return n;
    }
    std::int64_t Size() const override { return static_cast<std::int64_t>(data_.size()); }

   private:
    const std::string data_;
  };

  class BlobWriter final : public content::Writer {
   public:
    BlobWriter(MemoryStore* store, content::WriterOpts opts)
        : store_(store), opts_(std::move(opts)) {}

    absl::Status Write(const Context&, std::string_view data) override {
      std::lock_guard lock(store_->mu_);
      store_->ingests_[opts_.ref].append(data);
      return absl::OkStatus();
    }
    absl::Status Commit(const Context&, std::int64_t size, const digest::Digest& expected,
                        const std::vector<content::Opt>& opts) override {
      std::lock_guard lock(store_->mu_);
      std::string& data = store_->ingests_[opts_.ref];
      if (size > 0 && size != static_cast<std::int64_t>(data.size())) {
        return errdefs::FailedPrecondition("unexpected commit size");
      }
      const digest::Digest dgst = digest::FromString(data);
      if (!expected.empty() && expected != dgst) {
        return errdefs::FailedPrecondition("unexpected commit digest");
      }
      content::Info info;
      for (const content::Opt& opt : opts) {
        if (absl::Status s = opt(info); !s.ok()) return s;
      }
      store_->blobs_[dgst.String()] = {std::move(data), info.labels};
      store_->ingests_.erase(opts_.ref);
      return absl::OkStatus();
    }
    digest::Digest Digest() const override { return {}; }
    absl::StatusOr<content::Status> Status(const Context&) override {
      std::lock_guard lock(store_->mu_);
      return content::Status{
          .ref = opts_.ref,
          .offset = static_cast<std::int64_t>(store_->ingests_[opts_.ref].size()),
          .total = opts_.desc.size};
    }
    absl::Status Truncate(const Context&, std::int64_t size) override {
      std::lock_guard lock(store_->mu_);
      store_->ingests_[opts_.ref].resize(static_cast<std::size_t>(size));
      return absl::OkStatus();
    }
    absl::Status Close(const Context&) override { return absl::OkStatus(); }

   private:
    MemoryStore* const store_;
    const content::WriterOpts opts_;
  };

  mutable std::mutex mu_;
  std::map<std::string, Entry> blobs_;
  std::map<std::string, std::string> ingests_;
};

}  // namespace containerd::remotes::testing

#endif  // CONTAINERD_TESTS_UNIT_REMOTES_MEMORY_STORE_H_
