// SPDX-License-Identifier: Apache-2.0
//
// Small calls: by themselves, from many threads, and those that make a container.
#include "containerd/container_opts.h"
#include "containerd/oci/oci.h"

#include "bench.h"

namespace bench {
namespace {

using namespace containerd;  // NOLINT(google-build-using-namespace)

Result OneCaller(const Args& args) {
  const Context ctx = args.ctx();
  Client client = Connect(args);
  const int n = args.GetInt("n", 2000);
  std::vector<double> each;
  each.reserve(static_cast<std::size_t>(n));
  const Meter meter;
  for (int i = 0; i < n; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    Check(client.Version(ctx));
    each.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  Result result = meter.Stop(n);
  result.p50 = Median(std::move(each));
  return result;
}

Result ManyCallers(const Args& args) {
  const Context ctx = args.ctx();
  Client client = Connect(args);
  const int callers = args.GetInt("callers", 16);
  const int each = args.GetInt("n", 16000) / callers;
  const Meter meter;
  InParallel(callers, [&](int) {
    for (int i = 0; i < each; ++i) Check(client.Version(ctx));
  });
  return meter.Stop(callers * each);
}

Result CreateDelete(const Args& args) {
  const Context ctx = args.ctx();
  Client client = Connect(args);
  const Image image = Check(client.GetImage(ctx, args.Get("image")));
  const int n = args.GetInt("n", 200);
  const Meter meter;
  for (int i = 0; i < n; ++i) {
    Container container = Check(client.NewContainer(
        ctx, "container-" + std::to_string(i),
        {WithImage(image), WithNewSpec({oci::WithRootFSPath("/"), oci::WithImageConfig(image),
                                        oci::WithProcessArgs({"sh", "-c", "true"})})}));
    Check(container.Delete(ctx));
  }
  return meter.Stop(n);
}

}  // namespace

Workloads Calls() {
  return {{"version", OneCaller}, {"version16", ManyCallers}, {"container", CreateDelete}};
}

}  // namespace bench
