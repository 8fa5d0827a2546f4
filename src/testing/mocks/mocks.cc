// SPDX-License-Identifier: Apache-2.0
//
// What the mocks do when a test says nothing, and their constructors: compiled here once.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/future/future.h"
#include "containerd/testing/mocks/containers.h"
#include "containerd/testing/mocks/content.h"
#include "containerd/testing/mocks/diff.h"
#include "containerd/testing/mocks/events.h"
#include "containerd/testing/mocks/health.h"
#include "containerd/testing/mocks/images.h"
#include "containerd/testing/mocks/introspection.h"
#include "containerd/testing/mocks/leases.h"
#include "containerd/testing/mocks/mount.h"
#include "containerd/testing/mocks/namespaces.h"
#include "containerd/testing/mocks/sandbox.h"
#include "containerd/testing/mocks/snapshots.h"
#include "containerd/testing/mocks/streaming.h"
#include "containerd/testing/mocks/tasks.h"
#include "containerd/testing/mocks/transfer.h"
#include "containerd/testing/mocks/version.h"

namespace containerd::testing {
namespace {

using ::testing::Return;

absl::Status None(std::string_view what, std::string_view name) {
  return errdefs::NotFound(fmt::format("{} \"{}\": the mock has none", what, name));
}

absl::Status NoAction(std::string_view call) {
  return errdefs::NotImplemented(fmt::format("{}: the mock has no action for it", call));
}

absl::Status EndOfStream() { return errdefs::OutOfRange("end of stream"); }

// Until when a subscription without events lasts.
class Quiet {
 public:
  explicit Quiet(const Context& ctx)
      : on_cancel_(ctx.OnCancel([ended = ended_, ctx] { ended.Set(ctx.Err()); })) {}
  void Cancel() const { ended_.Set(errdefs::Canceled("the subscription was canceled")); }
  Future<std::monostate> Ended() const { return ended_.GetFuture(); }

 private:
  const Promise<std::monostate> ended_;
  const CancelRegistration on_cancel_;
};

class QuietSubscription final : public events::Subscription {
 public:
  explicit QuietSubscription(const Context& ctx) : quiet_(ctx) {}
  absl::StatusOr<events::Item> Next(const Context& ctx) override {
    return quiet_.Ended().Get(ctx).status();
  }
  absl::StatusOr<std::optional<events::Item>> TryNext() override {
    const Future<std::monostate> ended = quiet_.Ended();
    if (!ended.IsReady()) return std::nullopt;
    return ended.Get(Context::Background()).status();
  }
  absl::Status WaitReady(const Context&) override { return absl::OkStatus(); }
  void Cancel() override { quiet_.Cancel(); }

 private:
  const Quiet quiet_;
};

class QuietCallbackSubscription final : public events::CallbackSubscription {
 public:
  QuietCallbackSubscription(const Context& ctx, std::function<void(const absl::Status&)> on_end)
      : quiet_(ctx) {
    quiet_.Ended().Then([on_end = std::move(on_end)](const absl::StatusOr<std::monostate>& ended) {
      if (on_end) on_end(ended.status());
    });
  }
  ~QuietCallbackSubscription() override { quiet_.Cancel(); }
  absl::Status WaitReady(const Context&) override { return absl::OkStatus(); }
  void Cancel() override { quiet_.Cancel(); }

