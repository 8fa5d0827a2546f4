// SPDX-License-Identifier: Apache-2.0
// Compares the descriptors that are compiled in with tests/data/grpc-api.tsv, the table of what
// containerd 1.6, 1.7 and 2.3 define, in both directions: nothing is missing, nothing is added, and
// every number, type, label and stream flag agrees. Full names matter as much as numbers do, for
// they are what type URLs consist of.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "containerd/services/events/v1/events.grpc.pb.h"
#include "containerd/services/images/v1/images.pb.h"
#include "containerd/services/introspection/v1/introspection.pb.h"
#include "containerd/types/event.pb.h"
#include "containerd/wire/health.grpc.pb.h"

namespace {

namespace pb = google::protobuf;

// The full name of each thing of one kind, and what the wire knows about it.
using Facts = std::map<std::string, std::string>;

// Kinds are named as in the table's first column.
using FactsByKind = std::map<std::string, Facts>;

// What the wire, and with it the table, calls something that is compiled in under another name:
// google.rpc.Status and gRPC's health protocol have names of the library's own, because a program
// may have other copies of them; and each package ends in CONTAINERD_PROTO_PACKAGE if there is one.
std::string WireName(std::string name) {
  if (const std::string own = CONTAINERD_PROTO_PACKAGE; !own.empty()) {
    name = absl::StrReplaceAll(name, {{absl::StrCat(".", own, "."), "."}});
  }
  for (const auto& [from, to] : std::map<std::string, std::string>{
           {"containerd.wire.Status", "google.rpc.Status"},
           {"containerd.wire.Health", "grpc.health.v1.Health"},
       }) {
    if (absl::StartsWith(name, from)) return to + name.substr(from.size());
  }
  return name;
}

// One field of 1.6 whose number has since had another name and type.
bool InTable(const std::string& name) {
  return name != "runtime.v1.ContainerEventResponse.pod_sandbox_metadata";
}

void Insert(FactsByKind& facts, const std::string& kind, const std::string& name,
            std::string fact) {
  const bool inserted = facts[kind].emplace(name, std::move(fact)).second;
  EXPECT_TRUE(inserted) << kind << " " << name << " occurs twice";
}

FactsByKind ReadTable() {
  FactsByKind facts;
  std::ifstream in(CONTAINERD_TEST_DATA "/grpc-api.tsv");
  EXPECT_TRUE(in.is_open());
  std::string line;
  std::getline(in, line);
  EXPECT_EQ(line, "kind\tname\tnumber\ttype_or_request\tlabel_or_response\tin_1.6\tin_1.7\tin_2.3");
  while (std::getline(in, line)) {
    const std::vector<std::string> columns = absl::StrSplit(line, '\t');
    if (columns.size() != 8) {
      ADD_FAILURE() << "malformed row: " << line;
      continue;
    }
    const std::string& kind = columns[0];
    const std::string& name = columns[1];
    if (!InTable(name)) continue;
    if (kind == "message") {
      Insert(facts, kind, name, "");
    } else if (kind == "field") {
      Insert(facts, kind, name, absl::StrCat(columns[4], " ", columns[3], " = ", columns[2]));
    } else if (kind == "enum") {
      Insert(facts, kind, name, columns[2]);
    } else if (kind == "rpc") {
      Insert(facts, kind, name, absl::StrCat("(", columns[3], ") returns (", columns[4], ")"));
    } else {
      ADD_FAILURE() << "unknown kind: " << line;
    }
  }
  return facts;
}

std::string TypeOf(const pb::FieldDescriptor& field) {
  if (field.is_map()) {
    return absl::StrCat("map<", TypeOf(*field.message_type()->map_key()), ", ",
                        TypeOf(*field.message_type()->map_value()), ">");
  }
  if (field.message_type() != nullptr) return WireName(field.message_type()->full_name());
  if (field.enum_type() != nullptr) return WireName(field.enum_type()->full_name());
  return field.type_name();
}

std::string LabelOf(const pb::FieldDescriptor& field) {
  if (field.is_map()) return "";
  if (field.is_repeated()) return "repeated";
  return field.has_optional_keyword() ? "optional" : "";
}

void AddEnum(const pb::EnumDescriptor& type, FactsByKind& facts) {
  for (int i = 0; i < type.value_count(); ++i) {
    const pb::EnumValueDescriptor& value = *type.value(i);
    Insert(facts, "enum", absl::StrCat(WireName(type.full_name()), ".", value.name()),
           absl::StrCat(value.number()));
  }
}

void AddMessage(const pb::Descriptor& message, FactsByKind& facts) {
  if (message.options().map_entry()) return;
  Insert(facts, "message", WireName(message.full_name()), "");
  for (int i = 0; i < message.field_count(); ++i) {
    const pb::FieldDescriptor& field = *message.field(i);
    Insert(facts, "field", WireName(field.full_name()),
           absl::StrCat(LabelOf(field), " ", TypeOf(field), " = ", field.number()));
  }
  for (int i = 0; i < message.enum_type_count(); ++i) AddEnum(*message.enum_type(i), facts);
  for (int i = 0; i < message.nested_type_count(); ++i) AddMessage(*message.nested_type(i), facts);
}

void AddService(const pb::ServiceDescriptor& service, FactsByKind& facts) {
  for (int i = 0; i < service.method_count(); ++i) {
    const pb::MethodDescriptor& method = *service.method(i);
    Insert(facts, "rpc", WireName(method.full_name()),
           absl::StrCat("(", method.client_streaming() ? "stream " : "",
                        WireName(method.input_type()->full_name()), ") returns (",
                        method.server_streaming() ? "stream " : "",
                        WireName(method.output_type()->full_name()), ")"));
  }
}

// The descriptors of all files below proto/, found by name in the pool of what is linked in.
std::vector<const pb::FileDescriptor*> LinkedFiles() {
  std::vector<const pb::FileDescriptor*> files;
  const std::filesystem::path root(CONTAINERD_PROTO_DIR);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".proto") continue;
    const std::string name = entry.path().lexically_relative(root).generic_string();
    const pb::FileDescriptor* file = pb::DescriptorPool::generated_pool()->FindFileByName(name);
    if (file == nullptr) {
      ADD_FAILURE() << name << " is not linked in";
      continue;
    }
    files.push_back(file);
  }
  return files;
}

