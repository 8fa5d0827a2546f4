// SPDX-License-Identifier: Apache-2.0
//
// A content store in memory, which behaves as a daemon's does, for tests without one.
#ifndef CONTAINERD_TESTS_SUPPORT_MEMORY_STORE_H_
#define CONTAINERD_TESTS_SUPPORT_MEMORY_STORE_H_

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "containerd/content/content.h"

namespace containerd::testing {

class MemoryStore final : public content::Store {
 public:
  // Puts content there, and returns its descriptor.
  ocispec::Descriptor Add(std::string_view media_type, std::string_view data, Labels labels = {});

  // Puts anything under any digest, as a store that lies would.
  void Plant(const std::string& dgst, std::string_view data);

  bool Has(const std::string& dgst);
  void Drop(const std::string& dgst);
  // Of content that must be there.
  std::string Data(const std::string& dgst);
  // "<none>" if it is not.
  std::string Blob(const std::string& dgst);
  // None of content that is not there.
  Labels LabelsOf(const std::string& dgst);
  std::size_t count();
  // Uploads that were neither committed nor aborted, by their refs.
  std::map<std::string, std::string> Ingests();
  std::size_t ingests();
  // Begins one, as a writer does that then went away.
  void PutIngest(const std::string& ref, std::string data);
  // The most that one Write has been given.
  std::size_t largest_write();

  absl::StatusOr<std::unique_ptr<content::ReaderAt>> ReaderAt(
      const Context& ctx, const ocispec::Descriptor& desc) override;

  absl::StatusOr<content::Info> Info(const Context& ctx, const digest::Digest& dgst) override;

  absl::StatusOr<content::Info> Update(const Context& ctx, const content::Info& info,
                                       const std::vector<std::string>& fieldpaths) override;

  absl::Status Walk(const Context& ctx, const content::WalkFunc& fn,
                    const std::vector<std::string>& filters) override;

  absl::Status Delete(const Context& ctx, const digest::Digest& dgst) override;

  absl::StatusOr<content::Status> Status(const Context& ctx, std::string_view ref) override;
  absl::StatusOr<std::vector<content::Status>> ListStatuses(
      const Context& ctx, const std::vector<std::string>& filters) override;
  absl::Status Abort(const Context& ctx, std::string_view ref) override;

  absl::StatusOr<std::unique_ptr<content::Writer>> Writer(
      const Context& ctx, const std::vector<content::WriterOpt>& opts) override;

 private:
  struct Content {
    std::string data;
    Labels labels;
  };

  struct Ingest {
    std::string data{};
    std::int64_t total = 0;
  };

  class BlobReader final : public content::ReaderAt {
   public:
    explicit BlobReader(std::string data) : data_(std::move(data)) {}
    absl::StatusOr<std::size_t> ReadAt(const Context& ctx, std::span<char> buf,
                                       std::int64_t offset) override;
    std::int64_t Size() const override { return static_cast<std::int64_t>(data_.size()); }

   private:
    const std::string data_;
  };

  class IngestWriter final : public content::Writer {
   public:
    IngestWriter(MemoryStore& store, std::string ref) : store_(store), ref_(std::move(ref)) {}
    ~IngestWriter() override { Unlock(); }

    absl::Status Write(const Context& ctx, std::string_view data) override;
    absl::Status Commit(const Context& ctx, std::int64_t size, const digest::Digest& expected,
                        const std::vector<content::Opt>& opts) override;
    digest::Digest Digest() const override;
    absl::StatusOr<content::Status> Status(const Context& ctx) override;
    absl::Status Truncate(const Context& ctx, std::int64_t size) override;
    absl::Status Close(const Context& ctx) override;

   private:
    void Unlock();

    MemoryStore& store_;
    const std::string ref_;
    bool unlocked_ = false;
  };

  static absl::Status NotFound(std::string_view what);
  static content::Info InfoOf(const std::pair<const std::string, Content>& blob);

  std::mutex mu_;
  std::map<std::string, Content> blobs_;
  std::map<std::string, Ingest> ingests_;
  std::set<std::string> locked_;
  std::size_t largest_write_ = 0;
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_SUPPORT_MEMORY_STORE_H_
