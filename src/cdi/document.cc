// SPDX-License-Identifier: Apache-2.0
#include "document.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::cdi::yaml {
namespace {

constexpr int kMaxMergeDepth = 16;
constexpr std::size_t kMaxMembers = 1024;  // Of a mapping.
constexpr int kMaxAnchors = 1024;
constexpr int kMaxDepth = 128;

std::string_view Text(const yaml_node_t* node) {
  return {reinterpret_cast<const char*>(node->data.scalar.value), node->data.scalar.length};
}

// Whether what a scalar is follows from how it is spelled.
bool IsPlain(const yaml_node_t* node) {
  return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
         std::string_view(reinterpret_cast<const char*>(node->tag)) == YAML_STR_TAG;
}

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

// The words of YAML 1.1.
std::optional<bool> Boolean(const yaml_node_t* node) {
  if (!IsPlain(node)) return std::nullopt;
  const std::string_view text = Text(node);
  if (IsOneOf(text, {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})) {
    return true;
  }
  if (IsOneOf(text, {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})) {
    return false;
  }
  return std::nullopt;
}

// 12, -7, 0x1f, 0b101, 0o17, 017, 1_000.
std::optional<std::int64_t> Integer(const yaml_node_t* node) {
  if (!IsPlain(node)) return std::nullopt;
  std::string digits(Text(node));
  digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
  std::string_view rest = digits;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  int base = 10;
  if (rest.starts_with("0x") || rest.starts_with("0X")) {
    base = 16;
    rest.remove_prefix(2);
  } else if (rest.starts_with("0b") || rest.starts_with("0B")) {
    base = 2;
    rest.remove_prefix(2);
  } else if (rest.starts_with("0o")) {
    base = 8;
    rest.remove_prefix(2);
  } else if (rest.size() > 1 && rest.front() == '0') {
    base = 8;
    rest.remove_prefix(1);
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, base);
  if (rest.empty() || error != std::errc() || end != rest.data() + rest.size()) return std::nullopt;
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (value > kMax) return std::nullopt;
  return negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
}

// What else a reader of YAML takes for a number: 1.5, 1e3, .inf, and integers that are too large.
bool LooksLikeNumber(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (IsOneOf(text, {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"})) return true;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && (text.front() == '.' || (text.front() >= '0' && text.front() <= '9')) &&
         error != std::errc::invalid_argument && end == text.data() + text.size();
}

std::string_view Describe(const yaml_node_t* node) {
  if (node == nullptr) return "nothing";
  switch (node->type) {
    case YAML_SCALAR_NODE:
      return IsPlain(node) ? Text(node) : "a string";
    case YAML_SEQUENCE_NODE:
      return "a sequence";
    case YAML_MAPPING_NODE:
      return "a mapping";
    case YAML_NO_NODE:
      break;
  }
  return "nothing";
}

struct Parser {
  explicit Parser(std::string_view text) {
    ok = yaml_parser_initialize(&parser) != 0;
    if (!ok) return;
    yaml_parser_set_input_string(&parser, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  ~Parser() {
    if (ok) yaml_parser_delete(&parser);
  }

  absl::Status Problem() const {
    const char* problem = ok ? parser.problem : "no memory";
    return errdefs::InvalidArgument(fmt::format("line {}: no YAML: {}",
                                                parser.problem_mark.line + 1,
                                                problem != nullptr ? problem : "not readable"));
  }

  yaml_parser_t parser = {};
  bool ok = false;
};

// That the first document is not so deep, and has not so many anchors, that reading it would take
// long: for each token the library goes through all levels, and for each anchor through all others.
absl::Status CheckCost(std::string_view text) {
  Parser parser(text);
  if (!parser.ok) return parser.Problem();
  int anchors = 0;
  int depth = 0;
  for (bool end = false; !end;) {
    yaml_event_t event;
    if (yaml_parser_parse(&parser.parser, &event) == 0) return parser.Problem();
    end = event.type == YAML_DOCUMENT_END_EVENT || event.type == YAML_STREAM_END_EVENT;
    const bool anchor =
        (event.type == YAML_SCALAR_EVENT && event.data.scalar.anchor != nullptr) ||
        (event.type == YAML_SEQUENCE_START_EVENT && event.data.sequence_start.anchor != nullptr) ||
        (event.type == YAML_MAPPING_START_EVENT && event.data.mapping_start.anchor != nullptr);
    if (event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT) {
      ++depth;
    } else if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) {
      --depth;
    }
    const std::size_t line = event.start_mark.line + 1;
    yaml_event_delete(&event);
    if (anchor && ++anchors > kMaxAnchors) {
      return errdefs::InvalidArgument(
          fmt::format("line {}: more than {} anchors", line, kMaxAnchors));
    }
    if (depth > kMaxDepth) {
      return errdefs::InvalidArgument(
          fmt::format("line {}: nested deeper than {}", line, kMaxDepth));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Wrong(const yaml_node_t* node, std::string_view what) {
  if (node == nullptr) return errdefs::InvalidArgument(what);
  return errdefs::InvalidArgument(fmt::format("line {}: {}", node->start_mark.line + 1, what));
}

absl::Status WantedButFound(const yaml_node_t* node, std::string_view wanted) {
  std::string_view found = Describe(node);
  constexpr std::size_t kMaxShown = 64;
  found = found.substr(0, kMaxShown);
  return Wrong(node, fmt::format("want {}, found {}", wanted, found));
}

bool IsNull(const yaml_node_t* node) {
  if (node == nullptr) return true;
  if (node->type != YAML_SCALAR_NODE) return node->type == YAML_NO_NODE;
  if (std::string_view(reinterpret_cast<const char*>(node->tag)) == YAML_NULL_TAG) return true;
  return IsPlain(node) && IsOneOf(Text(node), {"", "~", "null", "Null", "NULL"});
}

absl::StatusOr<std::unique_ptr<Document>> Document::Parse(std::string_view text) {
  if (absl::Status s = CheckCost(text); !s.ok()) return s;
  Parser parser(text);
  if (!parser.ok) return parser.Problem();
  std::unique_ptr<Document> document(new Document);
  if (yaml_parser_load(&parser.parser, &document->document_) == 0) return parser.Problem();
  if (IsNull(document->root())) return errdefs::InvalidArgument("the document is empty");
  return document;
}

Document::~Document() { yaml_document_delete(&document_); }

absl::Status Document::Count(const yaml_node_t* node) {
  if (++nodes_ <= kMaxNodes) return absl::OkStatus();
  return Wrong(node, fmt::format("the document has more than {} nodes", kMaxNodes));
}

absl::Status Document::Read(const yaml_node_t* node, std::string* out) {
  if (IsNull(node)) return absl::OkStatus();
  if (node->type != YAML_SCALAR_NODE) return WantedButFound(node, "a string");
  if (const auto boolean = Boolean(node); boolean.has_value()) {
    *out = *boolean ? "true" : "false";
  } else if (const auto integer = Integer(node); integer.has_value()) {
    *out = std::to_string(*integer);
  } else if (IsPlain(node) && LooksLikeNumber(Text(node))) {
    return WantedButFound(node, "a string, or an integer that stands for one");
  } else {
    *out = Text(node);
  }
  return absl::OkStatus();
}

absl::Status Document::Read(const yaml_node_t* node, bool* out) {
  if (IsNull(node)) return absl::OkStatus();
  const auto boolean = Boolean(node);
  if (!boolean.has_value()) return WantedButFound(node, "true or false");
  *out = *boolean;
  return absl::OkStatus();
}

absl::Status Document::ReadInteger(const yaml_node_t* node, std::int64_t min, std::int64_t max,
                                   std::int64_t* out) {
  const auto integer = Integer(node);
  if (!integer.has_value() || *integer < min || *integer > max) {
    return WantedButFound(node, fmt::format("an integer from {} to {}", min, max));
  }
  *out = *integer;
  return absl::OkStatus();
}

absl::Status Document::Read(const yaml_node_t* node, std::map<std::string, std::string>* out) {
  if (IsNull(node)) return absl::OkStatus();
  auto members = ReadMembers(node);
  if (!members.ok()) return members.status();
  for (const auto& [name, value] : *members) {
    if (absl::Status s = Read(value, &(*out)[name]); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::StatusOr<Document::Members> Document::ReadMembers(const yaml_node_t* node, int depth) {
  if (node == nullptr || node->type != YAML_MAPPING_NODE) return WantedButFound(node, "a mapping");
  Members members;
  const auto has = [&](std::string_view name) {
    return std::any_of(members.begin(), members.end(),
                       [name](const auto& member) { return member.first == name; });
  };
  std::vector<const yaml_node_t*> merged;
  // A mapping of a document has few members, of a few kinds; one with many is none.
  for (const yaml_node_pair_t* pair = node->data.mapping.pairs.start;
       pair < node->data.mapping.pairs.top; ++pair) {
    if (absl::Status s = Count(node); !s.ok()) return s;
    const yaml_node_t* key = Node(pair->key);
    if (IsPlain(key) && Text(key) == "<<") {
      merged.push_back(Node(pair->value));
      continue;
    }
    std::string name;
    if (absl::Status s = Read(key, &name); !s.ok()) return s;
    if (has(name)) return Wrong(key, fmt::format("\"{}\" is there twice", name));
    members.emplace_back(std::move(name), Node(pair->value));
    if (members.size() > kMaxMembers) {
      return Wrong(node, fmt::format("a mapping of more than {} members", kMaxMembers));
    }
  }
  for (const yaml_node_t* from : merged) {
    if (absl::Status s = Merge(from, depth, &members); !s.ok()) return s;
  }
  return members;
}

// Adds the members of a mapping, or of each of a sequence, that are not there yet.
absl::Status Document::Merge(const yaml_node_t* node, int depth, Members* members) {
  if (node == nullptr || depth >= kMaxMergeDepth) {
    return errdefs::InvalidArgument("mappings are merged too deeply");
  }
  if (node->type == YAML_SEQUENCE_NODE) {
    for (const yaml_node_item_t* item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; ++item) {
      if (absl::Status s = Count(node); !s.ok()) return s;
      if (absl::Status s = Merge(Node(*item), depth + 1, members); !s.ok()) return s;
    }
    return absl::OkStatus();
  }
  auto more = ReadMembers(node, depth + 1);
  if (!more.ok()) return more.status();
  for (auto& member : *more) {
    const bool there = std::any_of(members->begin(), members->end(),
                                   [&](const auto& m) { return m.first == member.first; });
    if (!there) members->push_back(std::move(member));
    if (members->size() > kMaxMembers) {
      return Wrong(node, fmt::format("a mapping of more than {} members", kMaxMembers));
    }
  }
  return absl::OkStatus();
}

absl::Status MemberReader::Finish() const {
  if (taken_) return errdefs::Annotate(status_, name_);
  return Wrong(node_, fmt::format("unknown field \"{}\"", name_));
}

}  // namespace containerd::cdi::yaml
