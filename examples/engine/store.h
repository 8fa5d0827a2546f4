// SPDX-License-Identifier: Apache-2.0
//
// What the engine knows of its containers, one file each, so that it knows it again after a crash.
#ifndef CONTAINERD_EXAMPLES_ENGINE_STORE_H_
#define CONTAINERD_EXAMPLES_ENGINE_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "policy.h"

namespace engine {

struct Record {
  std::string name{};
  std::string image{};
  std::string policy{};
  std::vector<std::string> args{};
  State state{};
  bool removed = false;
  std::uint32_t generation = 0;  // how many ids it has had with the daemon before this one
};

class Store {
 public:
  explicit Store(std::string dir) : dir_(std::move(dir)) {}

  absl::StatusOr<std::vector<Record>> Load() const;

  // In place of what was there, at once: a crash leaves the old or the new one.
  absl::Status Save(const Record& record) const;
  void Forget(const std::string& name) const;

 private:
  std::string PathOf(const std::string& name) const { return dir_ + "/" + name; }

  const std::string dir_;
};

}  // namespace engine

#endif  // CONTAINERD_EXAMPLES_ENGINE_STORE_H_
