// SPDX-License-Identifier: Apache-2.0
#include "containerd/typeurl/typeurl.h"

#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/specs/json.h"
#include "containerd/typeurl/proto.h"

#include "src/base/escape.h"
#include "src/errdefs/internal/guard.h"

// The last part of the packages of this library's own messages, if the build gives them one.
#ifndef CONTAINERD_PROTO_PACKAGE
#define CONTAINERD_PROTO_PACKAGE ""
#endif

namespace containerd::typeurl {
namespace {

namespace protobuf = ::google::protobuf;

constexpr std::string_view kOwnPackage = CONTAINERD_PROTO_PACKAGE;

// A message's full name is what follows the last slash of its URL.
std::string_view MessageName(std::string_view url) {
  const std::size_t slash = url.rfind('/');
  return slash == std::string_view::npos ? url : url.substr(slash + 1);
}

// What a message is called on the wire: "containerd.types.Mount", also where the build makes
// "containerd.types.own.Mount" of it.
std::string WireName(const protobuf::Descriptor& descriptor) {
  const std::string& name = descriptor.full_name();
  const protobuf::FileDescriptor& file = *descriptor.file();
  if (kOwnPackage.empty() || !absl::StartsWith(file.name(), fmt::format("{}/", kOwnPackage))) {
    return name;
  }
  const std::size_t end = file.package().size();
  return name.substr(0, end - kOwnPackage.size()) + name.substr(end + 1);
}

const protobuf::Descriptor* FindDescriptor(std::string_view name) {
  const auto* pool = protobuf::DescriptorPool::generated_pool();
  if (!kOwnPackage.empty()) {
    // The package ends before the first capital letter that begins a part.
    std::size_t end = 0;
    while ((end = name.find('.', end)) != std::string_view::npos) {
      if (++end < name.size() && absl::ascii_isupper(static_cast<unsigned char>(name[end]))) {
        const auto* own = pool->FindMessageTypeByName(
            fmt::format("{}{}.{}", name.substr(0, end), kOwnPackage, name.substr(end)));
        if (own != nullptr) return own;
        break;
      }
    }
  }
  return pool->FindMessageTypeByName(std::string(name));
}

const protobuf::Message* FindPrototype(std::string_view url) {
  const protobuf::Descriptor* descriptor = FindDescriptor(MessageName(url));
  if (descriptor == nullptr) return nullptr;
  return protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor);
}

// The types that travel as JSON. Those that every client needs are entered by the constructor, so
// that no linker can lose them.
class Registry {
 public:
  struct Entry {
    std::string url;
    std::shared_ptr<const internal::Codec> codec;
  };

  static Registry& Get() {
    static Registry& registry = *new Registry();
    return registry;
  }

  absl::Status Add(std::type_index type, std::string url, internal::Codec codec) {
    const std::unique_lock lock(mutex_);
    const auto known = by_type_.find(type);
    if (known != by_type_.end()) {
      if (known->second.url == url) return absl::OkStatus();
      return errdefs::AlreadyExists(fmt::format("type {} is registered as {}, not {}", type.name(),
                                                base::Quote(known->second.url), base::Quote(url)));
    }
    if (!by_url_.emplace(url, type).second) {
      return errdefs::AlreadyExists(fmt::format("type URL {} is another type's", base::Quote(url)));
    }
    by_type_.emplace(
        type, Entry{std::move(url), std::make_shared<const internal::Codec>(std::move(codec))});
    return absl::OkStatus();
  }

  absl::StatusOr<Entry> Find(std::type_index type) const {
    const std::shared_lock lock(mutex_);
    const auto entry = by_type_.find(type);
    if (entry == by_type_.end()) {
      return errdefs::NotFound(fmt::format("type {} is not registered", type.name()));
    }
    return entry->second;
  }

  // Null if the URL is not registered.
  std::shared_ptr<const internal::Codec> FindURL(std::string_view url) const {
    const std::shared_lock lock(mutex_);
    const auto type = by_url_.find(url);
    return type == by_url_.end() ? nullptr : by_type_.at(type->second).codec;
  }

 private:
  Registry() {
    AddSpec<specs::Spec>("Spec");
    AddSpec<specs::Process>("Process");
    AddSpec<specs::LinuxResources>("LinuxResources");
    AddSpec<specs::WindowsResources>("WindowsResources");
    AddSpec<specs::features::Features>("features/Features");
  }

  template <class T>
  void AddSpec(std::string_view name) {
    const std::string url = fmt::format("types.containerd.io/opencontainers/runtime-spec/{}/{}",
                                        specs::kVersionMajor, name);
    internal::Codec codec;
    codec.marshal = [](const void* value) { return specs::Marshal(*static_cast<const T*>(value)); };
    codec.unmarshal = [](std::string_view json) -> absl::StatusOr<std::any> {
      absl::StatusOr<T> value = specs::Unmarshal<T>(json);
      if (!value.ok()) return value.status();
      return std::any(*std::move(value));
    };
    Add(typeid(T), url, std::move(codec)).IgnoreError();  // The names above differ.
  }

