// SPDX-License-Identifier: Apache-2.0
//
// Reads YAML into structs, strictly: a mapping is bound to a struct by a Bind function, as in
// package gojson, and members that no field takes are errors.
//
//   template <class V>
//   void Bind(V& v, Mount& mount) {
//     v.Field("hostPath", mount.host_path);
//     v.Field("containerPath", mount.container_path);
//   }
//
//   absl::StatusOr<Mount> mount = yaml::Unmarshal<Mount>("hostPath: /a\ncontainerPath: /b\n");
#ifndef CONTAINERD_SRC_CDI_DOCUMENT_H_
#define CONTAINERD_SRC_CDI_DOCUMENT_H_

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <yaml.h>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace containerd::cdi::yaml {

// Most nodes that a document may have once its aliases are expanded.
inline constexpr int kMaxNodes = 1 << 17;

class MemberReader;

template <class T>
concept Bound = requires(MemberReader& reader, T& value) {
  Bind(reader, value);
};

// The first document of a stream.
class Document {
 public:
  // ErrInvalidArgument for what is no YAML, or has no document.
  static absl::StatusOr<std::unique_ptr<Document>> Parse(std::string_view text);
  ~Document();
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  // Each reads a node into `out`; a null leaves it alone.
  absl::Status Read(const yaml_node_t* node, std::string* out);
  absl::Status Read(const yaml_node_t* node, bool* out);
  absl::Status Read(const yaml_node_t* node, std::map<std::string, std::string>* out);
  template <std::integral T>
  absl::Status Read(const yaml_node_t* node, T* out);
  template <class T>
  absl::Status Read(const yaml_node_t* node, std::vector<T>* out);
  template <class T>
  absl::Status Read(const yaml_node_t* node, std::optional<T>* out);
  template <Bound T>
  absl::Status Read(const yaml_node_t* node, T* out);

  const yaml_node_t* root() { return yaml_document_get_root_node(&document_); }

 private:
  // The members of a mapping, those that it merges ("<<") included.
  using Members = std::vector<std::pair<std::string, const yaml_node_t*>>;

  Document() = default;

  const yaml_node_t* Node(int id) { return yaml_document_get_node(&document_, id); }
  absl::Status Count(const yaml_node_t* node);
  absl::Status ReadInteger(const yaml_node_t* node, std::int64_t min, std::int64_t max,
                           std::int64_t* out);
  absl::StatusOr<Members> ReadMembers(const yaml_node_t* node, int depth = 0);
  absl::Status Merge(const yaml_node_t* node, int depth, Members* members);

  yaml_document_t document_ = {};
  int nodes_ = 0;
};

// "line 7: <what>".
absl::Status Wrong(const yaml_node_t* node, std::string_view what);
absl::Status WantedButFound(const yaml_node_t* node, std::string_view wanted);
bool IsNull(const yaml_node_t* node);

// The visitor that a Bind sees: takes one member to its field.
class MemberReader {
 public:
  MemberReader(Document& document, std::string_view name, const yaml_node_t* node)
      : document_(document), name_(name), node_(node) {}

  template <class T>
  void Field(std::string_view name, T& field) {
    if (taken_ || name != name_) return;
    taken_ = true;
    status_ = document_.Read(node_, &field);
  }

  absl::Status Finish() const;

 private:
  Document& document_;
  const std::string_view name_;
  const yaml_node_t* const node_;
  bool taken_ = false;
  absl::Status status_;
};

template <Bound T>
absl::StatusOr<T> Unmarshal(std::string_view text) {
  auto document = Document::Parse(text);
  if (!document.ok()) return document.status();
  T value{};
  if (absl::Status s = (*document)->Read((*document)->root(), &value); !s.ok()) return s;
  return value;
}

// ---- Implementation details only below. ----

template <std::integral T>
absl::Status Document::Read(const yaml_node_t* node, T* out) {
  static_assert(sizeof(T) < sizeof(std::int64_t) || std::is_signed_v<T>);
  if (IsNull(node)) return absl::OkStatus();
  std::int64_t value = 0;
  absl::Status s =
      ReadInteger(node, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), &value);
  if (s.ok()) *out = static_cast<T>(value);
  return s;
}

template <class T>
absl::Status Document::Read(const yaml_node_t* node, std::vector<T>* out) {
  if (IsNull(node)) return absl::OkStatus();
  if (node->type != YAML_SEQUENCE_NODE) return WantedButFound(node, "a sequence");
  for (const yaml_node_item_t* item = node->data.sequence.items.start;
       item < node->data.sequence.items.top; ++item) {
    if (absl::Status s = Count(node); !s.ok()) return s;
    T value{};
    if (absl::Status s = Read(Node(*item), &value); !s.ok()) return s;
    out->push_back(std::move(value));
  }
  return absl::OkStatus();
}

template <class T>
absl::Status Document::Read(const yaml_node_t* node, std::optional<T>* out) {
  if (IsNull(node)) return absl::OkStatus();
  return Read(node, &out->emplace());
}

template <Bound T>
absl::Status Document::Read(const yaml_node_t* node, T* out) {
  if (IsNull(node)) return absl::OkStatus();
  auto members = ReadMembers(node);
  if (!members.ok()) return members.status();
  for (const auto& [name, value] : *members) {
    MemberReader reader(*this, name, value);
    Bind(reader, *out);
    if (absl::Status s = reader.Finish(); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace containerd::cdi::yaml

#endif  // CONTAINERD_SRC_CDI_DOCUMENT_H_
