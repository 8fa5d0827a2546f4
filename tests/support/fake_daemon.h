// SPDX-License-Identifier: Apache-2.0
//
// A daemon's services in memory, for a Client that tests compose WithServices.
#ifndef CONTAINERD_TESTS_SUPPORT_FAKE_DAEMON_H_
#define CONTAINERD_TESTS_SUPPORT_FAKE_DAEMON_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "containerd/client.h"
#include "containerd/containers/containers.h"
#include "containerd/diff/diff.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/store.h"
#include "containerd/introspection/introspection.h"
#include "containerd/leases/leases.h"
#include "containerd/sandbox/sandbox.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/tasks/tasks.h"

#include "tests/support/fake_snapshotter.h"
#include "tests/support/image_builder.h"
#include "tests/support/memory_store.h"

namespace containerd::testing {

// Records by id.
template <typename Record>
class Records {
 public:
  absl::StatusOr<Record> Get(std::string_view id) const {
    const std::lock_guard lock(mu_);
    const auto found = all_.find(std::string(id));
    if (found == all_.end()) return errdefs::NotFound(fmt::format("record \"{}\"", id));
    return found->second;
  }
  absl::StatusOr<std::vector<Record>> List() const {
    const std::lock_guard lock(mu_);
    std::vector<Record> list;
    for (const auto& [id, record] : all_) list.push_back(record);
    return list;
  }
  absl::StatusOr<Record> Create(const std::string& id, const Record& record) {
    const std::lock_guard lock(mu_);
    if (!all_.emplace(id, record).second) {
      return errdefs::AlreadyExists(fmt::format("record \"{}\"", id));
    }
    return record;
  }
  absl::StatusOr<Record> Replace(const std::string& id, const Record& record) {
    const std::lock_guard lock(mu_);
    const auto found = all_.find(id);
    if (found == all_.end()) return errdefs::NotFound(fmt::format("record \"{}\"", id));
    return found->second = record;
  }
  absl::Status Delete(std::string_view id) {
    const std::lock_guard lock(mu_);
    return all_.erase(std::string(id)) > 0 ? absl::OkStatus()
                                           : errdefs::NotFound(fmt::format("record \"{}\"", id));
  }
  std::size_t size() const {
    const std::lock_guard lock(mu_);
    return all_.size();
  }

 private:
  mutable std::mutex mu_;
  std::map<std::string, Record> all_;
};

class FakeContainerStore final : public containers::Store {
 public:
  Records<containers::Container> records;

  absl::StatusOr<containers::Container> Get(const Context&, std::string_view id) override;
  absl::StatusOr<std::vector<containers::Container>> List(const Context&,
                                                          const std::vector<std::string>&) override;
  absl::StatusOr<containers::Container> Create(const Context&,
                                               const containers::Container& c) override;
  absl::StatusOr<containers::Container> Update(const Context&, const containers::Container& c,
                                               const std::vector<std::string>&) override;
  absl::Status Delete(const Context&, std::string_view id) override { return records.Delete(id); }
};

class FakeImageStore final : public images::Store {
 public:
  Records<images::Image> records;

  absl::StatusOr<images::Image> Get(const Context&, std::string_view name) override;
  absl::StatusOr<std::vector<images::Image>> List(const Context&,
                                                  const std::vector<std::string>&) override;
  absl::StatusOr<images::Image> Create(const Context&, const images::Image& image) override;
  absl::StatusOr<images::Image> Update(const Context&, const images::Image& image,
                                       const std::vector<std::string>&) override;
  absl::Status Delete(const Context&, std::string_view name,
                      const std::vector<images::DeleteOpt>&) override;
};

class FakeLeases final : public leases::Manager {
 public:
  Records<leases::Lease> records;

  absl::StatusOr<leases::Lease> Create(const Context&,
                                       const std::vector<leases::Opt>& opts) override;
  absl::Status Delete(const Context&, const leases::Lease& lease,
                      const std::vector<leases::DeleteOpt>&) override;
  absl::StatusOr<std::vector<leases::Lease>> List(const Context&,
                                                  const std::vector<std::string>&) override;
  absl::Status AddResource(const Context&, const leases::Lease&, const leases::Resource&) override;
  absl::Status DeleteResource(const Context&, const leases::Lease&,
                              const leases::Resource&) override;
  absl::StatusOr<std::vector<leases::Resource>> ListResources(const Context&,
                                                              const leases::Lease&) override;
};

// One snapshotter plugin with the given capabilities.
class FakeIntrospection final : public introspection::Service {
 public:
  std::vector<std::string> capabilities;

  absl::StatusOr<std::vector<introspection::Plugin>> Plugins(
      const Context&, const std::vector<std::string>&) override;
  absl::StatusOr<introspection::ServerResponse> Server(const Context&) override;
  absl::StatusOr<introspection::PluginInfoResponse> PluginInfo(const Context&, std::string_view,
                                                               std::string_view,
                                                               const typeurl::Any&) override;
};

class MockTasks : public tasks::Service {
 public:
  MockTasks();
  ~MockTasks() override;

