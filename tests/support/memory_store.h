// SPDX-License-Identifier: Apache-2.0
//
// A content store in memory, which behaves as a daemon's does, for tests without one.
#ifndef CONTAINERD_TESTS_SUPPORT_MEMORY_STORE_H_
#define CONTAINERD_TESTS_SUPPORT_MEMORY_STORE_H_

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/content/adaptor.h"
#include "containerd/content/content.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/filters/filters.h"

namespace containerd::testing {

class MemoryStore final : public content::Store {
 public:
  // Puts content there, and returns its descriptor.
  ocispec::Descriptor Add(std::string_view media_type, std::string_view data, Labels labels = {}) {
    const std::lock_guard lock(mu_);
    const std::string dgst = digest::FromString(data).String();
    blobs_[dgst] = {std::string(data), std::move(labels)};
    return {.media_type = std::string(media_type),
            .digest = dgst,
            .size = static_cast<std::int64_t>(data.size())};
  }

  // Puts anything under any digest, as a store that lies would.
  void Plant(const std::string& dgst, std::string_view data) {
    const std::lock_guard lock(mu_);
    blobs_[dgst] = {std::string(data), {}};
  }

  bool Has(const std::string& dgst) {
    const std::lock_guard lock(mu_);
    return blobs_.contains(dgst);
  }
  std::string Data(const std::string& dgst) {
    const std::lock_guard lock(mu_);
    return blobs_.at(dgst).data;
  }
  Labels LabelsOf(const std::string& dgst) {
    const std::lock_guard lock(mu_);
    return blobs_.at(dgst).labels;
  }
  std::size_t count() {
    const std::lock_guard lock(mu_);
    return blobs_.size();
  }
  // Uploads that were neither committed nor aborted.
  std::size_t ingests() {
    const std::lock_guard lock(mu_);
    return ingests_.size();
  }
  // The most that one Write has been given.
  std::size_t largest_write() {
    const std::lock_guard lock(mu_);
    return largest_write_;
  }

  absl::StatusOr<std::unique_ptr<content::ReaderAt>> ReaderAt(
      const Context& /*ctx*/, const ocispec::Descriptor& desc) override {
    const std::lock_guard lock(mu_);
    const auto blob = blobs_.find(desc.digest);
    if (blob == blobs_.end()) return NotFound(desc.digest);
    return std::make_unique<BlobReader>(blob->second.data);
  }

  absl::StatusOr<content::Info> Info(const Context& /*ctx*/, const digest::Digest& dgst) override {
    const std::lock_guard lock(mu_);
    const auto blob = blobs_.find(dgst.String());
    if (blob == blobs_.end()) return NotFound(dgst.String());
    return InfoOf(*blob);
  }

  absl::StatusOr<content::Info> Update(const Context& /*ctx*/, const content::Info& info,
                                       const std::vector<std::string>& fieldpaths) override {
    const std::lock_guard lock(mu_);
    const auto blob = blobs_.find(info.digest);
    if (blob == blobs_.end()) return NotFound(info.digest);
    if (fieldpaths.empty()) blob->second.labels = info.labels;
    for (const std::string& path : fieldpaths) {
      if (path == "labels") {
        blob->second.labels = info.labels;
        continue;
      }
      if (!path.starts_with("labels.")) return errdefs::InvalidArgument(path);
      const std::string key = path.substr(7);
      const auto value = info.labels.find(key);
      blob->second.labels.erase(key);
      if (value != info.labels.end() && !value->second.empty()) {
        blob->second.labels[key] = value->second;
      }
    }
    return InfoOf(*blob);
  }

