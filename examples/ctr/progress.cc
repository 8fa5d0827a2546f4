// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <algorithm>
#include <iostream>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "containerd/remotes/handlers.h"

#include "output.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

constexpr std::size_t kNameWidth = 72;
constexpr std::size_t kBarWidth = 40;
constexpr std::size_t kLeastNameWidth = 20;
constexpr std::size_t kLeastBarWidth = 5;
constexpr std::size_t kSizesWidth = 24;

bool OnTerminal() {
  static const bool terminal = isatty(STDOUT_FILENO) == 1;
  return terminal;
}

// It may change at any time.
winsize TerminalSize() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    size.ws_col = 80;
    size.ws_row = 24;
  }
  return size;
}

bool Moving(BlobState state) {
  return state == BlobState::kWaiting || state == BlobState::kTransferring ||
         state == BlobState::kUnpacking;
}

}  // namespace

std::string_view Progress::Word(BlobState state) const {
  return state == BlobState::kTransferring ? moving_ : ToString(state);
}

// Never wider than the terminal: a line that wraps could not be drawn over. The name and then the
// bar become shorter.
std::string Progress::Line(const Blob& blob, std::size_t columns) const {
  constexpr std::size_t kRest = 1 + 12 + 1 + 2 + kSizesWidth;
  const std::size_t room = columns > kRest ? columns - kRest : 0;
  const std::size_t name_width =
      std::clamp(room - std::min(kBarWidth, room / 2), kLeastNameWidth, kNameWidth);
  const std::size_t bar = std::min(room > name_width ? room - name_width : 0, kBarWidth);
  const std::string line = fmt::format("{:<{}} {:<12}", blob.name.substr(0, name_width - 1) + ":",
                                       name_width, Word(blob.state).substr(0, 12));
  if (bar < kLeastBarWidth) return line.substr(0, columns);

  const bool part = blob.state == BlobState::kTransferring || blob.state == BlobState::kFailed;
  std::size_t done = blob.state == BlobState::kWaiting ? 0 : bar;
  if (part) {
    const double share =
        blob.total <= 0 ? 0 : static_cast<double>(blob.offset) / static_cast<double>(blob.total);
    done = std::min(bar, static_cast<std::size_t>(share * static_cast<double>(bar)));
  }
  return fmt::format(
      "{} |\x1b[32m{}\x1b[0m{}|{}", line, std::string(done, '+'), std::string(bar - done, '-'),
      part ? fmt::format(" {:>10}/{}", BinarySize(blob.offset), BinarySize(blob.total)) : "");
}

// In one piece, so that an end in the midst leaves no half a line. Before the last time no more
// lines than the screen has: what moves comes first.
void Progress::Draw(bool last) {
  const winsize size = TerminalSize();
  const std::size_t rows = last ? blobs_.size() : size.ws_row - 1U;
  std::string text = lines_ > 0 ? fmt::format("\x1b[{}A\r", lines_) : "";
  lines_ = 0;
  for (const Blob& blob : blobs_) {
    if (lines_ == rows || (blobs_.size() > rows && !Moving(blob.state))) continue;
    text += Line(blob, size.ws_col - 1U) + "\x1b[K\n";
    ++lines_;
  }
  std::cout << text << "\x1b[J" << std::flush;
  drawn_ = absl::Now();
}

void Progress::Update(const BlobProgress& blob) {
  Update(remotes::MakeRefKey(Context::Background(), blob.desc), blob.state, blob.offset,
         blob.total);
}

void Progress::Update(const std::string& name, BlobState state, std::int64_t offset,
                      std::int64_t total) {
  const auto [at, added] = index_.try_emplace(name, blobs_.size());
  if (added) blobs_.push_back({name, state, 0, 0});
  Blob& blob = blobs_[at->second];
  const bool changed = added || blob.state != state;
  blob.state = state;
  blob.offset = offset;
  blob.total = total;
  if (!OnTerminal()) {
    if (changed) std::cout << name << ": " << Word(state) << "\n" << std::flush;
  } else if (absl::Now() - drawn_ > absl::Milliseconds(100)) {
    Draw(false);
  }
}

void Progress::Finish(const absl::Status& outcome) {
  if (OnTerminal()) Draw(true);
  if (!outcome.ok()) return;
  std::int64_t total = 0;
  for (const Blob& blob : blobs_) {
    if (blob.state != BlobState::kExists) total += blob.total;
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start_);
  std::cout << fmt::format("elapsed: {:.1f} s total: {} ({}/s)\n", seconds, BinarySize(total),
                           BinarySize(static_cast<std::int64_t>(static_cast<double>(total) /
                                                                std::max(seconds, 1e-3))))
            << std::flush;
}

absl::StatusOr<std::size_t> MeteredReader::Read(const Context& ctx, std::span<char> buf) {
  absl::StatusOr<std::size_t> n = input_.Read(ctx, buf);
  if (n.ok()) offset_ += static_cast<std::int64_t>(*n);
  progress_.Update(name_, BlobState::kTransferring, offset_, std::max(offset_, total_));
  return n;
}

void MeteredReader::Finish(const absl::Status& outcome) {
  progress_.Update(name_, outcome.ok() ? BlobState::kDone : BlobState::kFailed, offset_,
                   std::max(offset_, total_));
  progress_.Finish(outcome);
}

}  // namespace ctr
