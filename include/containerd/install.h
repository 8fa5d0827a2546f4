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
#include "containerd/option/option.h"

namespace containerd {

// What the options set. Source: client.InstallConfig.
struct InstallConfig {
  bool libs = false;     // the image's /lib too, not /bin only
  bool replace = false;  // files that exist; otherwise they are ErrAlreadyExists
  std::string path{};    // empty: the directory of the daemon's opt service
};

// Are options.
extern const option::Plain<InstallOpt> WithInstallLibs;
extern const option::Plain<InstallOpt> WithInstallReplace;

InstallOpt WithInstallPath(std::string path);

}  // namespace containerd

#endif  // CONTAINERD_INSTALL_H_
