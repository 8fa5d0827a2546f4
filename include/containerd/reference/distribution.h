// SPDX-License-Identifier: Apache-2.0
//
// Docker's image names: the grammar of "[host[:port]/]path[:tag][@digest]", and the short, familiar
// forms in which people type them.
//
//   namespace ref = containerd::distribution::reference;
//   absl::StatusOr<ref::Named> named = ref::ParseDockerRef("redis");
//   if (!named.ok()) return named.status();
//   named->String();             // "docker.io/library/redis:latest"
//   ref::FamiliarString(*named);  // "redis:latest"
//
//   reference := name [":" tag] ["@" digest]
//   name      := [domain "/"] path
//   domain    := (domain-component ("." domain-component)* | "[" IPv6 "]") [":" digits]
//   path      := component ("/" component)*      lower case; joined by ".", "_", "__" or "-"s
//   tag       := [A-Za-z0-9_][A-Za-z0-9_.-]{0,127}
//   digest    := algorithm ":" at least 32 hexadecimal digits
//
// Where Go's types are interfaces that a reference may or may not implement, here a Reference is
// one value that has some of the parts, and the other types are references known to have certain
// ones; As<T>() does what Go's type assertion does. All are immutable values; all functions are
// pure and safe from any thread.
//
// Source: github.com/distribution/reference.
#ifndef CONTAINERD_REFERENCE_DISTRIBUTION_H_
#define CONTAINERD_REFERENCE_DISTRIBUTION_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/base/attributes.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/digest/digest.h"
#include "containerd/export/export.h"
#include "containerd/option/pairs.h"

namespace containerd::distribution::reference {

namespace internal {
class Builder;
}  // namespace internal

// Most bytes that the path of a name may have.
inline constexpr std::size_t kRepositoryNameTotalLengthMax = 255;
inline constexpr std::size_t kNameTotalLengthMax = kRepositoryNameTotalLengthMax;

// Most bytes of a text that the parsers here look at; longer ones are in no registry's grammar.
inline constexpr std::size_t kReferenceLengthMax = 4096;

// A name with or without tag and digest, or a digest alone.
class CONTAINERD_EXPORT Reference {
 public:
  // Every part in full; Parse reads it back, but for a digest alone.
  std::string String() const;

  // "<domain>/<path>", or just the path if there is no domain; empty for a digest alone.
  std::string Name() const;

  // The parts; empty if absent.
  const std::string& Domain() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return domain_; }
  const std::string& Path() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return path_; }
  const std::string& Tag() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return tag_; }
  const digest::Digest& Digest() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return digest_; }

  bool IsNamed() const { return !path_.empty(); }
  bool IsTagged() const { return !tag_.empty(); }
  bool IsDigested() const { return !digest_.empty(); }

  friend bool operator==(const Reference&, const Reference&) = default;

 protected:
  Reference() = default;

 private:
  friend class internal::Builder;

  std::string domain_;
  std::string path_;
  std::string tag_;
  digest::Digest digest_;
};

// A reference that has a name.
class Named : public Reference {
 public:
  static bool Fits(const Reference& ref) { return ref.IsNamed(); }

 protected:
  friend class internal::Builder;
  Named() = default;
};

// A reference that has a tag, and so a name.
class NamedTagged final : public Named {
 public:
  static bool Fits(const Reference& ref) { return ref.IsNamed() && ref.IsTagged(); }

 private:
  friend class internal::Builder;
  NamedTagged() = default;
};
using Tagged = NamedTagged;

// A reference that has a digest.
class Digested final : public Reference {
 public:
  static bool Fits(const Reference& ref) { return ref.IsDigested(); }

 private:
  friend class internal::Builder;
  Digested() = default;
};

// A reference that has a name and a digest.
class Canonical final : public Named {
 public:
  static bool Fits(const Reference& ref) { return ref.IsNamed() && ref.IsDigested(); }

 private:
  friend class internal::Builder;
  Canonical() = default;
};

namespace internal {

// Makes references out of parts that were checked; for this package's functions.
class Builder {
 public:
  template <typename T>
  static T Make(const Reference& parts) {
    T out;
    static_cast<Reference&>(out) = parts;
    return out;
  }
  static Reference Assemble(std::string domain, std::string path, std::string tag,
                            digest::Digest digest) {
    Reference out;
    out.domain_ = std::move(domain);
    out.path_ = std::move(path);
    out.tag_ = std::move(tag);
    out.digest_ = std::move(digest);
    return out;
  }
};

}  // namespace internal

// The reference as a T, or nullopt if it lacks a part that a T has:
// `if (auto canonical = As<Canonical>(ref))` is Go's `if c, ok := ref.(Canonical); ok`.
template <typename T>
std::optional<T> As(const Reference& ref) {
  if (!T::Fits(ref)) return std::nullopt;
  return internal::Builder::Make<T>(ref);
}

// All functions below that fail do so with ErrInvalidArgument.

// Reads a reference as it stands, with no defaults. The digest must be one that package digest
// supports; its errors keep their kind. Else one of the IsErr… functions below is true of the
// error. Source: reference.Parse.
CONTAINERD_EXPORT absl::StatusOr<Reference> Parse(std::string_view text);

// Reads a reference that a user typed: a first path element that does not look like a host (no "."
// or ":", not "localhost", no upper case) goes to "docker.io", and single names to
// "docker.io/library". 64 hexadecimal digits are refused, since they could be an ID.
// Source: reference.ParseNormalizedNamed.
CONTAINERD_EXPORT absl::StatusOr<Named> ParseNormalizedNamed(std::string_view text);