 private:
  const Quiet quiet_;
};

// What a mock's method does by default: the same of another.
#define CONTAINERD_DELEGATE(call, to) \
  ON_CALL(*this, call).WillByDefault([to](const auto&... args) { return to->call(args...); })

}  // namespace

MockContainerStore::MockContainerStore() {
  const auto none = [](std::string_view id) { return None("container", id); };
  ON_CALL(*this, Get).WillByDefault([none](const Context&, std::string_view id) {
    return none(id);
  });
  ON_CALL(*this, List).WillByDefault(Return(std::vector<containers::Container>()));
  ON_CALL(*this, Create).WillByDefault([](const Context&, const containers::Container& container) {
    return container;
  });
  ON_CALL(*this, Update)
      .WillByDefault([none](const Context&, const containers::Container& container,
                            const std::vector<std::string>&) { return none(container.id); });
}
MockContainerStore::~MockContainerStore() = default;

void MockContainerStore::DelegateTo(const std::shared_ptr<containers::Store>& store) {
  CONTAINERD_DELEGATE(Get, store);
  CONTAINERD_DELEGATE(List, store);
  CONTAINERD_DELEGATE(Create, store);
  CONTAINERD_DELEGATE(Update, store);
  CONTAINERD_DELEGATE(Delete, store);
}

MockContentStore::MockContentStore() {
  ON_CALL(*this, ReaderAt).WillByDefault([](const Context&, const ocispec::Descriptor& desc) {
    return None("content", desc.digest);
  });
  ON_CALL(*this, Info).WillByDefault([](const Context&, const digest::Digest& dgst) {
    return None("content", dgst.String());
  });
  ON_CALL(*this, Update)
      .WillByDefault([](const Context&, const content::Info& info,
                        const std::vector<std::string>&) { return None("content", info.digest); });
  ON_CALL(*this, Status).WillByDefault([](const Context&, std::string_view ref) {
    return None("ingestion", ref);
  });
  ON_CALL(*this, ListStatuses).WillByDefault(Return(std::vector<content::Status>()));
  ON_CALL(*this, Writer).WillByDefault([](const Context&, const std::vector<content::WriterOpt>&) {
    return NoAction("content::Store::Writer");
  });
}
MockContentStore::~MockContentStore() = default;

void MockContentStore::DelegateTo(const std::shared_ptr<content::Store>& store) {
  CONTAINERD_DELEGATE(ReaderAt, store);
  CONTAINERD_DELEGATE(Info, store);
  CONTAINERD_DELEGATE(Update, store);
  CONTAINERD_DELEGATE(Walk, store);
  CONTAINERD_DELEGATE(Delete, store);
  CONTAINERD_DELEGATE(Status, store);
  CONTAINERD_DELEGATE(ListStatuses, store);
  CONTAINERD_DELEGATE(Abort, store);
  CONTAINERD_DELEGATE(Writer, store);
}

MockContentWriter::MockContentWriter() {
  ON_CALL(*this, Status).WillByDefault(Return(content::Status()));
}
MockContentWriter::~MockContentWriter() = default;

MockContentReaderAt::MockContentReaderAt() { ON_CALL(*this, ReadAt).WillByDefault(Return(0U)); }
MockContentReaderAt::~MockContentReaderAt() = default;

MockDiffService::MockDiffService() {
  ON_CALL(*this, Compare).WillByDefault(Return(NoAction("diff::DiffService::Compare")));
  ON_CALL(*this, Apply).WillByDefault(Return(NoAction("diff::DiffService::Apply")));
}
MockDiffService::~MockDiffService() = default;

MockEventService::MockEventService() {
  using ::testing::_;
  ON_CALL(*this, Subscribe(_, _, _))
      .WillByDefault([](const Context& ctx, const std::vector<std::string>&,
                        const std::vector<events::SubscribeOpt>&) {
        return std::make_unique<QuietSubscription>(ctx);
      });
  ON_CALL(*this, Subscribe(_, _, _, _, _))
      .WillByDefault([](const Context& ctx, const std::vector<std::string>&,
                        const std::function<void(const events::Item&)>&,
                        std::function<void(const absl::Status&)> on_end,
                        const std::vector<events::SubscribeOpt>&) {
        return std::make_unique<QuietCallbackSubscription>(ctx, std::move(on_end));
      });
}
MockEventService::~MockEventService() = default;

MockSubscription::MockSubscription() {
  ON_CALL(*this, Next).WillByDefault([](const Context&) { return EndOfStream(); });
  ON_CALL(*this, TryNext).WillByDefault([] { return EndOfStream(); });
}
MockSubscription::~MockSubscription() = default;

MockHealthService::MockHealthService() {
  ON_CALL(*this, Check).WillByDefault(Return(health::ServingStatus::kServing));
}
MockHealthService::~MockHealthService() = default;

MockImageStore::MockImageStore() {
  const auto none = [](std::string_view name) { return None("image", name); };
  ON_CALL(*this, Get).WillByDefault([none](const Context&, std::string_view name) {
    return none(name);
  });
  ON_CALL(*this, List).WillByDefault(Return(std::vector<images::Image>()));
  ON_CALL(*this, Create).WillByDefault([](const Context&, const images::Image& image) {
    return image;
  });
  ON_CALL(*this, Update)
      .WillByDefault([none](const Context&, const images::Image& image,
                            const std::vector<std::string>&) { return none(image.name); });
}
MockImageStore::~MockImageStore() = default;

void MockImageStore::DelegateTo(const std::shared_ptr<images::Store>& store) {
  CONTAINERD_DELEGATE(Get, store);
  CONTAINERD_DELEGATE(List, store);
  CONTAINERD_DELEGATE(Create, store);
  CONTAINERD_DELEGATE(Update, store);
  CONTAINERD_DELEGATE(Delete, store);
}

MockIntrospectionService::MockIntrospectionService() {
  ON_CALL(*this, Plugins).WillByDefault(Return(std::vector<introspection::Plugin>()));
  ON_CALL(*this, Server).WillByDefault(Return(introspection::ServerResponse()));
  ON_CALL(*this, PluginInfo)
      .WillByDefault(
          [](const Context&, std::string_view type, std::string_view id, const typeurl::Any&) {
            return None("plugin", fmt::format("{}.{}", type, id));
          });
}
MockIntrospectionService::~MockIntrospectionService() = default;

MockLeaseManager::MockLeaseManager() {
  ON_CALL(*this, Create)
      .WillByDefault([](const Context&,
                        const std::vector<leases::Opt>& opts) -> absl::StatusOr<leases::Lease> {
        leases::Lease lease;
        for (const leases::Opt& opt : opts) {
          if (absl::Status s = opt(lease); !s.ok()) return s;
        }
        return lease;
      });
  ON_CALL(*this, List).WillByDefault(Return(std::vector<leases::Lease>()));
  ON_CALL(*this, ListResources).WillByDefault(Return(std::vector<leases::Resource>()));
}
MockLeaseManager::~MockLeaseManager() = default;

void MockLeaseManager::DelegateTo(const std::shared_ptr<leases::Manager>& manager) {
  CONTAINERD_DELEGATE(Create, manager);
  CONTAINERD_DELEGATE(Delete, manager);
  CONTAINERD_DELEGATE(List, manager);
  CONTAINERD_DELEGATE(AddResource, manager);
  CONTAINERD_DELEGATE(DeleteResource, manager);
  CONTAINERD_DELEGATE(ListResources, manager);
}

MockMountManager::MockMountManager() {
  const auto no_action = Return(NoAction("mount::Manager"));
  ON_CALL(*this, Activate).WillByDefault(no_action);
  ON_CALL(*this, Deactivate).WillByDefault(no_action);
  ON_CALL(*this, Info).WillByDefault(no_action);
  ON_CALL(*this, Update).WillByDefault(no_action);
  ON_CALL(*this, List).WillByDefault(no_action);
}
MockMountManager::~MockMountManager() = default;

MockNamespaceStore::MockNamespaceStore() {
  ON_CALL(*this, Labels).WillByDefault(Return(containerd::Labels()));
  ON_CALL(*this, List).WillByDefault(Return(std::vector<std::string>()));
}
MockNamespaceStore::~MockNamespaceStore() = default;

void MockNamespaceStore::DelegateTo(const std::shared_ptr<namespaces::Store>& store) {
  CONTAINERD_DELEGATE(Create, store);
  CONTAINERD_DELEGATE(Labels, store);
  CONTAINERD_DELEGATE(SetLabel, store);
  CONTAINERD_DELEGATE(List, store);
  CONTAINERD_DELEGATE(Delete, store);
}

MockSandboxStore::MockSandboxStore() {
  const auto none = [](std::string_view id) { return None("sandbox", id); };
  ON_CALL(*this, Get).WillByDefault([none](const Context&, std::string_view id) {
    return none(id);
  });
  ON_CALL(*this, List).WillByDefault(Return(std::vector<sandbox::Sandbox>()));
  ON_CALL(*this, Create).WillByDefault([](const Context&, const sandbox::Sandbox& sandbox) {
    return sandbox;
  });
  ON_CALL(*this, Update)
      .WillByDefault([none](const Context&, const sandbox::Sandbox& sandbox,
                            const std::vector<std::string>&) { return none(sandbox.id); });
}
MockSandboxStore::~MockSandboxStore() = default;

void MockSandboxStore::DelegateTo(const std::shared_ptr<sandbox::Store>& store) {
  CONTAINERD_DELEGATE(Create, store);
  CONTAINERD_DELEGATE(Update, store);
  CONTAINERD_DELEGATE(Get, store);
  CONTAINERD_DELEGATE(List, store);
  CONTAINERD_DELEGATE(Delete, store);
}

MockSandboxController::MockSandboxController() {
  ON_CALL(*this, Start).WillByDefault([](const Context&, std::string_view id) {
    return sandbox::ControllerInstance{.sandbox_id = std::string(id), .pid = 1};
  });
  ON_CALL(*this, Platform).WillByDefault(Return(ocispec::Platform()));
  ON_CALL(*this, Wait).WillByDefault([](const Context&, std::string_view) {
    return Future<sandbox::ExitStatus>::Ready(sandbox::ExitStatus());
  });
  ON_CALL(*this, Status).WillByDefault([](const Context&, std::string_view id, bool) {
    return None("sandbox", id);
  });
  ON_CALL(*this, Metrics).WillByDefault([](const Context&, std::string_view id) {
    return None("sandbox", id);
  });
}
MockSandboxController::~MockSandboxController() = default;

MockSnapshotter::MockSnapshotter() {
  const auto none = [](const Context&, std::string_view key) { return None("snapshot", key); };
  ON_CALL(*this, Stat).WillByDefault(none);
  ON_CALL(*this, Usage).WillByDefault(none);
  ON_CALL(*this, Mounts).WillByDefault(none);
  ON_CALL(*this, Update)
      .WillByDefault([](const Context&, const snapshots::Info& info,
                        const std::vector<std::string>&) { return None("snapshot", info.name); });
  ON_CALL(*this, Prepare).WillByDefault(Return(std::vector<mount::Mount>()));
  ON_CALL(*this, View).WillByDefault(Return(std::vector<mount::Mount>()));
}
MockSnapshotter::~MockSnapshotter() = default;

void MockSnapshotter::DelegateTo(const std::shared_ptr<snapshots::Snapshotter>& snapshotter) {
  CONTAINERD_DELEGATE(Stat, snapshotter);
  CONTAINERD_DELEGATE(Update, snapshotter);
  CONTAINERD_DELEGATE(Usage, snapshotter);
  CONTAINERD_DELEGATE(Mounts, snapshotter);
  CONTAINERD_DELEGATE(Prepare, snapshotter);
  CONTAINERD_DELEGATE(View, snapshotter);
  CONTAINERD_DELEGATE(Commit, snapshotter);
  CONTAINERD_DELEGATE(Remove, snapshotter);
  CONTAINERD_DELEGATE(Walk, snapshotter);
  CONTAINERD_DELEGATE(Close, snapshotter);
}

MockStreamCreator::MockStreamCreator() {
  ON_CALL(*this, Create).WillByDefault([](const Context&, std::string_view) {
    return NoAction("streaming::StreamCreator::Create");
  });
}
MockStreamCreator::~MockStreamCreator() = default;

MockStream::MockStream() {
  ON_CALL(*this, Recv).WillByDefault([](const Context&) { return EndOfStream(); });
  ON_CALL(*this, TryRecv).WillByDefault([] { return EndOfStream(); });
}
MockStream::~MockStream() = default;

MockTaskService::MockTaskService() {
  ON_CALL(*this, Create).WillByDefault(Return(1U));
  ON_CALL(*this, Start).WillByDefault(Return(1U));
  ON_CALL(*this, Delete).WillByDefault([](const Context&, std::string_view id) {
    return tasks::DeleteResponse{.id = std::string(id), .pid = 1};
  });
  ON_CALL(*this, DeleteProcess)
      .WillByDefault([](const Context&, std::string_view, std::string_view exec_id) {
        return tasks::DeleteResponse{.id = std::string(exec_id), .pid = 1};
      });
  ON_CALL(*this, Get).WillByDefault([](const Context&, std::string_view id, std::string_view exec) {
    return exec.empty() ? None("task", id) : None("process", exec);
  });
  ON_CALL(*this, List).WillByDefault(Return(std::vector<tasks::Process>()));
  ON_CALL(*this, ListPids).WillByDefault(Return(std::vector<tasks::ProcessInfo>()));
  ON_CALL(*this, Checkpoint).WillByDefault(Return(NoAction("tasks::Service::Checkpoint")));
  ON_CALL(*this, Metrics).WillByDefault(Return(std::vector<tasks::Metric>()));
  ON_CALL(*this, Wait).WillByDefault([](const Context&, std::string_view, std::string_view) {
    return Future<tasks::WaitResponse>::Ready(tasks::WaitResponse());
  });
}
MockTaskService::~MockTaskService() = default;

MockTransferrer::MockTransferrer() {
  ON_CALL(*this, Transfer).WillByDefault(Return(NoAction("transfer::Transferrer::Transfer")));
}
MockTransferrer::~MockTransferrer() = default;

MockVersionService::MockVersionService() {
  ON_CALL(*this, Version).WillByDefault(Return(version::Info{.version = "0.0.0"}));
}
MockVersionService::~MockVersionService() = default;

}  // namespace containerd::testing
