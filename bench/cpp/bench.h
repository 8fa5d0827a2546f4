// SPDX-License-Identifier: Apache-2.0
//
// What the workloads share: their arguments, the clock, and the table of them. A workload prepares
// what it needs, then measures:
//
//   Result Version(const Args& args) {
//     Client client = Connect(args);
//     Meter meter;
//     ...
//     return meter.Stop(n);
//   }
//
// An error ends the program: half a workload is no figure.
#ifndef CONTAINERD_BENCH_CPP_BENCH_H_
#define CONTAINERD_BENCH_CPP_BENCH_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/client.h"
#include "containerd/context/context.h"
#include "containerd/io/io.h"

namespace bench {

// name=value of the command line: address and namespace, and what a workload asks for.
class Args {
 public:
  explicit Args(std::map<std::string, std::string> values) : values_(std::move(values)) {}

  std::string Get(const std::string& name, std::string otherwise = "") const;
  int GetInt(const std::string& name, int otherwise) const;
  // Those whose name begins so, without that.
  std::map<std::string, std::string> WithPrefix(std::string_view prefix) const;
  containerd::Context ctx() const;

 private:
  std::map<std::string, std::string> values_;
};

// One JSON object a run.
struct Result {
  double wall = 0;       // seconds
  double cpu = 0;        // seconds of user and system time, of this process
  double peak_mib = 0;   // most memory that was resident, ever
  double grown_kib = 0;  // how much more is resident than before
  int threads = 0;       // more than before
  int n = 0;             // how often
  double p50 = 0;        // median of one, seconds; 0: not taken
};

class Meter {
 public:
  Meter();
  Result Stop(int n) const;

 private:
  std::chrono::steady_clock::time_point wall_;
  double cpu_;
  double resident_kib_;
  int threads_;
};

using Workload = std::function<Result(const Args&)>;
using Workloads = std::vector<std::pair<std::string, Workload>>;

// One function a file.
Workloads Calls();
Workloads Tasks();
Workloads Events();
Workloads Content();
Workloads Images();
Workloads Archives();

[[noreturn]] void Die(const absl::Status& status);
inline void Check(const absl::Status& status) {
  if (!status.ok()) Die(status);
}
template <typename T>
T Check(absl::StatusOr<T> result) {
  if (!result.ok()) Die(result.status());
  return *std::move(result);
}

// A client of args' daemon that has answered once.
containerd::Client Connect(const Args& args);

// An open file; O_CREAT makes one that its owner may read and write.
class File {
 public:
  File(const std::string& path, int flags);
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();
  int fd() const { return fd_; }

 private:
  const int fd_;
};

// Where nothing stays of what is written.
class Dropped final : public containerd::io::Writer {
 public:
  absl::Status Write(const containerd::Context& /*ctx*/, std::string_view data) override {
    bytes += data.size();
    return absl::OkStatus();
  }

  std::size_t bytes = 0;
};

// Runs fn(0) … fn(threads - 1) at the same time.
void InParallel(int threads, const std::function<void(int)>& fn);

double Median(std::vector<double> values);

}  // namespace bench

#endif  // CONTAINERD_BENCH_CPP_BENCH_H_
