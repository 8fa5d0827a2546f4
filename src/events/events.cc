// SPDX-License-Identifier: Apache-2.0
#include "containerd/events/events.h"

#include <any>
#include <memory>
#include <utility>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "containerd/events/container.pb.h"
#include "containerd/events/content.pb.h"
#include "containerd/events/namespace.pb.h"
#include "containerd/events/sandbox.pb.h"
#include "containerd/events/snapshot.pb.h"
#include "containerd/events/task.pb.h"
#include "containerd/option/option.h"
#include "containerd/services/images/v1/events.pb.h"
#include "containerd/typeurl/typeurl.h"

namespace containerd::events {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string Join(std::span<const std::string> elements) {
  std::string joined;
  for (const std::string& element : elements) {
    if (&element != elements.data()) joined += '.';
    joined += element;
  }
  return joined;
}

// Whether Go generates field paths for the files that the message comes from. Naming a message of
// each has the linker keep them, so that typeurl knows them.
bool HasFieldPaths(const Message& message) {
  const google::protobuf::FileDescriptor* file = message.GetDescriptor()->file();
  return file == ContainerCreate::descriptor()->file() ||
         file == ContentDelete::descriptor()->file() ||
         file == NamespaceCreate::descriptor()->file() ||
         file == SandboxCreate::descriptor()->file() ||
         file == SnapshotCommit::descriptor()->file() || file == TaskCreate::descriptor()->file() ||
         file == services::images::v1::ImageCreate::descriptor()->file();
}

std::optional<std::string> FieldOfEvent(const typeurl::Any& event,
                                        std::span<const std::string> path);

std::optional<std::string> FieldOfMap(const Message& message, const FieldDescriptor& field,
                                      const std::string& key) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    const auto text = [&](const FieldDescriptor* part) {
      return entry.GetReflection()->GetString(entry, part);
    };
    if (text(field.message_type()->map_key()) == key)
      return text(field.message_type()->map_value());
  }
  return std::nullopt;
}

std::optional<std::string> FieldOfMessage(const Message& message,
                                          std::span<const std::string> path) {
  if (path.empty()) return std::nullopt;
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(path[0]);
  if (field == nullptr) return std::nullopt;
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  path = path.subspan(1);
  if (field->is_repeated()) {
    if (!field->is_map() || field->name() != "labels") return std::nullopt;
    return FieldOfMap(message, *field, Join(path));
  }
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string value = reflection.GetString(message, field);
      if (value.empty()) return std::nullopt;
      return value;
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      if (!reflection.HasField(message, field)) return std::nullopt;
      const Message& inner = reflection.GetMessage(message, field);
      if (const auto* any = dynamic_cast<const google::protobuf::Any*>(&inner); any != nullptr) {
        return FieldOfEvent({.type_url = any->type_url(), .value = any->value()}, path);
      }
      return FieldOfMessage(inner, path);
    }
    default:
      return std::nullopt;
  }
}

std::optional<std::string> FieldOfEvent(const typeurl::Any& event,
                                        std::span<const std::string> path) {
  const absl::StatusOr<std::any> decoded = typeurl::UnmarshalAny(event);
  if (!decoded.ok()) return std::nullopt;
  const auto* message = std::any_cast<std::shared_ptr<Message>>(&*decoded);
  if (message == nullptr || !HasFieldPaths(**message)) return std::nullopt;
  return FieldOfMessage(**message, path);
}

}  // namespace

std::optional<std::string> Envelope::Field(std::span<const std::string> fieldpath) const {
  if (fieldpath.empty()) return std::nullopt;
  if (fieldpath[0] == "namespace" && !ns.empty()) return ns;
  if (fieldpath[0] == "topic" && !topic.empty()) return topic;
  if (fieldpath[0] == "event") return FieldOfEvent(event, fieldpath.subspan(1));
  return std::nullopt;
}

constinit const option::Plain<SubscribeOpt> WithResume([](SubscribeOptions& options) {
  options.resume = true;
});

SubscribeOpt WithBackoff(absl::Duration min, absl::Duration max) {
  return [min, max](SubscribeOptions& options) {
    options.min_backoff = min;
    options.max_backoff = max;
  };
}

SubscribeOpt WithQueueSize(std::size_t items) {
  return [items](SubscribeOptions& options) { options.queue_size = items; };
}

absl::StatusOr<std::vector<Item>> Subscription::NextBatch(const Context& ctx, std::size_t max) {
  absl::StatusOr<Item> first = Next(ctx);
  if (!first.ok()) return first.status();
  std::vector<Item> items;
  items.push_back(*std::move(first));
  while (items.size() < max) {
    absl::StatusOr<std::optional<Item>> item = TryNext();
    if (!item.ok() || !item->has_value()) break;  // an error comes again
    items.push_back(**std::move(item));
  }
  return items;
}

}  // namespace containerd::events
