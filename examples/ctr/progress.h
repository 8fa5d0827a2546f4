// SPDX-License-Identifier: Apache-2.0
//
// How far a pull, push or import is: on a terminal a line for each blob, with a bar, that is drawn
// again and again; elsewhere a line for each change of a blob's state.
#ifndef CONTAINERD_EXAMPLES_CTR_PROGRESS_H_
#define CONTAINERD_EXAMPLES_CTR_PROGRESS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/time/clock.h>
#include <absl/time/time.h>

#include "containerd/io/io.h"
#include "containerd/remote_opts.h"

namespace ctr {

class Progress {
 public:
  explicit Progress(std::string moving) : moving_(std::move(moving)) {}

  // Called by one thread at a time, and not after the pull or push has returned.
  void Update(const containerd::BlobProgress& blob);
  void Update(const std::string& name, containerd::BlobState state, std::int64_t offset,
              std::int64_t total);

  // The last state of all, and how long it took if all went well.
  void Finish(const absl::Status& outcome);

 private:
  struct Blob {
    std::string name;
    containerd::BlobState state;
    std::int64_t offset;
    std::int64_t total;
  };

  void Draw(bool last);
  std::string Line(const Blob& blob, std::size_t columns) const;
  std::string_view Word(containerd::BlobState state) const;

  const std::string moving_;  // "downloading"
  const absl::Time start_ = absl::Now();
  absl::Time drawn_ = absl::InfinitePast();
  std::size_t lines_ = 0;  // on the screen, to be drawn over
  std::vector<Blob> blobs_;
  std::map<std::string, std::size_t> index_;
};

// Passes on what it reads, and tells how much that was. `progress` outlives it.
class MeteredReader final : public containerd::io::Reader {
 public:
  // The name is that of the line. A total of 0 is not known.
  MeteredReader(int fd, std::string name, std::int64_t total, Progress& progress)
      : input_(fd), name_(std::move(name)), total_(total), progress_(progress) {}

  absl::StatusOr<std::size_t> Read(const containerd::Context& ctx, std::span<char> buf) override;

  // Nothing more is read, whether or not that was all.
  void Finish(const absl::Status& outcome);

 private:
  containerd::io::FileReader input_;
  const std::string name_;
  const std::int64_t total_;
  std::int64_t offset_ = 0;
  Progress& progress_;
};

}  // namespace ctr

#endif  // CONTAINERD_EXAMPLES_CTR_PROGRESS_H_
