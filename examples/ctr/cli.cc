// SPDX-License-Identifier: Apache-2.0
#include "cli.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <iostream>
#include <memory>
#include <system_error>
#include <utility>

#include <CLI/CLI.hpp>
#include <absl/algorithm/container.h>
#include <absl/strings/cord.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "containerd/errdefs/errdefs.h"

namespace ctr {
namespace {

using containerd::errdefs::Class;

// Those that have a class.
constexpr std::array kErrnos{ENOENT, EEXIST, EACCES, EPERM,  ENOSPC,
                             EMFILE, ENOMEM, EDQUOT, EINVAL, ENFILE};

constexpr char kExitCode[] = "ctr/exit-code";
constexpr char kComplete[] = "--generate-bash-completion";

std::vector<std::string> Names(const std::string& names) { return absl::StrSplit(names, ','); }

// "quiet,q" as CLI11 writes it: "--quiet,-q".
std::string Dashed(const std::string& names) {
  std::vector<std::string> dashed = Names(names);
  for (std::string& name : dashed) name.insert(0, name.size() == 1 ? "-" : "--");
  return absl::StrJoin(dashed, ",");
}

// As Go's messages have a flag: without its value, and with one dash.
std::string OneDash(const std::string& word) {
  const std::size_t begin = std::min(word.find_first_not_of('-'), word.size());
  return "-" + word.substr(begin, word.find('=') - begin);
}

absl::Status NoFlag(const std::string& word) {
  return Refused("flag provided but not defined: " + OneDash(word));
}

// Which of its names the line has.
std::string Spelled(const Flag& flag, const std::vector<std::string>& line) {
  const std::vector<std::string> names = Names(flag.names);
  const auto name = absl::c_find_if(names, [&](const std::string& one) {
    return absl::c_any_of(line, [&](const std::string& word) {
      return absl::StartsWith(word, "-") && OneDash(word) == "-" + one;
    });
  });
  return "-" + (name == names.end() ? names.front() : *name);
}

bool Valid(Kind kind, const std::string& text) {
  std::int64_t number = 0;
  int small = 0;
  double real = 0;
  absl::Duration duration;
  switch (kind) {
    case Kind::kInt:
      return absl::SimpleAtoi(text, &number);
    case Kind::kInts:
      return absl::SimpleAtoi(text, &small);
    case Kind::kUint:
      return absl::SimpleAtoi(text, &number) && number >= 0;
    case Kind::kFloat:
      return absl::SimpleAtod(text, &real);
    case Kind::kDuration:
      return absl::ParseDuration(text, &duration);
    default:
      return true;
  }
}

// What is wrong with such a value, in the words of Go's package flag.
std::string Why(Kind kind, const std::string& text) {
  if (kind == Kind::kInts) {
    return absl::StrCat("strconv.ParseInt: parsing \"", text, "\": invalid syntax");
  }
  const bool number = text.find_first_not_of("-0123456789") == std::string::npos;
  return kind == Kind::kInt && number && text.size() > 1 ? "value out of range" : "parse error";
}

const Command* Find(const Command& group, const std::string& name) {
  for (const Command& command : group.commands) {
    const std::vector<std::string> names = Names(command.names);
    if (std::find(names.begin(), names.end(), name) != names.end()) return &command;
  }
  return nullptr;
}

// Whether the word is a flag of the command whose value follows.
bool TakesValue(const Command& command, const std::string& word) {
  return std::any_of(command.flags.begin(), command.flags.end(), [&](const Flag& flag) {
    const std::vector<std::string> dashed = absl::StrSplit(Dashed(flag.names), ',');
    return flag.kind != Kind::kBool && absl::c_linear_search(dashed, word);
  });
}

// The line in the one way that CLI11 reads as Go's flags do: -n=x, -namespace x and --n x are
// --namespace=x and --namespace x, and a flag that is 0 or f is false. What follows the flags of
// the last command is left alone.
std::vector<std::string> Normal(const Command& root, int argc, char** argv) {
  std::vector<std::string> line(argv, argv + argc);
  const Command* at = &root;
  bool value = false;  // of the flag before it
  for (std::size_t i = 1; i < line.size(); ++i) {
    std::string& word = line[i];
    if (std::exchange(value, false)) continue;
    if (word.size() < 2 || word.front() != '-') {
      at = Find(*at, word);
      if (at == nullptr) break;
      continue;
    }
    const std::size_t begin = absl::StartsWith(word, "--") ? 2 : 1;
    const std::size_t end = std::min(word.find('=', begin), word.size());
    const std::string name = word.substr(begin, end - begin);
    std::string given = word.substr(end);
    const auto flag = absl::c_find_if(
        at->flags, [&](const Flag& one) { return absl::c_linear_search(Names(one.names), name); });
    if (flag == at->flags.end()) {
      if (name.empty()) break;
      continue;
    }
    static constexpr std::array kFalse{"=0", "=f", "=F", "=FALSE", "=False"};
    if (flag->kind == Kind::kBool && absl::c_linear_search(kFalse, given)) given = "=false";
    const std::string first = Names(flag->names).front();
    word = absl::StrCat(first.size() == 1 ? "-" : "--", first, given);
    value = flag->kind != Kind::kBool && given.empty();
  }
  return line;
}

// Prints what can follow the words: commands, or flags after a dash.
void Complete(const Command& root, const std::vector<std::string>& words) {
  const Command* at = &root;
  bool value = false;  // of the flag before it
  for (const std::string& word : words) {
    if (!std::exchange(value, false)) {
      value = TakesValue(*at, word);
      if (const Command* next = Find(*at, word); next != nullptr) at = next;
    }
  }
  if (!words.empty() && absl::StartsWith(words.back(), "-")) {
    for (const Flag& flag : at->flags) {
      const std::string name = Names(flag.names).front();
      std::cout << (name.size() == 1 ? "-" : "--") << name << "\n";
    }
    return;
  }
  for (const Command& command : at->commands) std::cout << Names(command.names).front() << "\n";
}

}  // namespace

// Makes CLI11's commands of ours, and Args of what those have read.
class Parser {
 public:
  explicit Parser(const Command& root) {
    app_.set_version_flag("--version,-v", "ctr containerd-cpp", "Print the version");
    Add(app_, root);
  }

