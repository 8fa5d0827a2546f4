// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_FILTERS_QUOTE_H_
#define CONTAINERD_SRC_FILTERS_QUOTE_H_

#include <optional>
#include <string>
#include <string_view>

namespace containerd::filters {

// What a quoted literal stands for; nullopt on a syntax error. The text begins and ends with the
// same one of '"', '|' and '/'; inside it, Go's escape sequences hold, and that quote is written
// with a backslash. Source: unquote in pkg/filters/quote.go.
std::optional<std::string> Unquote(std::string_view quoted);

}  // namespace containerd::filters

#endif  // CONTAINERD_SRC_FILTERS_QUOTE_H_
