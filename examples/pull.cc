// SPDX-License-Identifier: Apache-2.0
//
// Pulls and unpacks an image, with one line that shows how far it is.
#include <algorithm>
#include <iostream>
#include <map>
#include <string>

#include <fmt/format.h>

#include "containerd/reference/distribution.h"

#include "example.h"

namespace {

using namespace containerd;  // NOLINT: as in the guide

// The sum of all blobs, in one line that is drawn again and again.
class Bar {
 public:
  // Called by one thread at a time, and not again after Pull has returned.
  void Update(const BlobProgress& progress) {
    Blob& blob = blobs_[progress.desc.digest];
    blob.total = std::max(blob.total, progress.total);
    const bool whole = progress.state != BlobState::kWaiting &&
                       progress.state != BlobState::kTransferring &&
                       progress.state != BlobState::kFailed;
    blob.offset = whole ? blob.total : progress.offset;
    std::int64_t offset = 0;
    std::int64_t total = 0;
    for (const auto& [digest, each] : blobs_) {
      offset += each.offset;
      total += each.total;
    }
    if (total <= 0) return;
    const auto done = static_cast<std::size_t>(kWidth * offset / total);
    std::cout << fmt::format("\r[{:<40}] {:>7.1f} of {:.1f} MiB", std::string(done, '#'),
                             static_cast<double>(offset) / (1 << 20),
                             static_cast<double>(total) / (1 << 20))
              << std::flush;
  }

 private:
  static constexpr std::int64_t kWidth = 40;
  struct Blob {
    std::int64_t offset = 0;
    std::int64_t total = 0;
  };
  std::map<std::string, Blob> blobs_;
};

absl::Status Run(const Context& ctx, Client client, const example::Args& args) {
  absl::StatusOr<distribution::reference::Named> name =
      distribution::reference::ParseDockerRef(args[0]);
  if (!name.ok()) return name.status();
  Bar bar;
  absl::StatusOr<Image> image =
      client.Pull(ctx, name->String(),
                  {WithPullUnpack, WithProgress([&](const BlobProgress& p) { bar.Update(p); })});
  std::cout << "\n";
  if (!image.ok()) return image.status();
  std::cout << image->Name() << " " << image->Target().digest << "\n";
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) { return example::Main(argc, argv, 1, "pull REFERENCE", Run); }
