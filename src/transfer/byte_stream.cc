// SPDX-License-Identifier: Apache-2.0
#include "containerd/transfer/byte_stream.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/types/transfer/streaming.pb.h"
#include "containerd/typeurl/typeurl.h"

namespace containerd::transfer {
namespace {

using types::transfer::Data;
using types::transfer::WindowUpdate;

constexpr std::size_t kMaxMessage = 32 << 10;
constexpr std::int32_t kWindow = 2 * kMaxMessage;

}  // namespace

std::string GenerateID(std::string_view prefix) {
  std::random_device random;
  return fmt::format("{}-{}-{:08x}", prefix, random(), random());
}

ByteWriter::ByteWriter(std::shared_ptr<streaming::Stream> stream) : stream_(std::move(stream)) {}

absl::Status ByteWriter::Grant(const typeurl::Any& message) {
  const auto update = typeurl::UnmarshalAny<WindowUpdate>(message);
  if (!update.ok()) return errdefs::Annotate(update.status(), "byte stream: not a window update");
  window_ += std::max(update->update(), 0);
  return absl::OkStatus();
}

absl::Status ByteWriter::WaitForWindow(const Context& ctx) {
  // What has come already, then what has yet to come.
  for (;;) {
    auto message = stream_->TryRecv();
    if (!message.ok() || !message->has_value()) break;
    if (absl::Status s = Grant(**message); !s.ok()) return s;
  }
  while (window_ == 0) {
    const auto message = stream_->Recv(ctx);
    if (errdefs::IsOutOfRange(message.status())) {
      return errdefs::Aborted("byte stream: the reader ended it before the data's end");
    }
    if (!message.ok()) return message.status();
    if (absl::Status s = Grant(*message); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status ByteWriter::Write(const Context& ctx, std::string_view data) {
  while (!data.empty()) {
    if (absl::Status s = WaitForWindow(ctx); !s.ok()) return s;
    const std::size_t size =
        std::min({data.size(), kMaxMessage, static_cast<std::size_t>(window_)});
    Data message;
    message.set_data(std::string(data.substr(0, size)));
    const auto any = typeurl::MarshalAny(message);
    if (!any.ok()) return any.status();
    absl::Status s = stream_->Send(ctx, *any);
    if (errdefs::IsOutOfRange(s)) {
      return errdefs::Aborted("byte stream: the reader ended it before the data's end");
    }
    if (!s.ok()) return s;
    window_ -= static_cast<std::int64_t>(size);
    data.remove_prefix(size);
  }
  return absl::OkStatus();
}

absl::Status ByteWriter::Close() { return stream_->Close(); }

ByteReader::ByteReader(std::shared_ptr<streaming::Stream> stream) : stream_(std::move(stream)) {}

absl::StatusOr<std::size_t> ByteReader::Read(const Context& ctx, std::span<char> buf) {
  if (buf.empty()) return 0U;
  while (position_ == data_.size()) {
    if (ended_) return 0U;
    if (window_ < kWindow) {
      WindowUpdate update;
      update.set_update(kWindow);
      const auto any = typeurl::MarshalAny(update);
      if (!any.ok()) return any.status();
      // Sending fails if the writer has ended the stream; the next read returns the reason.
      if (stream_->Send(ctx, *any).ok()) window_ += kWindow;
    }
    const auto message = stream_->Recv(ctx);
    if (errdefs::IsOutOfRange(message.status())) {
      ended_ = true;
      static_cast<void>(stream_->Close());
      return 0U;
    }
    if (!message.ok()) return message.status();
    auto data = typeurl::UnmarshalAny<Data>(*message);
    if (!data.ok()) return errdefs::Annotate(data.status(), "byte stream: not data");
    data_ = std::move(*data->mutable_data());
    position_ = 0;
    window_ -= static_cast<std::int64_t>(data_.size());
  }
  const std::size_t size = std::min(buf.size(), data_.size() - position_);
  std::memcpy(buf.data(), data_.data() + position_, size);
  position_ += size;
  return size;
}

absl::Status SendStream(const Context& ctx, io::Reader& reader,
                        std::shared_ptr<streaming::Stream> stream) {
  ByteWriter writer(std::move(stream));
  std::vector<char> buf(kMaxMessage);
  for (;;) {
    absl::StatusOr<std::size_t> n = reader.Read(ctx, buf);
    if (!n.ok()) return n.status();
    if (*n == 0) return writer.Close();
    if (absl::Status s = writer.Write(ctx, std::string_view(buf.data(), *n)); !s.ok()) return s;
  }
}

}  // namespace containerd::transfer
