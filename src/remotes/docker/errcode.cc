// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/docker/errcode.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/mutex.h"
#include "src/errdefs/internal/mark.h"
#include "src/gojson/internal/codec.h"
#include "with_errors.h"

namespace containerd::remotes::docker {
namespace {

constexpr char kErrors[] = "docker.Errors";
constexpr int kFirstCode = 1000;

// In the order in which they are registered: the first has the code kFirstCode.
enum Known { kUnknown, kUnsupported, kUnauthorized, kDenied, kUnavailable, kTooManyRequests };

class Registry {
 public:
  Registry() {
    (void)Add("errcode", {.value = "UNKNOWN",
                          .message = "unknown error",
                          .description = "The error has no class of its own.",
                          .http_status_code = 500});
    (void)Add("errcode",
              {.value = "UNSUPPORTED",
               .message = "The operation is unsupported.",
               .description = "The operation is not implemented, or not with these parameters.",
               .http_status_code = 405});
    (void)Add("errcode",
              {.value = "UNAUTHORIZED",
               .message = "authentication required",
               .description = "The client could not be authenticated. A Www-Authenticate field "
                              "often says how to.",
               .http_status_code = 401});
    (void)Add("errcode", {.value = "DENIED",
                          .message = "requested access to the resource is denied",
                          .description = "The client may not do that with the resource.",
                          .http_status_code = 403});
    (void)Add("errcode", {.value = "UNAVAILABLE",
                          .message = "service unavailable",
                          .description = "A service is not available.",
                          .http_status_code = 503});
    (void)Add("errcode", {.value = "TOOMANYREQUESTS",
                          .message = "too many requests",
                          .description = "The client asked a service too often.",
                          .http_status_code = 429});
  }

  absl::StatusOr<ErrorCode> Add(std::string_view group, ErrorDescriptor descriptor) {
    base::MutexLock lock(mu_);
    if (by_value_.contains(descriptor.value)) {
      return errdefs::AlreadyExists(
          fmt::format("ErrorValue \"{}\" is already registered", descriptor.value));
    }
    const std::size_t index = descriptors_.size();
    descriptor.code = ErrorCode(kFirstCode + static_cast<int>(index));
    by_value_.emplace(descriptor.value, index);
    groups_[std::string(group)].push_back(index);
    descriptors_.push_back(std::move(descriptor));
    return descriptors_.back().code;
  }

  ErrorDescriptor Of(ErrorCode code) const {
    base::MutexLock lock(mu_);
    const auto index = static_cast<std::size_t>(code.number() - kFirstCode);
    return descriptors_[index < descriptors_.size() ? index : 0];
  }

  ErrorCode Find(std::string_view value) const {
    base::MutexLock lock(mu_);
    const auto it = by_value_.find(value);
    return descriptors_[it != by_value_.end() ? it->second : 0].code;
  }

  std::vector<std::string> Groups() const {
    base::MutexLock lock(mu_);
    std::vector<std::string> out;
    out.reserve(groups_.size());
    for (const auto& [name, members] : groups_) out.push_back(name);
    return out;
  }

  // All if `group` is empty.
  std::vector<ErrorDescriptor> Sorted(std::string_view group) const {
    base::MutexLock lock(mu_);
    std::vector<ErrorDescriptor> out;
    for (const auto& [name, members] : groups_) {
      if (!group.empty() && name != group) continue;
      for (const std::size_t index : members) out.push_back(descriptors_[index]);
    }
    std::sort(out.begin(), out.end(),
              [](const ErrorDescriptor& a, const ErrorDescriptor& b) { return a.value < b.value; });
    return out;
  }

 private:
  mutable base::Mutex mu_;
  std::vector<ErrorDescriptor> descriptors_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::size_t, std::less<>> by_value_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::vector<std::size_t>, std::less<>> groups_ ABSL_GUARDED_BY(mu_);
};

Registry& Codes() {
  static auto* registry = new Registry;  // outlives whatever asks at exit
  return *registry;
}

std::string Fill(std::string_view format, const std::vector<std::string>& args) {
  std::string out;
  std::size_t next = 0;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format.substr(i, 2) == "%s" && next < args.size()) {
      out += args[next++];
      ++i;
    } else {
      out.push_back(format[i]);
    }
  }
  return out;
}

struct WireError {
  gojson::RawMessage code{};  // a string; in answers of some registries a number
  std::string message{};
  gojson::RawMessage detail{};
  gojson::Extra extra{};
};

template <class V, gojson::Of<WireError> T>
void Bind(V& v, T& e) {
  v.Field("code", e.code);
  v.Field("message", e.message);
  v.Field("detail", e.detail, gojson::kOmitEmpty);
}

struct WireErrors {
  std::vector<WireError> errors;
  gojson::Extra extra;
};

