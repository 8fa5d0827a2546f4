// SPDX-License-Identifier: Apache-2.0
//
// Package filters: the language in which containerd's lists are filtered, on either side of the
// API.
//
//   absl::StatusOr<filters::FilterPtr> filter =
//       filters::ParseAll({"name==web,labels.\"com.example/tier\"~=front|back", "id~=/^tmp-/"});
//   if (!filter.ok()) return filter.status();
//   (*filter)->Match(filters::AdapterFunc([&](std::span<const std::string> fieldpath)
//                                             -> std::optional<std::string> {
//     if (fieldpath[0] == "name") return object.name;
//     return std::nullopt;
//   }));
//
// A filter is a comma-separated list of selectors, all of which must match:
//
//   filter    := selector ("," selector)*
//   selector  := fieldpath [operator value]        without an operator: the field is present
//   fieldpath := field ("." field)*
//   field     := quoted | [A-Za-z0-9_]+
//   operator  := "==" | "!=" | "~="                equal, not equal, matches a regular expression
//   value     := quoted | a run of visible characters but "," that begins with none of " / |
//   quoted    := a Go string literal in "…"; after ~= also between |…| or /…/
//
// Regular expressions are RE2's, and match anywhere in the value unless they are anchored.
//
// Filters are immutable; they may be shared and used by several threads.
//
// Source: pkg/filters.
#ifndef CONTAINERD_FILTERS_FILTERS_H_
#define CONTAINERD_FILTERS_FILTERS_H_

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/export/export.h"

namespace containerd::filters {

// Shows an object's fields to a filter.
class CONTAINERD_EXPORT Adaptor {
 public:
  virtual ~Adaptor() = default;

  // The value of a field, nullopt if it is not present. `fieldpath` has at least one element; how
  // elements name fields is up to the object, by habit "name", "labels" "<key>" and so on. A filter
  // takes an absent field's value as "" where it compares.
  virtual std::optional<std::string> Field(std::span<const std::string> fieldpath) const = 0;
};

// An Adaptor out of a function.
class CONTAINERD_EXPORT AdapterFunc final : public Adaptor {
 public:
  using Function = std::function<std::optional<std::string>(std::span<const std::string>)>;

  explicit AdapterFunc(Function fn) : fn_(std::move(fn)) {}
  std::optional<std::string> Field(std::span<const std::string> fieldpath) const override {
    return fn_(fieldpath);
  }

 private:
  Function fn_;
};

// Decides on objects.
class CONTAINERD_EXPORT Filter {
 public:
  virtual ~Filter() = default;
  virtual bool Match(const Adaptor& adaptor) const = 0;
};

using FilterPtr = std::shared_ptr<const Filter>;

// A Filter out of a function.
class CONTAINERD_EXPORT FilterFunc final : public Filter {
 public:
  using Function = std::function<bool(const Adaptor&)>;

  explicit FilterFunc(Function fn) : fn_(std::move(fn)) {}
  bool Match(const Adaptor& adaptor) const override { return fn_(adaptor); }

 private:
  Function fn_;
};

// Matches everything.
CONTAINERD_EXPORT const FilterPtr& Always();

// Matches what at least one of its filters does; nothing if it has none.
class CONTAINERD_EXPORT Any final : public Filter {
 public:
  explicit Any(std::vector<FilterPtr> filters) : filters_(std::move(filters)) {}
  bool Match(const Adaptor& adaptor) const override;

 private:
  std::vector<FilterPtr> filters_;
};

// Matches what all of its filters do; everything if it has none.
class CONTAINERD_EXPORT All final : public Filter {
 public:
  explicit All(std::vector<FilterPtr> filters) : filters_(std::move(filters)) {}
  bool Match(const Adaptor& adaptor) const override;

 private:
  std::vector<FilterPtr> filters_;
};

// Compiles a filter; an empty one matches everything. A syntax error is ErrInvalidArgument and
// shows where it is: `filters: parse error: [labels. >|?|< foo]: expected field or quoted`. A
// regular expression that does not compile is no error: it is logged, and its selector matches
// nothing; one that Go would take but RE2 cannot hold is ErrInvalidArgument. Source: filters.Parse.
CONTAINERD_EXPORT absl::StatusOr<FilterPtr> Parse(std::string_view filter);

// A filter that matches what any of the given ones does; no filters at all match everything.
// Source: filters.ParseAll.
CONTAINERD_EXPORT absl::StatusOr<FilterPtr> ParseAll(std::span<const std::string> filters);
CONTAINERD_EXPORT absl::StatusOr<FilterPtr> ParseAll(
    std::initializer_list<std::string_view> filters);

// Any bytes as a quoted field or value of a filter: "labels." + Quote(key) + "==" + Quote(value).
// What is not printable is escaped. Source: strconv.Quote, `%q`.
CONTAINERD_EXPORT std::string Quote(std::string_view text);

}  // namespace containerd::filters

#endif  // CONTAINERD_FILTERS_FILTERS_H_
