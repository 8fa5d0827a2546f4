// SPDX-License-Identifier: Apache-2.0
#include "containerd/digest/digest.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <istream>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/escape.h"
#include "src/errdefs/internal/mark.h"

namespace containerd::digest {
namespace {

// Go's sentinel errors: their texts, which also mark the status.
constexpr char kInvalidFormat[] = "invalid checksum digest format";
constexpr char kInvalidLength[] = "invalid checksum digest length";
constexpr char kUnsupported[] = "unsupported digest algorithm";
constexpr char kError[] = "digest.error";

// How much of a rejected text an error message shows: any whole digest fits.
constexpr std::size_t kShownText = 160;

std::string Quote(std::string_view text) { return base::Quote(text, kShownText); }

absl::Status Error(const char* sentinel, std::string_view message) {
  return errdefs::Mark(errdefs::InvalidArgument(message), kError, sentinel);
}

bool IsError(const absl::Status& status, const char* sentinel) {
  return errdefs::IsMarked(status, kError, sentinel);
}

struct Supported {
  Algorithm algorithm;
  std::size_t size;
  const EVP_MD* (*function)();
};

constexpr std::array<Supported, 3> kSupported = {{
    {kSHA256, 32, EVP_sha256},
    {kSHA384, 48, EVP_sha384},
    {kSHA512, 64, EVP_sha512},
}};

const Supported* Find(Algorithm algorithm) {
  for (const Supported& s : kSupported) {
    if (s.algorithm == algorithm) return &s;
  }
  return nullptr;
}

// OpenSSL's hashes fail only when there is no memory or no provider for SHA-2 at all, where nothing
// that containerd names could be checked.
void Check(bool ok) {
  if (!ok) std::abort();
}

bool IsLowerHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsLowerAlphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); }

// [a-z0-9]+(?:[.+_-][a-z0-9]+)*
bool IsAlgorithmName(std::string_view name) {
  bool after_alphanumeric = false;
  for (const char c : name) {
    if (IsLowerAlphanumeric(c)) {
      after_alphanumeric = true;
    } else if (after_alphanumeric && std::string_view(".+_-").find(c) != std::string_view::npos) {
      after_alphanumeric = false;
    } else {
      return false;
    }
  }
  return after_alphanumeric;
}

// [a-zA-Z0-9=_-]+
bool IsEncoded(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '=' || c == '_' || c == '-';
  });
}

}  // namespace

bool Algorithm::Available() const { return Find(*this) != nullptr; }

std::size_t Algorithm::Size() const {
  const Supported* s = Find(*this);
  return s == nullptr ? 0 : s->size;
}

absl::Status Algorithm::Validate(std::string_view encoded) const {
  const Supported* s = Find(*this);
  if (s == nullptr) {
    return Error(kUnsupported, fmt::format("{} {}", kUnsupported, Quote(name_)));
  }
  if (encoded.size() != 2 * s->size) {
    return Error(kInvalidLength, fmt::format("{}: {} characters, {} takes {}", kInvalidLength,
                                             encoded.size(), name_, 2 * s->size));
  }
  if (!IsLowerHex(encoded)) {
    return Error(kInvalidFormat, fmt::format("{}: {} is not lower-case hexadecimal", kInvalidFormat,
                                             Quote(encoded)));
  }
  return absl::OkStatus();
}

std::string Algorithm::Encode(std::string_view raw) const {
  return absl::BytesToHexString({raw.data(), raw.size()});
}

absl::StatusOr<digest::Digester> Algorithm::Digester() const {
  const Supported* s = Find(*this);
  if (s == nullptr) {
    return Error(kUnsupported, fmt::format("{} {}", kUnsupported, Quote(name_)));
  }
  return digest::Digester(s->algorithm);
}

absl::StatusOr<Digest> Algorithm::FromBytes(std::string_view bytes) const {
  absl::StatusOr<digest::Digester> digester = Digester();
  if (!digester.ok()) return digester.status();
  digester->Write(bytes);
  return digester->Digest();
}

absl::StatusOr<Digest> Algorithm::FromString(std::string_view text) const {
  return FromBytes(text);
}

