// SPDX-License-Identifier: Apache-2.0
#include "containerd/archive/diff.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "change_writer.h"
#include "changes.h"

namespace containerd::archive {

std::string_view ToString(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kUnmodified:
      return "unmodified";
    case ChangeKind::kAdd:
      return "add";
    case ChangeKind::kModify:
      return "modify";
    case ChangeKind::kDelete:
      return "delete";
  }
  return "";
}

ChangeWriterOpt WithModTimeUpperBound(absl::Time bound) {
  return [bound](ChangeWriterOptions& options) { options.mod_time_upper_bound = bound; };
}

ChangeWriterOpt WithWhiteoutTime(absl::Time time) {
  return [time](ChangeWriterOptions& options) { options.whiteout_time = time; };
}

ChangeWriterOpt WithSourceDateEpoch(absl::Time epoch) {
  return [epoch](ChangeWriterOptions& options) {
    options.mod_time_upper_bound = epoch;
    options.whiteout_time = epoch;
  };
}

absl::Status WriteDiff(const Context& ctx, io::Writer& output, const std::string& a,
                       const std::string& b, const std::vector<ChangeWriterOpt>& opts) {
  ChangeWriter writer(output, b, opts);
  Changes changes(a, b);
  for (;;) {
    auto change = changes.Next(ctx);
    if (!change.ok()) return change.status();
    if (!change->has_value()) return writer.Close(ctx);
    absl::Status s = writer.HandleChange(ctx, (*change)->kind, (*change)->path);
    if (!s.ok()) return s;
  }
}

// Makes the layer piece by piece.
class DiffReader final : public io::Reader {
 public:
  DiffReader(const std::string& a, const std::string& b, const std::vector<ChangeWriterOpt>& opts)
      : writer_(output_, b, opts), changes_(a, b) {}

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    if (buf.empty()) return 0;
    while (position_ == piece_.size() && !ended_) {
      piece_.clear();
      position_ = 0;
      if (status_.ok()) status_ = Advance(ctx);
      if (!status_.ok()) return status_;
    }
    const std::size_t n = std::min(buf.size(), piece_.size() - position_);
    std::copy_n(piece_.begin() + static_cast<std::ptrdiff_t>(position_), n, buf.begin());
    position_ += n;
    return n;
  }

 private:
  absl::Status Advance(const Context& ctx) {
    if (writer_.HasContent()) return writer_.WriteContent(ctx);
    auto change = changes_.Next(ctx);
    if (!change.ok()) return change.status();
    if (change->has_value()) return writer_.Begin(ctx, (*change)->kind, (*change)->path);
    ended_ = true;
    return writer_.Close(ctx);
  }

  std::string piece_;
  std::size_t position_ = 0;
  io::StringWriter output_{&piece_};
  ChangeWriter::Impl writer_;
  Changes changes_;
  bool ended_ = false;
  absl::Status status_;
};

std::unique_ptr<io::Reader> Diff(const std::string& a, const std::string& b,
                                 const std::vector<ChangeWriterOpt>& opts) {
  return std::make_unique<DiffReader>(a, b, opts);
}

}  // namespace containerd::archive
