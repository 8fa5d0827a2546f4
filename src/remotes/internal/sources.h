// SPDX-License-Identifier: Apache-2.0
//
// The hosts that one piece of content can be had from, so that a host whose copy is broken is
// passed over. Whoever stores content finds out; whoever fetches it has to know: the object travels
// by the context of a fetch.
#ifndef CONTAINERD_SRC_REMOTES_INTERNAL_SOURCES_H_
#define CONTAINERD_SRC_REMOTES_INTERNAL_SOURCES_H_

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "containerd/context/context.h"

#include "src/base/mutex.h"

namespace containerd::remotes {

// Safe from any thread.
class Sources {
 public:
  // The fetcher: content now comes from this host; whether others are left.
  void Use(std::string name, bool others) {
    const base::MutexLock lock(mu_);
    current_ = std::move(name);
    others_ = others;
  }

  bool Skips(const std::string& name) const {
    const base::MutexLock lock(mu_);
    return skipped_.contains(name);
  }

  bool HasOthers() const {
    const base::MutexLock lock(mu_);
    return others_;
  }

  std::string current() const {
    const base::MutexLock lock(mu_);
    return current_;
  }

  // The content that came last is not what it should be: its host is passed over from now on. False
  // if there is no other.
  bool GiveUp() {
    const base::MutexLock lock(mu_);
    if (!others_ || current_.empty()) return false;
    skipped_.insert(std::exchange(current_, {}));
    others_ = false;
    return true;
  }

  // Those of a context; new ones if it has none.
  static std::shared_ptr<Sources> Of(const Context& ctx) {
    const auto* sources = ctx.Value<std::shared_ptr<Sources>>();
    return sources != nullptr ? *sources : std::make_shared<Sources>();
  }

 private:
  mutable base::Mutex mu_;
  std::string current_ ABSL_GUARDED_BY(mu_);
  bool others_ ABSL_GUARDED_BY(mu_) = false;
  std::set<std::string> skipped_ ABSL_GUARDED_BY(mu_);
};

}  // namespace containerd::remotes

#endif  // CONTAINERD_SRC_REMOTES_INTERNAL_SOURCES_H_
