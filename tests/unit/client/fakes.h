// SPDX-License-Identifier: Apache-2.0
//
// A daemon's services in memory, for a Client that tests compose WithServices.
#ifndef CONTAINERD_TESTS_UNIT_CLIENT_FAKES_H_
#define CONTAINERD_TESTS_UNIT_CLIENT_FAKES_H_

#include <algorithm>
#include <cstdint>
#include <functional>
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
#include "containerd/digest/digest.h"
#include "containerd/digest/identity.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/store.h"
#include "containerd/introspection/introspection.h"
#include "containerd/leases/leases.h"
#include "containerd/sandbox/sandbox.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/tasks/tasks.h"

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

  absl::StatusOr<containers::Container> Get(const Context&, std::string_view id) override {
    return records.Get(id);
  }
  absl::StatusOr<std::vector<containers::Container>> List(
      const Context&, const std::vector<std::string>&) override {
    return records.List();
  }
  absl::StatusOr<containers::Container> Create(const Context&,
                                               const containers::Container& c) override {
    return records.Create(c.id, c);
  }
  absl::StatusOr<containers::Container> Update(const Context&, const containers::Container& c,
                                               const std::vector<std::string>&) override {
    return records.Replace(c.id, c);
  }
  absl::Status Delete(const Context&, std::string_view id) override { return records.Delete(id); }
};

class FakeImageStore final : public images::Store {
 public:
  Records<images::Image> records;

  absl::StatusOr<images::Image> Get(const Context&, std::string_view name) override {
    return records.Get(name);
  }
  absl::StatusOr<std::vector<images::Image>> List(const Context&,
                                                  const std::vector<std::string>&) override {
    return records.List();
  }
  absl::StatusOr<images::Image> Create(const Context&, const images::Image& image) override {
    return records.Create(image.name, image);
  }
  absl::StatusOr<images::Image> Update(const Context&, const images::Image& image,
                                       const std::vector<std::string>&) override {
    return records.Replace(image.name, image);
  }
  absl::Status Delete(const Context&, std::string_view name,
                      const std::vector<images::DeleteOpt>&) override {
    return records.Delete(name);
  }
};

class FakeLeases final : public leases::Manager {
 public:
  Records<leases::Lease> records;

  absl::StatusOr<leases::Lease> Create(const Context&,
                                       const std::vector<leases::Opt>& opts) override {
    leases::Lease lease;
    for (const leases::Opt& opt : opts) {
      if (absl::Status s = opt(&lease); !s.ok()) return s;
    }
    return records.Create(lease.id, lease);
  }
  absl::Status Delete(const Context&, const leases::Lease& lease,
                      const std::vector<leases::DeleteOpt>&) override {
    return records.Delete(lease.id);
  }
  absl::StatusOr<std::vector<leases::Lease>> List(const Context&,
                                                  const std::vector<std::string>&) override {
    return records.List();
  }
  absl::Status AddResource(const Context&, const leases::Lease&, const leases::Resource&) override {
    return absl::OkStatus();
  }
  absl::Status DeleteResource(const Context&, const leases::Lease&,
                              const leases::Resource&) override {
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<leases::Resource>> ListResources(const Context&,
                                                              const leases::Lease&) override {
    return std::vector<leases::Resource>{};
  }
};

// Snapshots without files: nothing is to be mounted, unless a test says so.
class FakeSnapshotter final : public snapshots::Snapshotter {
 public:
  std::vector<mount::Mount> mounts;
  // Called before the snapshot is looked up or made; an error is what the call returns.
  std::function<absl::Status(std::string_view key)> on_prepare;
  std::function<absl::Status(std::string_view name)> on_commit;

  void Add(snapshots::Info info) {
    const std::lock_guard lock(mu_);
    all_[info.name] = std::move(info);
  }
  std::vector<std::string> Names() {
    const std::lock_guard lock(mu_);
    std::vector<std::string> names;
    for (const auto& [name, info] : all_) names.push_back(name);
    return names;
  }

