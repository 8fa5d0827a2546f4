// SPDX-License-Identifier: Apache-2.0
//
// Keeps containers in the state that their policies demand.
//
// There is one way in which anything is done: Converge looks at what is to be and at what is, does
// the next step, and comes back if there is another. An event, a command, a timer and the start of
// the engine all only call for it, so that none of them can be missed.
#ifndef CONTAINERD_EXAMPLES_ENGINE_ENGINE_H_
#define CONTAINERD_EXAMPLES_ENGINE_ENGINE_H_

#include <functional>
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

#include "alarms.h"
#include "store.h"

namespace engine {

namespace lc = containerd::libcontainerd;

class Engine {
 public:
  // `dir` is where it keeps all it has. Takes up what an earlier engine there left.
  static absl::StatusOr<std::unique_ptr<Engine>> Start(const containerd::Context& ctx,
                                                       const containerd::Client& client,
                                                       std::string dir, std::string ns);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  // Each is written down when it returns OK, and done soon.
  absl::Status Run(Record record);
  absl::Status Stop(const std::string& name);
  absl::Status Continue(const std::string& name);  // what was stopped
  absl::Status Remove(const std::string& name);

  // A line for each container: its name, "running <pid>", "ended <code>" or "waiting 0", and how
  // often it was started again in a row.
  std::string List();

 private:
  class Hears;  // the Backend

  // What one container is at.
  struct Container {
    // mu_ guards these.
    Record record;
    bool booted = true;  // since the engine began, nothing was done of it yet
    std::map<std::uint32_t, std::uint32_t> exits;  // codes, by pid, of which events told

    // Only its own turns in the queue touch these.
    std::optional<lc::Task> task;  // that runs, attached
    absl::Time started;
    absl::Time not_before = absl::InfinitePast();  // the next start
    absl::Duration pause;                          // after errors
    int taken = 0;         // how often in a row its id was taken, by a task that is not found
    bool renewed = false;  // since it could last be started
  };

  Engine(const containerd::Context& ctx, const containerd::Client& client, std::string dir,
         std::string ns);

  absl::Status Change(const std::string& name, const std::function<void(Record&)>& change);
  void Call(const std::string& name);
  void TakeTurn(const std::string& name);

  // One step. How long after it to come back; InfiniteDuration if nothing is left to do.
  absl::StatusOr<absl::Duration> Converge(Container& c);
  absl::StatusOr<absl::Duration> Tend(Container& c, const Record& record, bool wanted,
                                      lc::Container& loaded, lc::Task& found);
  absl::StatusOr<absl::Duration> Begin(Container& c, const Record& record, lc::Container& loaded);
  absl::StatusOr<absl::Duration> Ended(Container& c, lc::Task* found, std::uint32_t code);
  absl::Status Attach(Container& c, lc::Container& loaded);
  absl::Status Renew(Container& c, const Record& record, lc::Container& old);
  absl::Status Destroy(Container& c, const Record& record);
  absl::Status DestroyOne(Container& c, const std::string& id);
  absl::StatusOr<lc::Container> LoadOrCreate(const Record& record);
  absl::Status RemoveSnapshot(const std::string& name);

  // Writes it down, as the engine may not live to tell.
  absl::Status Note(Container& c, const std::function<void(Record&)>& change);
  static void TakeUp(Container& c, State& state);
  std::uint32_t CodeOf(Container& c);
  void Publish(const Container& c);  // with mu_
  std::string LogPath(const std::string& name) const;
  lc::StdioCallback LogOf(const std::string& name) const;

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
  std::optional<Alarms> alarms_;
};

}  // namespace engine

#endif  // CONTAINERD_EXAMPLES_ENGINE_ENGINE_H_
