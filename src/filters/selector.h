// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_FILTERS_SELECTOR_H_
#define CONTAINERD_SRC_FILTERS_SELECTOR_H_

#include <memory>
#include <string>
#include <vector>

#include "containerd/filters/filters.h"

namespace re2 {
class RE2;
}

namespace containerd::filters {

enum class Operator { kPresent, kEqual, kNotEqual, kMatches };

// One condition on one field.
class Selector final : public Filter {
 public:
  // For kMatches `value` is a regular expression; one that does not compile is logged and never
  // matches. For kPresent it is not used.
  Selector(std::vector<std::string> fieldpath, Operator op, std::string value);
  ~Selector() override;

  bool Match(const Adaptor& adaptor) const override;

  // Whether the expression is one that Go would take, but too large for RE2.
  bool TooLarge() const { return too_large_; }

 private:
  std::vector<std::string> fieldpath_;
  Operator op_;
  std::string value_;
  std::unique_ptr<const re2::RE2> re_;
  bool too_large_ = false;
};

}  // namespace containerd::filters

#endif  // CONTAINERD_SRC_FILTERS_SELECTOR_H_
