// SPDX-License-Identifier: Apache-2.0
//
// Marks: what tells an error from others of its class, as Go does by comparing with a variable, and
// what else an error carries, as Go's error types do:
//
//   absl::Status ErrReset() {
//     return errdefs::Mark(errdefs::Aborted("writer has been reset"), kReset);
//   }
//   bool IsErrReset(const absl::Status& status) { return errdefs::IsMarked(status, kReset); }
//
// Neither the message nor a payload will do: another error may have the same text, and abseil
// prints every payload after the message. So marks are kept beside the status, and found by what
// all copies of a status share: its text in memory.
#ifndef CONTAINERD_SRC_ERRDEFS_INTERNAL_MARK_H_
#define CONTAINERD_SRC_ERRDEFS_INTERNAL_MARK_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>

#include "containerd/export/export.h"

namespace containerd::errdefs {

// How many marked errors are remembered, and how many bytes of them. An older one is of its code's
// class and nothing else.
inline constexpr std::size_t kRememberedErrors = std::size_t{1} << 14;
inline constexpr std::size_t kRememberedBytes = std::size_t{16} << 20;

// The error, marked: so are its copies and what Annotate makes of them. Marks that it has stay; of
// the same mark the last value counts. OK stays OK.
CONTAINERD_SIBLING absl::Status Mark(const absl::Status& status, std::string_view mark,
                                     std::string value = {});

// The value of a mark; none if the error does not have it.
CONTAINERD_SIBLING std::optional<std::string> MarkOf(const absl::Status& status,
                                                     std::string_view mark);

// Whether the error has the mark, with that value.
CONTAINERD_SIBLING bool IsMarked(const absl::Status& status, std::string_view mark,
                                 std::string_view value = {});

// Gives `to`, an error that nobody else has a copy of, the marks of `from`.
void CopyMarks(const absl::Status& from, const absl::Status& to);

}  // namespace containerd::errdefs

#endif  // CONTAINERD_SRC_ERRDEFS_INTERNAL_MARK_H_
