// SPDX-License-Identifier: Apache-2.0
#include "containerd/mount/loop.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <linux/loop.h>
#include <random>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/fd.h"

namespace containerd::mount {
namespace {

constexpr char kControlPath[] = "/dev/loop-control";

absl::StatusOr<int> GetFreeLoop() {
  const base::Fd control(open(kControlPath, O_RDWR | O_CLOEXEC));
  if (!control) {
    return errdefs::FromErrno(errno, fmt::format("opening {}", kControlPath));
  }
  const int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
  if (number < 0) return errdefs::FromErrno(errno, "asking for a free loop device");
  return number;
}

// Attaches the file; an errno on failure. Kernels before 5.8 need several steps.
int Configure(int loop, int backing, const std::string& name, const LoopParams& params) {
  loop_config config{};
  config.fd = static_cast<std::uint32_t>(backing);
  std::memcpy(config.info.lo_file_name, name.data(),
              std::min<std::size_t>(name.size(), LO_NAME_SIZE - 1));
  if (params.readonly) config.info.lo_flags |= LO_FLAGS_READ_ONLY;
  if (params.autoclear) config.info.lo_flags |= LO_FLAGS_AUTOCLEAR;
  if (params.direct) config.info.lo_flags |= LO_FLAGS_DIRECT_IO;
  if (ioctl(loop, LOOP_CONFIGURE, &config) == 0) return 0;
  if (errno != EINVAL && errno != ENOTTY && errno != ENOSYS) return errno;

  if (ioctl(loop, LOOP_SET_FD, backing) != 0) return errno;
  loop_info64 info = config.info;
  info.lo_flags &= ~static_cast<std::uint32_t>(LO_FLAGS_DIRECT_IO);
  if (ioctl(loop, LOOP_SET_STATUS64, &info) != 0 ||
      (params.direct && ioctl(loop, LOOP_SET_DIRECT_IO, 1UL) != 0)) {
    const int err = errno;
    ioctl(loop, LOOP_CLR_FD, 0);
    return err;
  }
  return 0;
}

}  // namespace

LoopDevice::LoopDevice(LoopDevice&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

LoopDevice& LoopDevice::operator=(LoopDevice&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  return *this;
}

LoopDevice::~LoopDevice() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<LoopDevice> SetupLoop(std::string_view backing_file, const LoopParams& params) {
  const std::string name(backing_file);
  const int mode = (params.readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC;
  const base::Fd backing(open(name.c_str(), mode));
  if (!backing) {
    return errdefs::FromErrno(errno, fmt::format("opening the backing file \"{}\"", name));
  }

  std::minstd_rand random(std::random_device{}());
  std::string device;
  for (int attempt = 1; attempt < 100; ++attempt) {
    auto number = GetFreeLoop();
    if (!number.ok()) return number.status();
    device = fmt::format("/dev/loop{}", *number);
    LoopDevice loop(device, open(device.c_str(), mode));
    const int err = loop.fd() < 0 ? errno : Configure(loop.fd(), backing.get(), name, params);
    if (err == 0) return loop;
    if (err != EBUSY) {
      return errdefs::FromErrno(err, fmt::format("attaching \"{}\" to {}", name, device));
    }
    // Another process took the device first. The pause is random, so that not all try again at the
    // same moment.
    std::this_thread::sleep_for(
        std::chrono::milliseconds(random() % static_cast<unsigned>(attempt * 10)));
  }
  return errdefs::Unavailable(
      fmt::format("attaching \"{}\" to a loop device: 99 devices were taken by others, {} the last",
                  name, device));
}

absl::StatusOr<std::string> AttachLoopDevice(std::string_view backing_file) {
  auto loop = SetupLoop(backing_file, {});
  if (!loop.ok()) return loop.status();
  return loop->path();
}

absl::Status DetachLoopDevice(const std::vector<std::string>& devices) {
  for (const std::string& device : devices) {
    const base::Fd loop(open(device.c_str(), O_RDONLY | O_CLOEXEC));
    if (!loop || ioctl(loop.get(), LOOP_CLR_FD, 0) != 0) {
      return errdefs::FromErrno(errno, fmt::format("detaching loop device {}", device));
    }
  }
  return absl::OkStatus();
}

}  // namespace containerd::mount
