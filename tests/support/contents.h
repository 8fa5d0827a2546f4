// SPDX-License-Identifier: Apache-2.0
//
// What is in stores, in few words.
#ifndef CONTAINERD_TESTS_SUPPORT_CONTENTS_H_
#define CONTAINERD_TESTS_SUPPORT_CONTENTS_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "containerd/content/content.h"
#include "containerd/content/helpers.h"
#include "containerd/context/context.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/testing/image_builder.h"

namespace containerd::testing {

// The content of the context's namespace.
class Contents {
 public:
  Contents(Context ctx, std::shared_ptr<content::Store> store)
      : ctx_(std::move(ctx)), store_(std::move(store)) {}

  // Puts content there, and returns its descriptor.
  ocispec::Descriptor Add(std::string_view media_type, std::string_view data) const {
    ocispec::Descriptor desc = Describe(media_type, data);
    const absl::Status s = content::WriteBlob(ctx_, *store_, desc.digest, data, desc);
    EXPECT_TRUE(s.ok()) << s;
    return desc;
  }
  bool Has(const std::string& dgst) const { return store_->Info(ctx_, dgst).ok(); }
  // Of content that must be there.
  std::string Data(const std::string& dgst) const {
    auto data = content::ReadBlob(ctx_, *store_, {.digest = dgst});
    EXPECT_TRUE(data.ok()) << data.status();
    return data.ok() ? *std::move(data) : std::string();
  }
  // None of content that is not there.
  Labels LabelsOf(const std::string& dgst) const {
    auto info = store_->Info(ctx_, dgst);
    return info.ok() ? std::move(info->labels) : Labels();
  }
  std::size_t count() const {
    std::size_t n = 0;
    const absl::Status s = store_->Walk(ctx_, [&](const content::Info&) {
      ++n;
      return absl::OkStatus();
    });
    EXPECT_TRUE(s.ok()) << s;
    return n;
  }
  // The refs of uploads that were neither committed nor aborted.
  std::vector<std::string> Ingests() const {
    std::vector<std::string> refs;
    auto all = store_->ListStatuses(ctx_);
    EXPECT_TRUE(all.ok()) << all.status();
    if (!all.ok()) return refs;
    for (const content::Status& status : *all) refs.push_back(status.ref);
    return refs;
  }

 private:
  const Context ctx_;
  const std::shared_ptr<content::Store> store_;
};

// The names of a namespace's snapshots.
inline std::vector<std::string> SnapshotNames(const Context& ctx, snapshots::Snapshotter& all) {
  std::vector<std::string> names;
  const absl::Status s = all.Walk(ctx, [&](const Context&, const snapshots::Info& info) {
    names.push_back(info.name);
    return absl::OkStatus();
  });
  EXPECT_TRUE(s.ok()) << s;
  return names;
}

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_SUPPORT_CONTENTS_H_
