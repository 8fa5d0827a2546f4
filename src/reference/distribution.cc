// SPDX-License-Identifier: Apache-2.0
#include "containerd/reference/distribution.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/ascii.h>
#include <fmt/format.h>
#include <re2/re2.h>

#include "containerd/errdefs/errdefs.h"

#include "errors.h"
#include "src/base/path.h"

namespace containerd::distribution::reference {
namespace {

using containerd::reference::Error;
using containerd::reference::IsError;
using containerd::reference::Quote;
using internal::Builder;

// Go's sentinel errors.
constexpr char kReferenceInvalidFormat[] = "invalid reference format";
constexpr char kTagInvalidFormat[] = "invalid tag format";
constexpr char kDigestInvalidFormat[] = "invalid digest format";
constexpr char kNameContainsUppercase[] = "repository name must be lowercase";
constexpr char kNameEmpty[] = "repository name must have at least one component";
constexpr char kNameTooLong[] = "repository name must not be more than 255 characters";
constexpr char kNameNotCanonical[] = "repository name must be canonical";

constexpr char kDefaultDomain[] = "docker.io";
constexpr char kLegacyDefaultDomain[] = "index.docker.io";
constexpr char kOfficialRepoPrefix[] = "library/";
constexpr char kDefaultTag[] = "latest";
constexpr char kLocalhost[] = "localhost";

constexpr char kTag[] = R"([\w][\w.-]{0,127})";
constexpr char kDigest[] =
    R"([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*[:][[:xdigit:]]{32,})";
constexpr char kIdentifier[] = "([a-f0-9]{64})";

// The grammar as regular expressions, and these compiled.
struct Grammar {
  const std::string domain_component = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
  const std::string domain_name = domain_component + R"((?:\.)" + domain_component + ")*";
  const std::string domain = "(?:" + domain_name + R"(|\[(?:[a-fA-F0-9:]+)\]))" + "(?::[0-9]+)?";
  const std::string component = "[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*";
  const std::string path = component + "(?:/" + component + ")*";
  const std::string name = "(?:" + domain + "/)?" + path;
  const std::string reference = "^(" + name + ")(?::(" + kTag + "))?(?:@(" + kDigest + "))?$";

