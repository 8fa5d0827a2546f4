// SPDX-License-Identifier: Apache-2.0
//
// A layer that is inflated and digested beside whoever extracts it.
#ifndef CONTAINERD_SRC_APPLY_READ_AHEAD_H_
#define CONTAINERD_SRC_APPLY_READ_AHEAD_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <thread>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/digest/digest.h"
#include "containerd/io/io.h"

#include "pipe.h"

namespace containerd::apply {

// Digests and counts what a layer inflates to.
class LayerDigest {
 public:
  explicit LayerDigest(std::int64_t max) : max_(max) {}

  // ErrResourceExhausted if it is too much.
  absl::Status Add(std::string_view data);

  std::int64_t size() const { return size_; }
  digest::Digest Digest() const { return digester_.Digest(); }

 private:
  const std::int64_t max_;
  digest::Digester digester_;
  std::int64_t size_ = 0;
};

// Reads `inflated` on one thread, adds it to `digest` on another, and hands it on to the one that
// reads this: each takes about as long as the others, and the bytes are copied once.
class ReadAhead final : public io::Reader {
 public:
  ReadAhead(const Context& ctx, io::Reader& inflated, LayerDigest& digest);
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;
  ~ReadAhead() override;

  // ErrResourceExhausted if there are no threads for it; nothing has been read then.
  absl::Status Start();

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override;

 private:
  // One of the two threads, which ends with what `run` returns.
  struct Stage {
    absl::Status ended;
    std::thread thread;
  };

  static absl::Status StartStage(std::string_view what, Stage& stage, Pipe& to,
                                 std::function<absl::Status()> run);
  absl::Status Inflate();
  absl::Status Digest();
  void Join();

  Context ctx_;
  CancelFunc cancel_;
  io::Reader& reader_;
  LayerDigest& digest_;
  Pipe inflated_;
  Pipe digested_;
  Stage inflating_;
  Stage digesting_;
};

}  // namespace containerd::apply

#endif  // CONTAINERD_SRC_APPLY_READ_AHEAD_H_
