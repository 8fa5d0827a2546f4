// SPDX-License-Identifier: Apache-2.0
//
// The memory of what a writer sends.
#ifndef CONTAINERD_SRC_CONTENT_CHUNKS_H_
#define CONTAINERD_SRC_CONTENT_CHUNKS_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include <grpcpp/support/slice.h>

namespace containerd::content {

// Chunks of one size that are used again and again: the system would zero the pages of a new one
// each time. It keeps as many as were ever under way at once. One thread uses it; slices may end on
// any, and after it.
class Chunks {
 public:
  explicit Chunks(std::size_t size);
  ~Chunks();
  Chunks(const Chunks&) = delete;
  Chunks& operator=(const Chunks&) = delete;

  // A chunk to fill; the same one until Take.
  std::span<char> Room();

  // The first bytes of the chunk, as they are sent: it is free again after the last slice of it.
  grpc::Slice Take(std::size_t size);

  // Gives up the memory that nobody uses, and what Room gave.
  void Clear();

  // A copy of `data`, which is no longer than a chunk.
  grpc::Slice Copy(std::string_view data);

 private:
  struct Pool;

  const std::size_t size_;
  const std::shared_ptr<Pool> pool_;
  std::unique_ptr<char[]> room_;
};

}  // namespace containerd::content

#endif  // CONTAINERD_SRC_CONTENT_CHUNKS_H_