  absl::Status Walk(const Context& /*ctx*/, const content::WalkFunc& fn,
                    const std::vector<std::string>& filters) override {
    absl::StatusOr<filters::FilterPtr> filter = filters::ParseAll(filters);
    if (!filter.ok()) return filter.status();
    std::vector<content::Info> infos;
    {
      const std::lock_guard lock(mu_);
      for (const auto& blob : blobs_) {
        content::Info info = InfoOf(blob);
        if ((*filter)->Match(content::AdaptInfo(info))) infos.push_back(std::move(info));
      }
    }
    for (const content::Info& info : infos) {
      if (absl::Status s = fn(info); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  absl::Status Delete(const Context& /*ctx*/, const digest::Digest& dgst) override {
    const std::lock_guard lock(mu_);
    return blobs_.erase(dgst.String()) > 0 ? absl::OkStatus() : NotFound(dgst.String());
  }

  absl::StatusOr<content::Status> Status(const Context& /*ctx*/, std::string_view ref) override {
    const std::lock_guard lock(mu_);
    const auto ingest = ingests_.find(std::string(ref));
    if (ingest == ingests_.end()) return NotFound(ref);
    return content::Status{.ref = std::string(ref),
                           .offset = static_cast<std::int64_t>(ingest->second.size())};
  }
  absl::StatusOr<std::vector<content::Status>> ListStatuses(
      const Context& /*ctx*/, const std::vector<std::string>& /*filters*/) override {
    const std::lock_guard lock(mu_);
    std::vector<content::Status> all;
    for (const auto& [ref, data] : ingests_) {
      all.push_back({.ref = ref, .offset = static_cast<std::int64_t>(data.size())});
    }
    return all;
  }
  absl::Status Abort(const Context& /*ctx*/, std::string_view ref) override {
    const std::lock_guard lock(mu_);
    return ingests_.erase(std::string(ref)) > 0 ? absl::OkStatus() : NotFound(ref);
  }

  absl::StatusOr<std::unique_ptr<content::Writer>> Writer(
      const Context& /*ctx*/, const std::vector<content::WriterOpt>& opts) override {
    content::WriterOpts options;
    for (const content::WriterOpt& opt : opts) {
      if (absl::Status s = opt(options); !s.ok()) return s;
    }
    const std::lock_guard lock(mu_);
    if (!options.desc.digest.empty() && blobs_.contains(options.desc.digest)) {
      return errdefs::AlreadyExists(fmt::format("content {}", options.desc.digest));
    }
    if (!locked_.insert(options.ref).second) return errdefs::Unavailable("ref locked");
    ingests_[options.ref];
    return std::make_unique<IngestWriter>(*this, options.ref);
  }

 private:
  struct Blob {
    std::string data;
    Labels labels;
  };

  class BlobReader final : public content::ReaderAt {
   public:
    explicit BlobReader(std::string data) : data_(std::move(data)) {}
    absl::StatusOr<std::size_t> ReadAt(const Context& /*ctx*/, std::span<char> buf,
                                       std::int64_t offset) override {
      const auto at = std::min(static_cast<std::size_t>(offset), data_.size());
      return data_.copy(buf.data(), buf.size(), at);
    }
    std::int64_t Size() const override { return static_cast<std::int64_t>(data_.size()); }

   private:
    const std::string data_;
  };

  class IngestWriter final : public content::Writer {
   public:
    IngestWriter(MemoryStore& store, std::string ref) : store_(store), ref_(std::move(ref)) {}
    ~IngestWriter() override { Unlock(); }

    absl::Status Write(const Context& /*ctx*/, std::string_view data) override {
      const std::lock_guard lock(store_.mu_);
      store_.largest_write_ = std::max(store_.largest_write_, data.size());
      store_.ingests_[ref_] += data;
      return absl::OkStatus();
    }
    absl::Status Commit(const Context& /*ctx*/, std::int64_t size, const digest::Digest& expected,
                        const std::vector<content::Opt>& opts) override {
      Unlock();
      const digest::Digest actual = Digest();
      const std::lock_guard lock(store_.mu_);
      const std::string data = store_.ingests_[ref_];
      if (size > 0 && size != static_cast<std::int64_t>(data.size())) {
        return errdefs::FailedPrecondition(
            fmt::format("unexpected commit size {}, expected {}", data.size(), size));
      }
      if (!expected.empty() && expected != actual) {
        return errdefs::FailedPrecondition(fmt::format("unexpected commit digest {}, expected {}",
                                                       actual.String(), expected.String()));
      }
      store_.ingests_.erase(ref_);
      if (store_.blobs_.contains(actual.String())) return errdefs::AlreadyExists(actual.String());
      content::Info info;
      for (const content::Opt& opt : opts) {
        if (absl::Status s = opt(info); !s.ok()) return s;
      }
      store_.blobs_[actual.String()] = {data, info.labels};
      return absl::OkStatus();
    }
    digest::Digest Digest() const override {
      const std::lock_guard lock(store_.mu_);
      const auto ingest = store_.ingests_.find(ref_);
      return digest::FromString(ingest == store_.ingests_.end() ? "" : ingest->second);
    }
    absl::StatusOr<content::Status> Status(const Context& ctx) override {
      return store_.Status(ctx, ref_);
    }
    absl::Status Truncate(const Context& /*ctx*/, std::int64_t size) override {
      const std::lock_guard lock(store_.mu_);
      store_.ingests_[ref_].resize(static_cast<std::size_t>(size));
      return absl::OkStatus();
    }
    absl::Status Close(const Context& /*ctx*/) override {
      Unlock();
      return absl::OkStatus();
    }

   private:
    void Unlock() {
      const std::lock_guard lock(store_.mu_);
      if (!std::exchange(unlocked_, true)) store_.locked_.erase(ref_);
    }

    MemoryStore& store_;
    const std::string ref_;
    bool unlocked_ = false;
  };

  static absl::Status NotFound(std::string_view what) {
    return errdefs::NotFound(fmt::format("content {}: not found", what));
  }
  static content::Info InfoOf(const std::pair<const std::string, Blob>& blob) {
    return {.digest = blob.first,
            .size = static_cast<std::int64_t>(blob.second.data.size()),
            .labels = blob.second.labels};
  }

  std::mutex mu_;
  std::map<std::string, Blob> blobs_;
  std::map<std::string, std::string> ingests_;
  std::set<std::string> locked_;
  std::size_t largest_write_ = 0;
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_SUPPORT_MEMORY_STORE_H_