FactsByKind ReadDescriptors() {
  FactsByKind facts;
  for (const pb::FileDescriptor* file : LinkedFiles()) {
    // Not containerd's own; see StandardProtocols below.
    if (absl::StrContains(file->name(), "containerd/wire/")) continue;
    for (int i = 0; i < file->message_type_count(); ++i) AddMessage(*file->message_type(i), facts);
    for (int i = 0; i < file->enum_type_count(); ++i) AddEnum(*file->enum_type(i), facts);
    for (int i = 0; i < file->service_count(); ++i) AddService(*file->service(i), facts);
  }
  return facts;
}

// One line for each disagreement, so that a failure lists them all and nothing else.
std::vector<std::string> Differences(const Facts& table, const Facts& compiled) {
  std::vector<std::string> lines;
  for (const auto& [name, fact] : table) {
    const auto it = compiled.find(name);
    if (it == compiled.end()) {
      lines.push_back(absl::StrCat("missing: ", name, " ", fact));
    } else if (it->second != fact) {
      lines.push_back(absl::StrCat("differs: ", name, " is `", it->second, "`, not `", fact, "`"));
    }
  }
  for (const auto& [name, fact] : compiled) {
    if (!table.contains(name)) lines.push_back(absl::StrCat("added: ", name, " ", fact));
  }
  return lines;
}

struct Kind {
  const char* name;
  // So that a test cannot pass on an empty table.
  size_t at_least;
};

class DescriptorsTest : public testing::TestWithParam<Kind> {};

