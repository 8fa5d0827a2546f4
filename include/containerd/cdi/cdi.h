// SPDX-License-Identifier: Apache-2.0
//
// Package cdi gives containers the devices that vendors describe in files of the Container Device
// Interface: nodes, mounts, hooks, variables, by the device's name.
//
//   auto container = client.NewContainer(
//       ctx, id, {WithNewSnapshot(id, image),
//                 WithNewSpec({oci::WithImageConfig(image),
//                              cdi::WithCDIDevices({"vendor.com/gpu=gpu0"})})});
//
// Source: pkg/cdi; tags.cncf.io/container-device-interface/pkg/cdi for the cache.
#ifndef CONTAINERD_CDI_CDI_H_
#define CONTAINERD_CDI_CDI_H_

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include "containerd/cdi/spec.h"
#include "containerd/export/export.h"
#include "containerd/oci/spec.h"
#include "containerd/option/pairs.h"
#include "containerd/specs/spec.h"

namespace containerd::cdi {

inline constexpr char kDefaultStaticDir[] = "/etc/cdi";
inline constexpr char kDefaultDynamicDir[] = "/var/run/cdi";

// Source: cdi.DefaultSpecDirs.
CONTAINERD_EXPORT std::vector<std::string> DefaultSpecDirs();

// What the files in some directories describe, as it was when Refresh read them. Files are those
// named *.yaml and *.json, not in directories below. Of two devices of the same name the one in the
// later directory counts; two in the same directory are a conflict, and neither counts.
//
// Safe from any thread.
class CONTAINERD_EXPORT Cache {
 public:
  // Reads nothing yet.
  explicit Cache(std::vector<std::string> spec_dirs = DefaultSpecDirs());

  // Reads the files anew. The error names those that are left out, and why; the devices of the
  // others can be had nonetheless.
  absl::Status Refresh();

  // Changes `spec` for a container that is to have these devices, or not at all: ErrNotFound names
  // all that are unknown.
  absl::Status InjectDevices(specs::Spec* spec, const std::vector<std::string>& devices) const;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void InjectDevices(specs::Spec*, option::BracedTexts<N, M>) = delete;

  // Qualified names, sorted.
  std::vector<std::string> ListDevices() const;

  // Of the last Refresh, by the file's path.
  std::map<std::string, std::vector<absl::Status>> GetErrors() const;

 private:
  struct Entry {
    std::shared_ptr<const Spec> spec;
    std::size_t device = 0;    // Which of the spec's.
    std::size_t priority = 0;  // Which of the directories.
    std::string path;
  };
  struct Content {
    std::map<std::string, Entry, std::less<>> devices;
    std::map<std::string, std::vector<absl::Status>> errors;
  };

  static void AddFile(const std::string& path, std::size_t priority,
                      std::set<std::string>* conflicts, Content* content);
  std::shared_ptr<const Content> Get() const;

  const std::vector<std::string> spec_dirs_;
  mutable std::mutex mu_;
  std::shared_ptr<const Content> content_;
};

// Gives the container these devices. The directories are read when the option runs; files in them
// that cannot be used are logged, and matter only if they have one of the devices.
CONTAINERD_EXPORT oci::SpecOpt WithCDIDevices(
    std::vector<std::string> devices, std::vector<std::string> spec_dirs = DefaultSpecDirs());
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithCDIDevices(option::BracedTexts<N, M>,
                    std::vector<std::string> = DefaultSpecDirs()) = delete;

}  // namespace containerd::cdi

#endif  // CONTAINERD_CDI_CDI_H_
