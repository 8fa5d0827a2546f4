// SPDX-License-Identifier: Apache-2.0
//
// Events: eight threads publish, one subscription receives all of them.
#include "containerd/events/events.h"

#include <thread>
#include <variant>

#include "containerd/events/namespace.pb.h"
#include "containerd/events/typed.h"
#include "containerd/typeurl/typeurl.h"

#include "bench.h"

namespace bench {
namespace {

using namespace containerd;  // NOLINT(google-build-using-namespace)

Result PublishAndReceive(const Args& args) {
  const Context ctx = args.ctx();
  Client client = Connect(args);
  const int publishers = 8;
  const int each = args.GetInt("n", 8000) / publishers;
  const auto subscription = client.Subscribe(
      ctx, {R"(topic=="/bench/event",namespace==)" + args.Get("namespace", "bench")});
  Check(subscription->WaitReady(ctx));
  events::NamespaceCreate created;
  created.set_name("bench");
  const typeurl::Any event = Check(typeurl::MarshalAny(created));

  const Meter meter;
  std::thread receiver([&] {
    for (std::size_t left = static_cast<std::size_t>(publishers * each); left > 0;) {
      left -= Check(subscription->NextBatch(ctx)).size();
    }
  });
  InParallel(publishers, [&](int) {
    const auto service = client.EventService();
    for (int i = 0; i < each; ++i) Check(service->Publish(ctx, "/bench/event", event));
  });
  receiver.join();
  return meter.Stop(publishers * each);
}

}  // namespace

Workloads Events() { return {{"events", PublishAndReceive}}; }

}  // namespace bench
