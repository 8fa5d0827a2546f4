// SPDX-License-Identifier: Apache-2.0
#include "containerd/install.h"

#include <sys/stat.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/archive/archive.h"
#include "containerd/compression/compression.h"
#include "containerd/content/content.h"
#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/image.h"
#include "containerd/images/image.h"
#include "containerd/introspection/introspection.h"
#include "containerd/option/option.h"
#include "containerd/rpc/connection.h"

#include "src/base/options.h"
#include "src/client/internal/state.h"

namespace containerd {
namespace {

absl::StatusOr<std::string> InstallPath(const Context& ctx, const Client& client,
                                        const InstallConfig& config) {
  if (!config.path.empty()) return config.path;
  auto plugins = client.IntrospectionService()->Plugins(ctx, {"id==opt"});
  if (!plugins.ok()) return plugins.status();
  if (plugins->size() != 1) return errdefs::NotFound("opt service not enabled");
  const auto path = plugins->front().exports.find("path");
  if (path == plugins->front().exports.end() || path->second.empty()) {
    return errdefs::NotFound("opt path not exported");
  }
  return path->second;
}

// The directory that a cleaned path lies in.
std::string_view DirOf(std::string_view name) {
  while (name.starts_with('/')) name.remove_prefix(1);
  const std::size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? "." : name.substr(0, slash);
}

absl::Status InstallLayer(const Context& ctx, content::Store& store,
                          const ocispec::Descriptor& layer, const std::string& path,
                          const InstallConfig& config) {
  auto blob = store.ReaderAt(ctx, layer);
  if (!blob.ok()) return blob.status();
  auto reader = compression::DecompressStream(ctx, content::NewReader(*std::move(blob)));
  if (!reader.ok()) return reader.status();
  const auto filter = [&](const tar::Header& header) -> absl::StatusOr<bool> {
    const std::string_view dir = DirOf(header.name);
    if (dir != "bin" && !(config.libs && dir == "lib")) return false;
    struct stat st {};
    if (!config.replace && lstat((path + "/" + header.name).c_str(), &st) == 0) {
      return errdefs::AlreadyExists(fmt::format("cannot replace {} in {}", header.name, path));
    }
    return true;
  };
  return archive::Apply(ctx, path, **reader, {archive::WithFilter(filter)}).status();
}

}  // namespace

constinit const option::Plain<InstallOpt> WithInstallLibs([](InstallConfig* config) {
  config->libs = true;
});

constinit const option::Plain<InstallOpt> WithInstallReplace([](InstallConfig* config) {
  config->replace = true;
});

InstallOpt WithInstallPath(std::string path) {
  return [path = std::move(path)](InstallConfig* config) { config->path = path; };
}

absl::Status Client::Install(const Context& ctx, const Image& image,
                             const std::vector<InstallOpt>& opts) {
  if (absl::Status s = internal::CheckOpen(*Connection()); !s.ok()) return s;
  InstallConfig config;
  if (absl::Status s = base::Apply(opts, config); !s.ok()) return s;
  auto path = InstallPath(ctx, *this, config);
  if (!path.ok()) return path.status();
  const auto store = image.ContentStore();
  auto manifest = images::Manifest(ctx, *store, image.Target(), Platform());
  if (!manifest.ok()) {
    return errdefs::Annotate(manifest.status(), fmt::format("image \"{}\"", image.Name()));
  }
  for (const ocispec::Descriptor& layer : manifest->layers) {
    absl::Status s = InstallLayer(ctx, *store, layer, *path, config);
    if (!s.ok()) {
      return errdefs::Annotate(
          s, fmt::format("installing layer \"{}\" of image \"{}\"", layer.digest, image.Name()));
    }
  }
  return absl::OkStatus();
}

}  // namespace containerd
