// SPDX-License-Identifier: Apache-2.0
#include "tests/support/memory_store.h"

#include <algorithm>

#include <fmt/format.h>

#include "containerd/content/adaptor.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/filters/filters.h"

namespace containerd::testing {

ocispec::Descriptor MemoryStore::Add(std::string_view media_type, std::string_view data,
                                     Labels labels) {
  const std::lock_guard lock(mu_);
  const std::string dgst = digest::FromString(data).String();
  blobs_[dgst] = {std::string(data), std::move(labels)};
  return {.media_type = std::string(media_type),
          .digest = dgst,
          .size = static_cast<std::int64_t>(data.size())};
}

void MemoryStore::Plant(const std::string& dgst, std::string_view data) {
  const std::lock_guard lock(mu_);
  blobs_[dgst] = {std::string(data), {}};
}

bool MemoryStore::Has(const std::string& dgst) {
  const std::lock_guard lock(mu_);
  return blobs_.contains(dgst);
}

void MemoryStore::Drop(const std::string& dgst) {
  const std::lock_guard lock(mu_);
  blobs_.erase(dgst);
}

std::string MemoryStore::Data(const std::string& dgst) {
  const std::lock_guard lock(mu_);
  return blobs_.at(dgst).data;
}

std::string MemoryStore::Blob(const std::string& dgst) {
  const std::lock_guard lock(mu_);
  const auto blob = blobs_.find(dgst);
  return blob == blobs_.end() ? "<none>" : blob->second.data;
}

Labels MemoryStore::LabelsOf(const std::string& dgst) {
  const std::lock_guard lock(mu_);
  const auto blob = blobs_.find(dgst);
  return blob == blobs_.end() ? Labels() : blob->second.labels;
}

std::size_t MemoryStore::count() {
  const std::lock_guard lock(mu_);
  return blobs_.size();
}

std::map<std::string, std::string> MemoryStore::Ingests() {
  const std::lock_guard lock(mu_);
  std::map<std::string, std::string> all;
  for (const auto& [ref, ingest] : ingests_) all[ref] = ingest.data;
  return all;
}

std::size_t MemoryStore::ingests() {
  const std::lock_guard lock(mu_);
  return ingests_.size();
}

void MemoryStore::PutIngest(const std::string& ref, std::string data) {
  const std::lock_guard lock(mu_);
  ingests_[ref] = {.data = std::move(data)};
}

std::size_t MemoryStore::largest_write() {
  const std::lock_guard lock(mu_);
  return largest_write_;
}

absl::StatusOr<std::unique_ptr<content::ReaderAt>> MemoryStore::ReaderAt(
    const Context& /*ctx*/, const ocispec::Descriptor& desc) {
  const std::lock_guard lock(mu_);
  const auto blob = blobs_.find(desc.digest);
  if (blob == blobs_.end()) return NotFound(desc.digest);
  return std::make_unique<BlobReader>(blob->second.data);
}

absl::StatusOr<content::Info> MemoryStore::Info(const Context& /*ctx*/,
                                                const digest::Digest& dgst) {
  const std::lock_guard lock(mu_);
  const auto blob = blobs_.find(dgst.String());
  if (blob == blobs_.end()) return NotFound(dgst.String());
  return InfoOf(*blob);
}

absl::StatusOr<content::Info> MemoryStore::Update(const Context& /*ctx*/, const content::Info& info,
                                                  const std::vector<std::string>& fieldpaths) {
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

absl::Status MemoryStore::Walk(const Context& /*ctx*/, const content::WalkFunc& fn,
                               const std::vector<std::string>& filters) {
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

absl::Status MemoryStore::Delete(const Context& /*ctx*/, const digest::Digest& dgst) {
  const std::lock_guard lock(mu_);
  return blobs_.erase(dgst.String()) > 0 ? absl::OkStatus() : NotFound(dgst.String());
}

absl::StatusOr<content::Status> MemoryStore::Status(const Context& /*ctx*/, std::string_view ref) {
  const std::lock_guard lock(mu_);
  const auto ingest = ingests_.find(std::string(ref));
  if (ingest == ingests_.end()) return NotFound(ref);
  return content::Status{.ref = std::string(ref),
                         .offset = static_cast<std::int64_t>(ingest->second.data.size()),
                         .total = ingest->second.total};
}

absl::StatusOr<std::vector<content::Status>> MemoryStore::ListStatuses(
    const Context& /*ctx*/, const std::vector<std::string>& /*filters*/) {
  const std::lock_guard lock(mu_);
  std::vector<content::Status> all;
  for (const auto& [ref, ingest] : ingests_) {
    all.push_back({.ref = ref,
                   .offset = static_cast<std::int64_t>(ingest.data.size()),
                   .total = ingest.total});
  }
  return all;
}

absl::Status MemoryStore::Abort(const Context& /*ctx*/, std::string_view ref) {
  const std::lock_guard lock(mu_);
  return ingests_.erase(std::string(ref)) > 0 ? absl::OkStatus() : NotFound(ref);
}

absl::StatusOr<std::unique_ptr<content::Writer>> MemoryStore::Writer(
    const Context& /*ctx*/, const std::vector<content::WriterOpt>& opts) {
  content::WriterOpts options;
  for (const content::WriterOpt& opt : opts) {
    if (absl::Status s = opt(options); !s.ok()) return s;
  }
  const std::lock_guard lock(mu_);
  if (!options.desc.digest.empty() && blobs_.contains(options.desc.digest)) {
    return errdefs::AlreadyExists(fmt::format("content {}", options.desc.digest));
  }
  if (!locked_.insert(options.ref).second) return errdefs::Unavailable("ref locked");
  ingests_[options.ref].total = options.desc.size;
  return std::make_unique<IngestWriter>(*this, options.ref);
}

absl::StatusOr<std::size_t> MemoryStore::BlobReader::ReadAt(const Context& /*ctx*/,
                                                            std::span<char> buf,
                                                            std::int64_t offset) {
  const auto at = std::min(static_cast<std::size_t>(offset), data_.size());
  return data_.copy(buf.data(), buf.size(), at);
}

absl::Status MemoryStore::IngestWriter::Write(const Context& /*ctx*/, std::string_view data) {
  const std::lock_guard lock(store_.mu_);
  store_.largest_write_ = std::max(store_.largest_write_, data.size());
  store_.ingests_[ref_].data += data;
  return absl::OkStatus();
}

absl::Status MemoryStore::IngestWriter::Commit(const Context& /*ctx*/, std::int64_t size,
                                               const digest::Digest& expected,
                                               const std::vector<content::Opt>& opts) {
  Unlock();
  const digest::Digest actual = Digest();
  const std::lock_guard lock(store_.mu_);
  const std::string data = store_.ingests_[ref_].data;
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

digest::Digest MemoryStore::IngestWriter::Digest() const {
  const std::lock_guard lock(store_.mu_);
  const auto ingest = store_.ingests_.find(ref_);
  return digest::FromString(ingest == store_.ingests_.end() ? "" : ingest->second.data);
}

absl::StatusOr<content::Status> MemoryStore::IngestWriter::Status(const Context& ctx) {
  return store_.Status(ctx, ref_);
}

absl::Status MemoryStore::IngestWriter::Truncate(const Context& /*ctx*/, std::int64_t size) {
  const std::lock_guard lock(store_.mu_);
  store_.ingests_[ref_].data.resize(static_cast<std::size_t>(size));
  return absl::OkStatus();
}

absl::Status MemoryStore::IngestWriter::Close(const Context& /*ctx*/) {
  Unlock();
  return absl::OkStatus();
}

void MemoryStore::IngestWriter::Unlock() {
  const std::lock_guard lock(store_.mu_);
  if (!std::exchange(unlocked_, true)) store_.locked_.erase(ref_);
}

absl::Status MemoryStore::NotFound(std::string_view what) {
  return errdefs::NotFound(fmt::format("content {}: not found", what));
}

content::Info MemoryStore::InfoOf(const std::pair<const std::string, Content>& blob) {
  return {.digest = blob.first,
          .size = static_cast<std::int64_t>(blob.second.data.size()),
          .labels = blob.second.labels};
}

}  // namespace containerd::testing