template <class V, gojson::Of<WireErrors> T>
void Bind(V& v, T& e) {
  v.Field("errors", e.errors, gojson::kOmitEmpty);
}

}  // namespace

ErrorCode::ErrorCode() : number_(kFirstCode + kUnknown) {}
ErrorDescriptor ErrorCode::Descriptor() const { return Codes().Of(*this); }
std::string ErrorCode::String() const { return Descriptor().value; }
std::string ErrorCode::Message() const { return Descriptor().message; }

std::string ErrorCode::Error() const {
  std::string out = String();
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '_') c = ' ';
  }
  return out;
}

ErrorCode ErrorCode::UnmarshalText(std::string_view text) { return Codes().Find(text); }

docker::Error ErrorCode::WithMessage(std::string_view message) const {
  return {.code = *this, .message = std::string(message)};
}

docker::Error ErrorCode::WithDetail(std::string_view detail) const {
  return {.code = *this, .message = Message(), .detail = std::string(detail)};
}

docker::Error ErrorCode::WithArgs(const std::vector<std::string>& args) const {
  return {.code = *this, .message = Fill(Message(), args)};
}

std::string Error::String() const { return fmt::format("{}: {}", code.Error(), message); }

Error Error::WithDetail(std::string_view new_detail) const {
  return {.code = code, .message = message, .detail = std::string(new_detail)};
}

Error Error::WithArgs(const std::vector<std::string>& args) const {
  return {.code = code, .message = Fill(code.Message(), args), .detail = detail};
}

std::string Errors::String() const {
  if (errors_.empty()) return "<nil>";
  if (errors_.size() == 1) return errors_.front().String();
  std::string out = "errors:\n";
  for (const Error& error : errors_) out += error.String() + "\n";
  return out;
}

std::string Errors::MarshalJSON() const {
  WireErrors wire;
  for (const Error& error : errors_) {
    wire.errors.push_back({.code = {gojson::Marshal(error.code.String())},
                           .message = error.message.empty() ? error.code.Message() : error.message,
                           .detail = {error.detail}});
  }
  return gojson::Marshal(wire);
}

absl::StatusOr<Errors> Errors::UnmarshalJSON(std::string_view json) {
  absl::StatusOr<WireErrors> wire = gojson::Unmarshal<WireErrors>(json);
  if (!wire.ok()) return wire.status();
  std::vector<Error> out;
  for (WireError& error : wire->errors) {
    absl::StatusOr<std::string> code = gojson::Unmarshal<std::string>(error.code.text);
    docker::ErrorCode known = code.ok() ? ErrorCode::UnmarshalText(*code) : ErrorCode();
    if (error.detail.text == "null") error.detail.text.clear();
    out.push_back({.code = known,
                   .message = error.message.empty() ? known.Message() : std::move(error.message),
                   .detail = std::move(error.detail.text)});
  }
  return Errors(std::move(out));
}

absl::Status WithErrors(absl::Status status, const Errors& errors) {
  return errdefs::Mark(status, kErrors, errors.MarshalJSON());
}

std::optional<Errors> AsErrors(const absl::Status& status) {
  const std::optional<std::string> json = errdefs::MarkOf(status, kErrors);
  if (!json) return std::nullopt;
  absl::StatusOr<Errors> errors = Errors::UnmarshalJSON(*json);
  if (!errors.ok()) return std::nullopt;
  return *std::move(errors);
}

ErrorCode ErrorCodeUnknown() { return ErrorCode(kFirstCode + kUnknown); }
ErrorCode ErrorCodeUnsupported() { return ErrorCode(kFirstCode + kUnsupported); }
ErrorCode ErrorCodeUnauthorized() { return ErrorCode(kFirstCode + kUnauthorized); }
ErrorCode ErrorCodeDenied() { return ErrorCode(kFirstCode + kDenied); }
ErrorCode ErrorCodeUnavailable() { return ErrorCode(kFirstCode + kUnavailable); }
ErrorCode ErrorCodeTooManyRequests() { return ErrorCode(kFirstCode + kTooManyRequests); }

absl::StatusOr<ErrorCode> Register(std::string_view group, ErrorDescriptor descriptor) {
  return Codes().Add(group, std::move(descriptor));
}

ErrorCode ParseErrorCode(std::string_view value) { return Codes().Find(value); }
std::vector<std::string> GetGroupNames() { return Codes().Groups(); }

std::vector<ErrorDescriptor> GetErrorCodeGroup(std::string_view name) {
  return name.empty() ? std::vector<ErrorDescriptor>() : Codes().Sorted(name);
}

std::vector<ErrorDescriptor> GetErrorAllDescriptors() { return Codes().Sorted(""); }

}  // namespace containerd::remotes::docker