// Reads a reference that must already be in full, else IsErrNameNotCanonical.
// Source: reference.ParseNamed.
CONTAINERD_EXPORT absl::StatusOr<Named> ParseNamed(std::string_view text);

// ParseNormalizedNamed, then with the tag "latest" if there is neither tag nor digest, and without
// the tag if there are both: what to pull. Source: reference.ParseDockerRef.
CONTAINERD_EXPORT absl::StatusOr<Named> ParseDockerRef(std::string_view text);

// Reads 64 hexadecimal digits as a sha256 digest, a digest as itself, and all else as
// ParseNormalizedNamed does. Source: reference.ParseAnyReference.
CONTAINERD_EXPORT absl::StatusOr<Reference> ParseAnyReference(std::string_view text);

// A name without tag and digest. Source: reference.WithName.
CONTAINERD_EXPORT absl::StatusOr<Named> WithName(std::string_view name);

// The reference with this tag, or with this digest, in place of its own. Of the digest only the
// grammar is checked. Source: reference.WithTag, reference.WithDigest.
CONTAINERD_EXPORT absl::StatusOr<NamedTagged> WithTag(const Named& name, std::string_view tag);
CONTAINERD_EXPORT absl::StatusOr<Canonical> WithDigest(const Named& name,
                                                       const digest::Digest& digest);

// The reference with the tag "latest" if it has neither tag nor digest. Source:
// reference.TagNameOnly.
CONTAINERD_EXPORT Named TagNameOnly(const Named& ref);

// The reference without tag and digest. Source: reference.TrimNamed.
CONTAINERD_EXPORT Named TrimNamed(const Named& ref);

// Whether there is neither tag nor digest. Source: reference.IsNameOnly.
CONTAINERD_EXPORT bool IsNameOnly(const Named& ref);

// The parts of a name: host with port, or nothing; and what follows it.
// Source: reference.Domain, reference.Path.
inline std::string Domain(const Named& ref) { return ref.Domain(); }
inline std::string Path(const Named& ref) { return ref.Path(); }

// The name, or the whole reference, as short as ParseNormalizedNamed would still read it the same:
// without "docker.io/", and without "library/" if one name follows.
// Source: reference.FamiliarName, reference.FamiliarString.
CONTAINERD_EXPORT std::string FamiliarName(const Named& ref);
CONTAINERD_EXPORT std::string FamiliarString(const Reference& ref);

// Whether FamiliarString or FamiliarName matches a shell pattern as a whole, where neither "*" nor
// "?" matches "/": "foo/*", "ba[rz]:1.?". ErrInvalidArgument for a malformed pattern. Source:
// reference.FamiliarMatch.
CONTAINERD_EXPORT absl::StatusOr<bool> FamiliarMatch(std::string_view pattern,
                                                     const Reference& ref);

// The references that ParseAnyReference reads, in full, those that say more first: tag and digest,
// tag, digest, name only, digest only; each kind in alphabetical order. Then, as they are, the
// texts that are no reference. Source: reference.Sort.
CONTAINERD_EXPORT std::vector<std::string> Sort(const std::vector<std::string>& references);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void Sort(option::BracedTexts<N, M>) = delete;

// Regular expressions of the grammar, in RE2's syntax. ReferenceRegexp is anchored and captures
// name, tag and digest; IdentifierRegexp captures all; the others neither.
CONTAINERD_EXPORT std::string_view DigestRegexp();
CONTAINERD_EXPORT std::string_view DomainRegexp();
CONTAINERD_EXPORT std::string_view IdentifierRegexp();
CONTAINERD_EXPORT std::string_view NameRegexp();
CONTAINERD_EXPORT std::string_view ReferenceRegexp();
CONTAINERD_EXPORT std::string_view TagRegexp();

// Why a reference was refused. Source: the variables of the same names.
CONTAINERD_EXPORT bool IsErrReferenceInvalidFormat(const absl::Status& status);
CONTAINERD_EXPORT bool IsErrTagInvalidFormat(const absl::Status& status);
CONTAINERD_EXPORT bool IsErrDigestInvalidFormat(const absl::Status& status);
CONTAINERD_EXPORT bool IsErrNameContainsUppercase(const absl::Status& status);
CONTAINERD_EXPORT bool IsErrNameEmpty(const absl::Status& status);
CONTAINERD_EXPORT bool IsErrNameTooLong(const absl::Status& status);
CONTAINERD_EXPORT bool IsErrNameNotCanonical(const absl::Status& status);

// A reference as a field of something that is written as text, JSON for example: it reads back as
// the same kind of reference. Source: reference.Field.
class CONTAINERD_EXPORT Field {
 public:
  Field() = default;
  explicit Field(reference::Reference ref) : reference_(std::move(ref)) {}

  // nullopt until a reference is set or read.
  const std::optional<reference::Reference>& Reference() const { return reference_; }

  // The reference in full; empty if there is none.
  std::string MarshalText() const;

  // Reads with Parse; keeps the old reference on failure.
  absl::Status UnmarshalText(std::string_view text);

 private:
  std::optional<reference::Reference> reference_;
};

CONTAINERD_EXPORT Field AsField(Reference ref);

}  // namespace containerd::distribution::reference

#endif  // CONTAINERD_REFERENCE_DISTRIBUTION_H_
