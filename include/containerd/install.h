// SPDX-License-Identifier: Apache-2.0
//
// Programs from images onto the daemon's machine.
//
//   absl::Status s = client.Install(ctx, image, {WithInstallLibs, WithInstallReplace});
//
// For a client on that machine which may write to the directory.
//
// Source: client/install.go, client/install_opts.go.
#ifndef CONTAINERD_INSTALL_H_
#define CONTAINERD_INSTALL_H_

#include <string>

#include "containerd/client.h"
#include "containerd/export/export.h"
#include "containerd/option/option.h"

namespace containerd {

// What the options set. Source: client.InstallConfig.
struct InstallConfig {
  bool libs = false;     // the image's /lib too, not /bin only
  bool replace = false;  // files that exist; otherwise they are ErrAlreadyExists
  std::string path{};    // empty: the directory of the daemon's opt service
};

// Are options.
CONTAINERD_EXPORT extern const option::Plain<InstallOpt> WithInstallLibs;
CONTAINERD_EXPORT extern const option::Plain<InstallOpt> WithInstallReplace;

CONTAINERD_EXPORT InstallOpt WithInstallPath(std::string path);

}  // namespace containerd

#endif  // CONTAINERD_INSTALL_H_
