// SPDX-License-Identifier: Apache-2.0
//
// Package diff, stream processors: what turns a layer of some media type into another until it is a
// plain tar archive, as decryption and decompression do.
//
//   diff::RegisterProcessor(diff::BinaryHandler(
//       "io.containerd.ocicrypt.decoder.v1.tar.gzip", ocispec::kMediaTypeImageLayerGzip,
//       {images::kMediaTypeImageLayerGzipEncrypted}, "/usr/local/bin/ctd-decoder", args, {}));
//
//   std::unique_ptr<diff::StreamProcessor> layer = diff::NewProcessorChain(desc.media_type, blob);
//   while (layer->MediaType() != ocispec::kMediaTypeImageLayer) {
//     auto next = diff::GetProcessor(ctx, std::move(layer), payloads);
//     if (!next.ok()) return next.status();
//     layer = *std::move(next);
//   }
//
// These run in this process, for layers that are unpacked here; a daemon has its own.
//
// Source: core/diff/stream.go.
#ifndef CONTAINERD_DIFF_STREAM_H_
#define CONTAINERD_DIFF_STREAM_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/io/io.h"
#include "containerd/typeurl/any.h"

namespace containerd::diff {

// Reads a content stream as another media type. Belongs to one thread at a time; destroying it ends
// what runs for it. Source: diff.StreamProcessor.
class CONTAINERD_EXPORT StreamProcessor : public io::Reader {
 public:
  // Of what is read.
  virtual std::string MediaType() const = 0;
};

// A processor whose output may be given to another process. Source: diff.RawProcessor.
class CONTAINERD_EXPORT RawProcessor {
 public:
  virtual ~RawProcessor() = default;

  // The descriptor that the processor's output is read from; remains the processor's.
  virtual int File() const = 0;
};

// By processor id.
using Payloads = std::map<std::string, typeurl::Any>;

// Makes a processor of another's output. Source: diff.StreamProcessorInit.
using StreamProcessorInit = std::function<absl::StatusOr<std::unique_ptr<StreamProcessor>>(
    const Context& ctx, std::unique_ptr<StreamProcessor> stream, const Payloads& payloads)>;

// What processes a media type; an empty function if this handler does not know it. Source:
// diff.Handler.
using Handler = std::function<StreamProcessorInit(const Context& ctx, std::string_view media_type)>;

// No handler knows the media type. Of class ErrNotImplemented. Source: diff.ErrNoProcessor.
CONTAINERD_EXPORT absl::Status ErrNoProcessor(std::string_view media_type);
CONTAINERD_EXPORT bool IsErrNoProcessor(const absl::Status& status);

// Adds a handler for this process; handlers are asked from the last to the first. There is one from
// the start, which inflates gzip and zstd. Safe from any thread. Source: diff.RegisterProcessor.
CONTAINERD_EXPORT void RegisterProcessor(Handler handler);

// The next processor for what `stream` gives. Source: diff.GetProcessor.
CONTAINERD_EXPORT absl::StatusOr<std::unique_ptr<StreamProcessor>> GetProcessor(
    const Context& ctx, std::unique_ptr<StreamProcessor> stream, const Payloads& payloads = {});

// Knows exactly one media type. Source: diff.StaticHandler.
CONTAINERD_EXPORT Handler StaticHandler(std::string expected_media_type, StreamProcessorInit fn);

// Where a chain begins: the content itself. `reader` has to outlive it. Source:
// diff.NewProcessorChain.
CONTAINERD_EXPORT std::unique_ptr<StreamProcessor> NewProcessorChain(std::string media_type,
                                                                     io::Reader& reader);

// Runs a program for the media types, with the payload of `id`. Source: diff.BinaryHandler.
CONTAINERD_EXPORT Handler BinaryHandler(std::string id, std::string returns_media_type,
                                        std::vector<std::string> media_types, std::string path,
                                        std::vector<std::string> args,
                                        std::vector<std::string> env);

// Runs a program that reads `stream` from its standard input and writes another to its standard
// output. It has this process's environment, `env` ("NAME=value"), and its input's media type in
// STREAM_PROCESSOR_MEDIATYPE; a payload, a google.protobuf.Any, is at descriptor 3. `name` is
// looked for on PATH. Reading ends with ErrUnknown, and what it wrote to its standard error, if it
// fails; it is killed when the processor is destroyed or `ctx` ends. A thread feeds it unless
// `stream` is a RawProcessor. ErrNotFound if there is no such program. Source:
// diff.NewBinaryProcessor.
CONTAINERD_EXPORT absl::StatusOr<std::unique_ptr<StreamProcessor>> NewBinaryProcessor(
    const Context& ctx, std::string_view input_media_type, std::string returns_media_type,
    std::unique_ptr<StreamProcessor> stream, const std::string& name,
    const std::vector<std::string>& args, const std::vector<std::string>& env,
    const typeurl::Any* payload);

}  // namespace containerd::diff

#endif  // CONTAINERD_DIFF_STREAM_H_
