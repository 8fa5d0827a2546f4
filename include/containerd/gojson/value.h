// SPDX-License-Identifier: Apache-2.0
//
// The few value types that JSON documents written by Go need beyond the standard ones. They are
// light to include; the reader and writer are in codec.h.
//
//   ocispec::Manifest manifest;       // layers is nil:      "layers":null
//   manifest.layers = {};             // empty, but not nil: "layers":[]
#ifndef CONTAINERD_GOJSON_VALUE_H_
#define CONTAINERD_GOJSON_VALUE_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace containerd::gojson {

// A vector that remembers, as a Go slice does, whether it is nil. Go writes a nil slice as `null`
// and an empty one as `[]`, and digests are taken over that difference. A default-constructed
// Slice is nil; assigning anything to it, even an empty list, makes it non-nil. Used only for the
// fields that Go writes even when they are empty.
template <class T>
class Slice : public std::vector<T> {
 public:
  Slice() = default;
  Slice(std::initializer_list<T> items) : std::vector<T>(items), nil_(false) {}
  Slice(std::vector<T> items)  // NOLINT(google-explicit-constructor): stands in for a vector.
      : std::vector<T>(std::move(items)), nil_(false) {}

  Slice& operator=(std::initializer_list<T> items) {
    std::vector<T>::operator=(items);
    nil_ = false;
    return *this;
  }

  // Whether Go would write `null`.
  bool IsNil() const { return nil_ && this->empty(); }

  friend bool operator==(const Slice& a, const Slice& b) {
    return a.IsNil() == b.IsNil() &&
           static_cast<const std::vector<T>&>(a) == static_cast<const std::vector<T>&>(b);
  }

 private:
  bool nil_ = true;
};

// A JSON value that nobody looks into: valid, compact JSON text, or empty for an absent value.
// The counterpart of json.RawMessage.
struct RawMessage {
  std::string text{};
  friend bool operator==(const RawMessage&, const RawMessage&) = default;
};

// What a document said beyond the fields that its struct knows, kept so that writing the struct
// again loses nothing. Every struct that is read from JSON has one, named `extra`; it is opaque to
// callers and written after the known fields, in the order in which it was read.
class Extra {
 public:
  // True when the document held known fields only.
  bool empty() const {
    for (const Member& member : members_) {
      if (member.kind == Kind::kUnknown) return false;
    }
    return true;
  }

  // The JSON text of the unknown member called `name`, or an empty view.
  std::string_view Find(std::string_view name) const { return Lookup(name, Kind::kUnknown); }

  friend bool operator==(const Extra&, const Extra&) = default;

 private:
  friend class MemberReader;
  friend class ObjectWriter;

  enum class Kind : unsigned char {
    kUnknown,  // A member without a field; text is its JSON value.
    kZone,     // A known time field; text is the zone in which it was spelled, e.g. "+02:00".
  };
  struct Member {
    std::string name;
    std::string text;
    Kind kind;
    friend bool operator==(const Member&, const Member&) = default;
  };

  std::string_view Lookup(std::string_view name, Kind kind) const {
    for (const Member& member : members_) {
      if (member.kind == kind && member.name == name) return member.text;
    }
    return {};
  }
  void Set(std::string_view name, std::string_view text, Kind kind) {
    for (Member& member : members_) {
      if (member.kind == kind && member.name == name) {
        member.text = text;
        return;
      }
    }
    members_.push_back({std::string(name), std::string(text), kind});
  }

  std::vector<Member> members_;
};

}  // namespace containerd::gojson

#endif  // CONTAINERD_GOJSON_VALUE_H_
