// SPDX-License-Identifier: Apache-2.0
#include "containerd/cio/streams.h"

#include <algorithm>

#include "containerd/errdefs/errdefs.h"

namespace containerd::cio {
namespace {

class FunctionSink final : public ByteSink {
 public:
  explicit FunctionSink(std::function<void(std::string_view)> fn) : fn_(std::move(fn)) {}

  absl::StatusOr<std::size_t> Write(std::string_view bytes) override {
    fn_(bytes);
    return bytes.size();
  }

 private:
  const std::function<void(std::string_view)> fn_;
};

class FunctionSource final : public ByteSource {
 public:
  explicit FunctionSource(std::function<std::string()> next) : next_(std::move(next)) {}

  absl::StatusOr<std::optional<std::string>> Read(std::size_t) override {
    std::string bytes = next_();
    if (bytes.empty()) return std::nullopt;
    return bytes;
  }

 private:
  const std::function<std::string()> next_;
};

}  // namespace

absl::StatusOr<std::size_t> Buffer::Write(std::string_view bytes) {
  std::lock_guard lock(mu_);
  const std::size_t room = limit_ - bytes_.size();
  if (bytes.size() > room) truncated_ = true;
  bytes_.append(bytes.substr(0, room));
  return bytes.size();
}

std::string Buffer::String() const {
  std::lock_guard lock(mu_);
  return bytes_;
}

bool Buffer::Truncated() const {
  std::lock_guard lock(mu_);
  return truncated_;
}

absl::Status InputStream::Write(std::string_view bytes) {
  std::function<void()> resume;
  {
    std::lock_guard lock(mu_);
    if (ended_) return errdefs::FailedPrecondition("writing to an input stream that is closed");
    if (closed_.has_value()) return *closed_;
    bytes_.append(bytes);
    written_ += bytes.size();
    resume = resume_;
  }
  if (resume) resume();
  return absl::OkStatus();
}

void InputStream::Close() {
  std::function<void()> resume;
  {
    std::lock_guard lock(mu_);
    if (ended_) return;
    ended_ = true;
    resume = resume_;
  }
  if (resume) resume();
}

std::size_t InputStream::Buffered() const {
  std::lock_guard lock(mu_);
  return written_ - delivered_;
}

Future<std::monostate> InputStream::Flushed() {
  std::lock_guard lock(mu_);
  if (delivered_ == written_) return Future<std::monostate>::Ready(std::monostate());
  if (closed_.has_value()) return Future<std::monostate>::Ready(*closed_);
  flushed_.emplace_back(written_, Promise<std::monostate>());
  return flushed_.back().second.GetFuture();
}

absl::StatusOr<std::optional<std::string>> InputStream::Read(std::size_t) {
  std::vector<Promise<std::monostate>> flushed;
  std::optional<std::string> result;
  {
    std::lock_guard lock(mu_);
    // Nobody asks for more before what was taken last is in the FIFO.
    delivered_ = written_ - bytes_.size();
    const auto pending = std::find_if(flushed_.begin(), flushed_.end(),
                                      [&](const auto& f) { return f.first > delivered_; });
    for (auto it = flushed_.begin(); it != pending; ++it) flushed.push_back(it->second);
    flushed_.erase(flushed_.begin(), pending);
    if (!bytes_.empty() || !ended_) result = std::exchange(bytes_, {});
  }
  for (const auto& promise : flushed) promise.Set(std::monostate());
  return result;
}

void InputStream::OnReadable(const std::function<void()>& resume) {
  std::lock_guard lock(mu_);
  resume_ = resume;
}

void InputStream::Closed(const absl::Status& why) {
  std::vector<std::pair<uint64_t, Promise<std::monostate>>> flushed;
  const absl::Status status =
      why.ok() ? errdefs::FailedPrecondition("writing to an input stream that is closed") : why;
  {
    std::lock_guard lock(mu_);
    closed_ = status;
    resume_ = nullptr;
    flushed.swap(flushed_);
  }
  for (const auto& [position, promise] : flushed) promise.Set(status);
}

Sink Sink::ToFd(int fd) {
  Sink sink;
  sink.fd_ = fd;
  return sink;
}

Sink Sink::FromFunction(std::function<void(std::string_view)> fn) {
  if (!fn) return {};
  return std::make_shared<FunctionSink>(std::move(fn));
}

Source Source::FromString(std::string_view bytes) {
  auto stream = std::make_shared<InputStream>();
  (void)stream->Write(bytes);
  stream->Close();
  return stream;
}

Source Source::FromFunction(std::function<std::string()> next) {
  if (!next) return {};
  return std::make_shared<FunctionSource>(std::move(next));
}

Source Source::FromFd(int fd) {
  Source source;
  source.fd_ = fd;
  return source;
}

}  // namespace containerd::cio
