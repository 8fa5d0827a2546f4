// SPDX-License-Identifier: Apache-2.0
//
// A snapshotter in memory, which behaves as a daemon's does, for tests without one.
#ifndef CONTAINERD_TESTS_SUPPORT_FAKE_SNAPSHOTTER_H_
#define CONTAINERD_TESTS_SUPPORT_FAKE_SNAPSHOTTER_H_

#include <functional>
#include <initializer_list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/mount/mount.h"
#include "containerd/snapshots/snapshots.h"

namespace containerd::testing {

// Snapshots without files. The hooks are called before the snapshot is looked up or made, without a
// lock; an error is what the call returns. Set them before threads use the snapshotter.
class FakeSnapshotter final : public snapshots::Snapshotter {
 public:
  // Of every snapshot: nothing is to be mounted, unless a test says so.
  std::vector<mount::Mount> mounts;
  // Instead of them, and of any key, whether there is such a snapshot or not.
  std::function<absl::StatusOr<std::vector<mount::Mount>>(std::string_view key)> on_mounts;
  std::function<absl::Status(std::string_view key)> on_stat;
  // With the snapshot as it is to be made by Prepare or View.
  std::function<absl::Status(const snapshots::Info& info)> on_prepare;
  std::function<absl::Status(std::string_view name)> on_commit;

  void Add(snapshots::Info info);
  void Erase(const std::string& name);
  std::map<std::string, snapshots::Info> All();
  std::vector<std::string> Names();

  // The keys that Prepare and View have made, oldest first.
  std::vector<std::string> Keys();

  // What was done, oldest first: "prepare <target, or else the key>", "view <key>", "mounts <key>",
  // "commit <name>" and "remove"; only what begins with one of the verbs, if there are any.
  std::vector<std::string> Diary(std::initializer_list<std::string_view> verbs = {});
  void ForgetDiary();

  absl::StatusOr<snapshots::Info> Stat(const Context& ctx, std::string_view key) override;
  absl::StatusOr<snapshots::Info> Update(const Context& ctx, const snapshots::Info& info,
                                         const std::vector<std::string>& fieldpaths) override;
  absl::StatusOr<snapshots::Usage> Usage(const Context& ctx, std::string_view key) override;
  absl::StatusOr<std::vector<mount::Mount>> Mounts(const Context& ctx,
                                                   std::string_view key) override;
  // Fails, as the daemon does for who unpacks, if there is the snapshot that a label names.
  absl::StatusOr<std::vector<mount::Mount>> Prepare(
      const Context& ctx, std::string_view key, std::string_view parent,
      const std::vector<snapshots::Opt>& opts) override;
  absl::StatusOr<std::vector<mount::Mount>> View(const Context& ctx, std::string_view key,
                                                 std::string_view parent,
                                                 const std::vector<snapshots::Opt>& opts) override;
  // An option may give another parent, and labels besides those of Prepare.
  absl::Status Commit(const Context& ctx, std::string_view name, std::string_view key,
                      const std::vector<snapshots::Opt>& opts) override;
  absl::Status Remove(const Context& ctx, std::string_view key) override;
  // Knows no filters.
  absl::Status Walk(const Context& ctx, const snapshots::WalkFunc& fn,
                    const std::vector<std::string>& filters) override;
  absl::Status Close() override { return absl::OkStatus(); }

 private:
  absl::StatusOr<std::vector<mount::Mount>> Make(const Context& ctx, snapshots::Info info,
                                                 const std::vector<snapshots::Opt>& opts);

  std::mutex mu_;
  std::map<std::string, snapshots::Info> all_;
  std::vector<std::string> keys_;
  std::vector<std::string> diary_;
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_SUPPORT_FAKE_SNAPSHOTTER_H_
