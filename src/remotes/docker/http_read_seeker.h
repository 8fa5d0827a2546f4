// SPDX-License-Identifier: Apache-2.0
//
// A reader of a remote blob that can seek, and that goes on where a connection broke.
#ifndef CONTAINERD_SRC_REMOTES_DOCKER_HTTP_READ_SEEKER_H_
#define CONTAINERD_SRC_REMOTES_DOCKER_HTTP_READ_SEEKER_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "containerd/io/io.h"

#include "src/remotes/internal/sources.h"

namespace containerd::remotes::docker {

class HTTPReadSeeker final : public io::Reader {
 public:
  // Opens the blob at an offset. `wait` bounds the opening, not what is read afterwards.
  using Open = std::function<absl::StatusOr<std::unique_ptr<io::Reader>>(const Context& wait,
                                                                         std::int64_t offset)>;

  // `size` is -1 if it is not known. What breaks off, or ends too early, at one of `sources` is
  // gone on with at the next one.
  HTTPReadSeeker(std::int64_t size, Open open, std::shared_ptr<Sources> sources)
      : size_(size), open_(std::move(open)), sources_(std::move(sources)) {}

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override;
  absl::Status Seek(const Context& ctx, std::int64_t offset) override;

 private:
  const std::int64_t size_;
  // Whether to open the blob again, after this has come in the place of data.
  bool GoesOn(const Context& ctx, const absl::Status& failure);

  const Open open_;
  const std::shared_ptr<Sources> sources_;
  std::int64_t offset_ = 0;
  bool ended_ = false;
  std::unique_ptr<io::Reader> reader_;
  int errors_without_progress_ = 0;
};

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_SRC_REMOTES_DOCKER_HTTP_READ_SEEKER_H_
