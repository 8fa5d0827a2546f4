// SPDX-License-Identifier: Apache-2.0
//
// Keeps containers in the state that their policies demand.
//
// There is one way in which anything is done: Converge looks at what is to be and at what is, does
// the next step, and comes back if there is another. An event, a command, a timer and the start of
// the engine all only call for it, so that none of them can be missed.
#ifndef CONTAINERD_EXAMPLES_ENGINE_ENGINE_H_
#define CONTAINERD_EXAMPLES_ENGINE_ENGINE_H_

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/client.h"
#include "containerd/libcontainerd/client.h"
#include "containerd/libcontainerd/queue.h"

#include "store.h"

namespace engine {

namespace lc = containerd::libcontainerd;

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  // `dir` is where it keeps all it has. Takes up what an earlier engine there left.
  static absl::StatusOr<std::shared_ptr<Engine>> Start(const containerd::Context& ctx,
                                                       containerd::Client client, std::string dir,
                                                       std::string ns);
  ~Engine();

  absl::Status Run(Record record);
  absl::Status Stop(const std::string& name);
  absl::Status Continue(const std::string& name);  // what was stopped
  absl::Status Remove(const std::string& name);

  // A line for each container: its name, "running <pid>" or "ended <code>", how many restarts.
  std::string List();

 private:
  class Hears;  // the Backend

  // What one container is at. Only its own turns in the queue touch it, but for the lock's sake.
  struct Container {
    Record record;
    bool booted = true;            // since the engine began, nothing was done of it yet
    std::optional<lc::Task> task;  // that runs, attached
    absl::Time started;
    absl::Time not_before = absl::InfinitePast();  // the next start
    std::map<std::uint32_t, std::uint32_t> exits;  // codes, by pid, of which events told
    absl::Duration pause;                          // after errors
  };

  Engine(const containerd::Context& ctx, containerd::Client client, std::string dir,
         std::string ns);

  absl::Status Change(const std::string& name, const std::function<void(Record&)>& change);
  void Call(const std::string& name);
  void CallLater(const std::string& name, absl::Duration delay);

  // One step; the time after which to come back, if any.
  absl::StatusOr<std::optional<absl::Duration>> Converge(const std::string& name);
  absl::StatusOr<std::optional<absl::Duration>> Ended(Container& c, lc::Task* task,
                                                      std::uint32_t code);
  absl::Status Begin(Container& c);
  absl::Status Destroy(Container& c);
  absl::StatusOr<lc::Container> LoadOrCreate(const Record& record);
  lc::StdioCallback LogOf(const std::string& name) const;
  void Publish(const Container& c);

  const containerd::Context ctx_;
  containerd::Client client_;
  const std::string dir_;
  const std::string ns_;
  const Store store_;
  std::mutex mu_;
  std::map<std::string, std::shared_ptr<Container>> containers_;
  std::map<std::string, std::string> lines_;  // of List
  std::optional<lc::Client> lc_;
  lc::Queue turns_;
};

}  // namespace engine

#endif  // CONTAINERD_EXAMPLES_ENGINE_ENGINE_H_
