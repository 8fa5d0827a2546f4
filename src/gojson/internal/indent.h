// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_GOJSON_INTERNAL_INDENT_H_
#define CONTAINERD_SRC_GOJSON_INTERNAL_INDENT_H_

#include <string>
#include <string_view>

#include "containerd/export/export.h"

namespace containerd::gojson {

// Compact JSON, such as Marshal's, laid out with three spaces a level; `prefix` begins each line
// but the first. Source: json.Indent.
CONTAINERD_SIBLING std::string Indent(std::string_view json, std::string_view prefix = "");

}  // namespace containerd::gojson

#endif  // CONTAINERD_SRC_GOJSON_INTERNAL_INDENT_H_