TEST_P(DescriptorsTest, AgreeWithTable) {
  FactsByKind table = ReadTable();
  FactsByKind compiled = ReadDescriptors();
  const std::string kind = GetParam().name;
  EXPECT_GE(table[kind].size(), GetParam().at_least);
  EXPECT_THAT(Differences(table[kind], compiled[kind]), testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Kinds, DescriptorsTest,
                         testing::Values(Kind{"message", 503}, Kind{"field", 1426},
                                         Kind{"enum", 124}, Kind{"rpc", 173}),
                         [](const auto& test) { return std::string(test.param.name); });

// A comparison that finds nothing has to be able to find something.
TEST(DifferencesTest, AreFound) {
  EXPECT_THAT(Differences({{"a", "1"}, {"b", "2"}}, {{"b", "3"}, {"c", "4"}}),
              testing::ElementsAre("missing: a 1", "differs: b is `3`, not `2`", "added: c 4"));
}

TEST(FilesTest, LieByPackage) {
  const std::string own = CONTAINERD_PROTO_PACKAGE;
  for (const pb::FileDescriptor* file : LinkedFiles()) {
    std::string folder = file->package();
    std::replace(folder.begin(), folder.end(), '.', '/');
    std::string found = std::filesystem::path(file->name()).parent_path();
    if (!own.empty()) {
      // The first of the path's parts is the last of the package's.
      ASSERT_TRUE(absl::StartsWith(found, own + "/")) << file->name();
      found = absl::StrCat(found.substr(own.size() + 1), "/", own);
    }
    EXPECT_EQ(found, folder) << file->name();
    EXPECT_EQ(file->syntax(), pb::FileDescriptor::SYNTAX_PROTO3) << file->name();
  }
}

TEST(FilesTest, StandardProtocols) {
  FactsByKind facts;
  for (const pb::FileDescriptor* file : LinkedFiles()) {
    if (!absl::StrContains(file->name(), "containerd/wire/")) continue;
    for (int i = 0; i < file->message_type_count(); ++i) AddMessage(*file->message_type(i), facts);
    for (int i = 0; i < file->service_count(); ++i) AddService(*file->service(i), facts);
  }
  EXPECT_THAT(Differences(
                  {
                      {"google.rpc.Status.code", " int32 = 1"},
                      {"google.rpc.Status.message", " string = 2"},
                      {"google.rpc.Status.details", "repeated google.protobuf.Any = 3"},
                      {"grpc.health.v1.HealthCheckRequest.service", " string = 1"},
                      {"grpc.health.v1.HealthCheckResponse.status",
                       " grpc.health.v1.HealthCheckResponse.ServingStatus = 1"},
                  },
                  facts["field"]),
              testing::IsEmpty());
  EXPECT_THAT(Differences(
                  {
                      {"grpc.health.v1.HealthCheckResponse.ServingStatus.UNKNOWN", "0"},
                      {"grpc.health.v1.HealthCheckResponse.ServingStatus.SERVING", "1"},
                      {"grpc.health.v1.HealthCheckResponse.ServingStatus.NOT_SERVING", "2"},
                      {"grpc.health.v1.HealthCheckResponse.ServingStatus.SERVICE_UNKNOWN", "3"},
                  },
                  facts["enum"]),
              testing::IsEmpty());
  EXPECT_THAT(Differences(
                  {
                      {"grpc.health.v1.Health.Check",
                       "(grpc.health.v1.HealthCheckRequest) returns "
                       "(grpc.health.v1.HealthCheckResponse)"},
                      {"grpc.health.v1.Health.Watch",
                       "(grpc.health.v1.HealthCheckRequest) returns "
                       "(stream grpc.health.v1.HealthCheckResponse)"},
                  },
                  facts["rpc"]),
              testing::IsEmpty());
}

// A program that brings these files itself could not start.
TEST(FilesTest, NoneIsOfOthers) {
  for (const char* name : {"google/rpc/status.proto", "grpc/health/v1/health.proto"}) {
    EXPECT_EQ(pb::DescriptorPool::generated_pool()->FindFileByName(name), nullptr) << name;
  }
  for (const char* name : {"google.rpc.Status", "grpc.health.v1.HealthCheckResponse"}) {
    EXPECT_EQ(pb::DescriptorPool::generated_pool()->FindMessageTypeByName(name), nullptr) << name;
  }
}

// gRPC's paths are not the descriptors' names.
TEST(FilesTest, ServicesAreCalledByTheirNamesOnTheWire) {
  EXPECT_STREQ(containerd::wire::Health::service_full_name(), "grpc.health.v1.Health");
  EXPECT_STREQ(containerd::services::events::v1::Events::service_full_name(),
               "containerd.services.events.v1.Events");
}

// 2.0 renamed the envelope; what a 1.x daemon sends is read with the new name.
TEST(CompatibilityTest, EnvelopeOfEarlierReleases) {
  containerd::services::events::v1::Envelope old;
  old.mutable_timestamp()->set_seconds(1700000000);
  old.set_namespace_("k8s.io");
  old.set_topic("/tasks/exit");
  old.mutable_event()->set_type_url("containerd.events.TaskExit");
  old.mutable_event()->set_value("\x0a\x01x");

  containerd::types::Envelope envelope;
  ASSERT_TRUE(envelope.ParseFromString(old.SerializeAsString()));
  EXPECT_EQ(envelope.timestamp().seconds(), 1700000000);
  EXPECT_EQ(envelope.namespace_(), "k8s.io");
  EXPECT_EQ(envelope.topic(), "/tasks/exit");
  EXPECT_EQ(envelope.event().type_url(), "containerd.events.TaskExit");
  EXPECT_EQ(envelope.event().value(), "\x0a\x01x");
}

// C++20 made a keyword of this field's name; its getter has an underscore.
TEST(CompatibilityTest, FieldsNamedLikeKeywords) {
  containerd::services::introspection::v1::Plugin plugin;
  ASSERT_TRUE(plugin.ParseFromString("\x1a\x0bio.test/one"));
  EXPECT_THAT(plugin.requires_(), testing::ElementsAre("io.test/one"));
}

// Presence is what tells "delete only if it still points here" from "delete".
TEST(CompatibilityTest, OptionalMessageHasPresence) {
  containerd::services::images::v1::DeleteImageRequest request;
  EXPECT_FALSE(request.has_target());
  request.mutable_target();
  EXPECT_TRUE(request.has_target());
}

}  // namespace
