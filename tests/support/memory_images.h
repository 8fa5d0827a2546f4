// SPDX-License-Identifier: Apache-2.0
//
// An image store in memory, for tests without a daemon.
#ifndef CONTAINERD_TESTS_SUPPORT_MEMORY_IMAGES_H_
#define CONTAINERD_TESTS_SUPPORT_MEMORY_IMAGES_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/store.h"

namespace containerd::testing {

// List knows no filters. Belongs to one thread at a time.
class MemoryImages final : public images::Store {
 public:
  explicit MemoryImages(const std::vector<images::Image>& images = {}) {
    for (const images::Image& image : images) images_[image.name] = image;
  }

  absl::StatusOr<images::Image> Get(const Context& /*ctx*/, std::string_view name) override {
    const auto found = images_.find(std::string(name));
    return found == images_.end() ? NotFound(name) : found->second;
  }
  absl::StatusOr<std::vector<images::Image>> List(
      const Context& /*ctx*/, const std::vector<std::string>& /*filters*/) override {
    std::vector<images::Image> all;
    for (const auto& [name, image] : images_) all.push_back(image);
    return all;
  }
  absl::StatusOr<images::Image> Create(const Context& /*ctx*/,
                                       const images::Image& image) override {
    if (!images_.emplace(image.name, image).second) {
      return errdefs::AlreadyExists(fmt::format("image \"{}\": already exists", image.name));
    }
    return image;
  }
  absl::StatusOr<images::Image> Update(const Context& /*ctx*/, const images::Image& image,
                                       const std::vector<std::string>& /*fieldpaths*/) override {
    if (!images_.contains(image.name)) return NotFound(image.name);
    return images_[image.name] = image;
  }
  absl::Status Delete(const Context& /*ctx*/, std::string_view name,
                      const std::vector<images::DeleteOpt>& /*opts*/) override {
    return images_.erase(std::string(name)) > 0 ? absl::OkStatus() : NotFound(name).status();
  }
  std::size_t size() const { return images_.size(); }

 private:
  static absl::StatusOr<images::Image> NotFound(std::string_view name) {
    return errdefs::NotFound(fmt::format("image \"{}\": not found", name));
  }

  std::map<std::string, images::Image> images_;
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_SUPPORT_MEMORY_IMAGES_H_
