// SPDX-License-Identifier: Apache-2.0
//
// Responses that bring a blob or a part of it, and a blob that is read in several of them.
#ifndef CONTAINERD_SRC_REMOTES_DOCKER_RANGES_H_
#define CONTAINERD_SRC_REMOTES_DOCKER_RANGES_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/context/semaphore.h"
#include "containerd/io/io.h"

#include "request.h"

namespace containerd::remotes::docker {

// One request's share of the limiter.
class Slot {
 public:
  Slot() = default;
  explicit Slot(std::shared_ptr<Semaphore> semaphore) : semaphore_(std::move(semaphore)) {}
  Slot(Slot&& other) noexcept : semaphore_(std::exchange(other.semaphore_, nullptr)) {}
  Slot& operator=(Slot&& other) noexcept {
    std::swap(semaphore_, other.semaphore_);
    return *this;
  }
  ~Slot() {
    if (semaphore_ != nullptr) semaphore_->Release();
  }

 private:
  std::shared_ptr<Semaphore> semaphore_;
};

// OK for a response that brings the content, from the offset on if one was asked for.
absl::Status CheckResponse(const Context& ctx, http::Response& response);

// Whether a server that answers like this may have the content, but gives no ranges of it.
bool RefusesRange(int code);

// Whether the response begins at `offset`: false if it ignores the range and begins at 0.
absl::StatusOr<bool> BeginsAt(const http::Response& response, std::int64_t offset);

// A response's body that gives its slot back when it has been read.
std::unique_ptr<io::Reader> NewBodyReader(std::unique_ptr<io::Reader> body, Slot slot);

struct RangesPlan {
  std::int64_t begin = 0;  // of the first range, whose response is there
  std::int64_t end = 0;    // of the blob
  std::int64_t chunk = 0;
  int parallelism = 0;
};

// Reads a blob in ranges, of which some are under way while the first of them is read. Each fits
// into its response's buffer, so that none waits for the reader. Takes no threads. `first` is the
// body of the first range's response; `refused` becomes true when the server takes none any more.
std::unique_ptr<io::Reader> NewRangesReader(Context transfer, RegistryRequest request,
                                            bool last_host, const RangesPlan& plan,
                                            std::unique_ptr<io::Reader> first,
                                            std::shared_ptr<Semaphore> limiter,
                                            std::shared_ptr<std::atomic<bool>> refused);

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_SRC_REMOTES_DOCKER_RANGES_H_
