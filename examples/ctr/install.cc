// SPDX-License-Identifier: Apache-2.0
//
// ctr install
#include "commands.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

absl::Status InstallImage(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) return NoImage("install");
  absl::StatusOr<Image> image = client.GetImage(ctx, args.Get(0));
  if (!image.ok()) return image.status();
  std::vector<InstallOpt> opts;
  if (args.Bool("libs")) opts.emplace_back(WithInstallLibs);
  if (args.Bool("replace")) opts.emplace_back(WithInstallReplace);
  if (const std::string path = args.Text("path"); !path.empty()) {
    opts.push_back(WithInstallPath(path));
  }
  return client.Install(ctx, *image, opts);
}

}  // namespace

Command InstallCommand() {
  return {
      "install",
      "Install a new package",
      "[flags] <ref>",
      {{"libs,l", "Install libs from the image"},
       {"replace,r", "Replace any binaries or libs in the opt directory"},
       {"path", "Set an optional install path other than the managed opt directory", Kind::kText}},
      InstallImage};
}

}  // namespace ctr
