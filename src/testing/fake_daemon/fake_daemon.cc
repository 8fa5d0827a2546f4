// SPDX-License-Identifier: Apache-2.0
#include "containerd/testing/fake_daemon.h"

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

#include "events.h"
#include "sandboxes.h"
#include "server.h"
#include "services.h"
#include "src/testing/internal/temp_folder.h"
#include "tasks.h"

namespace containerd::testing {
namespace {

void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << "fake daemon: " << status << '\n';
  std::abort();
}

Context In(std::string_view ns) { return WithNamespace(Context::Background(), std::string(ns)); }

}  // namespace

struct FakeDaemon::State {
  explicit State(const FakeDaemonOptions& options)
      : stores(options.snapshotter),
        exchange(std::make_shared<fake::Exchange>()),
        tasks(std::make_shared<fake::Tasks>(stores, sandboxes, exchange)),
        server(address) {
    std::filesystem::create_directory(rootfs);
    fake::ServeStores(server, stores, options, rootfs, *exchange);
    fake::ServeContent(server, stores, *exchange);
    fake::ServeAbout(server, options);
    fake::ServeEvents(server, *exchange);
    fake::ServeTasks(server, *tasks);
    fake::ServeSandboxes(server, *stores.sandboxes, sandboxes, *tasks, folder.path(), *exchange);
    Must(server.Start());
  }

  absl::StatusOr<std::shared_ptr<fake::Process>> Find(std::string_view ns,
                                                      std::string_view container_id,
                                                      std::string_view exec_id) const {
    return tasks->Find(In(ns), std::string(container_id), std::string(exec_id));
  }

  void NotServed(std::string_view method) const {
    ADD_FAILURE() << "the fake daemon serves no method " << method << "; it does, "
                  << server.Served(method);
  }

  const internal::TempFolder folder{"fake-containerd"};
  const std::string address = folder.path() + "/containerd.sock";
  const std::string rootfs = folder.path() + "/rootfs";
  const MemoryStores stores;
  fake::Sandboxes sandboxes;
  const std::shared_ptr<fake::Exchange> exchange;
  const std::shared_ptr<fake::Tasks> tasks;
  fake::Server server;
};

FakeDaemon::FakeDaemon(const FakeDaemonOptions& options)
    : state_(std::make_unique<State>(options)) {}

FakeDaemon::~FakeDaemon() { state_->tasks->Forget(); }

const std::string& FakeDaemon::Address() const { return state_->address; }
const std::string& FakeDaemon::Dir() const { return state_->folder.path(); }
const MemoryStores& FakeDaemon::stores() const { return state_->stores; }

images::Image FakeDaemon::AddImage(std::string_view ns, std::string_view name,
                                   const BuiltImage& image) {
  return state_->stores.AddImage(ns, name, image);
}

void FakeDaemon::Script(std::string_view container_id, ProcessScript script) {
  ScriptExec(container_id, "", std::move(script));
}

void FakeDaemon::ScriptExec(std::string_view container_id, std::string_view exec_id,
                            ProcessScript script) {
  state_->tasks->Script(std::string(container_id), std::string(exec_id), std::move(script));
}

void FakeDaemon::OnProcess(std::function<ProcessScript(const ScriptedProcess&)> script) {
  state_->tasks->OnProcess(std::move(script));
}

std::string FakeDaemon::Stdin(std::string_view ns, std::string_view container_id,
                              std::string_view exec_id) const {
  const auto process = state_->Find(ns, container_id, exec_id);
  return process.ok() ? (*process)->Stdin() : std::string();
}

std::vector<std::uint32_t> FakeDaemon::Signals(std::string_view ns, std::string_view container_id,
                                               std::string_view exec_id) const {
  const auto process = state_->Find(ns, container_id, exec_id);
  return process.ok() ? (*process)->Signals() : std::vector<std::uint32_t>();
}

absl::Status FakeDaemon::Exit(std::string_view ns, std::string_view container_id,
                              std::uint32_t exit_code, std::string_view exec_id) {
  const auto process = state_->Find(ns, container_id, exec_id);
  return process.ok() ? (*process)->Exit(exit_code) : process.status();
}

absl::Status FakeDaemon::ExitSandbox(std::string_view ns, std::string_view sandbox_id,
                                     std::uint32_t exit_status) {
  const Context ctx = In(ns);
  const std::string id(sandbox_id);
  absl::Status s = state_->sandboxes.Exit(ctx, id, exit_status);
  if (s.ok()) state_->tasks->EndIn(ctx, id);
  return s;
}

void FakeDaemon::Publish(std::string_view ns, std::string_view topic, const typeurl::Any& event) {
  state_->exchange->Publish(ns, topic, event);
}

void FakeDaemon::LoseEvents(bool on) { state_->exchange->Lose(on); }

void FakeDaemon::Fail(std::string_view method, int nth, Fault fault) {
  if (!state_->server.Fail(method, nth, std::move(fault))) state_->NotServed(method);
}

void FakeDaemon::ClearFaults() { state_->server.ClearFaults(); }

int FakeDaemon::Calls(std::string_view method) const {
  const int calls = state_->server.Calls(method);
  if (calls < 0) state_->NotServed(method);
  return calls;
}

void FakeDaemon::Restart(RestartOptions options) {
  const auto meanwhile = [&] {
    if (!options.forget_tasks) return;
    state_->tasks->Forget();
    state_->sandboxes.Forget();
  };
  Must(state_->server.Restart(meanwhile, options.away));
}

void FakeDaemon::Restart() { Restart(RestartOptions{}); }

void FakeDaemon::Stop() { state_->server.Stop(); }

}  // namespace containerd::testing
