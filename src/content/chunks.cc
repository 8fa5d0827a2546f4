// SPDX-License-Identifier: Apache-2.0
#include "chunks.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "src/base/mutex.h"

namespace containerd::content {
namespace {

// What is not longer has memory of its own size.
constexpr std::size_t kSmall = std::size_t{16} << 10;

}  // namespace

struct Chunks::Pool {
  base::Mutex mu;
  std::vector<std::unique_ptr<char[]>> free ABSL_GUARDED_BY(mu);
  bool gone ABSL_GUARDED_BY(mu) = false;

  // What a slice holds.
  struct Lent {
    std::shared_ptr<Pool> pool;
    std::unique_ptr<char[]> memory;
  };

  static void GiveBack(void* lent) {
    const std::unique_ptr<Lent> back(static_cast<Lent*>(lent));
    base::MutexLock lock(back->pool->mu);
    if (!back->pool->gone) back->pool->free.push_back(std::move(back->memory));
  }
};

Chunks::Chunks(std::size_t size) : size_(size), pool_(std::make_shared<Pool>()) {}

Chunks::~Chunks() {
  std::vector<std::unique_ptr<char[]>> dropped;
  base::MutexLock lock(pool_->mu);
  pool_->gone = true;
  dropped.swap(pool_->free);
}

void Chunks::Clear() {
  room_ = nullptr;
  std::vector<std::unique_ptr<char[]>> dropped;
  base::MutexLock lock(pool_->mu);
  dropped.swap(pool_->free);
}

std::span<char> Chunks::Room() {
  if (room_ == nullptr) {
    base::MutexLock lock(pool_->mu);
    if (!pool_->free.empty()) {
      room_ = std::move(pool_->free.back());
      pool_->free.pop_back();
    }
  }
  if (room_ == nullptr) room_ = std::make_unique_for_overwrite<char[]>(size_);
  return {room_.get(), size_};
}

grpc::Slice Chunks::Take(std::size_t size) {
  if (size <= kSmall) return {room_.get(), size};
  char* const memory = room_.get();
  return {memory, size, &Pool::GiveBack, new Pool::Lent{pool_, std::move(room_)}};
}

grpc::Slice Chunks::Copy(std::string_view data) {
  if (data.size() <= kSmall) return {data.data(), data.size()};
  std::copy(data.begin(), data.end(), Room().begin());
  return Take(data.size());
}

}  // namespace containerd::content
