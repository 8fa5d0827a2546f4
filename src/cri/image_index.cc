// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "containerd/cri/digest_set.h"
#include "containerd/cri/image_store.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/reference/distribution.h"

#include "src/base/escape.h"
#include "src/base/mutex.h"

namespace containerd::cri {

namespace {

// In the order of reference.Sort, but each as it is: it is the name of a record.
std::vector<std::string> Sorted(const std::vector<std::string>& names) {
  namespace ref = distribution::reference;
  std::map<std::string, std::vector<std::string>> by_full_name;
  for (const std::string& name : names) {
    const auto parsed = ref::ParseAnyReference(name);
    by_full_name[parsed.ok() ? parsed->String() : name].push_back(name);
  }
  std::vector<std::string> full_names;
  for (const auto& [full_name, same] : by_full_name) full_names.push_back(full_name);
  std::vector<std::string> sorted;
  for (const std::string& full_name : ref::Sort(full_names)) {
    const std::vector<std::string>& same = by_full_name[full_name];
    sorted.insert(sorted.end(), same.begin(), same.end());
  }
  return sorted;
}

}  // namespace

struct ImageIndex::State {
  // Of a name: whose it is, and whether it pins.
  struct Name {
    std::string id;
    bool pinned = false;
  };

  // Of an image: what is known of it, its names, and how many of these pin. They are put in order
  // when somebody looks, as an image may get thousands at once.
  struct Known {
    ImageEntry entry{};
    std::set<std::string, std::less<>> names{};
    std::size_t pins = 0;
    bool sorted = true;
  };

  mutable base::Mutex mu;
  std::map<std::string, Name, std::less<>> names ABSL_GUARDED_BY(mu);
  std::map<std::string, Known, std::less<>> images ABSL_GUARDED_BY(mu);
  DigestSet ids ABSL_GUARDED_BY(mu);

  void Remove(std::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    const auto found = names.find(name);
    if (found == names.end()) return;
    const Name removed = std::move(found->second);
    const auto image = images.find(removed.id);
    image->second.names.erase(found->first);
    image->second.sorted = false;
    names.erase(found);
    if (removed.pinned) --image->second.pins;
    if (image->second.names.empty()) {
      images.erase(image);
      static_cast<void>(ids.Remove(removed.id));
    }
  }

  // What callers get of an image.
  static const ImageEntry& Entry(Known& image) {
    if (!image.sorted) image.entry.references = Sorted({image.names.begin(), image.names.end()});
    image.sorted = true;
    image.entry.pinned = image.pins > 0;
    return image.entry;
  }
};

ImageIndex::ImageIndex() : state_(std::make_shared<State>()) {}

absl::Status ImageIndex::Set(std::string_view name, ImageEntry image) {
  if (name.empty()) return errdefs::InvalidArgument("an image's name can't be empty");
  const base::MutexLock lock(state_->mu);
  if (absl::Status s = state_->ids.Add(image.id); !s.ok()) return s;
  const auto old = state_->names.find(name);
  // Not if it is the same image, which must not be gone in between.
  if (old != state_->names.end() && old->second.id != image.id) state_->Remove(name);

  State::Known& known = state_->images[image.id];
  const auto [mine, added] = state_->names.try_emplace(std::string(name));
  if (added) {
    known.names.emplace(name);
    known.sorted = false;
  } else if (mine->second.pinned) {
    --known.pins;
  }
  if (image.pinned) ++known.pins;
  mine->second = {.id = image.id, .pinned = image.pinned};
  image.references = std::move(known.entry.references);
  known.entry = std::move(image);
  return absl::OkStatus();
}

void ImageIndex::Remove(std::string_view name) {
  const base::MutexLock lock(state_->mu);
  state_->Remove(name);
}

absl::StatusOr<std::string> ImageIndex::Resolve(std::string_view name) const {
  const base::MutexLock lock(state_->mu);
  const auto found = state_->names.find(name);
  if (found == state_->names.end()) {
    return errdefs::NotFound(fmt::format("no image is called {}", base::Quote(name)));
  }
  return found->second.id;
}

absl::StatusOr<ImageEntry> ImageIndex::Get(std::string_view id) const {
  const base::MutexLock lock(state_->mu);
  absl::StatusOr<digest::Digest> found = state_->ids.Lookup(id);
  if (!found.ok()) return found.status();
  return State::Entry(state_->images.find(found->String())->second);
}

std::vector<ImageEntry> ImageIndex::List() const {
  const base::MutexLock lock(state_->mu);
  std::vector<ImageEntry> all;
  for (auto& [id, image] : state_->images) all.push_back(State::Entry(image));
  return all;
}

std::vector<std::string> ImageIndex::Names() const {
  const base::MutexLock lock(state_->mu);
  std::vector<std::string> all;
  for (const auto& [name, what] : state_->names) all.push_back(name);
  return all;
}

absl::StatusOr<ImageEntry> ImageIndex::LocalResolve(std::string_view ref_or_id) const {
  if (ref_or_id.empty()) return errdefs::InvalidArgument("an image reference can't be empty");
  if (digest::Parse(ref_or_id).ok()) return Get(ref_or_id);
  if (const auto named = distribution::reference::ParseDockerRef(ref_or_id); named.ok()) {
    if (const absl::StatusOr<std::string> id = Resolve(named->String()); id.ok()) return Get(*id);
  }
  absl::StatusOr<ImageEntry> image = Get(ref_or_id);
  if (image.ok() || !errdefs::IsNotFound(image.status())) return image;
  return errdefs::NotFound(fmt::format("image {}: no image has this name or an id that begins so",
                                       base::Quote(ref_or_id)));
}

}  // namespace containerd::cri
