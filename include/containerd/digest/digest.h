// SPDX-License-Identifier: Apache-2.0
//
// Package digest: the names of content, "<algorithm>:<hex>", and the hashes that they are made of.
//
//   digest::Digest dgst = digest::FromString("hello");       // "sha256:2cf24dba…"
//   absl::StatusOr<digest::Digest> asked = digest::Parse(input);
//   if (!asked.ok()) return asked.status();
//   absl::StatusOr<digest::Verifier> verifier = asked->Verifier();
//   if (!verifier.ok()) return verifier.status();
//   while (Read(&chunk)) verifier->Write(chunk);
//   if (!verifier->Verified()) return errdefs::DataLoss("…");
//
// Digest and Algorithm are values; Digester and Verifier hold a running hash and belong to one
// thread at a time.
//
// Source: github.com/opencontainers/go-digest.
#ifndef CONTAINERD_DIGEST_DIGEST_H_
#define CONTAINERD_DIGEST_DIGEST_H_

#include <compare>
#include <cstddef>
#include <functional>
#include <istream>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <absl/base/attributes.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"

struct evp_md_ctx_st;

namespace containerd::digest {

class Digest;
class Digester;
class Verifier;

// The name of a hash and of the encoding of its result. A view: one that comes from a Digest with
// an algorithm that is not supported must not outlive that digest; the constants live for ever.
class CONTAINERD_EXPORT Algorithm {
 public:
  constexpr Algorithm() = default;
  constexpr explicit Algorithm(std::string_view name ABSL_ATTRIBUTE_LIFETIME_BOUND) : name_(name) {}

  constexpr std::string_view String() const { return name_; }

  // Whether digests of this algorithm can be computed here.
  bool Available() const;

  // Bytes of the raw hash; 0 if not available.
  std::size_t Size() const;

  // ErrInvalidArgument unless the algorithm is available and `encoded` has the length and the
  // characters (0-9a-f) of its digests. Source: Algorithm.Validate.
  absl::Status Validate(std::string_view encoded) const;

  // Raw hash bytes as the part of a digest after the colon. Source: Algorithm.Encode.
  std::string Encode(std::string_view raw) const;

  // The functions below fail with ErrInvalidArgument if the algorithm is not available.

  // A new running hash. Source: Algorithm.Digester.
  absl::StatusOr<digest::Digester> Digester() const;

  absl::StatusOr<Digest> FromBytes(std::string_view bytes) const;
  absl::StatusOr<Digest> FromString(std::string_view text) const;

  // Reads to the end of the stream; ErrUnknown if the stream goes bad. Source:
  // Algorithm.FromReader.
  absl::StatusOr<Digest> FromReader(std::istream& reader) const;

  friend constexpr bool operator==(Algorithm, Algorithm) = default;

 private:
  std::string_view name_;
};

inline constexpr Algorithm kSHA256{"sha256"};
inline constexpr Algorithm kSHA384{"sha384"};
inline constexpr Algorithm kSHA512{"sha512"};

// What containerd and registries use unless they are told otherwise.
inline constexpr Algorithm kCanonical = kSHA256;

// The name of some content. Like Go's, it is a string that may hold anything, also a shortened
// digest; Parse and Validate say whether it is a whole one. Copies and compares as a string does,
// and serves as a key of maps and hash maps.
class CONTAINERD_EXPORT Digest {
 public:
  Digest() = default;
  // Not checked, as Go's conversion digest.Digest(s) is not. Implicit so that a string that is
  // known to be a digest, such as a descriptor's, can be passed.
  Digest(std::string text) : text_(std::move(text)) {}
  Digest(std::string_view text) : text_(text) {}
  Digest(const char* text) : text_(text) {}

  const std::string& String() const& ABSL_ATTRIBUTE_LIFETIME_BOUND { return text_; }
  std::string String() && { return std::move(text_); }

  bool empty() const { return text_.empty(); }

  // The parts before and after the first colon. Without a colon the algorithm is empty and the
  // whole text the encoded part (Go panics). Views into this digest.
  digest::Algorithm Algorithm() const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  std::string_view Encoded() const ABSL_ATTRIBUTE_LIFETIME_BOUND;

