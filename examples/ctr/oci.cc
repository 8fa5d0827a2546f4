// SPDX-License-Identifier: Apache-2.0
//
// ctr oci
#include <iostream>

#include "commands.h"
#include "output.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

absl::Status PrintSpec(const Context& ctx, const Args& args) {
  const std::string platform = args.Text("platform");
  containers::Container container;
  absl::StatusOr<oci::Spec> spec = oci::GenerateSpecWithPlatform(
      ctx, nullptr, platform.empty() ? platforms::DefaultString() : platform, &container);
  if (!spec.ok()) return errdefs::Annotate(spec.status(), "failed to generate spec");
  std::cout << Indent(specs::Marshal(*spec)) << "\n";
  return absl::OkStatus();
}

}  // namespace

Command OCICommand() {
  Command group{"oci", "OCI tools"};
  group.commands = {
      {"spec",
       "See the output of the default OCI spec",
       "[flags]",
       {{"platform", "Platform of the spec to print (Examples: 'linux/arm64', 'windows/amd64')",
         Kind::kText}},
       PrintSpec},
  };
  return group;
}

}  // namespace ctr
