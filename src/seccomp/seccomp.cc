// SPDX-License-Identifier: Apache-2.0
#include "containerd/seccomp/seccomp.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/io/io.h"
#include "containerd/option/option.h"
#include "containerd/specs/json.h"

#include "default_profile.h"
#include "src/base/fd.h"

namespace containerd::seccomp {
namespace {

// This machine's architecture, as Go names it.
constexpr std::string_view kHostArch =
#if defined(__x86_64__)
    "amd64";
#elif defined(__i386__)
    "386";
#elif defined(__aarch64__)
    "arm64";
#elif defined(__arm__)
    "arm";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
    "ppc64le";
#elif defined(__s390x__)
    "s390x";
#elif defined(__riscv) && __riscv_xlen == 64
    "riscv64";
#elif defined(__loongarch64)
    "loong64";
#elif defined(__mips64) && defined(__MIPSEB__)
    "mips64";
#else
    "";
#endif

std::optional<KernelVersion> HostKernel() {
  utsname uts{};
  if (uname(&uts) != 0) return std::nullopt;
  return ParseRelease(uts.release);
}

absl::StatusOr<specs::LinuxSeccomp> ReadProfile(const Context& ctx, const std::string& path) {
  const base::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return errdefs::FromErrno(errno, "opening it");
  io::FileReader reader(fd.get());
  auto json = io::ReadAll(ctx, reader, oci::kMaxSpecSize);
  if (!json.ok()) return json.status();
  return specs::Unmarshal<specs::LinuxSeccomp>(*json);
}

}  // namespace

oci::SpecOpt WithProfile(std::string profile) {
  return [profile = std::move(profile)](const Context& ctx, oci::Client*, containers::Container*,
                                        oci::Spec* spec) {
    auto read = ReadProfile(ctx, profile);
    if (!read.ok()) {
      return errdefs::Annotate(read.status(), fmt::format("seccomp profile \"{}\"", profile));
    }
    if (!spec->linux_.has_value()) spec->linux_.emplace();
    spec->linux_->seccomp = *std::move(read);
    return absl::OkStatus();
  };
}

constinit const option::Plain<oci::SpecOpt> WithDefaultProfile([](const Context&, oci::Client*,
                                                                  containers::Container*,
                                                                  oci::Spec* spec) {
  if (!spec->linux_.has_value()) spec->linux_.emplace();
  spec->linux_->seccomp = DefaultProfile(*spec);
  return absl::OkStatus();
});

specs::LinuxSeccomp DefaultProfile(const specs::Spec& spec) {
  const bool has_capabilities = spec.process.has_value() && spec.process->capabilities.has_value();
  return MakeDefaultProfile(
      has_capabilities ? spec.process->capabilities->bounding : std::vector<std::string>(),
      kHostArch, HostKernel());
}

}  // namespace containerd::seccomp
