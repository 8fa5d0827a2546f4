// SPDX-License-Identifier: Apache-2.0
#include "containerd/unpack/keyed_locker.h"

#include <cstdlib>
#include <functional>
#include <map>
#include <string>

#include <fmt/format.h>

#include "containerd/context/semaphore.h"
#include "containerd/log/log.h"

#include "src/base/mutex.h"

namespace containerd::unpack {
namespace {

class KeyMutex final : public KeyedLocker {
 public:
  absl::Status Lock(const Context& ctx, std::string_view key) override {
    std::shared_ptr<Entry> entry;
    {
      base::MutexLock lock(mu_);
      auto found = entries_.find(key);
      if (found == entries_.end()) {
        found = entries_.emplace(std::string(key), std::make_shared<Entry>()).first;
      }
      entry = found->second;
      ++entry->users;
    }
    absl::Status s = entry->free.Acquire(ctx);
    base::MutexLock lock(mu_);
    if (s.ok()) {
      entry->held = true;
    } else {
      Leave(entries_.find(key));
    }
    return s;
  }

  void Unlock(std::string_view key) override {
    base::MutexLock lock(mu_);
    const auto found = entries_.find(key);
    if (found == entries_.end() || !found->second->held) {
      log::Error(fmt::format("unlock of the key \"{}\", which is not locked", key));
      std::abort();
    }
    found->second->held = false;
    found->second->free.Release();
    Leave(found);
  }

 private:
  struct Entry {
    Semaphore free{1};
    int users = 0;  // who has it and those who wait
    bool held = false;
  };
  using Entries = std::map<std::string, std::shared_ptr<Entry>, std::less<>>;

  void Leave(Entries::iterator entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (--entry->second->users == 0) entries_.erase(entry);
  }

  base::Mutex mu_;
  Entries entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

std::shared_ptr<KeyedLocker> NewKeyedLocker() { return std::make_shared<KeyMutex>(); }

}  // namespace containerd::unpack
