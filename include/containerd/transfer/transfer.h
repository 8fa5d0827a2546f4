// SPDX-License-Identifier: Apache-2.0
//
// Package transfer: lets the daemon itself move images: pull, push, import, export, tag.
//
//   auto registry = transfer::registry::NewOCIRegistry(ctx, "docker.io/library/alpine:latest");
//   if (!registry.ok()) return registry.status();
//   absl::Status s = client.Transfer(
//       ctx, *registry, transfer::image::NewStore("docker.io/library/alpine:latest"),
//       {transfer::WithProgress([](const transfer::Progress& p) { Show(p); })});
//
// What is moved, from where and to where, are Objects: image stores (image.h), registries
// (registry.h), and archives (archive.h). Since containerd 1.7; ErrNotImplemented from older
// daemons.
//
// Source: core/transfer.
#ifndef CONTAINERD_TRANSFER_TRANSFER_H_
#define CONTAINERD_TRANSFER_TRANSFER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/option/option.h"
#include "containerd/typeurl/any.h"

namespace containerd::streaming {
class StreamCreator;
}  // namespace containerd::streaming

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::transfer {

// How far a part of a transfer is. Source: transfer.Progress.
struct Progress {
  std::string event{};  // "waiting", "downloading", "complete", …
  std::string name{};
  std::vector<std::string> parents{};  // names of what this is a part of
  std::int64_t progress = 0;           // bytes, mostly
  std::int64_t total = 0;
  std::optional<ocispec::Descriptor> desc{};  // since containerd 2.0

  friend bool operator==(const Progress&, const Progress&) = default;
};

// Runs on the thread that called Transfer, one call after the other. It may block and call the
// library; the daemon is not held up by that. An exception that leaves it cancels the transfer,
// whose result is then ErrInternal.
using ProgressFunc = std::function<void(const Progress&)>;

// What the options of a transfer set.
struct Config {
  ProgressFunc progress{};
};

using Opt = option::Option<Config&>;

CONTAINERD_EXPORT Opt WithProgress(ProgressFunc progress);

// How a Pump ended.
struct PumpResult {
  // A failure on this side, such as a file that cannot be written. Ends the transfer and is its
  // result.
  absl::Status own = absl::OkStatus();

  // A failure of the stream. Counts if the daemon says that the transfer went well.
  absl::Status stream = absl::OkStatus();
};

// What an object does while the daemon transfers it, such as sending an archive. Runs on a thread
// of its own, which may block and call the library, and ends before Transfer returns.
// `transferring` ends when the daemon has answered. `ctx` ends when the transfer has failed, so
// that waiting is pointless. An exception that leaves it is a failure on this side, ErrInternal.
using Pump = std::function<PumpResult(const Context& ctx, const Context& transferring)>;

// A source or a destination. Its functions are called by Transfer on its caller's thread and may
// block; an exception that leaves one is Transfer's result, ErrInternal.
class CONTAINERD_EXPORT Object {
 public:
  virtual ~Object() = default;

  // For people: "OCI Registry (docker.io/library/alpine:latest)".
  virtual std::string String() const = 0;

  // The message that tells the daemon of the object. Streams that it refers to are made with
  // `streams`, and served by what is added to `pumps`.
  virtual absl::StatusOr<typeurl::Any> MarshalAny(const Context& ctx,
                                                  streaming::StreamCreator& streams,
                                                  std::vector<Pump>& pumps) const = 0;
};

// A message for which there is no class.
class CONTAINERD_EXPORT Message final : public Object {
 public:
  explicit Message(typeurl::Any any) : any_(std::move(any)) {}
  std::string String() const override { return any_.type_url; }
  absl::StatusOr<typeurl::Any> MarshalAny(const Context& /*ctx*/,
                                          streaming::StreamCreator& /*streams*/,
                                          std::vector<Pump>& /*pumps*/) const override {
    return any_;
  }

 private:
  const typeurl::Any any_;
};

// Source: transfer.Transferrer.
class CONTAINERD_EXPORT Transferrer {
 public:
  virtual ~Transferrer() = default;

  // Blocks until the transfer has ended, all progress was reported, and an exported archive was
  // written. ErrNotImplemented for a pair of source and destination that the daemon knows no way
  // between.
  virtual absl::Status Transfer(const Context& ctx, const Object& source, const Object& destination,
                                const std::vector<Opt>& opts = {}) = 0;

  absl::Status Transfer(const Context& ctx, const typeurl::Any& source,
                        const typeurl::Any& destination, const std::vector<Opt>& opts = {}) {
    return Transfer(ctx, Message(source), Message(destination), opts);
  }
};

// `streams` makes the streams that progress comes over. Source: proxy.NewTransferrer.
CONTAINERD_EXPORT std::shared_ptr<Transferrer> NewTransferrer(
    std::shared_ptr<rpc::Connection> conn, std::shared_ptr<streaming::StreamCreator> streams);

}  // namespace containerd::transfer

#endif  // CONTAINERD_TRANSFER_TRANSFER_H_