  mutable std::shared_mutex mutex_;
  std::map<std::type_index, Entry> by_type_;
  std::map<std::string, std::type_index, std::less<>> by_url_;
};

absl::Status UnknownType(std::string_view url) {
  return errdefs::NotFound(fmt::format("type with URL {} is not known", base::Quote(url)));
}

// The error for an Any that holds something else than the `want`ed type.
absl::Status OtherType(const Any& any, std::string_view want) {
  if (Registry::Get().FindURL(any.type_url) == nullptr && FindPrototype(any.type_url) == nullptr) {
    return UnknownType(any.type_url);
  }
  return errdefs::InvalidArgument(
      fmt::format("cannot unmarshal type {} to {}", base::Quote(any.type_url), base::Quote(want)));
}

absl::Status Parse(std::string_view url, std::string_view value, protobuf::Message& out) {
  if (value.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()) &&
      out.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return absl::OkStatus();
  }
  return errdefs::InvalidArgument(fmt::format("value of type {}: {} bytes that are no such message",
                                              base::Quote(url), value.size()));
}

absl::StatusOr<std::any> ParseJson(std::string_view url, std::string_view value,
                                   const internal::Codec& codec) {
  absl::StatusOr<std::any> out = errdefs::Guard("a decoder of a type", codec.unmarshal, value);
  if (!out.ok()) {
    return errdefs::Annotate(out.status(), fmt::format("value of type {}", base::Quote(url)));
  }
  return out;
}

}  // namespace

namespace internal {

absl::Status RegisterCodec(std::type_index type, std::string url, Codec codec) {
  return Registry::Get().Add(type, std::move(url), std::move(codec));
}

absl::StatusOr<std::string> RegisteredURL(std::type_index type) {
  absl::StatusOr<Registry::Entry> entry = Registry::Get().Find(type);
  if (!entry.ok()) return entry.status();
  return std::move(entry->url);
}

absl::StatusOr<Any> MarshalRegistered(std::type_index type, const void* value) {
  absl::StatusOr<Registry::Entry> entry = Registry::Get().Find(type);
  if (!entry.ok()) return entry.status();
  absl::StatusOr<std::string> bytes =
      errdefs::Guard("an encoder of a type", entry->codec->marshal, value);
  if (!bytes.ok()) return bytes.status();
  return Any{.type_url = std::move(entry->url), .value = *std::move(bytes)};
}

absl::StatusOr<std::any> UnmarshalRegistered(std::type_index type, const Any& any) {
  const absl::StatusOr<Registry::Entry> entry = Registry::Get().Find(type);
  if (!entry.ok()) return entry.status();
  if (any.type_url != entry->url) return OtherType(any, entry->url);
  return ParseJson(any.type_url, any.value, *entry->codec);
}

std::string MessageURL(const protobuf::Message& message) {
  return WireName(*message.GetDescriptor());
}

bool IsMessage(const Any& any, const protobuf::Message& message) {
  return MessageName(any.type_url) == WireName(*message.GetDescriptor());
}

absl::StatusOr<Any> MarshalMessage(const protobuf::Message& message) {
  if (const auto* any = protobuf::DynamicCastToGenerated<protobuf::Any>(&message)) {
    return FromProto(*any);
  }
  Any any{.type_url = MessageURL(message)};
  if (!message.SerializeToString(&any.value)) {
    return errdefs::InvalidArgument(fmt::format("a {} that cannot be serialized: {}", any.type_url,
                                                message.InitializationErrorString()));
  }
  return any;
}

absl::Status UnmarshalMessage(const Any& any, protobuf::Message& out) {
  if (!IsMessage(any, out)) return OtherType(any, MessageURL(out));
  return Parse(any.type_url, any.value, out);
}

}  // namespace internal

absl::StatusOr<std::any> UnmarshalByTypeURL(std::string_view type_url, std::string_view value) {
  if (const auto codec = Registry::Get().FindURL(type_url)) {
    return ParseJson(type_url, value, *codec);
  }
  const protobuf::Message* prototype = FindPrototype(type_url);
  if (prototype == nullptr) return UnknownType(type_url);
  const std::shared_ptr<protobuf::Message> message(prototype->New());
  absl::Status status = Parse(type_url, value, *message);
  if (!status.ok()) return status;
  return std::any(message);
}

absl::StatusOr<std::any> UnmarshalAny(const Any& any) {
  return UnmarshalByTypeURL(any.type_url, any.value);
}

google::protobuf::Any ToProto(Any any) {
  protobuf::Any out;
  out.set_type_url(std::move(any.type_url));
  out.set_value(std::move(any.value));
  return out;
}

Any FromProto(google::protobuf::Any any) {
  return {.type_url = std::move(*any.mutable_type_url()), .value = std::move(*any.mutable_value())};
}

}  // namespace containerd::typeurl
