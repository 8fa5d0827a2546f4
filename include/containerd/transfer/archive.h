// SPDX-License-Identifier: Apache-2.0
//
// Package transfer/archive: archives of images as source or destination of a transfer.
//
//   auto file = std::make_shared<io::FileReader>(fd);
//   client.Transfer(ctx, transfer::archive::NewImageImportStream(file),
//                   transfer::image::NewStore("", {transfer::image::WithNamedPrefix("my/images",
//                                                                                   true)}));
//
// Reading and writing is done on a thread of the transfer's. It waits for a read or write to
// return, so those should end with their context, as those of package io do.
//
// Source: core/transfer/archive.
#ifndef CONTAINERD_TRANSFER_ARCHIVE_H_
#define CONTAINERD_TRANSFER_ARCHIVE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"
#include "containerd/option/option.h"
#include "containerd/transfer/interfaces.h"
#include "containerd/transfer/transfer.h"

namespace containerd::transfer::archive {

// What the options of exports set.
struct ExportOptions {
  std::vector<ocispec::Platform> platforms{};
  bool all_platforms = false;
  bool skip_compatibility_manifest = false;
  bool skip_non_distributable = false;
  absl::Status error{};  // of an option: what is made with these options returns it
};

using ExportOpt = option::Option<ExportOptions&>;

// Exports for this platform; may be given more than once, the best first. By default the daemon's.
CONTAINERD_EXPORT ExportOpt WithPlatform(ocispec::Platform platform);

CONTAINERD_EXPORT extern const option::Plain<ExportOpt> WithAllPlatforms;

// Leaves out the manifest.json for `docker load`.
CONTAINERD_EXPORT extern const option::Plain<ExportOpt> WithSkipCompatibilityManifest;

// Leaves out layers that must not be handed on.
CONTAINERD_EXPORT extern const option::Plain<ExportOpt> WithSkipNonDistributableBlobs;

// What the options of imports set.
struct ImportOptions {
  bool force_compress = false;
  absl::Status error{};  // of an option: what is made with these options returns it
};

using ImportOpt = option::Option<ImportOptions&>;

// Compresses layers that are not compressed.
CONTAINERD_EXPORT extern const option::Plain<ImportOpt> WithForceCompression;

// Gets an exported archive. Source: archive.ImageExportStream.
class CONTAINERD_EXPORT ImageExportStream final : public Object,
                                                  public ImageExporter,
                                                  public ImageExportStreamer {
 public:
  ImageExportStream(std::shared_ptr<io::Writer> stream, std::string media_type,
                    ExportOptions options)
      : stream_(std::move(stream)),
        media_type_(std::move(media_type)),
        options_(std::move(options)) {}

  std::string String() const override { return "Image Export Stream"; }

  // Transfer returns only after all of the archive has been written. The daemon does not say where
  // an archive ends, so the end mark of the tar format is looked for.
  absl::StatusOr<typeurl::Any> MarshalAny(const Context& ctx, streaming::StreamCreator& streams,
                                          std::vector<Pump>& pumps) const override;

  // Exports from a content store, without a daemon's transfer service.
  absl::Status Export(const Context& ctx, content::Store& cs,
                      const std::vector<images::Image>& images) const override;

  std::pair<std::shared_ptr<io::Writer>, std::string> ExportStream() const override {
    return {stream_, media_type_};
  }

 private:
  std::shared_ptr<io::Writer> stream_;
  std::string media_type_;
  ExportOptions options_;
};

// Sends an archive to be imported. Source: archive.ImageImportStream.
class CONTAINERD_EXPORT ImageImportStream final : public Object,
                                                  public ImageImporter,
                                                  public ImageImportStreamer {
 public:
  ImageImportStream(std::shared_ptr<io::Reader> stream, std::string media_type,
                    ImportOptions options)
      : stream_(std::move(stream)),
        media_type_(std::move(media_type)),
        options_(std::move(options)) {}

  std::string String() const override { return "Image Import Stream"; }
  absl::StatusOr<typeurl::Any> MarshalAny(const Context& ctx, streaming::StreamCreator& streams,
                                          std::vector<Pump>& pumps) const override;

  // Imports into a content store, without a daemon's transfer service, and returns the index.
  absl::StatusOr<ocispec::Descriptor> Import(const Context& ctx,
                                             content::Store& store) const override;

  std::pair<std::shared_ptr<io::Reader>, std::string> ImportStream() const override {
    return {stream_, media_type_};
  }

 private:
  std::shared_ptr<io::Reader> stream_;
  std::string media_type_;
  ImportOptions options_;
};

// `media_type` is empty for an archive that may be compressed as a whole. Source:
// archive.NewImageExportStream, archive.NewImageImportStream.
CONTAINERD_EXPORT ImageExportStream NewImageExportStream(std::shared_ptr<io::Writer> stream,
                                                         std::string media_type = "",
                                                         const std::vector<ExportOpt>& opts = {});
CONTAINERD_EXPORT ImageImportStream NewImageImportStream(std::shared_ptr<io::Reader> stream,
                                                         std::string media_type = "",
                                                         const std::vector<ImportOpt>& opts = {});

}  // namespace containerd::transfer::archive

#endif  // CONTAINERD_TRANSFER_ARCHIVE_H_