  const RE2 anchored_name{"^(?:(" + domain + ")/)?(" + path + ")$", RE2::Quiet};
  const RE2 anchored_reference{reference, RE2::Quiet};
  const RE2 anchored_tag{fmt::format("^{}$", kTag), RE2::Quiet};
  const RE2 anchored_digest{fmt::format("^{}$", kDigest), RE2::Quiet};
};

const Grammar& TheGrammar() {
  static const Grammar& grammar = *new Grammar;
  return grammar;
}

re2::StringPiece Piece(std::string_view text) { return {text.data(), text.size()}; }
std::string_view View(re2::StringPiece piece) { return {piece.data(), piece.size()}; }

// Domain and path of a name.
struct NameParts {
  std::string domain;
  std::string path;
};

std::optional<NameParts> SplitName(std::string_view name) {
  re2::StringPiece domain;
  re2::StringPiece path;
  if (!RE2::FullMatch(Piece(name), TheGrammar().anchored_name, &domain, &path)) return std::nullopt;
  return NameParts{std::string(View(domain)), std::string(View(path))};
}

bool MatchesReference(std::string_view text) {
  return RE2::FullMatch(Piece(text), TheGrammar().anchored_reference);
}

std::string Lower(std::string_view text) {
  return absl::AsciiStrToLower({text.data(), text.size()});
}

// Whether a text is 64 lower-case hexadecimal digits, as the IDs of images and containers are.
bool IsIdentifier(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

absl::Status Refuse(const char* sentinel, std::string_view text) {
  return Error(sentinel, fmt::format("reference {}: {}", Quote(text), sentinel));
}

// Where a familiar name points, both parts unchecked. Source: splitDockerDomain.
std::pair<std::string, std::string> SplitDockerDomain(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return {kDefaultDomain, fmt::format("{}{}", kOfficialRepoPrefix, text)};
  }
  std::string domain(text.substr(0, slash));
  std::string remainder(text.substr(slash + 1));
  if (domain == kLegacyDefaultDomain) {
    domain = kDefaultDomain;
  } else if (domain != kLocalhost && domain.find_first_of(".:") == std::string::npos &&
             Lower(domain) == domain) {
    domain = kDefaultDomain;
    remainder = text;
  }
  if (domain == kDefaultDomain && remainder.find('/') == std::string::npos) {
    remainder.insert(0, kOfficialRepoPrefix);
  }
  return {std::move(domain), std::move(remainder)};
}

// Source: familiarizeName.
Reference Familiar(const Reference& ref) {
  if (ref.Domain() != kDefaultDomain) return ref;
  std::string_view path = ref.Path();
  const std::string_view official(kOfficialRepoPrefix);
  if (path.starts_with(official) && path.find('/', official.size()) == std::string_view::npos) {
    path.remove_prefix(official.size());
  }
  return Builder::Assemble("", std::string(path), ref.Tag(), ref.Digest());
}

// The less, the more a reference says. Source: refRank.
int Rank(const Reference& ref) {
  if (!ref.IsNamed()) return 5;
  if (ref.IsTagged()) return ref.IsDigested() ? 1 : 2;
  return ref.IsDigested() ? 3 : 4;
}

}  // namespace

std::string Reference::Name() const {
  return domain_.empty() ? path_ : fmt::format("{}/{}", domain_, path_);
}

std::string Reference::String() const {
  if (!IsNamed()) return digest_.String();
  std::string out = Name();
  if (IsTagged()) out += ":" + tag_;
  if (IsDigested()) out += "@" + digest_.String();
  return out;
}

absl::StatusOr<Reference> Parse(std::string_view text) {
  if (text.empty()) return Refuse(kNameEmpty, text);
  if (text.size() > kReferenceLengthMax) return Refuse(kReferenceInvalidFormat, text);

  re2::StringPiece name;
  re2::StringPiece tag;
  re2::StringPiece digest;
  if (!RE2::FullMatch(Piece(text), TheGrammar().anchored_reference, &name, &tag, &digest)) {
    return Refuse(MatchesReference(Lower(text)) ? kNameContainsUppercase : kReferenceInvalidFormat,
                  text);
  }
  std::optional<NameParts> parts = SplitName(View(name));
  if (!parts) parts = NameParts{"", std::string(View(name))};
  if (parts->path.size() > kRepositoryNameTotalLengthMax) return Refuse(kNameTooLong, text);

  const digest::Digest dgst(View(digest));
  if (!dgst.empty()) {
    if (absl::Status status = dgst.Validate(); !status.ok()) {
      return errdefs::Annotate(status, fmt::format("reference {}", Quote(text)));
    }
  }
  return Builder::Assemble(std::move(parts->domain), std::move(parts->path), std::string(View(tag)),
                           dgst);
}

absl::StatusOr<Named> ParseNormalizedNamed(std::string_view text) {
  if (IsIdentifier(text)) {
    return Error(kReferenceInvalidFormat,
                 fmt::format("invalid repository name ({}), cannot specify 64-byte hexadecimal "
                             "strings",
                             text));
  }
  if (text.size() > kReferenceLengthMax) return Refuse(kReferenceInvalidFormat, text);
  const auto [domain, remainder] = SplitDockerDomain(text);
  const std::string remote = remainder.substr(0, remainder.find(':'));
  if (Lower(remote) != remote) {
    return Error(kNameContainsUppercase,
                 fmt::format("invalid reference format: repository name ({}) must be lowercase",
                             Quote(remote)));
  }
  const absl::StatusOr<Reference> ref = Parse(fmt::format("{}/{}", domain, remainder));
  if (!ref.ok()) return ref.status();
  return Builder::Make<Named>(*ref);  // There is a domain, so there is a name.
}

absl::StatusOr<Named> ParseNamed(std::string_view text) {
  absl::StatusOr<Named> named = ParseNormalizedNamed(text);
  if (named.ok() && named->String() != text) return Refuse(kNameNotCanonical, text);
  return named;
}

absl::StatusOr<Named> ParseDockerRef(std::string_view text) {
  absl::StatusOr<Named> named = ParseNormalizedNamed(text);
  if (!named.ok()) return named;
  if (!named->IsTagged() || !named->IsDigested()) return TagNameOnly(*named);
  return Builder::Make<Named>(
      Builder::Assemble(named->Domain(), named->Path(), "", named->Digest()));
}

absl::StatusOr<Reference> ParseAnyReference(std::string_view text) {
  if (IsIdentifier(text)) {
    return Builder::Assemble("", "", "", digest::NewDigestFromEncoded(digest::kSHA256, text));
  }
  if (absl::StatusOr<digest::Digest> dgst = digest::Parse(text); dgst.ok()) {
    return Builder::Assemble("", "", "", *std::move(dgst));
  }
  return ParseNormalizedNamed(text);
}

absl::StatusOr<Named> WithName(std::string_view name) {
  std::optional<NameParts> parts;
  if (name.size() <= kReferenceLengthMax) parts = SplitName(name);
  if (!parts) return Refuse(kReferenceInvalidFormat, name);
  if (parts->path.size() > kRepositoryNameTotalLengthMax) return Refuse(kNameTooLong, name);
  return Builder::Make<Named>(
      Builder::Assemble(std::move(parts->domain), std::move(parts->path), "", {}));
}

absl::StatusOr<NamedTagged> WithTag(const Named& name, std::string_view tag) {
  if (!RE2::FullMatch(Piece(tag), TheGrammar().anchored_tag)) {
    return Error(kTagInvalidFormat, fmt::format("tag {} of {}: {}", Quote(tag), Quote(name.Name()),
                                                kTagInvalidFormat));
  }
  return Builder::Make<NamedTagged>(
      Builder::Assemble(name.Domain(), name.Path(), std::string(tag), name.Digest()));
}

absl::StatusOr<Canonical> WithDigest(const Named& name, const digest::Digest& digest) {
  if (digest.String().size() > kReferenceLengthMax ||
      !RE2::FullMatch(digest.String(), TheGrammar().anchored_digest)) {
    return Error(kDigestInvalidFormat, fmt::format("digest {} of {}: {}", Quote(digest.String()),
                                                   Quote(name.Name()), kDigestInvalidFormat));
  }
  return Builder::Make<Canonical>(
      Builder::Assemble(name.Domain(), name.Path(), name.Tag(), digest));
}

Named TagNameOnly(const Named& ref) {
  if (!IsNameOnly(ref)) return ref;
  return Builder::Make<Named>(Builder::Assemble(ref.Domain(), ref.Path(), kDefaultTag, {}));
}

Named TrimNamed(const Named& ref) {
  return Builder::Make<Named>(Builder::Assemble(ref.Domain(), ref.Path(), "", {}));
}

bool IsNameOnly(const Named& ref) { return !ref.IsTagged() && !ref.IsDigested(); }

std::string FamiliarName(const Named& ref) { return Familiar(ref).Name(); }

std::string FamiliarString(const Reference& ref) { return Familiar(ref).String(); }

absl::StatusOr<bool> FamiliarMatch(std::string_view pattern, const Reference& ref) {
  const Reference familiar = Familiar(ref);
  const std::optional<bool> matches = base::MatchPath(pattern, familiar.String());
  if (!matches) {
    return errdefs::InvalidArgument(fmt::format("pattern {}: syntax error", Quote(pattern)));
  }
  return *matches ||
         (familiar.IsNamed() && base::MatchPath(pattern, familiar.Name()).value_or(false));
}

std::vector<std::string> Sort(const std::vector<std::string>& references) {
  // Rank and text, which are also the order; what is no reference comes last.
  constexpr int kBad = 6;
  std::vector<std::pair<int, std::string>> ranked;
  ranked.reserve(references.size());
  for (const std::string& text : references) {
    const absl::StatusOr<Reference> ref = ParseAnyReference(text);
    if (ref.ok()) {
      ranked.emplace_back(Rank(*ref), ref->String());
    } else {
      ranked.emplace_back(kBad, text);
    }
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> sorted;
  sorted.reserve(ranked.size());
  for (auto& [rank, text] : ranked) sorted.push_back(std::move(text));
  return sorted;
}

std::string_view DigestRegexp() { return kDigest; }
std::string_view DomainRegexp() { return TheGrammar().domain; }
std::string_view IdentifierRegexp() { return kIdentifier; }
std::string_view NameRegexp() { return TheGrammar().name; }
std::string_view ReferenceRegexp() { return TheGrammar().reference; }
std::string_view TagRegexp() { return kTag; }

bool IsErrReferenceInvalidFormat(const absl::Status& status) {
  return IsError(status, kReferenceInvalidFormat);
}
bool IsErrTagInvalidFormat(const absl::Status& status) {
  return IsError(status, kTagInvalidFormat);
}
bool IsErrDigestInvalidFormat(const absl::Status& status) {
  return IsError(status, kDigestInvalidFormat);
}
bool IsErrNameContainsUppercase(const absl::Status& status) {
  return IsError(status, kNameContainsUppercase);
}
bool IsErrNameEmpty(const absl::Status& status) { return IsError(status, kNameEmpty); }
bool IsErrNameTooLong(const absl::Status& status) { return IsError(status, kNameTooLong); }
bool IsErrNameNotCanonical(const absl::Status& status) {
  return IsError(status, kNameNotCanonical);
}

std::string Field::MarshalText() const { return reference_ ? reference_->String() : ""; }

absl::Status Field::UnmarshalText(std::string_view text) {
  absl::StatusOr<reference::Reference> ref = Parse(text);
  if (!ref.ok()) return ref.status();
  reference_ = *std::move(ref);
  return absl::OkStatus();
}

Field AsField(Reference ref) { return Field(std::move(ref)); }

}  // namespace containerd::distribution::reference
