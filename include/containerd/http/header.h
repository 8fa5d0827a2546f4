// SPDX-License-Identifier: Apache-2.0
//
// The header fields of a request or a response: names in Go's canonical spelling ("Content-Type"),
// each with one or more values.
//
//   http::Header header;
//   header.Set("accept", "*/*");
//   header.Get("Accept");        // "*/*"
//
// Source: net/http.Header.
#ifndef CONTAINERD_HTTP_HEADER_H_
#define CONTAINERD_HTTP_HEADER_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/attributes.h>

#include "containerd/export/export.h"

namespace containerd::http {

// "content-type" -> "Content-Type"; a name with characters that no header may have stays as it is.
CONTAINERD_EXPORT std::string CanonicalHeaderKey(std::string_view name);

// The fields of a request or response; names' case does not matter. Source: http.Header.
class CONTAINERD_EXPORT Header {
 public:
  using Fields = std::map<std::string, std::vector<std::string>>;

  Header() = default;
  Header(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
    for (const auto& [name, value] : fields) Add(name, value);
  }

  void Add(std::string_view name, std::string_view value);
  void Set(std::string_view name, std::string_view value);
  void Del(std::string_view name);
  bool Has(std::string_view name) const;

  // The first value; empty if there is none.
  std::string Get(std::string_view name) const;
  std::vector<std::string> Values(std::string_view name) const;

  // Adds all fields of `other`.
  void Merge(const Header& other);

  bool empty() const { return fields_.empty(); }
  const Fields& fields() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return fields_; }

  friend bool operator==(const Header&, const Header&) = default;

 private:
  Fields fields_;
};

}  // namespace containerd::http

#endif  // CONTAINERD_HTTP_HEADER_H_
