// SPDX-License-Identifier: Apache-2.0
#include "containerd/typeurl/typeurl.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/specs/json.h"
#include "containerd/typeurl/proto.h"

#include "src/gojson/internal/codec.h"

namespace sample {

// A type of a library user's own.
struct Extension {
  std::string name{};
  containerd::gojson::Extra extra{};
  friend bool operator==(const Extension&, const Extension&) = default;
};

template <class V, containerd::gojson::Of<Extension> T>
void Bind(V& v, T& extension) {
  v.Field("Name", extension.name);
}

struct Unregistered {};

}  // namespace sample

namespace containerd::typeurl {
namespace {

using ::google::protobuf::Duration;
using ::google::protobuf::Timestamp;
using ::sample::Extension;
using ::sample::Unregistered;
using ::testing::HasSubstr;

constexpr char kSpecURL[] = "types.containerd.io/opencontainers/runtime-spec/1/Spec";

absl::Status RegisterExtension(std::string url = "example.com/Extension") {
  return Register<Extension>(std::move(url), gojson::Marshal<Extension>,
                             gojson::Unmarshal<Extension>);
}

Timestamp At(std::int64_t seconds) {
  Timestamp timestamp;
  timestamp.set_seconds(seconds);
  return timestamp;
}

TEST(TypeURL, OfTheTypesThatEveryClientNeeds) {
  EXPECT_EQ(*TypeURL<specs::Spec>(), kSpecURL);
  EXPECT_EQ(*TypeURL<specs::Process>(),
            "types.containerd.io/opencontainers/runtime-spec/1/Process");
  EXPECT_EQ(*TypeURL<specs::LinuxResources>(),
            "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources");
  EXPECT_EQ(*TypeURL<specs::WindowsResources>(),
            "types.containerd.io/opencontainers/runtime-spec/1/WindowsResources");
  EXPECT_EQ(*TypeURL<specs::features::Features>(),
            "types.containerd.io/opencontainers/runtime-spec/1/features/Features");
  EXPECT_EQ(*TypeURL<Timestamp>(), "google.protobuf.Timestamp");
  EXPECT_TRUE(errdefs::IsNotFound(TypeURL<Unregistered>().status()));
}

TEST(Register, IsIdempotentAndRefusesConflicts) {
  EXPECT_TRUE(RegisterExtension().ok());
  EXPECT_TRUE(RegisterExtension().ok());
  EXPECT_TRUE(errdefs::IsAlreadyExists(RegisterExtension("example.com/Other")));
  EXPECT_TRUE(errdefs::IsAlreadyExists(Register<Unregistered>(
      kSpecURL, [](const Unregistered&) { return std::string(); },
      [](std::string_view) { return absl::StatusOr<Unregistered>(Unregistered()); })));
  EXPECT_EQ(*TypeURL<Extension>(), "example.com/Extension");
}

TEST(MarshalAny, RegisteredTypesAreJson) {
  const specs::Spec spec{.version = "1.2.0", .hostname = "h"};
  const absl::StatusOr<Any> any = MarshalAny(spec);
  ASSERT_TRUE(any.ok()) << any.status();
  EXPECT_EQ(*any, (Any{kSpecURL, R"({"ociVersion":"1.2.0","hostname":"h"})"}));
  EXPECT_EQ(*UnmarshalAny<specs::Spec>(*any), spec);

  ASSERT_TRUE(RegisterExtension().ok());
  const absl::StatusOr<Any> extension = MarshalAny(Extension{.name = "n"});
  ASSERT_TRUE(extension.ok());
  EXPECT_EQ(*extension, (Any{"example.com/Extension", R"({"Name":"n"})"}));
  EXPECT_EQ(UnmarshalAny<Extension>(*extension)->name, "n");

  EXPECT_TRUE(errdefs::IsNotFound(MarshalAny(Unregistered()).status()));
}

TEST(MarshalAny, MessagesAreProtobuf) {
  const absl::StatusOr<Any> any = MarshalAny(At(5));
  ASSERT_TRUE(any.ok());
  EXPECT_EQ(*any, (Any{"google.protobuf.Timestamp", At(5).SerializeAsString()}));
  for (const char* url :
       {"google.protobuf.Timestamp", "type.googleapis.com/google.protobuf.Timestamp",
        "/google.protobuf.Timestamp"}) {
    const absl::StatusOr<Timestamp> back = UnmarshalAny<Timestamp>(Any{url, any->value});
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->seconds(), 5);
    EXPECT_TRUE(Is<Timestamp>(Any{url, any->value})) << url;
  }
}

TEST(MarshalAny, AnAnyIsNotPackedAgain) {
  const Any any{"u", "v"};
  EXPECT_EQ(*MarshalAny(any), any);
  EXPECT_EQ(*MarshalAny(ToProto(any)), any);
}

TEST(Is, ComparesTypes) {
  const Any spec = *MarshalAny(specs::Spec());
  const Any timestamp = *MarshalAny(At(1));
  EXPECT_TRUE(Is<specs::Spec>(spec));
  EXPECT_FALSE(Is<specs::Process>(spec));
  EXPECT_FALSE(Is<Timestamp>(spec));
  EXPECT_FALSE(Is<Duration>(timestamp));
  EXPECT_FALSE(Is<specs::Spec>(timestamp));
  EXPECT_FALSE(Is<Unregistered>(spec));
  EXPECT_FALSE(Is<Timestamp>(Any{}));
}

TEST(UnmarshalTo, ChecksTheType) {
  const Any spec = *MarshalAny(specs::Spec{.version = "1"});
  specs::Spec out;
  EXPECT_TRUE(UnmarshalTo(spec, out).ok());
  EXPECT_EQ(out.version, "1");
  EXPECT_TRUE(UnmarshalToByTypeURL(spec.type_url, R"({"ociVersion":"2"})", out).ok());
  EXPECT_EQ(out.version, "2");

  specs::Process process{.cwd = "/"};
  const absl::Status mismatch = UnmarshalTo(spec, process);
  EXPECT_TRUE(errdefs::IsInvalidArgument(mismatch)) << mismatch;
  EXPECT_THAT(std::string(mismatch.message()), HasSubstr("runtime-spec/1/Spec"));
  EXPECT_EQ(process.cwd, "/");

  Timestamp timestamp = At(3);
  EXPECT_TRUE(errdefs::IsInvalidArgument(UnmarshalTo(spec, timestamp)));
  EXPECT_TRUE(errdefs::IsNotFound(UnmarshalTo(Any{"no.such.Type", ""}, timestamp)));
  EXPECT_TRUE(errdefs::IsNotFound(UnmarshalTo(Any{"no/such/type", ""}, out)));
  Unregistered unregistered;
  EXPECT_TRUE(errdefs::IsNotFound(UnmarshalTo(spec, unregistered)));

  const absl::Status malformed =
      UnmarshalTo(Any{"google.protobuf.Timestamp", "\xFF\xFF"}, timestamp);
  EXPECT_TRUE(errdefs::IsInvalidArgument(malformed));
  EXPECT_THAT(std::string(malformed.message()), HasSubstr("google.protobuf.Timestamp"));
  EXPECT_EQ(timestamp.seconds(), 3);
  const absl::Status json = UnmarshalTo(Any{kSpecURL, R"({"process":1})"}, out);
  EXPECT_TRUE(errdefs::IsInvalidArgument(json));
  EXPECT_THAT(std::string(json.message()), HasSubstr("Spec\": json: process: want an object"));
}

TEST(UnmarshalAny, FindsTheTypeByItsURL) {
  absl::StatusOr<std::any> value = UnmarshalAny(*MarshalAny(specs::Spec{.version = "1"}));
  ASSERT_TRUE(value.ok()) << value.status();
  ASSERT_NE(std::any_cast<specs::Spec>(&*value), nullptr);
  EXPECT_EQ(std::any_cast<specs::Spec>(&*value)->version, "1");

  value = UnmarshalByTypeURL("type.googleapis.com/google.protobuf.Timestamp",
                             At(7).SerializeAsString());
  ASSERT_TRUE(value.ok()) << value.status();
  const auto* message = std::any_cast<std::shared_ptr<google::protobuf::Message>>(&*value);
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(dynamic_cast<const Timestamp&>(**message).seconds(), 7);

  for (const char* url :
       {"", "/", "no.such.Type", "types.containerd.io/nothing", "google.protobuf"}) {
    const absl::StatusOr<std::any> unknown = UnmarshalByTypeURL(url, "");
    EXPECT_TRUE(errdefs::IsNotFound(unknown.status())) << url << ": " << unknown.status();
  }
  EXPECT_TRUE(errdefs::IsInvalidArgument(UnmarshalByTypeURL(kSpecURL, "").status()));
  EXPECT_LT(UnmarshalByTypeURL(std::string(100000, 'u'), "").status().message().size(), 500U);
}

TEST(Proto, ConvertsBothWays) {
  const google::protobuf::Any proto = ToProto({"u", "v"});
  EXPECT_EQ(proto.type_url(), "u");
  EXPECT_EQ(proto.value(), "v");
  EXPECT_EQ(FromProto(proto), (Any{"u", "v"}));
  EXPECT_EQ(MarshalAnyToProto(At(1))->type_url(), "google.protobuf.Timestamp");
  EXPECT_TRUE(errdefs::IsNotFound(MarshalAnyToProto(Unregistered()).status()));
}

TEST(Registry, IsSharedBetweenThreads) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int n = 0; n < 200; ++n) {
        ASSERT_TRUE(RegisterExtension().ok());
        ASSERT_TRUE(UnmarshalAny(*MarshalAny(Extension{.name = "x"})).ok());
        ASSERT_TRUE(UnmarshalAny<specs::Spec>(*MarshalAny(specs::Spec())).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace containerd::typeurl
