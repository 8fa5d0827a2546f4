// SPDX-License-Identifier: Apache-2.0
//
// Bytes between a daemon's streams and readers and writers here, while a transfer is under way.
#ifndef CONTAINERD_SRC_TRANSFER_INTERNAL_PUMP_H_
#define CONTAINERD_SRC_TRANSFER_INTERNAL_PUMP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "containerd/export/export.h"
#include "containerd/io/io.h"
#include "containerd/streaming/streaming.h"
#include "containerd/transfer/transfer.h"

namespace containerd::transfer {

// Finds the end of a tar archive that goes by in pieces: two blocks of zeros where a header is due.
class CONTAINERD_SIBLING TarEnd {
 public:
  void Write(std::string_view data);
  bool Seen() const { return zeros_ == 2; }

 private:
  void Block();

  std::string block_;      // What there is of the header that is being read.
  std::int64_t skip_ = 0;  // Bytes of content, with padding, before the next header.
  int zeros_ = 0;
  bool lost_ = false;  // This is no tar archive, or one that cannot be followed.
};

// Sends `reader` to the daemon.
CONTAINERD_SIBLING Pump SendPump(std::shared_ptr<io::Reader> reader,
                                 std::shared_ptr<streaming::Stream> stream);

enum class Until : std::uint8_t {
  kTarEnd,  // The archive has to be whole.
  kSilence,
};

// Writes what the daemon sends to `writer`, until it ends the stream, or else, once it has
// answered, until there has been the end of an archive or nothing for a while.
CONTAINERD_SIBLING Pump ReceivePump(std::shared_ptr<io::Writer> writer,
                                    std::shared_ptr<streaming::Stream> stream, Until until);

}  // namespace containerd::transfer

#endif  // CONTAINERD_SRC_TRANSFER_INTERNAL_PUMP_H_
