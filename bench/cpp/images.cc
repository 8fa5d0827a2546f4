// SPDX-License-Identifier: Apache-2.0
//
// Whole images: from and to a registry, from and to an archive, and into snapshots.
#include <fcntl.h>

#include "containerd/image.h"
#include "containerd/images/archive.h"
#include "containerd/import.h"
#include "containerd/io/io.h"
#include "containerd/remote_opts.h"
#include "containerd/remotes/docker/resolver.h"

#include "bench.h"

namespace bench {
namespace {

using namespace containerd;  // NOLINT(google-build-using-namespace)

RemoteOpt Registry() {
  remotes::docker::ResolverOptions options;
  options.plain_http = true;
  return WithResolver(remotes::docker::NewResolver(std::move(options)));
}

Result Pull(const Args& args) {
  const Context ctx = args.ctx();
  Client client = Connect(args);
  const Meter meter;
  Check(client.Pull(ctx, args.Get("ref"), {Registry()}));
  return meter.Stop(1);
}

// This library applies the layers itself, where Go leaves that to the daemon.
Result Unpack(const Args& args) {
  const Context ctx = args.ctx();
  Client client = Connect(args);
  const Image image = Check(client.Pull(ctx, args.Get("ref"), {Registry()}));
  std::vector<UnpackOpt> opts;
  if (args.GetInt("local", 1) != 0) opts.push_back(WithLocalUnpack());
  const Meter meter;
  Check(image.Unpack(ctx, "overlayfs", opts));
  return meter.Stop(1);
}

Result Push(const Args& args) {
  const Context ctx = args.ctx();
  Client client = Connect(args);
  const Image image = Check(client.Pull(ctx, args.Get("ref"), {Registry()}));
  const Meter meter;
  Check(client.Push(ctx, args.Get("to"), image.Target(), {Registry()}));
  return meter.Stop(1);
}

Result Export(const Args& args) {
  const Context ctx = args.ctx();
  Client client = Connect(args);
  const Image image = Check(client.Pull(ctx, args.Get("ref"), {Registry()}));
  const File file(args.Get("archive"), O_WRONLY | O_CREAT | O_TRUNC);
  io::FileWriter writer(file.fd());
  const Meter meter;
  Check(client.Export(ctx, writer,
                      {images::archive::WithImage(client.ImageService(), image.Name())}));
  return meter.Stop(1);
}

Result Import(const Args& args) {
  const Context ctx = args.ctx();
  Client client = Connect(args);
  const File file(args.Get("archive"), O_RDONLY);
  io::FileReader reader(file.fd());
  const Meter meter;
  Check(client.Import(ctx, reader));
  return meter.Stop(1);
}

}  // namespace

Workloads Images() {
  return {
      {"pull", Pull}, {"unpack", Unpack}, {"push", Push}, {"export", Export}, {"import", Import}};
}

}  // namespace bench
