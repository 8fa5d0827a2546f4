// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/runtime_options.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include <absl/strings/str_replace.h>
#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "containerd/cri/constants.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/linux/runc/runc.pb.h"
#include "containerd/log/log.h"
#include "containerd/runc/v1/options.pb.h"
#include "containerd/typeurl/typeurl.h"

#include "runtimeoptions/v1/options.pb.h"
#include "src/base/ascii.h"
#include "src/base/escape.h"

namespace containerd::cri {
namespace {

absl::StatusOr<std::unique_ptr<google::protobuf::Message>> OptionsOf(std::string_view type) {
  if (type == kRuntimeRuncV1 || type == kRuntimeRuncV2) {
    return std::make_unique<runc::v1::Options>();
  }
  if (type == kRuntimeLinuxV1) return std::make_unique<linux::runc::RuncOptions>();
  if (type == kRuntimeRunhcsV1) {
    return errdefs::NotImplemented(
        fmt::format("options of the runtime {} are not supported", type));
  }
  return std::make_unique<runtimeoptions::v1::Options>();
}

// The field that a key stands for: that of the name in Go, in any case.
const google::protobuf::FieldDescriptor* FieldOf(const google::protobuf::Message& message,
                                                 std::string_view key) {
  const std::string wanted = base::Lower(key);
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *type.field(i);
    if (base::Lower(absl::StrReplaceAll(field.name(), {{"_", ""}})) == wanted) {
      return &field;
    }
  }
  return nullptr;
}

absl::Status WrongType(std::string_view want, const Value& value) {
  return errdefs::InvalidArgument(fmt::format("want {}, found {}", want, value.Kind()));
}

absl::StatusOr<std::uint64_t> Number(const Value& value, std::uint64_t max) {
  const auto* number = value.As<std::int64_t>();
  if (number == nullptr) return WrongType("an integer", value);
  if (*number < 0 || static_cast<std::uint64_t>(*number) > max) {
    return errdefs::InvalidArgument(fmt::format("{} is not between 0 and {}", *number, max));
  }
  return static_cast<std::uint64_t>(*number);
}

// In Go a []byte, which TOML has as an array of numbers.
absl::StatusOr<std::string> Bytes(const Value& value) {
  const auto* items = value.As<Value::Array>();
  if (items == nullptr) return WrongType("an array of bytes", value);
  std::string bytes;
  for (const Value& item : *items) {
    absl::StatusOr<std::uint64_t> byte = Number(item, std::numeric_limits<std::uint8_t>::max());
    if (!byte.ok()) return byte.status();
    bytes.push_back(static_cast<char>(*byte));
  }
  return bytes;
}

absl::Status Set(google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field,
                 const Value& value) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  switch (field.type()) {
    case google::protobuf::FieldDescriptor::TYPE_BOOL: {
      const bool* yes = value.As<bool>();
      if (yes == nullptr) return WrongType("a boolean", value);
      reflection.SetBool(&message, &field, *yes);
      return absl::OkStatus();
    }
    case google::protobuf::FieldDescriptor::TYPE_UINT32: {
      absl::StatusOr<std::uint64_t> number =
          Number(value, std::numeric_limits<std::uint32_t>::max());
      if (!number.ok()) return number.status();
      reflection.SetUInt32(&message, &field, static_cast<std::uint32_t>(*number));
      return absl::OkStatus();
    }
    case google::protobuf::FieldDescriptor::TYPE_STRING: {
      const auto* text = value.As<std::string>();
      if (text == nullptr) return WrongType("a string", value);
      reflection.SetString(&message, &field, *text);
      return absl::OkStatus();
    }
    case google::protobuf::FieldDescriptor::TYPE_BYTES: {
      absl::StatusOr<std::string> bytes = Bytes(value);
      if (!bytes.ok()) return bytes.status();
      reflection.SetString(&message, &field, *std::move(bytes));
      return absl::OkStatus();
    }
    default:  // no options have it today
      return errdefs::NotImplemented(fmt::format("it is of type {}", field.type_name()));
  }
}

absl::Status Fill(google::protobuf::Message& message, const Value::Table& table,
                  std::string_view type) {
  for (const auto& [key, value] : table) {
    const google::protobuf::FieldDescriptor* field = FieldOf(message, key);
    if (field == nullptr) {
      log::Warn(fmt::format("runtime {}: unknown option {} is ignored", type, base::Quote(key)));
      continue;
    }
    if (absl::Status s = Set(message, *field, value); !s.ok()) {
      return errdefs::Annotate(s, fmt::format("options of runtime {}: {}", type, base::Quote(key)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<typeurl::Any> LegacyOptions(const Runtime& runtime, const Config& config) {
  linux::runc::RuncOptions options;
  options.set_runtime(runtime.engine);
  options.set_runtime_root(runtime.root);
  options.set_systemd_cgroup(config.systemd_cgroup);
  return typeurl::MarshalAny(options);
}

}  // namespace

absl::StatusOr<typeurl::Any> GenerateRuntimeOptions(const Runtime& runtime, const Config& config) {
  if (!runtime.options) {
    if (runtime.type != kRuntimeLinuxV1) return typeurl::Any{};
    return LegacyOptions(runtime, config);
  }
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> options = OptionsOf(runtime.type);
  if (!options.ok()) return options.status();
  if (absl::Status s = Fill(**options, *runtime.options, runtime.type); !s.ok()) return s;
  if (auto* other = dynamic_cast<runtimeoptions::v1::Options*>(options->get());
      other != nullptr && other->config_path().empty() && !runtime.options->empty()) {
    std::string body = FormatTOML(*runtime.options);
    if (absl::StatusOr<Value::Table> read = ParseTOML(body); !read.ok()) {
      return errdefs::Annotate(
          read.status(), fmt::format("options of runtime {} cannot be written", runtime.type));
    }
    other->set_config_body(std::move(body));
  }
  return typeurl::MarshalAny(**options);
}

absl::StatusOr<typeurl::Any> GetRuntimeOptionsType(std::string_view type) {
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> options = OptionsOf(type);
  if (!options.ok()) return options.status();
  return typeurl::MarshalAny(**options);
}

absl::StatusOr<std::any> GetRuntimeOptions(const containers::Container& container) {
  if (container.runtime.options.value.empty()) return std::any();
  absl::StatusOr<std::any> options = typeurl::UnmarshalAny(container.runtime.options);
  if (options.ok()) return options;
  return errdefs::Annotate(options.status(),
                           fmt::format("runtime options of container \"{}\"", container.id));
}

}  // namespace containerd::cri
