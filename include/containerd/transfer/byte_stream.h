// SPDX-License-Identifier: Apache-2.0
//
// Bytes over a streaming::Stream, with the transfer service's flow control: the reader grants a
// window, the writer sends no more than that. An archive to import is written so, one that is
// exported is read so.
//
//   std::string id = transfer::GenerateID("import");
//   transfer::ByteWriter writer(*streams->Create(ctx, id));
//   ... another thread, or the daemon meanwhile, transfers from an ImageImportStream{stream: id}
//   absl::Status s = writer.Write(ctx, bytes);
//   s = writer.Close();
//
// No thread is spent: the calls do the flow control. One thread at a time may use an object.
//
// Source: core/transfer/streaming.
#ifndef CONTAINERD_TRANSFER_BYTE_STREAM_H_
#define CONTAINERD_TRANSFER_BYTE_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/io/io.h"
#include "containerd/streaming/streaming.h"

namespace containerd::transfer {

// "<prefix>-<number>-<random>", for naming a stream. Source: streaming.GenerateID.
CONTAINERD_EXPORT std::string GenerateID(std::string_view prefix);

// Source: streaming.WriteByteStream.
class CONTAINERD_EXPORT ByteWriter final : public io::Writer {
 public:
  explicit ByteWriter(std::shared_ptr<streaming::Stream> stream);

  // Sends all of `data`, in messages of at most 32 KiB; blocks while the reader grants no more.
  // ErrAborted if the reader has ended the stream.
  absl::Status Write(const Context& ctx, std::string_view data) override;

  // Marks the end of the data. What was written is delivered even if the objects are destroyed
  // afterwards.
  absl::Status Close();

 private:
  absl::Status Grant(const typeurl::Any& message);
  absl::Status WaitForWindow(const Context& ctx);

  std::shared_ptr<streaming::Stream> stream_;
  std::int64_t window_ = 0;  // bytes that may be sent
};

// Source: streaming.ReadByteStream.
class CONTAINERD_EXPORT ByteReader final : public io::Reader {
 public:
  explicit ByteReader(std::shared_ptr<streaming::Stream> stream);

  // ErrInvalidArgument for a message that is not data.
  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override;

 private:
  std::shared_ptr<streaming::Stream> stream_;
  std::int64_t window_ = 0;  // bytes that were granted and have not come
  std::string data_;         // of the last message; read up to position_
  std::size_t position_ = 0;
  bool ended_ = false;
};

// The same under Go's names.
inline std::unique_ptr<ByteWriter> WriteByteStream(std::shared_ptr<streaming::Stream> stream) {
  return std::make_unique<ByteWriter>(std::move(stream));
}
inline std::unique_ptr<ByteReader> ReadByteStream(std::shared_ptr<streaming::Stream> stream) {
  return std::make_unique<ByteReader>(std::move(stream));
}
inline std::unique_ptr<io::Reader> ReceiveStream(std::shared_ptr<streaming::Stream> stream) {
  return std::make_unique<ByteReader>(std::move(stream));
}

// Sends all of `reader` and closes the stream. If reading fails the stream is not closed: the other
// side must not take what it has for all. Source: streaming.SendStream.
CONTAINERD_EXPORT absl::Status SendStream(const Context& ctx, io::Reader& reader,
                                          std::shared_ptr<streaming::Stream> stream);

}  // namespace containerd::transfer

#endif  // CONTAINERD_TRANSFER_BYTE_STREAM_H_
