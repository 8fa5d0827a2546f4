// SPDX-License-Identifier: Apache-2.0
//
// When to look after which container again. One thread for all of them.
#ifndef CONTAINERD_EXAMPLES_ENGINE_ALARMS_H_
#define CONTAINERD_EXAMPLES_ENGINE_ALARMS_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include <absl/time/time.h>

namespace engine {

class Alarms {
 public:
  // `ring` is called with the name of each alarm that goes off, one after the other.
  explicit Alarms(std::function<void(const std::string&)> ring);

  // Ends all alarms, and waits for the one that goes off.
  ~Alarms();

  // In place of the one that `name` had. Never for InfiniteFuture.
  void Set(const std::string& name, absl::Time when);

 private:
  void Run();

  const std::function<void(const std::string&)> ring_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::map<std::string, absl::Time> set_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace engine

#endif  // CONTAINERD_EXAMPLES_ENGINE_ALARMS_H_
