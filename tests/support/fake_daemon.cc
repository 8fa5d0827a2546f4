// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_daemon.h"

#include "containerd/digest/digest.h"
#include "containerd/digest/identity.h"

namespace containerd::testing {

absl::StatusOr<containers::Container> FakeContainerStore::Get(const Context&, std::string_view id) {
  return records.Get(id);
}

absl::StatusOr<std::vector<containers::Container>> FakeContainerStore::List(
    const Context&, const std::vector<std::string>&) {
  return records.List();
}

absl::StatusOr<containers::Container> FakeContainerStore::Create(const Context&,
                                                                 const containers::Container& c) {
  return records.Create(c.id, c);
}

absl::StatusOr<containers::Container> FakeContainerStore::Update(const Context&,
                                                                 const containers::Container& c,
                                                                 const std::vector<std::string>&) {
  return records.Replace(c.id, c);
}

absl::StatusOr<images::Image> FakeImageStore::Get(const Context&, std::string_view name) {
  return records.Get(name);
}

absl::StatusOr<std::vector<images::Image>> FakeImageStore::List(const Context&,
                                                                const std::vector<std::string>&) {
  return records.List();
}

absl::StatusOr<images::Image> FakeImageStore::Create(const Context&, const images::Image& image) {
  return records.Create(image.name, image);
}

absl::StatusOr<images::Image> FakeImageStore::Update(const Context&, const images::Image& image,
                                                     const std::vector<std::string>&) {
  return records.Replace(image.name, image);
}

absl::Status FakeImageStore::Delete(const Context&, std::string_view name,
                                    const std::vector<images::DeleteOpt>&) {
  return records.Delete(name);
}

absl::StatusOr<leases::Lease> FakeLeases::Create(const Context&,
                                                 const std::vector<leases::Opt>& opts) {
  leases::Lease lease;
  for (const leases::Opt& opt : opts) {
    if (absl::Status s = opt(&lease); !s.ok()) return s;
  }
  return records.Create(lease.id, lease);
}

absl::Status FakeLeases::Delete(const Context&, const leases::Lease& lease,
                                const std::vector<leases::DeleteOpt>&) {
  return records.Delete(lease.id);
}

absl::StatusOr<std::vector<leases::Lease>> FakeLeases::List(const Context&,
                                                            const std::vector<std::string>&) {
  return records.List();
}

absl::Status FakeLeases::AddResource(const Context&, const leases::Lease&,
                                     const leases::Resource&) {
  return absl::OkStatus();
}

absl::Status FakeLeases::DeleteResource(const Context&, const leases::Lease&,
                                        const leases::Resource&) {
  return absl::OkStatus();
}

absl::StatusOr<std::vector<leases::Resource>> FakeLeases::ListResources(const Context&,
                                                                        const leases::Lease&) {
  return std::vector<leases::Resource>{};
}

absl::StatusOr<std::vector<introspection::Plugin>> FakeIntrospection::Plugins(
    const Context&, const std::vector<std::string>&) {
  return std::vector<introspection::Plugin>{{.type = "io.containerd.snapshotter.v1",
                                             .id = "fake",
                                             .requires_ = {},
                                             .platforms = {},
                                             .exports = {},
                                             .capabilities = capabilities,
                                             .init_err = absl::OkStatus()}};
}

absl::StatusOr<introspection::ServerResponse> FakeIntrospection::Server(const Context&) {
  return introspection::ServerResponse{};
}

absl::StatusOr<introspection::PluginInfoResponse> FakeIntrospection::PluginInfo(
    const Context&, std::string_view, std::string_view, const typeurl::Any&) {
  return errdefs::NotImplemented("plugin info");
}

absl::StatusOr<sandbox::Sandbox> FakeSandboxStore::Create(const Context&,
                                                          const sandbox::Sandbox& s) {
  return records.Create(s.id, s);
}

absl::StatusOr<sandbox::Sandbox> FakeSandboxStore::Update(const Context&, const sandbox::Sandbox& s,
                                                          const std::vector<std::string>&) {
  return records.Replace(s.id, s);
}

absl::StatusOr<sandbox::Sandbox> FakeSandboxStore::Get(const Context&, std::string_view id) {
  return records.Get(id);
}

absl::StatusOr<std::vector<sandbox::Sandbox>> FakeSandboxStore::List(
    const Context&, const std::vector<std::string>&) {
  return records.List();
}

absl::Status FakeSandboxStore::Delete(const Context& ctx, std::string_view id) {
  if (absl::Status s = ctx.Err(); !s.ok()) return s;
  return records.Delete(id);
}

images::Image FakeDaemon::AddImage(const std::string& name, const BuiltImage& image) {
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

MockTasks::MockTasks() = default;
MockTasks::~MockTasks() = default;

MockDiff::MockDiff() = default;
MockDiff::~MockDiff() = default;

MockController::MockController() = default;
MockController::~MockController() = default;

FakeDaemon::FakeDaemon()
    : containers(std::make_shared<FakeContainerStore>()),
      images(std::make_shared<FakeImageStore>()),
      content(std::make_shared<MemoryStore>()),
      leases(std::make_shared<FakeLeases>()),
      snapshotter(std::make_shared<FakeSnapshotter>()),
      introspection(std::make_shared<FakeIntrospection>()),
      tasks(std::make_shared<::testing::NiceMock<MockTasks>>()),
      diff(std::make_shared<::testing::NiceMock<MockDiff>>()),
      sandboxes(std::make_shared<FakeSandboxStore>()),
      controller(std::make_shared<::testing::NiceMock<MockController>>()),
      client(*Client::New(
          "", {WithDefaultRuntime("io.containerd.runc.v2"), WithDefaultSandboxer("fake"),
               WithServices({WithContainerStore(containers), WithImageStore(images),
                             WithContentStore(content), WithLeasesService(leases),
                             WithSnapshotters({{"fake", snapshotter}}),
                             WithIntrospectionService(introspection), WithTaskService(tasks),
                             WithDiffService(diff), WithSandboxStore(sandboxes),
                             WithSandboxController("fake", controller)})})) {}

FakeDaemon::~FakeDaemon() = default;

}  // namespace containerd::testing