  absl::StatusOr<snapshots::Info> Stat(const Context&, std::string_view key) override {
    const std::lock_guard lock(mu_);
    const auto found = all_.find(std::string(key));
    if (found == all_.end()) return errdefs::NotFound(fmt::format("snapshot \"{}\"", key));
    return found->second;
  }
  absl::StatusOr<snapshots::Info> Update(const Context&, const snapshots::Info& info,
                                         const std::vector<std::string>&) override {
    return info;
  }
  absl::StatusOr<snapshots::Usage> Usage(const Context&, std::string_view) override {
    return snapshots::Usage{};
  }
  absl::StatusOr<std::vector<mount::Mount>> Mounts(const Context& ctx,
                                                   std::string_view key) override {
    if (auto info = Stat(ctx, key); !info.ok()) return info.status();
    return mounts;
  }
  absl::StatusOr<std::vector<mount::Mount>> Prepare(
      const Context&, std::string_view key, std::string_view parent,
      const std::vector<snapshots::Opt>& opts) override {
    return Make(key, parent, snapshots::Kind::kActive, opts);
  }
  absl::StatusOr<std::vector<mount::Mount>> View(const Context&, std::string_view key,
                                                 std::string_view parent,
                                                 const std::vector<snapshots::Opt>& opts) override {
    return Make(key, parent, snapshots::Kind::kView, opts);
  }
  absl::Status Commit(const Context&, std::string_view name, std::string_view key,
                      const std::vector<snapshots::Opt>&) override {
    if (on_commit) {
      if (absl::Status s = on_commit(name); !s.ok()) return s;
    }
    const std::lock_guard lock(mu_);
    const auto active = all_.find(std::string(key));
    if (active == all_.end()) return errdefs::NotFound(fmt::format("snapshot \"{}\"", key));
    snapshots::Info info = active->second;
    info.name = std::string(name);
    info.kind = snapshots::Kind::kCommitted;
    if (!all_.emplace(info.name, info).second) {
      return errdefs::AlreadyExists(fmt::format("snapshot \"{}\"", name));
    }
    all_.erase(active);
    return absl::OkStatus();
  }
  absl::Status Remove(const Context& ctx, std::string_view key) override {
    if (absl::Status s = ctx.Err(); !s.ok()) return s;
    const std::lock_guard lock(mu_);
    return all_.erase(std::string(key)) > 0
               ? absl::OkStatus()
               : errdefs::NotFound(fmt::format("snapshot \"{}\"", key));
  }
  absl::Status Walk(const Context&, const snapshots::WalkFunc&,
                    const std::vector<std::string>&) override {
    return absl::OkStatus();
  }
  absl::Status Close() override { return absl::OkStatus(); }

 private:
  absl::StatusOr<std::vector<mount::Mount>> Make(std::string_view key, std::string_view parent,
                                                 snapshots::Kind kind,
                                                 const std::vector<snapshots::Opt>& opts) {
    if (on_prepare) {
      if (absl::Status s = on_prepare(key); !s.ok()) return s;
    }
    snapshots::Info info{
        .kind = kind, .name = std::string(key), .parent = std::string(parent), .labels = {}};
    for (const snapshots::Opt& opt : opts) {
      if (absl::Status s = opt(&info); !s.ok()) return s;
    }
    const std::lock_guard lock(mu_);
    // As the daemon does for who unpacks.
    if (const auto target = info.labels.find(snapshots::kLabelSnapshotRef);
        target != info.labels.end() && all_.contains(target->second)) {
      return errdefs::AlreadyExists(fmt::format("target snapshot \"{}\"", target->second));
    }
    if (!parent.empty() && !all_.contains(info.parent)) {
      return errdefs::NotFound(fmt::format("parent snapshot \"{}\"", parent));
    }
    if (!all_.emplace(info.name, info).second) {
      return errdefs::AlreadyExists(fmt::format("snapshot \"{}\"", key));
    }
    return mounts;
  }

  std::mutex mu_;
  std::map<std::string, snapshots::Info> all_;
};

// One snapshotter plugin with the given capabilities.
class FakeIntrospection final : public introspection::Service {
 public:
  std::vector<std::string> capabilities;