  // OK for a well-formed digest of an available algorithm. Else ErrInvalidArgument, and one of the
  // IsErrDigest… functions below is true of it. Source: Digest.Validate.
  absl::Status Validate() const;

  // A sink for content that is to have this digest. ErrInvalidArgument if this is not valid.
  // Source: Digest.Verifier.
  absl::StatusOr<digest::Verifier> Verifier() const;

  friend bool operator==(const Digest&, const Digest&) = default;
  friend auto operator<=>(const Digest&, const Digest&) = default;  // NOLINT(modernize-use-nullptr)

  template <typename H>
  friend H AbslHashValue(H h, const Digest& d) {
    return H::combine(std::move(h), d.text_);
  }
  friend std::ostream& operator<<(std::ostream& out, const Digest& d) { return out << d.text_; }

 private:
  std::string text_;
};

// A running hash. Movable; a moved-from Digester may only be assigned to or destroyed.
class CONTAINERD_EXPORT Digester {
 public:
  // Of the canonical algorithm. Others come from Algorithm::Digester.
  Digester();
  Digester(Digester&&) noexcept;
  Digester& operator=(Digester&&) noexcept;
  ~Digester();

  void Write(std::string_view bytes);
  void Write(std::span<const std::byte> bytes);

  // What has been written so far. More may be written after that. Source: Digester.Digest.
  digest::Digest Digest() const;

  // The same as raw bytes. Source: hash.Hash.Sum.
  std::string Sum() const;

  // Forgets what was written.
  void Reset();

  digest::Algorithm Algorithm() const { return algorithm_; }

 private:
  friend class digest::Algorithm;
  friend class digest::Digest;
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  explicit Digester(digest::Algorithm algorithm);

  digest::Algorithm algorithm_;
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// Checks a stream of content against the digest that it came from.
class Verifier {
 public:
  void Write(std::string_view bytes) { digester_.Write(bytes); }
  void Write(std::span<const std::byte> bytes) { digester_.Write(bytes); }

  // Whether what has been written so far is the content of that digest.
  bool Verified() const { return digester_.Digest() == expected_; }

 private:
  friend class Digest;
  Verifier(Digest expected, Digester digester)
      : expected_(std::move(expected)), digester_(std::move(digester)) {}

  Digest expected_;
  Digester digester_;
};

// A digest that Validate accepts, or its error. Source: digest.Parse.
CONTAINERD_EXPORT absl::StatusOr<Digest> Parse(std::string_view text);

// Digests of the canonical algorithm.
CONTAINERD_EXPORT Digest FromBytes(std::string_view bytes);
CONTAINERD_EXPORT Digest FromString(std::string_view text);
CONTAINERD_EXPORT absl::StatusOr<Digest> FromReader(std::istream& reader);

// "<algorithm>:<encoded>" of its parts, unchecked; the first takes the raw hash.
// Source: digest.NewDigestFromBytes, digest.NewDigestFromEncoded.
CONTAINERD_EXPORT Digest NewDigestFromBytes(Algorithm algorithm, std::string_view raw);
CONTAINERD_EXPORT Digest NewDigestFromEncoded(Algorithm algorithm, std::string_view encoded);

// Why a digest was not accepted: it does not look like one, its length is not the algorithm's, or
// the algorithm is unknown. Source: digest.ErrDigestInvalidFormat and its siblings.
CONTAINERD_EXPORT bool IsErrDigestInvalidFormat(const absl::Status& status);
CONTAINERD_EXPORT bool IsErrDigestInvalidLength(const absl::Status& status);
CONTAINERD_EXPORT bool IsErrDigestUnsupported(const absl::Status& status);

}  // namespace containerd::digest

template <>
struct std::hash<containerd::digest::Digest> {
  std::size_t operator()(const containerd::digest::Digest& d) const noexcept {
    return std::hash<std::string>()(d.String());
  }
};

#endif  // CONTAINERD_DIGEST_DIGEST_H_
