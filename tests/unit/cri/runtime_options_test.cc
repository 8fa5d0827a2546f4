// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/runtime_options.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include "containerd/cri/constants.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/linux/runc/runc.pb.h"
#include "containerd/log/log.h"
#include "containerd/runc/v1/options.pb.h"
#include "containerd/typeurl/typeurl.h"

#include "runtimeoptions/v1/options.pb.h"
#include "tests/support/proto.h"

namespace containerd::cri {
namespace {

using testing::EqualsProto;

// The options of a runtime whose table is `toml`.
template <typename Message>
absl::StatusOr<Message> Generate(std::string_view type, std::string_view toml) {
  absl::StatusOr<Value::Table> table = ParseTOML(toml);
  if (!table.ok()) return table.status();
  absl::StatusOr<typeurl::Any> any =
      GenerateRuntimeOptions({.type = std::string(type), .options = *std::move(table)}, {});
  if (!any.ok()) return any.status();
  return typeurl::UnmarshalAny<Message>(*any);
}

TEST(RuntimeOptionsTest, NilOptionsAreNone) {
  const auto none = GenerateRuntimeOptions({.type = kRuntimeRuncV2}, {.systemd_cgroup = true});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_TRUE(none->empty());
}

TEST(RuntimeOptionsTest, NilOptionsOfTheV1RuntimeComeFromTheConfig) {
  const auto any = GenerateRuntimeOptions(
      {.type = kRuntimeLinuxV1, .engine = "runc", .root = "/run/runc"}, {.systemd_cgroup = true});
  ASSERT_TRUE(any.ok()) << any.status();
  EXPECT_EQ(any->type_url, "containerd.linux.runc.RuncOptions");
  EXPECT_THAT(*typeurl::UnmarshalAny<linux::runc::RuncOptions>(*any),
              EqualsProto(R"pb(runtime: "runc" runtime_root: "/run/runc" systemd_cgroup: true)pb"));
}

TEST(RuntimeOptionsTest, ByType) {
  for (const char* type : {kRuntimeRuncV1, kRuntimeRuncV2}) {
    EXPECT_THAT(*Generate<runc::v1::Options>(
                    type,
                    "BinaryName = 'runc'\nSystemdCgroup = true\nIoUid = 1\nIoGid = 4294967295\n"
                    "CriuPath = '/criu'\nRoot = '/r'\nNoPivotRoot = true\nNoNewKeyring = false\n"),
                EqualsProto(R"pb(binary_name: "runc"
                                 systemd_cgroup: true
                                 io_uid: 1
                                 io_gid: 4294967295
                                 criu_path: "/criu"
                                 root: "/r"
                                 no_pivot_root: true)pb"));
  }
  EXPECT_THAT(*Generate<linux::runc::RuncOptions>(kRuntimeLinuxV1, "Runtime = 'x'"),
              EqualsProto(R"pb(runtime: "x")pb"));
  EXPECT_THAT(*Generate<runtimeoptions::v1::Options>(
                  "io.containerd.kata.v2", "TypeUrl = 't'\nConfigPath = '/etc/kata.toml'"),
              EqualsProto(R"pb(type_url: "t" config_path: "/etc/kata.toml")pb"));
}

TEST(RuntimeOptionsTest, KeysAreNamesInGoInAnyCase) {
  std::vector<std::string> logged;
  log::SetSink([&](log::Level, std::string_view text) { logged.emplace_back(text); });
  for (const char* key : {"SystemdCgroup", "systemdcgroup", "SYSTEMDCGROUP", "systemdCgroup"}) {
    EXPECT_TRUE(Generate<runc::v1::Options>(kRuntimeRuncV2, std::string(key) + " = true")
                    ->systemd_cgroup());
  }
  EXPECT_TRUE(logged.empty());
  for (const char* key : {"systemd_cgroup", "Unknown", "''", "'systemd cgroup'"}) {
    EXPECT_THAT(*Generate<runc::v1::Options>(kRuntimeRuncV2, std::string(key) + " = 'x'"),
                EqualsProto(""));
  }
  log::SetSink(nullptr);
  EXPECT_EQ(logged.size(), 4);
}

TEST(RuntimeOptionsTest, EmptyTableIsAnEmptyMessage) {
  for (const auto& [type, url] : std::vector<std::pair<std::string, std::string>>{
           {kRuntimeRuncV2, "containerd.runc.v1.Options"},
           {kRuntimeLinuxV1, "containerd.linux.runc.RuncOptions"},
           {"", "runtimeoptions.v1.Options"},
           {"other", "runtimeoptions.v1.Options"}}) {
    const auto any = GenerateRuntimeOptions({.type = type, .options = Value::Table()}, {});
    ASSERT_TRUE(any.ok()) << any.status();
    EXPECT_EQ(*any, (typeurl::Any{url, ""}));
    EXPECT_EQ(*GetRuntimeOptionsType(type), *any);
  }
}

TEST(RuntimeOptionsTest, UnknownTypesWithoutConfigPathGetTheTable) {
  const Value::Table table = {
      {"Answer", 42},
      {"Nested", Value::Table{{"list", Value::Array{"a", "b"}}, {"half", 0.5}, {"yes", true}}}};
  const auto any = GenerateRuntimeOptions({.type = "io.containerd.own.v1", .options = table}, {});
  ASSERT_TRUE(any.ok()) << any.status();
  const auto options = typeurl::UnmarshalAny<runtimeoptions::v1::Options>(*any);
  ASSERT_TRUE(options.ok()) << options.status();
  const auto body = ParseTOML(options->config_body());
  ASSERT_TRUE(body.ok()) << body.status() << options->config_body();
  EXPECT_EQ(*body, table);
}

TEST(RuntimeOptionsTest, WrongValuesAreNamed) {
  for (const auto& [toml, want] : std::vector<std::pair<std::string, std::string>>{
           {"SystemdCgroup = 1", "\"SystemdCgroup\": want a boolean, found an integer"},
           {"systemdcgroup = 'true'", "\"systemdcgroup\": want a boolean, found a string"},
           {"BinaryName = true", "\"BinaryName\": want a string, found a boolean"},
           {"BinaryName = 1979-05-27", "\"BinaryName\": want a string, found a time"},
           {"IoUid = '1'", "\"IoUid\": want an integer, found a string"},
           {"IoUid = 1.0", "\"IoUid\": want an integer, found a float"},
           {"IoUid = [1]", "\"IoUid\": want an integer, found an array"},
           {"IoUid.x = 1", "\"IoUid\": want an integer, found a table"},
           {"IoUid = -1", "\"IoUid\": -1 is not between 0 and 4294967295"},
           {"IoUid = 4294967296", "\"IoUid\": 4294967296 is not between 0 and 4294967295"},
       }) {
    const auto got = Generate<runc::v1::Options>(kRuntimeRuncV2, toml);
    EXPECT_TRUE(errdefs::IsInvalidArgument(got.status())) << toml;
    EXPECT_TRUE(std::string(got.status().message()).ends_with(want)) << got.status();
  }
  for (const char* body : {"[256]", "[-1]", "['a']", "'text'"}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(
        Generate<runtimeoptions::v1::Options>("own", "ConfigBody = " + std::string(body)).status()))
        << body;
  }
}

TEST(RuntimeOptionsTest, TextThatIsNoTOML) {
  for (const char* toml : {"=", "a = ", "a = 1\na = 2", "[a", "a = 9223372036854775808", "\xff",
                           "a = 1\n[a]\nb = 1", "a = \"\n\""}) {
    const auto got = ParseTOML(toml);
    EXPECT_TRUE(errdefs::IsInvalidArgument(got.status())) << toml << got.status();
  }
  EXPECT_NE(ParseTOML("a = 1\nb = ").status().message().find("line 2"), std::string_view::npos);
  EXPECT_TRUE(errdefs::IsResourceExhausted(ParseTOML(std::string(2 << 20, ' ')).status()));
}

TEST(ValueTest, FormatTOMLIsReadAsTheSameTable) {
  const std::vector<std::string> texts = {"",
                                          "a",
                                          "a b",
                                          "a.b",
                                          "\"",
                                          "'",
                                          "\"\"\"\n",
                                          "'''\n",
                                          "\n",
                                          "\n\nend",
                                          "a\r\nb",
                                          "\t",
                                          "a\\",
                                          "\\u0041",
                                          "\x01\x1f\x7f",
                                          "tail\"\n",
                                          "\u00fc\u4e16",
                                          "\u0085\u2028",
                                          "[x]",
                                          "# no comment",
                                          "true",
                                          "1979-05-27",
                                          std::string("\0", 1)};
  Value::Table table;
  Value::Array all;
  for (const std::string& text : texts) {
    table.insert_or_assign(text, text);
    table.insert_or_assign("in" + text, Value::Table{{text, Value::Table{{text, text}}}});
    all.emplace_back(text);
  }
  all.emplace_back(Value::Array{});
  all.emplace_back(Value::Table{});
  all.emplace_back(Value::Table{{"x y", Value::Array{1, 2}}, {"z", Value::Table{{"", false}}}});
  table.insert_or_assign("all", all);
  table.insert_or_assign(
      "numbers", Value::Array{0, -1, std::numeric_limits<std::int64_t>::min(), 0.0, 1.0, -2.5, 0.1,
                              1e300, 5e-324, std::numeric_limits<double>::infinity()});
  table.insert_or_assign("empty", Value::Table{});
  const auto read = ParseTOML(FormatTOML(table));
  ASSERT_TRUE(read.ok()) << read.status() << FormatTOML(table);
  EXPECT_EQ(*read, table) << FormatTOML(table);
  EXPECT_EQ(FormatTOML({}), "");
}

TEST(ValueTest, TimesStayTimes) {
  const auto times = ParseTOML(
      "a = 1979-05-27\nb = 07:32:00.5\nc = 1979-05-27T07:32:00-07:00\nd = 1979-05-27 07:32:00Z\n"
      "[e]\nf = [1979-05-27T00:32:00.999999]");
  ASSERT_TRUE(times.ok()) << times.status();
  EXPECT_NE(times->at("a").As<Value::Time>(), nullptr);
  EXPECT_EQ(*ParseTOML(FormatTOML(*times)), *times);
  // What is none is a text, and nothing comes in with one.
  EXPECT_EQ(*ParseTOML(FormatTOML(
                {{"t", Value::Time{"1979-05-27\nx = 1"}}, {"u", Value::Time{"yesterday"}}})),
            (Value::Table{{"t", Value::Time{"1979-05-27"}}, {"u", "yesterday"}}));
}

TEST(RuntimeOptionsTest, ATableThatIsNoTOMLIsRefused) {
  for (const Value::Table& table : {Value::Table{{"\xff", 1}}, Value::Table{{"a", "\xff"}},
                                    Value::Table{{"a", std::string(2 << 20, 'x')}}}) {
    const auto any = GenerateRuntimeOptions({.type = "own", .options = table}, {});
    EXPECT_FALSE(any.ok());
    EXPECT_NE(any.status().message().find("runtime own"), std::string_view::npos) << any.status();
  }
}

TEST(RuntimeOptionsTest, RunhcsIsNotSupported) {
  EXPECT_TRUE(errdefs::IsNotImplemented(GetRuntimeOptionsType(kRuntimeRunhcsV1).status()));
  EXPECT_TRUE(errdefs::IsNotImplemented(
      GenerateRuntimeOptions({.type = kRuntimeRunhcsV1, .options = Value::Table()}, {}).status()));
}

TEST(RuntimeOptionsTest, OfARecord) {
  containers::Container record{.id = "web"};
  EXPECT_FALSE(GetRuntimeOptions(record)->has_value());

  record.runtime.options.type_url = "containerd.runc.v1.Options";
  EXPECT_FALSE(GetRuntimeOptions(record)->has_value());  // without a value

  runc::v1::Options options;
  options.set_systemd_cgroup(true);
  record.runtime.options = *typeurl::MarshalAny(options);
  const auto got = GetRuntimeOptions(record);
  ASSERT_TRUE(got.ok()) << got.status();
  const auto* message = std::any_cast<std::shared_ptr<google::protobuf::Message>>(&*got);
  ASSERT_NE(message, nullptr);
  EXPECT_TRUE(dynamic_cast<const runc::v1::Options&>(**message).systemd_cgroup());

  record.runtime.options.type_url = "nobody.knows.it";
  EXPECT_TRUE(errdefs::IsNotFound(GetRuntimeOptions(record).status()));
  EXPECT_NE(GetRuntimeOptions(record).status().message().find("web"), std::string_view::npos);
  record.runtime.options = {"containerd.runc.v1.Options", "\xff"};
  EXPECT_TRUE(errdefs::IsInvalidArgument(GetRuntimeOptions(record).status()));
}

}  // namespace
}  // namespace containerd::cri
