// SPDX-License-Identifier: Apache-2.0
#include "containerd/transfer/archive.h"

#include "containerd/images/archive.h"
#include "containerd/option/option.h"
#include "containerd/platforms/platforms.h"
#include "containerd/streaming/streaming.h"
#include "containerd/transfer/byte_stream.h"
#include "containerd/types/transfer/importexport.pb.h"
#include "containerd/typeurl/typeurl.h"

#include "src/base/options.h"
#include "src/rpc/internal/proto_descriptor.h"
#include "src/transfer/internal/pump.h"

namespace containerd::transfer::archive {

ExportOpt WithPlatform(ocispec::Platform platform) {
  return [platform = std::move(platform)](ExportOptions& options) {
    options.platforms.push_back(platform);
  };
}

constinit const option::Plain<ExportOpt> WithAllPlatforms([](ExportOptions& options) {
  options.all_platforms = true;
});

constinit const option::Plain<ExportOpt> WithSkipCompatibilityManifest([](ExportOptions& options) {
  options.skip_compatibility_manifest = true;
});

constinit const option::Plain<ExportOpt> WithSkipNonDistributableBlobs([](ExportOptions& options) {
  options.skip_non_distributable = true;
});

constinit const option::Plain<ImportOpt> WithForceCompression([](ImportOptions& options) {
  options.force_compress = true;
});

absl::StatusOr<typeurl::Any> ImageExportStream::MarshalAny(const Context& ctx,
                                                           streaming::StreamCreator& streams,
                                                           std::vector<Pump>& pumps) const {
  if (!options_.error.ok()) return options_.error;
  types::transfer::ImageExportStream message;
  message.set_stream(GenerateID("export"));
  message.set_media_type(media_type_);
  for (const ocispec::Platform& platform : options_.platforms) {
    *message.add_platforms() = rpc::ToProto(platform);
  }
  message.set_all_platforms(options_.all_platforms);
  message.set_skip_compatibility_manifest(options_.skip_compatibility_manifest);
  message.set_skip_non_distributable(options_.skip_non_distributable);
  auto stream = streams.Create(ctx, message.stream());
  if (!stream.ok()) return stream.status();
  pumps.push_back(ReceivePump(stream_, *std::move(stream), Until::kTarEnd));
  return typeurl::MarshalAny(message);
}

absl::Status ImageExportStream::Export(const Context& ctx, content::Store& cs,
                                       const std::vector<images::Image>& images) const {
  if (!options_.error.ok()) return options_.error;
  namespace archive = images::archive;
  std::vector<archive::ExportOpt> opts = {archive::WithImages(images)};
  opts.push_back(archive::WithPlatform(options_.platforms.empty()
                                           ? platforms::DefaultStrict()
                                           : platforms::Ordered(options_.platforms)));
  if (options_.all_platforms) opts.push_back(archive::WithAllPlatforms());
  if (options_.skip_compatibility_manifest) opts.push_back(archive::WithSkipDockerManifest());
  if (options_.skip_non_distributable) opts.push_back(archive::WithSkipNonDistributableBlobs());
  return archive::Export(ctx, cs, *stream_, opts);
}

absl::StatusOr<typeurl::Any> ImageImportStream::MarshalAny(const Context& ctx,
                                                           streaming::StreamCreator& streams,
                                                           std::vector<Pump>& pumps) const {
  if (!options_.error.ok()) return options_.error;
  types::transfer::ImageImportStream message;
  message.set_stream(GenerateID("import"));
  message.set_media_type(media_type_);
  message.set_force_compress(options_.force_compress);
  auto stream = streams.Create(ctx, message.stream());
  if (!stream.ok()) return stream.status();
  pumps.push_back(SendPump(stream_, *std::move(stream)));
  return typeurl::MarshalAny(message);
}

absl::StatusOr<ocispec::Descriptor> ImageImportStream::Import(const Context& ctx,
                                                              content::Store& store) const {
  if (!options_.error.ok()) return options_.error;
  std::vector<images::archive::ImportOpt> opts;
  if (options_.force_compress) opts.push_back(images::archive::WithImportCompression());
  return images::archive::ImportIndex(ctx, store, *stream_, opts);
}

ImageExportStream NewImageExportStream(std::shared_ptr<io::Writer> stream, std::string media_type,
                                       const std::vector<ExportOpt>& opts) {
  ExportOptions options;
  options.error = base::Apply(opts, options);
  return {std::move(stream), std::move(media_type), std::move(options)};
}

ImageImportStream NewImageImportStream(std::shared_ptr<io::Reader> stream, std::string media_type,
                                       const std::vector<ImportOpt>& opts) {
  ImportOptions options;
  options.error = base::Apply(opts, options);
  return {std::move(stream), std::move(media_type), options};
}

}  // namespace containerd::transfer::archive
