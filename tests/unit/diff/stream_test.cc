// SPDX-License-Identifier: Apache-2.0
#include "containerd/diff/stream.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/testing/image_builder.h"
#include "containerd/typeurl/proto.h"

namespace containerd::diff {
namespace {

using ::testing::HasSubstr;

Context Soon() { return WithTimeout(Context::Background(), absl::Seconds(60)); }

absl::StatusOr<std::string> ReadAll(StreamProcessor& stream) {
  return io::ReadAll(Soon(), stream, std::size_t{64} << 20);
}

TEST(GetProcessor, InflatesWhatTheMediaTypeSays) {
  const std::string layer(100'000, 'x');
  struct Case {
    const char* media_type;
    compression::Compression how;
  };
  for (const Case& c : std::vector<Case>{
           {ocispec::kMediaTypeImageLayer, compression::Compression::kUncompressed},
           {ocispec::kMediaTypeImageLayerGzip, compression::Compression::kGzip},
           {ocispec::kMediaTypeImageLayerZstd, compression::Compression::kZstd},
           {images::kMediaTypeDockerSchema2LayerGzip, compression::Compression::kGzip},
           // Docker's types may be anything.
           {images::kMediaTypeDockerSchema2Layer, compression::Compression::kZstd},
       }) {
    SCOPED_TRACE(c.media_type);
    io::StringReader blob(testing::Compressed(layer, c.how));
    auto stream = NewProcessorChain(c.media_type, blob);
    EXPECT_EQ(stream->MediaType(), c.media_type);
    auto processor = GetProcessor(Soon(), std::move(stream));
    ASSERT_TRUE(processor.ok()) << processor.status();
    EXPECT_EQ((*processor)->MediaType(), ocispec::kMediaTypeImageLayer);
    EXPECT_EQ(*ReadAll(**processor), layer);
  }
}

TEST(GetProcessor, AsksTheLastHandlerFirst) {
  io::StringReader blob("abc");
  auto none = GetProcessor(Soon(), NewProcessorChain("text/x-test", blob));
  EXPECT_TRUE(IsErrNoProcessor(none.status())) << none.status();
  EXPECT_TRUE(errdefs::IsNotImplemented(none.status()));
  EXPECT_FALSE(IsErrNoProcessor(errdefs::NotImplemented("other")));

  for (const char* to : {"text/first", "text/second"}) {
    RegisterProcessor(StaticHandler(
        "text/x-test",
        [to](const Context&, std::unique_ptr<StreamProcessor> stream,
             const Payloads& payloads) -> absl::StatusOr<std::unique_ptr<StreamProcessor>> {
          if (payloads.contains("fail")) return errdefs::Aborted("no");
          return NewProcessorChain(to, *stream);
        }));
  }
  auto last = GetProcessor(Soon(), NewProcessorChain("text/x-test", blob));
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ((*last)->MediaType(), "text/second");
  EXPECT_TRUE(errdefs::IsAborted(
      GetProcessor(Soon(), NewProcessorChain("text/x-test", blob), {{"fail", {}}}).status()));
}

absl::StatusOr<std::unique_ptr<StreamProcessor>> Sh(const std::string& script,
                                                    std::unique_ptr<StreamProcessor> stream,
                                                    const typeurl::Any* payload = nullptr,
                                                    const Context& ctx = Soon()) {
  const std::string media_type = stream->MediaType();
  return NewBinaryProcessor(ctx, media_type, "text/out", std::move(stream), "sh", {"-c", script},
                            {"FROM_CALLER=yes"}, payload);
}

TEST(BinaryProcessor, TransformsAndChains) {
  const std::string text(3'000'000, 'a');
  io::StringReader blob(text);
  auto first = Sh("tr a b", NewProcessorChain("text/in", blob));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ((*first)->MediaType(), "text/out");
  EXPECT_NE(dynamic_cast<RawProcessor*>(first->get()), nullptr);
  // The second reads the output of the first without us.
  auto second = Sh("tr b c", *std::move(first));
  ASSERT_TRUE(second.ok()) << second.status();
  const auto out = ReadAll(**second);
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_TRUE(*out == std::string(text.size(), 'c')) << out->size();
}

TEST(BinaryProcessor, HasEnvironmentAndPayload) {
  io::StringReader blob("");
  auto env = Sh("echo $STREAM_PROCESSOR_MEDIATYPE $FROM_CALLER; test -n \"$PATH\" && echo path",
                NewProcessorChain("text/in", blob));
  ASSERT_TRUE(env.ok()) << env.status();
  EXPECT_EQ(*ReadAll(**env), "text/in yes\npath\n");

  const typeurl::Any payload{.type_url = "the.Type", .value = std::string(200'000, 'p')};
  const Handler handler = BinaryHandler("id", "text/out", {"text/in"}, "sh", {"-c", "cat <&3"}, {});
  EXPECT_EQ(handler(Soon(), "text/other"), nullptr);
  auto processor =
      handler(Soon(), "text/in")(Soon(), NewProcessorChain("text/in", blob), {{"id", payload}});
  ASSERT_TRUE(processor.ok()) << processor.status();
  google::protobuf::Any any;
  ASSERT_TRUE(any.ParseFromString(*ReadAll(**processor)));
  EXPECT_EQ(typeurl::FromProto(any), payload);
}

class BadReader final : public io::Reader {
 public:
  absl::StatusOr<std::size_t> Read(const Context& /*ctx*/, std::span<char> /*buf*/) override {
    return errdefs::DataLoss("bad blob");
  }
};

TEST(BinaryProcessor, Failures) {
  io::StringReader blob("abc");
  auto failing = Sh("cat; echo no key >&2; exit 3", NewProcessorChain("text/in", blob));
  ASSERT_TRUE(failing.ok()) << failing.status();
  auto out = ReadAll(**failing);
  EXPECT_THAT(std::string(errdefs::Message(out.status())),
              HasSubstr("\"sh\" failed with status 3: no key"));

  io::StringReader big(std::string(3'000'000, 'x'));
  auto impatient = Sh("exec 0</dev/null; echo done", NewProcessorChain("text/in", big));
  ASSERT_TRUE(impatient.ok());
  out = ReadAll(**impatient);
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ(*out, "done\n");

  BadReader bad;
  auto fed_badly = Sh("cat", NewProcessorChain("text/in", bad));
  ASSERT_TRUE(fed_badly.ok());
  EXPECT_TRUE(errdefs::IsDataLoss(ReadAll(**fed_badly).status()));

  const auto missing =
      NewBinaryProcessor(Soon(), "text/in", "text/out", NewProcessorChain("text/in", blob),
                         "/no/such/program", {}, {}, nullptr);
  EXPECT_TRUE(errdefs::IsNotFound(missing.status())) << missing.status();
}

TEST(BinaryProcessor, IsKilled) {
  io::StringReader blob("abc");
  // By the context that it was started with …
  auto [ctx, cancel] = WithCancel(Soon());
  auto hanging = Sh("exec sleep 1000", NewProcessorChain("text/in", blob), nullptr, ctx);
  ASSERT_TRUE(hanging.ok());
  cancel();
  EXPECT_THAT(std::string(errdefs::Message(ReadAll(**hanging).status())),
              HasSubstr("was ended by signal 9"));
  // … or by destroying it, also if nobody reads.
  auto unread = Sh("exec yes", NewProcessorChain("text/in", blob));
  ASSERT_TRUE(unread.ok());
  unread->reset();
  // The reader's context ends the reading only.
  auto slow = Sh("exec sleep 1000", NewProcessorChain("text/in", blob));
  ASSERT_TRUE(slow.ok());
  char buf[1];
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(
      (*slow)->Read(WithTimeout(Context::Background(), absl::Milliseconds(20)), buf).status()));
}

}  // namespace
}  // namespace containerd::diff
