// SPDX-License-Identifier: Apache-2.0
#include "src/errdefs/internal/mark.h"

#include <deque>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <absl/strings/cord.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::errdefs {
namespace {

using Marks = std::map<std::string, std::string, std::less<>>;

// The marked errors, the last ones of them. A copy of each is kept, so that its text stays where it
// is and no other error's comes there.
class Remembered {
 public:
  void Add(const absl::Status& status, Marks marks) {
    const std::lock_guard lock(mu_);
    const char* text = status.message().data();
    const auto [added, is_new] = errors_.try_emplace(text, Error{status, std::move(marks)});
    if (!is_new) return;
    order_.push_back(text);
    bytes_ += added->second.Size();
    while (order_.size() > kRememberedErrors || bytes_ > kRememberedBytes) {
      const auto oldest = errors_.find(order_.front());
      bytes_ -= oldest->second.Size();
      errors_.erase(oldest);
      order_.pop_front();
    }
  }

  Marks Find(const absl::Status& status) {
    const std::lock_guard lock(mu_);
    const auto found = errors_.find(status.message().data());
    if (found != errors_.end()) return found->second.marks;
    // Somebody who puts a payload to an error gets a text of his own.
    if (!HasPayload(status)) return {};
    for (auto text = order_.rbegin(); text != order_.rend(); ++text) {
      const Error& error = errors_.at(*text);
      if (error.status.code() == status.code() && error.status.message() == status.message()) {
        return error.marks;
      }
    }
    return {};
  }

 private:
  struct Error {
    absl::Status status;
    Marks marks;

    std::size_t Size() const {
      std::size_t size = status.message().size();
      for (const auto& [mark, value] : marks) size += mark.size() + value.size();
      return size;
    }
  };

  static bool HasPayload(const absl::Status& status) {
    bool has = false;
    status.ForEachPayload([&has](absl::string_view, const absl::Cord&) { has = true; });
    return has;
  }

  std::mutex mu_;
  std::unordered_map<const char*, Error> errors_;
  std::deque<const char*> order_;  // the oldest first
  std::size_t bytes_ = 0;
};

Remembered& All() {
  static Remembered& all = *new Remembered;  // for errors that are looked at while statics end
  return all;
}

Marks MarksOf(const absl::Status& status) {
  return status.message().empty() ? Marks() : All().Find(status);
}

}  // namespace

absl::Status Mark(const absl::Status& status, std::string_view mark, std::string value) {
  if (status.ok()) return status;
  const std::string_view text = status.message().empty() ? Text(*Resolve(status)) : Message(status);
  // The same error with a text of its own: copies of what was given are not marked.
  absl::Status marked(status.code(), absl::string_view(text.data(), text.size()));
  status.ForEachPayload([&marked](absl::string_view url, const absl::Cord& payload) {
    marked.SetPayload(url, payload);
  });
  Marks marks = MarksOf(status);
  marks.insert_or_assign(std::string(mark), std::move(value));
  All().Add(marked, std::move(marks));
  return marked;
}

std::optional<std::string> MarkOf(const absl::Status& status, std::string_view mark) {
  if (status.ok()) return std::nullopt;
  Marks marks = MarksOf(status);
  const auto found = marks.find(mark);
  if (found == marks.end()) return std::nullopt;
  return std::move(found->second);
}

bool IsMarked(const absl::Status& status, std::string_view mark, std::string_view value) {
  return MarkOf(status, mark) == value;
}

void CopyMarks(const absl::Status& from, const absl::Status& to) {
  Marks marks = MarksOf(from);
  if (!marks.empty()) All().Add(to, std::move(marks));
}

}  // namespace containerd::errdefs