  absl::StatusOr<Parsed> Run(int argc, char** argv, const Command& root) {
    try {
      std::vector<std::string> line = Normal(root, argc, argv);
      std::vector<char*> words;
      words.reserve(line.size());
      for (std::string& word : line) words.push_back(word.data());
      app_.parse(static_cast<int>(words.size()), words.data());
    } catch (const CLI::CallForHelp&) {
      std::cout << app_.help();
      return Parsed{};
    } catch (const CLI::CallForVersion&) {
      std::cout << app_.version() << "\n";
      return Parsed{};
    } catch (const CLI::ArgumentMismatch&) {
      return Refused("flag needs an argument: " + OneDash(argv[argc - 1]));
    } catch (const CLI::ParseError& e) {
      return Refused(e.what());
    }
    Parsed parsed;
    const CLI::App* app = &app_;
    for (const Command* command = &root;;) {
      if (absl::Status s = Read(*app, *command, {argv, argv + argc}, parsed.args); !s.ok()) {
        return s;
      }
      if (!command->commands.empty() && !app->remaining().empty()) {
        const std::string first = app->remaining().front();
        if (first == "help" || first == "h") {
          std::cout << app_.help();
          return Parsed{};
        }
        if (first.front() == '-') return NoFlag(first);
        std::cerr << "No help topic for '" << first << "'\n";
        return Exit(3);
      }
      if (app->get_subcommands().empty()) {
        if (command->action.index() == 0) std::cout << app_.help();
        parsed.action = command->action;
        break;
      }
      app = app->get_subcommands().front();
      command = Find(*command, app->get_name());
    }
    parsed.args.args_ = app->remaining();
    if (!parsed.args.args_.empty() && parsed.args.args_.front() == "--") {
      parsed.args.args_.erase(parsed.args.args_.begin());
    } else if (const std::string first = parsed.args.Get(0);
               first.size() > 1 && first.front() == '-') {
      return NoFlag(first);
    }
    return parsed;
  }

 private:
  static void Add(CLI::App& app, const Command& command) {
    app.set_help_flag("--help,-h", "Show help");
    for (const Flag& flag : command.flags) {
      const std::string names = Dashed(flag.names);
      CLI::Option* option = flag.kind == Kind::kBool ? app.add_flag(names, flag.usage)
                                                     : app.add_option(names, flag.usage);
      if (flag.kind == Kind::kList || flag.kind == Kind::kInts) {
        option->take_all();
      } else {
        option->take_last();
      }
      if (!flag.value.empty()) option->default_str(flag.value);
      if (!flag.env.empty()) option->envname(flag.env);
    }
    if (command.commands.empty()) {
      // All that follows the first argument is the command's, also what looks like a flag.
      app.prefix_command();
      if (!command.args.empty()) app.footer("Arguments: " + command.args);
      return;
    }
    app.require_subcommand(0, 1);
    app.allow_extras();
    for (const Command& child : command.commands) {
      const std::vector<std::string> names = Names(child.names);
      CLI::App* sub = app.add_subcommand(names.front(), child.usage);
      for (std::size_t i = 1; i < names.size(); ++i) sub->alias(names[i]);
      Add(*sub, child);
    }
  }