  MOCK_METHOD(absl::StatusOr<std::uint32_t>, Create,
              (const Context&, const tasks::CreateTaskRequest&), (override));
  MOCK_METHOD(absl::StatusOr<std::uint32_t>, Start,
              (const Context&, std::string_view, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<tasks::DeleteResponse>, Delete, (const Context&, std::string_view),
              (override));
  MOCK_METHOD(absl::StatusOr<tasks::DeleteResponse>, DeleteProcess,
              (const Context&, std::string_view, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<tasks::Process>, Get,
              (const Context&, std::string_view, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<std::vector<tasks::Process>>, List, (const Context&, std::string_view),
              (override));
  MOCK_METHOD(absl::Status, Kill, (const Context&, const tasks::KillRequest&), (override));
  MOCK_METHOD(absl::Status, Exec, (const Context&, const tasks::ExecProcessRequest&), (override));
  MOCK_METHOD(absl::Status, ResizePty,
              (const Context&, std::string_view, std::string_view, std::uint32_t, std::uint32_t),
              (override));
  MOCK_METHOD(absl::Status, CloseIO, (const Context&, std::string_view, std::string_view, bool),
              (override));
  MOCK_METHOD(absl::Status, Pause, (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::Status, Resume, (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<std::vector<tasks::ProcessInfo>>, ListPids,
              (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<std::vector<ocispec::Descriptor>>, Checkpoint,
              (const Context&, std::string_view, std::string_view, const typeurl::Any&),
              (override));
  MOCK_METHOD(absl::Status, Update, (const Context&, const tasks::UpdateTaskRequest&), (override));
  MOCK_METHOD(absl::StatusOr<std::vector<tasks::Metric>>, Metrics,
              (const Context&, const std::vector<std::string>&), (override));
  MOCK_METHOD(Future<tasks::WaitResponse>, Wait,
              (const Context&, std::string_view, std::string_view), (override));
};

class MockDiff : public diff::DiffService {
 public:
  MockDiff();
  ~MockDiff() override;

  MOCK_METHOD(absl::StatusOr<ocispec::Descriptor>, Compare,
              (const Context&, const std::vector<mount::Mount>&, const std::vector<mount::Mount>&,
               const std::vector<diff::Opt>&),
              (override));
  MOCK_METHOD(absl::StatusOr<ocispec::Descriptor>, Apply,
              (const Context&, const ocispec::Descriptor&, const std::vector<mount::Mount>&,
               const std::vector<diff::ApplyOpt>&),
              (override));
};

class FakeSandboxStore final : public sandbox::Store {
 public:
  Records<sandbox::Sandbox> records;

  absl::StatusOr<sandbox::Sandbox> Create(const Context&, const sandbox::Sandbox& s) override;
  absl::StatusOr<sandbox::Sandbox> Update(const Context&, const sandbox::Sandbox& s,
                                          const std::vector<std::string>&) override;
  absl::StatusOr<sandbox::Sandbox> Get(const Context&, std::string_view id) override;
  absl::StatusOr<std::vector<sandbox::Sandbox>> List(const Context&,
                                                     const std::vector<std::string>&) override;
  absl::Status Delete(const Context& ctx, std::string_view id) override;
};

class MockController : public sandbox::Controller {
 public:
  MockController();
  ~MockController() override;

  MOCK_METHOD(absl::Status, Create,
              (const Context&, const sandbox::Sandbox&, const std::vector<sandbox::CreateOpt>&),
              (override));
  MOCK_METHOD(absl::StatusOr<sandbox::ControllerInstance>, Start,
              (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<ocispec::Platform>, Platform, (const Context&, std::string_view),
              (override));
  MOCK_METHOD(absl::Status, Stop,
              (const Context&, std::string_view, const std::vector<sandbox::StopOpt>&), (override));
  MOCK_METHOD(Future<sandbox::ExitStatus>, Wait, (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<sandbox::ControllerStatus>, Status,
              (const Context&, std::string_view, bool), (override));
  MOCK_METHOD(absl::Status, Shutdown, (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<tasks::Metric>, Metrics, (const Context&, std::string_view),
              (override));
  MOCK_METHOD(absl::Status, Update,
              (const Context&, std::string_view, const sandbox::Sandbox&,
               const std::vector<std::string>&),
              (override));
};

// All of them, and a client of them. Its snapshotter and sandboxer are called "fake".
class FakeDaemon {
 public:
  FakeDaemon();
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;
  ~FakeDaemon();

  // Puts an image's content and record there, and its layers' snapshot, as if it were unpacked.
  images::Image AddImage(const std::string& name, const BuiltImage& image);

  const std::shared_ptr<FakeContainerStore> containers;
  const std::shared_ptr<FakeImageStore> images;
  const std::shared_ptr<MemoryStore> content;
  const std::shared_ptr<FakeLeases> leases;
  const std::shared_ptr<FakeSnapshotter> snapshotter;
  const std::shared_ptr<FakeIntrospection> introspection;
  const std::shared_ptr<::testing::NiceMock<MockTasks>> tasks;
  const std::shared_ptr<::testing::NiceMock<MockDiff>> diff;
  const std::shared_ptr<FakeSandboxStore> sandboxes;
  const std::shared_ptr<::testing::NiceMock<MockController>> controller;
  Client client;
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_SUPPORT_FAKE_DAEMON_H_
