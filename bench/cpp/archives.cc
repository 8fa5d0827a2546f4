// SPDX-License-Identifier: Apache-2.0
//
// Layers without a daemon: applied to a folder, and made of one.
#include <fcntl.h>
#include <sys/stat.h>

#include "containerd/archive/archive.h"
#include "containerd/archive/diff.h"
#include "containerd/io/io.h"

#include "bench.h"

namespace bench {
namespace {

using namespace containerd;  // NOLINT(google-build-using-namespace)

Result Apply(const Args& args) {
  const std::string root = args.Get("root");
  if (::mkdir(root.c_str(), 0755) != 0) Die(absl::AlreadyExistsError(root));
  const File file(args.Get("layer"), O_RDONLY);
  io::FileReader reader(file.fd());
  const Meter meter;
  Check(archive::Apply(args.ctx(), root, reader));
  return meter.Stop(1);
}

// All of the folder, as it would be a first layer.
Result Diff(const Args& args) {
  Dropped dropped;
  const Meter meter;
  Check(archive::WriteDiff(args.ctx(), dropped, "", args.Get("folder")));
  const Result result = meter.Stop(1);
  if (dropped.bytes == 0) Die(absl::InternalError("nothing was written"));
  return result;
}

}  // namespace

Workloads Archives() { return {{"apply", Apply}, {"diff", Diff}}; }

}  // namespace bench