  // What a flag says counts over the same flag of the group, which may be of another kind.
  static absl::Status Read(const CLI::App& app, const Command& command,
                           const std::vector<std::string>& line, Args& args) {
    for (const Flag& flag : command.flags) {
      const std::string name = Names(flag.names).front();
      const CLI::Option* option = app.get_option((name.size() == 1 ? "-" : "--") + name);
      Args::Value& value = args.flags_[name];
      if (option->count() == 0) {
        if (!value.set || value.kind != flag.kind) value = {{flag.value}, false, flag.kind};
        continue;
      }
      value = {option->results(), true, flag.kind};
      for (const std::string& text : value.texts) {
        if (Valid(flag.kind, text)) continue;
        return Refused(absl::StrCat("invalid value \"", text, "\" for flag ", Spelled(flag, line),
                                    ": ", Why(flag.kind, text)));
      }
    }
    return absl::OkStatus();
  }

  CLI::App app_{"ctr, a client of containerd for debugging and administration", "ctr"};
};

bool Args::Has(const std::string& flag) const { return flags_.contains(flag); }

bool Args::IsSet(const std::string& flag) const { return flags_.at(flag).set; }

bool Args::Bool(const std::string& flag) const {
  if (flags_.at(flag).kind != Kind::kBool) return false;
  const std::string text = Text(flag);
  return !text.empty() && text != "false";
}

std::string Args::Text(const std::string& flag) const {
  const std::vector<std::string>& texts = flags_.at(flag).texts;
  return texts.empty() ? "" : texts.back();
}

std::vector<std::string> Args::List(const std::string& flag) const {
  return IsSet(flag) ? flags_.at(flag).texts : std::vector<std::string>{};
}

std::int64_t Args::Int(const std::string& flag) const {
  std::int64_t value = 0;
  return absl::SimpleAtoi(Text(flag), &value) ? value : 0;
}

std::vector<int> Args::Ints(const std::string& flag) const {
  std::vector<int> values;
  for (const std::string& text : List(flag)) {
    if (int value = 0; absl::SimpleAtoi(text, &value)) values.push_back(value);
  }
  return values;
}

double Args::Float(const std::string& flag) const {
  double value = 0;
  return absl::SimpleAtod(Text(flag), &value) ? value : 0;
}

absl::Duration Args::Duration(const std::string& flag) const {
  absl::Duration value;
  return absl::ParseDuration(Text(flag), &value) ? value : absl::ZeroDuration();
}

std::string Args::Get(std::size_t i) const { return i < args_.size() ? args_[i] : ""; }

std::vector<std::string> Args::From(std::size_t first) const {
  first = std::min(first, args_.size());
  return {args_.begin() + static_cast<std::ptrdiff_t>(first), args_.end()};
}

absl::StatusOr<Parsed> Parse(const Command& root, int argc, char** argv) {
  if (argc > 1 && argv[argc - 1] == std::string_view(kComplete)) {
    Complete(root, {argv + 1, argv + argc - 1});
    return Parsed{};
  }
  return Parser(root).Run(argc, argv, root);
}

absl::Status Refused(std::string_view text) { return containerd::errdefs::Unknown(text); }

std::string Explain(const absl::Status& status) {
  std::string text(status.message());
  const std::string_view name =
      containerd::errdefs::Text(containerd::errdefs::Resolve(status).value_or(Class::ErrUnknown));
  // The class of an errno is in its text.
  const bool of_errno = absl::c_any_of(
      kErrnos, [&](int number) { return text.ends_with(std::generic_category().message(number)); });
  if (!of_errno && !containerd::errdefs::IsUnknown(status) && !text.ends_with(name)) {
    text.append(": ").append(name);
  }
  return text;
}

absl::Status Exit(std::uint32_t code) {
  if (code == 0) return absl::OkStatus();
  absl::Status status(absl::StatusCode::kUnknown, "exit");
  status.SetPayload(kExitCode, absl::Cord(std::to_string(code)));
  return status;
}

int ExitCode(const absl::Status& status) {
  if (status.ok()) return 0;
  int code = 1;
  if (const auto payload = status.GetPayload(kExitCode)) {
    if (absl::SimpleAtoi(std::string(*payload), &code)) return code;
  }
  std::cerr << "ctr: " << Explain(status) << "\n";
  return 1;
}

std::map<std::string, std::string> ParseLabels(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> labels;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    labels[text.substr(0, equals)] = equals == std::string::npos ? "true" : text.substr(equals + 1);
  }
  return labels;
}

std::vector<Flag> Join(const std::vector<std::vector<Flag>>& lists) {
  std::vector<Flag> all;
  for (const std::vector<Flag>& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

}  // namespace ctr
