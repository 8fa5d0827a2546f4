// SPDX-License-Identifier: Apache-2.0
//
// What the handles of one Client share. It does not keep the events coming: the Client does.
#ifndef CONTAINERD_SRC_LIBCONTAINERD_CORE_H_
#define CONTAINERD_SRC_LIBCONTAINERD_CORE_H_

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/client.h"
#include "containerd/context/context.h"

#include "src/base/mutex.h"
#include "tracker.h"

namespace containerd::libcontainerd {

// What a call is at work on: a process that is being made, "<container>/<process>", or a folder, by
// its absolute path.
class Claims {
 public:
  // Ends with the object.
  class Claim {
   public:
    Claim(Claims& claims, std::string path) : claims_(&claims), path_(std::move(path)) {}
    Claim(Claim&& other) noexcept
        : claims_(std::exchange(other.claims_, nullptr)), path_(std::move(other.path_)) {}
    Claim& operator=(Claim&&) = delete;
    ~Claim();

   private:
    Claims* claims_;
    std::string path_;
  };

  // ErrConflict, for this reason, while another has it.
  absl::StatusOr<Claim> Take(std::string path, std::string_view why);

  // Waits for the one that has it.
  absl::StatusOr<Claim> Await(const Context& ctx, std::string path);

 private:
  base::Mutex mu_;
  base::CondVar freed_;
  std::set<std::string> taken_ ABSL_GUARDED_BY(mu_);
};

struct Core {
  Core(containerd::Client daemon, std::string dir, std::string name)
      : client(std::move(daemon)), state_dir(std::move(dir)), ns(std::move(name)) {}

  // How claims name a process.
  static std::string ProcessOf(std::string_view container_id, std::string_view process_id);

  // All calls are for the one namespace.
  Context In(const Context& ctx) const { return WithNamespace(ctx, ns); }

  std::string BundleDir(std::string_view id) const;

  // How what is logged of a container begins.
  std::string About(std::string_view id) const;

  containerd::Client client;
  const std::string state_dir;
  const std::string ns;
  Tracker tracker;
  Claims claims;
};

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_SRC_LIBCONTAINERD_CORE_H_
