// SPDX-License-Identifier: Apache-2.0
#include "containerd/diff/stream.h"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "containerd/compression/compression.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/ocispec/mediatypes.h"

#include "src/base/mutex.h"
#include "src/errdefs/internal/guard.h"
#include "src/errdefs/internal/mark.h"

namespace containerd::diff {
namespace {

constexpr char kNoProcessor[] = "diff.ErrNoProcessor";

using ProcessorOr = absl::StatusOr<std::unique_ptr<StreamProcessor>>;

class ProcessorChain final : public StreamProcessor {
 public:
  ProcessorChain(std::string media_type, io::Reader& reader)
      : media_type_(std::move(media_type)), reader_(reader) {}
  std::string MediaType() const override { return media_type_; }
  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    return reader_.Read(ctx, buf);
  }

 private:
  const std::string media_type_;
  io::Reader& reader_;
};

// A plain layer.
class LayerProcessor final : public StreamProcessor {
 public:
  explicit LayerProcessor(std::unique_ptr<io::Reader> reader) : reader_(std::move(reader)) {}
  std::string MediaType() const override { return ocispec::kMediaTypeImageLayer; }
  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    return reader_->Read(ctx, buf);
  }

 private:
  const std::unique_ptr<io::Reader> reader_;
};

StreamProcessorInit CompressedHandler(const Context& /*ctx*/, std::string_view media_type) {
  const absl::StatusOr<std::string> compression = images::DiffCompression(media_type);
  if (!compression.ok()) return nullptr;
  if (compression->empty()) {
    return [](const Context&, std::unique_ptr<StreamProcessor> stream,
              const Payloads&) -> ProcessorOr {
      return std::make_unique<LayerProcessor>(std::move(stream));
    };
  }
  return [](const Context& ctx, std::unique_ptr<StreamProcessor> stream,
            const Payloads&) -> ProcessorOr {
    auto inflated = compression::DecompressStream(ctx, std::move(stream));
    if (!inflated.ok()) return inflated.status();
    return std::make_unique<LayerProcessor>(*std::move(inflated));
  };
}

struct Handlers {
  base::Mutex mu;
  std::vector<Handler> list ABSL_GUARDED_BY(mu) = {CompressedHandler};
};

Handlers& AllHandlers() {
  static auto& handlers = *new Handlers();
  return handlers;
}

}  // namespace

absl::Status ErrNoProcessor(std::string_view media_type) {
  return errdefs::Mark(
      errdefs::NotImplemented(fmt::format("no processor for media-type \"{}\"", media_type)),
      kNoProcessor);
}

bool IsErrNoProcessor(const absl::Status& status) {
  return errdefs::IsMarked(status, kNoProcessor);
}

void RegisterProcessor(Handler handler) {
  Handlers& handlers = AllHandlers();
  const base::MutexLock lock(handlers.mu);
  handlers.list.push_back(std::move(handler));
}

absl::StatusOr<std::unique_ptr<StreamProcessor>> GetProcessor(
    const Context& ctx, std::unique_ptr<StreamProcessor> stream, const Payloads& payloads) {
  const std::string media_type = stream->MediaType();
  std::vector<Handler> list;
  {
    Handlers& handlers = AllHandlers();
    const base::MutexLock lock(handlers.mu);
    list = handlers.list;
  }
  for (auto handler = list.rbegin(); handler != list.rend(); ++handler) {
    const absl::StatusOr<StreamProcessorInit> init =
        errdefs::Guard("a handler of streams", *handler, ctx, media_type);
    if (!init.ok()) return init.status();
    if (*init == nullptr) continue;
    return errdefs::Guard("a stream processor", *init, ctx, std::move(stream), payloads);
  }
  return ErrNoProcessor(media_type);
}

Handler StaticHandler(std::string expected_media_type, StreamProcessorInit fn) {
  return [expected = std::move(expected_media_type), fn = std::move(fn)](
             const Context&, std::string_view media_type) {
    return media_type == expected ? fn : StreamProcessorInit();
  };
}

std::unique_ptr<StreamProcessor> NewProcessorChain(std::string media_type, io::Reader& reader) {
  return std::make_unique<ProcessorChain>(std::move(media_type), reader);
}

Handler BinaryHandler(std::string id, std::string returns_media_type,
                      std::vector<std::string> media_types, std::string path,
                      std::vector<std::string> args, std::vector<std::string> env) {
  return
      [id = std::move(id), returns = std::move(returns_media_type),
       media_types = std::move(media_types), path = std::move(path), args = std::move(args),
       env = std::move(env)](const Context&, std::string_view media_type) -> StreamProcessorInit {
        if (std::ranges::find(media_types, media_type) == media_types.end()) return nullptr;
        return [id, returns, path, args, env, input = std::string(media_type)](
                   const Context& ctx, std::unique_ptr<StreamProcessor> stream,
                   const Payloads& payloads) {
          const auto payload = payloads.find(id);
          return NewBinaryProcessor(ctx, input, returns, std::move(stream), path, args, env,
                                    payload == payloads.end() ? nullptr : &payload->second);
        };
      };
}

}  // namespace containerd::diff
