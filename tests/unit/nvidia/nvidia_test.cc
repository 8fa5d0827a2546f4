// SPDX-License-Identifier: Apache-2.0
#include "containerd/nvidia/nvidia.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

#include "src/testing/internal/temp_folder.h"

namespace containerd::nvidia {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A PATH of its own, with what a machine with GPUs has.
class GPUsTest : public ::testing::Test {
 protected:
  GPUsTest() : before_(std::getenv("PATH")) {
    ::setenv("PATH", dir_.path().c_str(), 1);
    ::setenv("NVIDIA_TEST", "passed on", 1);
  }
  ~GPUsTest() override {
    ::setenv("PATH", before_.c_str(), 1);
    ::unsetenv("NVIDIA_TEST");
  }

  void Install(const std::string& name) const {
    std::ofstream(Path(name)) << "#!/bin/sh\n";
    std::filesystem::permissions(Path(name), std::filesystem::perms::owner_all);
  }
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }

  absl::Status Apply(std::vector<Opt> opts) {
    containers::Container container;
    return WithGPUs(std::move(opts))(Context::Background(), nullptr, &container, spec_);
  }

  const containerd::testing::internal::TempFolder dir_;
  const std::string before_;
  oci::Spec spec_;
};

TEST_F(GPUsTest, AddTheHook) {
  Install("containerd");
  Install(kNvidiaCLI);
  spec_.hooks.emplace();
  spec_.hooks->create_runtime.push_back({.path = "/first"});
  ASSERT_TRUE(
      Apply({WithDevices({0, 1}), WithDeviceUUIDs({"GPU-1a", "GPU-2b"}),
             WithCapabilities({kCompute, kUtility}), WithRequiredCUDAVersion(12, 2), WithNoCgroups})
          .ok());
  ASSERT_EQ(spec_.hooks->create_runtime.size(), 2U);
  const specs::Hook& hook = spec_.hooks->create_runtime.back();
  EXPECT_EQ(hook.path, Path("containerd"));
  EXPECT_THAT(hook.args,
              ElementsAre("containerd", "oci-hook", "--", Path(kNvidiaCLI), "--load-kmods",
                          "configure", "--device=0,1,GPU-1a,GPU-2b", "--compute", "--utility",
                          "--require=cuda>=12.2", "--no-cgroups", "--pid={{pid}}", "{{rootfs}}"));
  EXPECT_THAT(hook.env, Contains("NVIDIA_TEST=passed on"));
}

TEST_F(GPUsTest, AllOfThem) {
  Install("containerd");
  Install(kNvidiaCLI);
  ASSERT_TRUE(Apply({WithDevices({3}), WithAllDevices, WithAllCapabilities,
                     [](Config& config) {
                       config.ldcache = "/etc/ld.so.cache";
                       config.ldconfig = "@/sbin/ldconfig";
                     }})
                  .ok());
  EXPECT_THAT(spec_.hooks->create_runtime.front().args,
              ElementsAre("containerd", "oci-hook", "--", Path(kNvidiaCLI), "--load-kmods",
                          "--ldcache=/etc/ld.so.cache", "configure", "--device=all", "--compute",
                          "--compat32", "--graphics", "--utility", "--video", "--display",
                          "--ldconfig=@/sbin/ldconfig", "--pid={{pid}}", "{{rootfs}}"));
}

TEST_F(GPUsTest, TheHooksProgram) {
  Install(kNvidiaCLI);
  Install("other");
  ASSERT_TRUE(Apply({WithOCIHookPath("/opt/containerd")}).ok());
  EXPECT_EQ(spec_.hooks->create_runtime.back().path, "/opt/containerd");
  ASSERT_TRUE(Apply({WithLookupOCIHookPath("other")}).ok());
  EXPECT_EQ(spec_.hooks->create_runtime.back().path, Path("other"));
  const absl::Status s = Apply({WithLookupOCIHookPath("missing")});
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("\"missing\" not found on PATH"));
  EXPECT_EQ(spec_.hooks->create_runtime.size(), 2U);
}

TEST_F(GPUsTest, WhatIsMissingIsNamedAndNothingIsChanged) {
  absl::Status s = Apply({});
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("\"containerd\""));
  Install("containerd");
  std::filesystem::create_directory(Path(kNvidiaCLI));  // is no program
  s = Apply({});
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr(kNvidiaCLI));
  EXPECT_FALSE(spec_.hooks.has_value());
}

TEST_F(GPUsTest, WhatCannotBeADeviceOrCapability) {
  Install("containerd");
  Install(kNvidiaCLI);
  for (const Opt& opt :
       std::vector<Opt>{WithDevices({-1}), WithDeviceUUIDs({""}), WithDeviceUUIDs({"a,b"}),
                        WithDeviceUUIDs({"a b"}), WithCapabilities({""}),
                        WithCapabilities({"Compute"}), WithCapabilities({"compute --x"})}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(Apply({opt})));
  }
  EXPECT_FALSE(spec_.hooks.has_value());
}

}  // namespace
}  // namespace containerd::nvidia
