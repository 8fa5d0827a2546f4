// SPDX-License-Identifier: Apache-2.0
//
// Tables, sizes, times and JSON as Go's programs print them.
#ifndef CONTAINERD_EXAMPLES_CTR_OUTPUT_H_
#define CONTAINERD_EXAMPLES_CTR_OUTPUT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/typeurl/any.h"

namespace google::protobuf {
class Message;
}

namespace ctr {

// Aligns the cells of a column of adjacent rows, as text/tabwriter does. Each cell but a row's last
// one ends its column: a row that ends with an empty cell has all of its texts aligned.
class Table {
 public:
  explicit Table(std::size_t min_width = 1, std::size_t padding = 1, char fill = ' ')
      : min_width_(min_width), padding_(padding), fill_(fill) {}

  void Row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string Text() const;

  // To standard output.
  void Print() const;

 private:
  void Format(std::size_t first, std::size_t last, std::vector<std::size_t>& widths,
              std::string& out) const;
  void Write(std::size_t first, std::size_t last, const std::vector<std::size_t>& widths,
             std::string& out) const;

  const std::size_t min_width_;
  const std::size_t padding_;
  const char fill_;
  std::vector<std::vector<std::string>> rows_;
};

// "1.5 MiB", "1.573MB", "About a minute".
std::string BinarySize(std::int64_t bytes);
std::string DecimalSize(std::int64_t bytes);
std::string HumanDuration(absl::Duration duration);

// "a=b,c=d", in the order of the keys; `none` if there are none.
std::string JoinLabels(const std::map<std::string, std::string>& labels,
                       const std::string& none = "");

// A JSON text as encoding/json writes it, and one that is spread over lines.
std::string Quote(std::string_view text);
std::string Indent(std::string_view json, std::size_t spaces = 4);

// As Go prints a time.
std::string TimeText(absl::Time time);

// As encoding/json writes the time and the struct that Go has for the message.
std::string JSON(absl::Time time);
std::string JSON(const google::protobuf::Message& message);
std::string JSON(const std::map<std::string, std::string>& labels);

// The message that is in `any`, empty if none is. ErrNotImplemented for one of a type that this
// program does not know.
absl::StatusOr<std::string> MessageJSON(const containerd::typeurl::Any& any);

}  // namespace ctr

#endif  // CONTAINERD_EXAMPLES_CTR_OUTPUT_H_
