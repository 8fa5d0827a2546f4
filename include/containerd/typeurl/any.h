// SPDX-License-Identifier: Apache-2.0
//
// The value type for "any message": a type's URL and the bytes of a value of it. Light to include;
// making and reading one is in typeurl.h, google.protobuf.Any in proto.h.
#ifndef CONTAINERD_TYPEURL_ANY_H_
#define CONTAINERD_TYPEURL_ANY_H_

#include <string>

namespace containerd::typeurl {

// The counterpart of Go's typeurl.Any and of google.protobuf.Any. `value` is a serialized protobuf
// message or, for the types that Register was called for, JSON.
struct Any {
  std::string type_url{};
  std::string value{};

  // Neither a type nor a value: what Go has as a nil Any.
  bool empty() const { return type_url.empty() && value.empty(); }

  friend bool operator==(const Any&, const Any&) = default;
};

}  // namespace containerd::typeurl

#endif  // CONTAINERD_TYPEURL_ANY_H_
