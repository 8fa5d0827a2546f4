// SPDX-License-Identifier: Apache-2.0
//
// Mocks of content::Store, and of its writers and readers.
#ifndef CONTAINERD_TESTING_MOCKS_CONTENT_H_
#define CONTAINERD_TESTING_MOCKS_CONTENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/digest/digest.h"
#include "containerd/ocispec/descriptor.h"

namespace containerd::testing {

// By default there is no content and no ingestion: ErrNotFound. Writer is ErrNotImplemented.
class MockContentStore : public content::Store {
 public:
  MockContentStore();
  ~MockContentStore() override;

  // From now on `store` does what no test says otherwise of.
  void DelegateTo(const std::shared_ptr<content::Store>& store);

  MOCK_METHOD(absl::StatusOr<std::unique_ptr<content::ReaderAt>>, ReaderAt,
              (const Context&, const ocispec::Descriptor&), (override));
  MOCK_METHOD(absl::StatusOr<content::Info>, Info, (const Context&, const digest::Digest&),
              (override));
  MOCK_METHOD(absl::StatusOr<content::Info>, Update,
              (const Context&, const content::Info&, const std::vector<std::string>&), (override));
  MOCK_METHOD(absl::Status, Walk,
              (const Context&, const content::WalkFunc&, const std::vector<std::string>&),
              (override));
  MOCK_METHOD(absl::Status, Delete, (const Context&, const digest::Digest&), (override));
  MOCK_METHOD(absl::StatusOr<content::Status>, Status, (const Context&, std::string_view),
              (override));
  MOCK_METHOD(absl::StatusOr<std::vector<content::Status>>, ListStatuses,
              (const Context&, const std::vector<std::string>&), (override));
  MOCK_METHOD(absl::Status, Abort, (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<std::unique_ptr<content::Writer>>, Writer,
              (const Context&, const std::vector<content::WriterOpt>&), (override));
};

// By default it takes everything.
class MockContentWriter : public content::Writer {
 public:
  MockContentWriter();
  ~MockContentWriter() override;

  MOCK_METHOD(absl::Status, Write, (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::Status, Commit,
              (const Context&, std::int64_t, const digest::Digest&,
               const std::vector<content::Opt>&),
              (override));
  MOCK_METHOD(digest::Digest, Digest, (), (const, override));
  MOCK_METHOD(absl::StatusOr<content::Status>, Status, (const Context&), (override));
  MOCK_METHOD(absl::Status, Truncate, (const Context&, std::int64_t), (override));
  MOCK_METHOD(absl::Status, Close, (const Context&), (override));
};

// By default it is empty.
class MockContentReaderAt : public content::ReaderAt {
 public:
  MockContentReaderAt();
  ~MockContentReaderAt() override;

  MOCK_METHOD(absl::StatusOr<std::size_t>, ReadAt, (const Context&, std::span<char>, std::int64_t),
              (override));
  MOCK_METHOD(std::int64_t, Size, (), (const, override));
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_MOCKS_CONTENT_H_