absl::StatusOr<Digest> Algorithm::FromReader(std::istream& reader) const {
  absl::StatusOr<digest::Digester> digester = Digester();
  if (!digester.ok()) return digester.status();
  std::array<char, 32768> buffer;
  while (reader.read(buffer.data(), buffer.size()) || reader.gcount() > 0) {
    digester->Write({buffer.data(), static_cast<std::size_t>(reader.gcount())});
  }
  if (reader.bad() || !reader.eof()) return errdefs::Unknown("reading content to digest failed");
  return digester->Digest();
}

digest::Algorithm Digest::Algorithm() const {
  const std::size_t colon = text_.find(':');
  if (colon == std::string::npos) return {};
  const digest::Algorithm algorithm(std::string_view(text_).substr(0, colon));
  const Supported* s = Find(algorithm);
  return s == nullptr ? algorithm : s->algorithm;
}

std::string_view Digest::Encoded() const {
  const std::size_t colon = text_.find(':');
  return std::string_view(text_).substr(colon == std::string::npos ? 0 : colon + 1);
}

absl::Status Digest::Validate() const {
  const digest::Algorithm algorithm = Algorithm();
  const std::string_view encoded = Encoded();
  const std::string what = fmt::format("digest {}", Quote(text_));
  if (algorithm.Available() && !encoded.empty()) {
    return errdefs::Annotate(algorithm.Validate(encoded), what);
  }
  if (!IsAlgorithmName(algorithm.String()) || !IsEncoded(encoded)) {
    return Error(kInvalidFormat, fmt::format("{}: {}", what, kInvalidFormat));
  }
  return Error(kUnsupported, fmt::format("{}: {}", what, kUnsupported));
}

absl::StatusOr<digest::Verifier> Digest::Verifier() const {
  if (absl::Status status = Validate(); !status.ok()) return status;
  return digest::Verifier(*this, digest::Digester(Algorithm()));
}

void Digester::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Digester::Digester() : Digester(kCanonical) {}

Digester::Digester(digest::Algorithm algorithm)
    : algorithm_(algorithm), context_(EVP_MD_CTX_new()) {
  Check(context_ != nullptr);
  Reset();
}

Digester::Digester(Digester&&) noexcept = default;
Digester& Digester::operator=(Digester&&) noexcept = default;
Digester::~Digester() = default;

void Digester::Reset() {
  Check(EVP_DigestInit_ex(context_.get(), Find(algorithm_)->function(), nullptr) == 1);
}

void Digester::Write(std::string_view bytes) {
  Check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

void Digester::Write(std::span<const std::byte> bytes) {
  Check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

std::string Digester::Sum() const {
  // Finishing ends a hash, so a copy is finished.
  const std::unique_ptr<evp_md_ctx_st, Free> copy(EVP_MD_CTX_new());
  Check(copy != nullptr && EVP_MD_CTX_copy_ex(copy.get(), context_.get()) == 1);
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw;
  unsigned int size = 0;
  Check(EVP_DigestFinal_ex(copy.get(), raw.data(), &size) == 1);
  return std::string(raw.begin(), raw.begin() + size);
}

digest::Digest Digester::Digest() const { return NewDigestFromBytes(algorithm_, Sum()); }

absl::StatusOr<Digest> Parse(std::string_view text) {
  Digest digest(text);
  if (absl::Status status = digest.Validate(); !status.ok()) return status;
  return digest;
}

Digest FromBytes(std::string_view bytes) {
  Digester digester;
  digester.Write(bytes);
  return digester.Digest();
}

Digest FromString(std::string_view text) { return FromBytes(text); }

absl::StatusOr<Digest> FromReader(std::istream& reader) { return kCanonical.FromReader(reader); }

Digest NewDigestFromBytes(Algorithm algorithm, std::string_view raw) {
  return NewDigestFromEncoded(algorithm, algorithm.Encode(raw));
}

Digest NewDigestFromEncoded(Algorithm algorithm, std::string_view encoded) {
  return Digest(fmt::format("{}:{}", algorithm.String(), encoded));
}

bool IsErrDigestInvalidFormat(const absl::Status& status) {
  return IsError(status, kInvalidFormat);
}
bool IsErrDigestInvalidLength(const absl::Status& status) {
  return IsError(status, kInvalidLength);
}
bool IsErrDigestUnsupported(const absl::Status& status) { return IsError(status, kUnsupported); }

}  // namespace containerd::digest
