// SPDX-License-Identifier: Apache-2.0
//
//   bench_cpp <workload> address=/run/containerd/containerd.sock namespace=bench [name=value...]
//
// Runs one workload with this library and prints a line of JSON; bench/go does the same with
// containerd's Go client.
#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iostream>
#include <string_view>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>
#include <grpcpp/support/channel_arguments.h>

#include "containerd/client_opts.h"

#include "bench.h"

namespace bench {
namespace {

double Seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

rusage Usage() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage;
}

double CpuSeconds() {
  const rusage usage = Usage();
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

// A field of /proc/self/status.
double StatusField(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::atof(line.c_str() + name.size() + 1);
  }
  return 0;
}

}  // namespace

std::string Args::Get(const std::string& name, std::string otherwise) const {
  const auto it = values_.find(name);
  return it == values_.end() ? std::move(otherwise) : it->second;
}

int Args::GetInt(const std::string& name, int otherwise) const {
  return std::atoi(Get(name, std::to_string(otherwise)).c_str());
}

std::map<std::string, std::string> Args::WithPrefix(std::string_view prefix) const {
  std::map<std::string, std::string> found;
  for (const auto& [name, value] : values_) {
    if (name.starts_with(prefix)) found.emplace(name.substr(prefix.size()), value);
  }
  return found;
}

containerd::Context Args::ctx() const {
  return containerd::WithNamespace(containerd::Context::Background(), Get("namespace", "bench"));
}

Meter::Meter()
    : wall_(std::chrono::steady_clock::now()),
      cpu_(CpuSeconds()),
      resident_kib_(StatusField("VmRSS")),
      threads_(static_cast<int>(StatusField("Threads"))) {}

Result Meter::Stop(int n) const {
  Result result;
  result.wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - wall_).count();
  result.cpu = CpuSeconds() - cpu_;
  // Not getrusage's, which begins with that of whoever started the program.
  result.peak_mib = StatusField("VmHWM") / 1024;
  result.grown_kib = StatusField("VmRSS") - resident_kib_;
  result.threads = static_cast<int>(StatusField("Threads")) - threads_;
  result.n = n;
  return result;
}

void Die(const absl::Status& status) {
  std::cerr << "bench_cpp: " << status << "\n";
  std::_Exit(1);
}

containerd::Client Connect(const Args& args) {
  std::vector<containerd::Opt> opts;
  // channel.<argument>=<number>: what a way of gRPC's would give.
  std::vector<containerd::DialOpt> dial;
  for (const auto& [name, value] : args.WithPrefix("channel.")) {
    dial.push_back(containerd::WithChannelArguments(
        [name = name, value = std::atoi(value.c_str())](grpc::ChannelArguments& channel) {
          channel.SetInt(name, value);
        }));
  }
  if (!dial.empty()) opts.push_back(containerd::WithExtraDialOpts(dial));
  containerd::Client client = Check(containerd::Client::New(args.ctx(), args.Get("address"), opts));
  Check(client.Version(args.ctx()));
  return client;
}

File::File(const std::string& path, int flags)
    : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
  if (fd_ < 0) Die(absl::NotFoundError(path));
}

File::~File() { ::close(fd_); }

void InParallel(int threads, const std::function<void(int)>& fn) {
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) running.emplace_back(fn, i);
  for (std::thread& thread : running) thread.join();
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace bench

int main(int argc, char** argv) {
  bench::Workloads all;
  for (const auto& group : {bench::Calls(), bench::Tasks(), bench::Events(), bench::Content(),
                            bench::Images(), bench::Archives()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  std::map<std::string, std::string> values;
  for (int i = 2; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::size_t equals = argument.find('=');
    if (equals == std::string_view::npos) continue;
    values[std::string(argument.substr(0, equals))] = argument.substr(equals + 1);
  }
  for (const auto& [name, workload] : all) {
    if (argc < 2 || name != argv[1]) continue;
    const bench::Result r = workload(bench::Args(std::move(values)));
    std::cout << fmt::format(
        R"({{"wall":{},"cpu":{},"peak_mib":{},"grown_kib":{},"threads":{},"n":{},"p50":{}}})"
        "\n",
        r.wall, r.cpu, r.peak_mib, r.grown_kib, r.threads, r.n, r.p50);
    return 0;
  }
  std::cerr << "usage: bench_cpp <workload> address=... namespace=...\n";
  for (const auto& [name, workload] : all) std::cerr << "  " << name << "\n";
  return 2;
}