  absl::StatusOr<std::vector<introspection::Plugin>> Plugins(
      const Context&, const std::vector<std::string>&) override {
    return std::vector<introspection::Plugin>{{.type = "io.containerd.snapshotter.v1",
                                               .id = "fake",
                                               .requires_ = {},
                                               .platforms = {},
                                               .exports = {},
                                               .capabilities = capabilities,
                                               .init_err = absl::OkStatus()}};
  }
  absl::StatusOr<introspection::ServerResponse> Server(const Context&) override {
    return introspection::ServerResponse{};
  }
  absl::StatusOr<introspection::PluginInfoResponse> PluginInfo(const Context&, std::string_view,
                                                               std::string_view,
                                                               const typeurl::Any&) override {
    return errdefs::NotImplemented("plugin info");
  }
};

class MockTasks : public tasks::Service {
 public:
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

  absl::StatusOr<sandbox::Sandbox> Create(const Context&, const sandbox::Sandbox& s) override {
    return records.Create(s.id, s);
  }
  absl::StatusOr<sandbox::Sandbox> Update(const Context&, const sandbox::Sandbox& s,
                                          const std::vector<std::string>&) override {
    return records.Replace(s.id, s);
  }
  absl::StatusOr<sandbox::Sandbox> Get(const Context&, std::string_view id) override {
    return records.Get(id);
  }
  absl::StatusOr<std::vector<sandbox::Sandbox>> List(const Context&,
                                                     const std::vector<std::string>&) override {
    return records.List();
  }
  absl::Status Delete(const Context& ctx, std::string_view id) override {
    if (absl::Status s = ctx.Err(); !s.ok()) return s;
    return records.Delete(id);
  }
};

class MockController : public sandbox::Controller {
 public:
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
  FakeDaemon()
      : client(*Client::New(
            "", {WithDefaultRuntime("io.containerd.runc.v2"), WithDefaultSandboxer("fake"),
                 WithServices({WithContainerStore(containers), WithImageStore(images),
                               WithContentStore(content), WithLeasesService(leases),
                               WithSnapshotters({{"fake", snapshotter}}),
                               WithIntrospectionService(introspection), WithTaskService(tasks),
                               WithDiffService(diff), WithSandboxStore(sandboxes),
                               WithSandboxController("fake", controller)})})) {}

  // Puts an image's content and record there, and its layers' snapshot, as if it were unpacked.
  images::Image AddImage(const std::string& name, const BuiltImage& image) {
    content->Add(ocispec::kMediaTypeImageManifest, image.manifest);
    content->Add(ocispec::kMediaTypeImageConfig, image.config);
    std::vector<digest::Digest> diff_ids;
    for (const std::string& layer : image.layers) diff_ids.push_back(digest::FromString(layer));
    snapshotter->Add({.kind = snapshots::Kind::kCommitted,
                      .name = identity::ChainID(diff_ids).String(),
                      .labels = {}});
    images::Image record{.name = name, .labels = {}, .target = image.target};
    Must(images->records.Create(name, record).status());
    return record;
  }

  const std::shared_ptr<FakeContainerStore> containers = std::make_shared<FakeContainerStore>();
  const std::shared_ptr<FakeImageStore> images = std::make_shared<FakeImageStore>();
  const std::shared_ptr<MemoryStore> content = std::make_shared<MemoryStore>();
  const std::shared_ptr<FakeLeases> leases = std::make_shared<FakeLeases>();
  const std::shared_ptr<FakeSnapshotter> snapshotter = std::make_shared<FakeSnapshotter>();
  const std::shared_ptr<FakeIntrospection> introspection = std::make_shared<FakeIntrospection>();
  const std::shared_ptr<::testing::NiceMock<MockTasks>> tasks =
      std::make_shared<::testing::NiceMock<MockTasks>>();
  const std::shared_ptr<::testing::NiceMock<MockDiff>> diff =
      std::make_shared<::testing::NiceMock<MockDiff>>();
  const std::shared_ptr<FakeSandboxStore> sandboxes = std::make_shared<FakeSandboxStore>();
  const std::shared_ptr<::testing::NiceMock<MockController>> controller =
      std::make_shared<::testing::NiceMock<MockController>>();
  Client client;
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_UNIT_CLIENT_FAKES_H_
