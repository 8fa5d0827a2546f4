// SPDX-License-Identifier: Apache-2.0
#include "containerd/oci/spec_opts_image.h"

#include <fmt/format.h>

#include "containerd/content/content.h"
#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/oci/spec_opts_user.h"
#include "containerd/ocispec/json.h"

#include "env.h"
#include "sections.h"

namespace containerd::oci {
namespace {

absl::StatusOr<ocispec::ImageConfig> ReadConfig(const Context& ctx, const Image& image) {
  auto desc = image.Config(ctx);
  if (!desc.ok()) return desc.status();
  if (!images::IsConfigType(desc->media_type)) {
    return errdefs::InvalidArgument(fmt::format("unknown image config media type \"{}\" of {}",
                                                desc->media_type, desc->digest));
  }
  const std::shared_ptr<content::Store> store = image.ContentStore();
  if (store == nullptr) return errdefs::Unavailable("the image has no content store");
  auto json = content::ReadBlob(ctx, *store, *desc);
  if (!json.ok()) return json.status();
  auto document = ocispec::Unmarshal<ocispec::Image>(*json);
  if (!document.ok()) {
    return errdefs::Annotate(document.status(), fmt::format("image config {}", desc->digest));
  }
  return std::move(document->config);
}

absl::Status ApplyLinux(const Context& ctx, Client* client, containers::Container* container,
                        Spec* spec, const ocispec::ImageConfig& config,
                        const std::vector<std::string>& args) {
  specs::Process& process = EnsureProcess(spec);
  process.env = ReplaceOrAppendEnvValues(
      config.env.empty() ? std::vector<std::string>{kDefaultUnixPath} : config.env, process.env);
  process.args = config.entrypoint;
  const std::vector<std::string>& cmd = args.empty() ? config.cmd : args;
  process.args.insert(process.args.end(), cmd.begin(), cmd.end());
  process.cwd = config.working_dir.empty() ? "/" : config.working_dir;
  if (config.user.empty()) {
    // Without a user it is root, who may be in more groups, too.
    return WithAdditionalGIDs("root")(ctx, client, container, spec);
  }
  if (absl::Status s = WithUser(config.user)(ctx, client, container, spec); !s.ok()) return s;
  return WithAdditionalGIDs(fmt::format("{}", spec->process->user.uid))(ctx, client, container,
                                                                        spec);
}

absl::Status ApplyWindows(Spec* spec, const ocispec::ImageConfig& config,
                          const std::vector<std::string>& args) {
  specs::Process& process = EnsureProcess(spec);
  process.env = ReplaceOrAppendEnvValues(config.env, process.env);
  std::vector<std::string> command = config.entrypoint;
  const std::vector<std::string>& cmd = args.empty() ? config.cmd : args;
  command.insert(command.end(), cmd.begin(), cmd.end());
  if (command.empty()) return errdefs::InvalidArgument("no arguments specified");
  if (config.args_escaped && (!config.entrypoint.empty() || args.empty())) {
    // One command line, its first part quoted by whoever built the image. Quoting the rest takes
    // Windows's rules.
    if (command.size() > 1) {
      return errdefs::NotImplemented(
          "an image whose arguments are quoted for Windows can take no others");
    }
    process.args.clear();
    process.command_line = command.front();
  } else {
    process.args = std::move(command);
    process.command_line.clear();
  }
  process.cwd = config.working_dir;
  process.user = specs::User{.username = config.user};
  return absl::OkStatus();
}

}  // namespace

SpecOpt WithImageConfig(std::shared_ptr<const Image> image) {
  return WithImageConfigArgs(std::move(image), {});
}

SpecOpt WithImageConfigArgs(std::shared_ptr<const Image> image, std::vector<std::string> args) {
  return [image = std::move(image), args = std::move(args)](
             const Context& ctx, Client* client, containers::Container* container, Spec* spec) {
    auto config = ReadConfig(ctx, *image);
    if (!config.ok()) return config.status();
    if (spec->linux_.has_value()) {
      return ApplyLinux(ctx, client, container, spec, *config, args);
    }
    if (spec->windows.has_value()) return ApplyWindows(spec, *config, args);
    return errdefs::InvalidArgument("spec has neither a Linux nor a Windows section");
  };
}

}  // namespace containerd::oci
