// SPDX-License-Identifier: Apache-2.0
//
// What tests of libcontainerd share: a backend that notes what it is told, and short ways to make
// containers and tasks.
#ifndef CONTAINERD_TESTS_INTEGRATION_LIBCONTAINERD_FIXTURE_H_
#define CONTAINERD_TESTS_INTEGRATION_LIBCONTAINERD_FIXTURE_H_

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/cio/streams.h"
#include "containerd/libcontainerd/client.h"
#include "containerd/specs/spec.h"

#include "container_fixture.h"
#include "harness.h"

namespace containerd::testing {

namespace lc = ::containerd::libcontainerd;

inline constexpr char kRuncV2[] = "io.containerd.runc.v2";

// Notes what it is told.
class Notes final : public lc::Backend {
 public:
  using Handler = std::function<absl::Status(lc::EventType, const lc::EventInfo&)>;

  absl::Status ProcessEvent(const std::string& id, lc::EventType type,
                            const lc::EventInfo& info) override {
    EXPECT_EQ(id, info.container_id);
    Handler handler;
    {
      const std::lock_guard lock(mu_);
      events_.emplace_back(type, info);
      handler = handler_;
    }
    return handler ? handler(type, info) : absl::OkStatus();
  }
  void OnGap(const events::Gap&) override {
    std::function<void()> handler;
    {
      const std::lock_guard lock(mu_);
      ++gaps_;
      handler = gap_handler_;
    }
    if (handler) handler();
  }

  void Handle(Handler handler) {
    const std::lock_guard lock(mu_);
    handler_ = std::move(handler);
  }

  void HandleGap(std::function<void()> handler) {
    const std::lock_guard lock(mu_);
    gap_handler_ = std::move(handler);
  }

  int Gaps() const {
    const std::lock_guard lock(mu_);
    return gaps_;
  }

  // All of one type, of a process if one is named.
  std::vector<lc::EventInfo> Of(lc::EventType type, const std::string& container,
                                const std::string& process = "") const {
    const std::lock_guard lock(mu_);
    std::vector<lc::EventInfo> found;
    for (const auto& [t, info] : events_) {
      if (t == type && info.container_id == container &&
          (process.empty() || info.process_id == process)) {
        found.push_back(info);
      }
    }
    return found;
  }
  std::vector<lc::EventInfo> Exits(const std::string& container,
                                   const std::string& process = "") const {
    return Of(lc::EventType::kExit, container, process.empty() ? container : process);
  }

  // The types of a container's events, in their order.
  std::vector<std::string> Types(const std::string& container) const {
    const std::lock_guard lock(mu_);
    std::vector<std::string> types;
    for (const auto& [type, info] : events_) {
      if (info.container_id == container) types.emplace_back(ToString(type));
    }
    return types;
  }

 private:
  mutable std::mutex mu_;
  std::vector<std::pair<lc::EventType, lc::EventInfo>> events_;
  std::function<void()> gap_handler_;
  int gaps_ = 0;
  Handler handler_;
};

// With the client that it gets: the shared one, or that of a daemon which the test treats badly.
class LibcontainerdFixture : public ::testing::Test {
 protected:
  explicit LibcontainerdFixture(std::shared_ptr<Client> client)
      : daemon_client_(std::move(client)), ns_(*daemon_client_) {}

  void SetUp() override {
    auto image = ImportBusybox(*daemon_client_, ctx());
    ASSERT_OK(image);
    image_ = std::make_unique<Image>(*std::move(image));
    ASSERT_NO_FATAL_FAILURE(Connect());
  }

  // A client with a new backend, as after a restart of the engine.
  void Connect() {
    client_.reset();
    notes_ = std::make_shared<Notes>();
    auto client =
        lc::Client::New(Context::Background(), *daemon_client_, State(), ns_.name(), notes_);
    ASSERT_OK(client);
    client_ = std::make_unique<lc::Client>(*std::move(client));
  }

  const Context& ctx() const { return ns_.ctx(); }
  Context Limited() const { return WithTimeout(ctx(), absl::Minutes(1)); }
  std::string State() const { return dir_.path() + "/state"; }
  std::string BundleOf(const std::string& id) const { return State() + "/" + id; }

  absl::StatusOr<specs::Spec> SpecOf(const std::string& id, const std::vector<std::string>& args,
                                     std::vector<oci::SpecOpts> opts = {}) {
    containers::Container record;
    record.id = id;
    opts.insert(opts.begin(), {oci::WithDefaultPathEnv, oci::WithProcessArgs(args)});
    return oci::GenerateSpec(ctx(), nullptr, &record, opts);
  }

  absl::StatusOr<lc::Container> Make(const std::vector<std::string>& args,
                                     std::vector<oci::SpecOpts> opts = {}) {
    const std::string id = UniqueName("c");
    auto spec = SpecOf(id, args, std::move(opts));
    if (!spec.ok()) return spec.status();
    return client_->NewContainer(ctx(), id, *spec, kRuncV2, {}, {WithNewSnapshot(id, *image_)});
  }

  // A running task of a new container, with these streams.
  absl::StatusOr<lc::Task> Run(const std::vector<std::string>& args, cio::Source in = {},
                               cio::Sink out = {}, cio::Sink err = {}) {
    auto container = Make(args);
    if (!container.ok()) return container.status();
    container_ = std::make_unique<lc::Container>(*container);
    const bool with_stdin = static_cast<bool>(in);
    auto task = container->NewTask(
        ctx(), "", with_stdin, lc::AttachStreams(std::move(in), std::move(out), std::move(err)));
    if (!task.ok()) return task.status();
    if (absl::Status s = task->Start(ctx()); !s.ok()) return s;
    return task;
  }

  static specs::Process Process(const std::vector<std::string>& args) {
    specs::Process process;
    process.args = args;
    process.cwd = "/";
    process.env = {"PATH=/bin:/usr/bin:/sbin"};
    return process;
  }

  // The exit of a process, which is told once.
  lc::EventInfo ExitOf(const std::string& container, const std::string& process = "") {
    EXPECT_TRUE(Eventually([&] { return !notes_->Exits(container, process).empty(); }))
        << "no exit of " << container << " " << process;
    const auto exits = notes_->Exits(container, process);
    return exits.empty() ? lc::EventInfo{} : exits.front();
  }

  // Whether that is still the only one after a while.
  void ExpectOneExit(const std::string& container, const std::string& process = "") {
    absl::SleepFor(absl::Seconds(4));
    EXPECT_EQ(notes_->Exits(container, process).size(), 1U);
  }

  std::vector<std::string> FilesIn(const std::string& dir) const {
    std::vector<std::string> names;
    std::error_code err;
    for (const auto& entry : std::filesystem::directory_iterator(dir, err)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  static pid_t ShimOf(std::uint32_t pid) {
    std::ifstream stat(fmt::format("/proc/{}/stat", pid));
    std::string skipped;
    pid_t parent = 0;
    stat >> skipped >> skipped >> skipped >> parent;
    return parent;
  }

  const TestDir dir_;
  const std::shared_ptr<Client> daemon_client_;
  const TestNamespace ns_;
  std::unique_ptr<Image> image_;
  std::shared_ptr<Notes> notes_;
  std::unique_ptr<lc::Client> client_;
  std::unique_ptr<lc::Container> container_;  // of the last Run
};

class LibcontainerdTest : public LibcontainerdFixture {
 protected:
  LibcontainerdTest() : LibcontainerdFixture(SharedClient()) {}
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_INTEGRATION_LIBCONTAINERD_FIXTURE_H_
