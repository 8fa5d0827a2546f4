// SPDX-License-Identifier: Apache-2.0
//
// What needs no daemon: specs, parsers, and what an observer costs that is not set. Its arguments
// are Google Benchmark's.
#include <benchmark/benchmark.h>

#include "containerd/containers/containers.h"
#include "containerd/filters/filters.h"
#include "containerd/namespaces/namespaces.h"
#include "containerd/oci/oci.h"
#include "containerd/oci/spec.h"
#include "containerd/platforms/platforms.h"
#include "containerd/reference/distribution.h"
#include "containerd/reference/reference.h"
#include "containerd/specs/json.h"

#include "src/tracing/internal/observation.h"

namespace {

using namespace containerd;  // NOLINT(google-build-using-namespace)

void GenerateSpec(benchmark::State& state) {
  const Context ctx = WithNamespace(Context::Background(), "bench");
  for (auto _ : state) {
    containers::Container container{.id = "bench"};
    auto spec =
        oci::GenerateSpec(ctx, nullptr, &container, {oci::WithProcessArgs({"sh"}), oci::WithTTY});
    benchmark::DoNotOptimize(spec);
  }
}
BENCHMARK(GenerateSpec);

void ParseReference(benchmark::State& state) {
  for (auto _ : state) {
    auto spec = reference::Parse("registry.example.org:5000/library/busybox:latest");
    benchmark::DoNotOptimize(spec);
  }
}
BENCHMARK(ParseReference);

void ParseDockerReference(benchmark::State& state) {
  for (auto _ : state) {
    auto named = distribution::reference::ParseDockerRef("library/busybox:1.36");
    benchmark::DoNotOptimize(named);
  }
}
BENCHMARK(ParseDockerReference);

void ParsePlatform(benchmark::State& state) {
  for (auto _ : state) {
    auto platform = platforms::Parse("linux/arm64/v8");
    benchmark::DoNotOptimize(platform);
  }
}
BENCHMARK(ParsePlatform);

void ParseFilter(benchmark::State& state) {
  for (auto _ : state) {
    auto filter = filters::Parse(R"(labels."containerd.io/gc.root"==1,name~="^docker.io/")");
    benchmark::DoNotOptimize(filter);
  }
}
BENCHMARK(ParseFilter);

// What each call pays for observers when nobody has set one.
void NoObserver(benchmark::State& state) {
  const Context ctx = WithNamespace(Context::Background(), "bench");
  const std::shared_ptr<tracing::CallObserver> none;
  for (auto _ : state) {
    auto seen = tracing::Observation::Begin(ctx, none, [] { return tracing::Call{}; });
    benchmark::DoNotOptimize(seen);
  }
}
BENCHMARK(NoObserver);

}  // namespace

BENCHMARK_MAIN();
