// SPDX-License-Identifier: Apache-2.0
#include "read_ahead.h"

#include <string>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/errdefs/internal/guard.h"
#include "src/threads/internal/start.h"

namespace containerd::apply {
namespace {

// What is inflated at a time, and what may be under way: it should still be in the processor's
// cache for those that read it.
constexpr std::size_t kChunk = std::size_t{256} << 10;
constexpr std::size_t kUnderWay = std::size_t{1} << 20;

}  // namespace

absl::Status LayerDigest::Add(std::string_view data) {
  size_ += static_cast<std::int64_t>(data.size());
  if (size_ > max_) {
    return errdefs::ResourceExhausted(fmt::format("it unpacks to more than {} bytes", max_));
  }
  digester_.Write(data);
  return absl::OkStatus();
}

ReadAhead::ReadAhead(const Context& ctx, io::Reader& inflated, LayerDigest& digest)
    : reader_(inflated), digest_(digest), inflated_(ctx, kUnderWay), digested_(ctx, kUnderWay) {
  std::tie(ctx_, cancel_) = WithCancel(ctx);
}

ReadAhead::~ReadAhead() {
  cancel_();
  inflated_.Break();
  digested_.Break();
  Join();
}

absl::Status ReadAhead::StartStage(std::string_view what, Stage& stage, Pipe& to,
                                   std::function<absl::Status()> run) {
  absl::StatusOr<std::thread> thread = threads::Start(what, [&stage, &to, run = std::move(run)] {
    stage.ended = errdefs::Guard("the reader of a layer", run);
    stage.ended.ok() ? to.Close() : to.Break();
  });
  if (!thread.ok()) return thread.status();
  stage.thread = *std::move(thread);
  return absl::OkStatus();
}

absl::Status ReadAhead::Start() {
  // The second one first: it waits, and so has read nothing if the other cannot be started.
  absl::Status s = StartStage("digest a layer", digesting_, digested_, [this] { return Digest(); });
  if (s.ok()) {
    s = StartStage("inflate a layer", inflating_, inflated_, [this] { return Inflate(); });
  }
  return s;
}

absl::Status ReadAhead::Inflate() {
  for (;;) {
    std::string chunk = inflated_.Room();
    chunk.resize(kChunk);
    absl::StatusOr<std::size_t> n = reader_.Read(ctx_, chunk);
    if (!n.ok()) return n.status();
    if (*n == 0) return absl::OkStatus();
    chunk.resize(*n);
    if (!inflated_.Put(std::move(chunk))) return absl::OkStatus();
  }
}

absl::Status ReadAhead::Digest() {
  for (;;) {
    std::string spare = digested_.Room();
    absl::StatusOr<std::string> chunk = inflated_.Take(std::move(spare));
    if (!chunk.ok()) return chunk.status();
    if (chunk->empty()) return absl::OkStatus();
    if (absl::Status s = digest_.Add(*chunk); !s.ok()) {
      inflated_.Break();
      return s;
    }
    if (!digested_.Put(*std::move(chunk))) {
      inflated_.Break();
      return absl::OkStatus();
    }
  }
}

absl::StatusOr<std::size_t> ReadAhead::Read(const Context& ctx, std::span<char> buf) {
  absl::StatusOr<std::size_t> n = digested_.Read(ctx, buf);
  if (n.ok()) return n;
  if (absl::Status s = ctx.Err(); !s.ok()) return s;
  Join();
  if (!inflating_.ended.ok()) return inflating_.ended;
  return digesting_.ended.ok() ? n.status() : digesting_.ended;
}

void ReadAhead::Join() {
  if (inflating_.thread.joinable()) inflating_.thread.join();
  if (digesting_.thread.joinable()) digesting_.thread.join();
}

}  // namespace containerd::apply
