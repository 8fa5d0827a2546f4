// SPDX-License-Identifier: Apache-2.0
//
// What the tests of package oci share: a folder that goes away, files in it, and a client whose
// snapshots have mounts that the test chooses.
#ifndef CONTAINERD_TESTS_SUPPORT_OCI_H_
#define CONTAINERD_TESTS_SUPPORT_OCI_H_

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/oci/oci.h"
#include "containerd/snapshots/snapshots.h"

#include "src/testing/internal/temp_folder.h"

namespace containerd::oci {

inline std::string MessageOf(const absl::Status& status) {
  return std::string(errdefs::Message(status));
}

class TempDir : public testing::internal::TempFolder {
 public:
  std::string operator/(std::string_view name) const { return path() + "/" + std::string(name); }

  void Dir(std::string_view name) const { std::filesystem::create_directories(*this / name); }
  void Write(std::string_view name, std::string_view content) const {
    const std::filesystem::path file(*this / name);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << content;
  }
  void Link(std::string_view target, std::string_view name) const {
    const std::filesystem::path file(*this / name);
    std::filesystem::create_directories(file.parent_path());
    std::filesystem::create_symlink(target, file);
  }
};

// Runs one option on a spec, without a client.
inline absl::Status Apply(const SpecOpts& opt, Spec* spec) {
  containers::Container container{.id = "test"};
  return opt(Context::Background(), nullptr, &container, spec);
}

inline Context TestContext() { return WithNamespace(Context::Background(), "testing"); }

// A client whose snapshotter "fake" the test chooses.
class FakeClient final : public Client {
 public:
  explicit FakeClient(std::shared_ptr<snapshots::Snapshotter> snapshotter)
      : snapshotter_(std::move(snapshotter)) {}

  std::shared_ptr<snapshots::Snapshotter> SnapshotService(std::string_view name) override {
    return name == "fake" ? snapshotter_ : nullptr;
  }

 private:
  std::shared_ptr<snapshots::Snapshotter> snapshotter_;
};

}  // namespace containerd::oci

#endif  // CONTAINERD_TESTS_SUPPORT_OCI_H_
