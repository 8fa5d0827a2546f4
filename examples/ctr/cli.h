// SPDX-License-Identifier: Apache-2.0
//
// A command line as ctr has it: commands in groups, each with flags, which end at the first
// argument that is none. cli.cc reads it with CLI11.
#ifndef CONTAINERD_EXAMPLES_CTR_CLI_H_
#define CONTAINERD_EXAMPLES_CTR_CLI_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

namespace containerd {
class Client;
class Context;
}  // namespace containerd

namespace ctr {

enum class Kind : std::uint8_t { kBool, kText, kList, kInt, kInts, kUint, kFloat, kDuration };

struct Flag {
  std::string names{};  // "quiet,q"
  std::string usage{};
  Kind kind = Kind::kBool;
  std::string value{};  // without the flag
  std::string env{};    // a variable that gives the value without the flag
};

// What a command was given. All values are of their flag's kind: Parse has refused others.
class Args {
 public:
  // Whether the command has such a flag. The others below are for those that it has.
  bool Has(const std::string& flag) const;

  bool IsSet(const std::string& flag) const;
  bool Bool(const std::string& flag) const;
  std::string Text(const std::string& flag) const;
  std::vector<std::string> List(const std::string& flag) const;
  std::int64_t Int(const std::string& flag) const;
  std::vector<int> Ints(const std::string& flag) const;
  double Float(const std::string& flag) const;
  absl::Duration Duration(const std::string& flag) const;

  // The arguments; an empty text for one that is not there.
  const std::vector<std::string>& All() const { return args_; }
  std::string Get(std::size_t i) const;
  std::vector<std::string> From(std::size_t first) const;

 private:
  friend class Parser;
  struct Value {
    std::vector<std::string> texts{};
    bool set = false;
    Kind kind = Kind::kBool;
  };
  std::map<std::string, Value> flags_;
  std::vector<std::string> args_;
};

using DaemonAction = absl::Status (*)(const containerd::Context& ctx, containerd::Client& client,
                                      const Args& args);
using LocalAction = absl::Status (*)(const containerd::Context& ctx, const Args& args);

// With or without a daemon; the first of them is none.
using Action = std::variant<std::monostate, DaemonAction, LocalAction>;

// A command has an action, a group has commands.
struct Command {
  std::string names{};  // "list,ls"
  std::string usage{};
  std::string args{};  // "[flags] <ref>"
  std::vector<Flag> flags{};
  Action action{};
  std::vector<Command> commands{};
};

struct Parsed {
  Action action{};  // none: nothing to do, the help has been printed
  Args args{};
};

// What the command line says. Its last argument may be --generate-bash-completion: what may stand
// in its place is then printed.
absl::StatusOr<Parsed> Parse(const Command& root, int argc, char** argv);

// An error of ctr's own, whose text says all.
absl::Status Refused(std::string_view text);

// What an error says, with its class at the end as Go prints it.
std::string Explain(const absl::Status& status);

// Ends ctr with this code, and without a message. ExitCode gives it back, and 1 for other errors.
absl::Status Exit(std::uint32_t code);
int ExitCode(const absl::Status& status);

// "key=value" each; a key alone stands for "key=true".
std::map<std::string, std::string> ParseLabels(const std::vector<std::string>& texts);

// Several lists of flags in one.
std::vector<Flag> Join(const std::vector<std::vector<Flag>>& lists);

}  // namespace ctr

#endif  // CONTAINERD_EXAMPLES_CTR_CLI_H_
