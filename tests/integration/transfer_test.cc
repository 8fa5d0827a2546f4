// SPDX-License-Identifier: Apache-2.0
//
// The transfer and streaming services of a real daemon.
#include "containerd/transfer/transfer.h"

#include <atomic>
#include <fstream>
#include <future>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/store.h"
#include "containerd/streaming/proxy.h"
#include "containerd/transfer/byte_stream.h"
#include "containerd/types/transfer/imagestore.pb.h"
#include "containerd/types/transfer/importexport.pb.h"
#include "containerd/typeurl/typeurl.h"

#include "harness.h"

namespace containerd {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

typeurl::Any Packed(const google::protobuf::Message& message) {
  return {.type_url = message.GetDescriptor()->full_name(), .value = message.SerializeAsString()};
}

typeurl::Any ImageNamed(const std::string& name) {
  types::transfer::ImageStore store;
  store.set_name(name);
  return Packed(store);
}

class TransferTest : public ::testing::Test {
 protected:
  void SetUp() override { CONTAINERD_REQUIRE_PLUGIN("io.containerd.grpc.v1", "transfer"); }

  Context ctx() const { return WithTimeout(ns_.ctx(), absl::Minutes(1)); }

  std::shared_ptr<streaming::Stream> NewStream(const std::string& id) {
    auto stream = streams_->Create(ctx(), id);
    EXPECT_TRUE(stream.ok()) << stream.status();
    return stream.ok() ? *stream : nullptr;
  }

  // An archive that a thread sends meanwhile.
  typeurl::Any ImportOf(std::string bytes, const std::string& media_type) {
    types::transfer::ImageImportStream import;
    import.set_stream(transfer::GenerateID("import"));
    import.set_media_type(media_type);
    sending_ = std::async(std::launch::async,
                          [this, stream = NewStream(import.stream()), bytes = std::move(bytes)] {
                            transfer::ByteWriter writer(stream);
                            absl::Status s = writer.Write(ctx(), bytes);
                            return s.ok() ? writer.Close() : s;
                          });
    return Packed(import);
  }

  const std::shared_ptr<Client> client_ = testing::SharedClient();
  const testing::TestNamespace ns_{*client_};
  const std::shared_ptr<streaming::StreamCreator> streams_ =
      streaming::NewStreamCreator(client_->Connection());
  const std::shared_ptr<transfer::Transferrer> transfer_ = client_->TransferService();
  std::future<absl::Status> sending_;
};

TEST_F(TransferTest, TransferEcho) {
  std::string big;
  for (int i = 0; i < 17 * 1024; ++i) big += "somecontent";
  for (const std::string& content : {big, std::string("somecontent"), std::string()}) {
    types::transfer::ImageExportStream to;
    to.set_stream(transfer::GenerateID("export"));
    to.set_media_type("application/octet-stream");
    auto receiving = std::async(std::launch::async, [this, stream = NewStream(to.stream())] {
      transfer::ByteReader reader(stream);
      return io::ReadAll(ctx(), reader, 16 << 20);
    });
    const absl::Status s =
        transfer_->Transfer(ctx(), ImportOf(content, to.media_type()), Packed(to));
    EXPECT_TRUE(s.ok()) << s;
    EXPECT_TRUE(sending_.get().ok());
    const auto got = receiving.get();
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_TRUE(*got == content) << got->size() << " bytes of " << content.size();
  }
}

TEST_F(TransferTest, ImportAndTagWithProgress) {
  std::ifstream file(testing::BusyboxArchive(), std::ios::binary);
  const std::string archive{std::istreambuf_iterator<char>(file), {}};
  types::transfer::ImageStore to;
  to.add_extra_references()->set_name("docker.io/library/");
  to.mutable_extra_references(0)->set_is_prefix(true);
  to.mutable_extra_references(0)->set_allow_overwrite(true);
  std::vector<std::string> seen;
  absl::Status s = transfer_->Transfer(
      ctx(), ImportOf(archive, ""), Packed(to),
      {transfer::WithProgress([&](const transfer::Progress& p) { seen.push_back(p.event); })});
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_TRUE(sending_.get().ok());
  EXPECT_THAT(seen, Contains(HasSubstr("Importing")));
  EXPECT_THAT(seen, Contains(HasSubstr("Completed import")));
  const auto image = client_->ImageService()->Get(ctx(), testing::kBusyboxName);
  ASSERT_TRUE(image.ok()) << image.status();

  const std::string tag = "example.com/tagged:1";
  s = transfer_->Transfer(ctx(), ImageNamed(testing::kBusyboxName), ImageNamed(tag));
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_EQ(client_->ImageService()->Get(ctx(), tag)->target.digest, image->target.digest);
}

TEST_F(TransferTest, Errors) {
  absl::Status s =
      transfer_->Transfer(ctx(), ImageNamed("example.com/no/such:1"), ImageNamed("example.com/x:1"),
                          {transfer::WithProgress([](const transfer::Progress&) {})});
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("example.com/no/such:1"));

  types::transfer::ImageExportStream to;
  to.set_stream("no-such-stream");
  s = transfer_->Transfer(ctx(), ImageNamed("x"), Packed(to));
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;

  s = transfer_->Transfer(ctx(), {.type_url = "no.such.Type"}, ImageNamed("x"));
  EXPECT_FALSE(s.ok());
}

TEST_F(TransferTest, StreamIdsAreUnique) {
  const auto first = NewStream("one");
  const absl::Status s = streams_->Create(ctx(), "one").status();
  EXPECT_FALSE(s.ok());
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("already exists"));
}

TEST(Transfer, OldDaemonsSayThatTheyDoNotKnowIt) {
  if (testing::HasPlugin("io.containerd.grpc.v1", "transfer")) {
    GTEST_SKIP() << "the daemon has the transfer service";
  }
  const auto client = testing::SharedClient();
  const Context ctx = WithNamespace(Context::Background(), "x");
  EXPECT_TRUE(errdefs::IsNotImplemented(
      client->TransferService()->Transfer(ctx, ImageNamed("a"), ImageNamed("b"))));
  EXPECT_TRUE(errdefs::IsNotImplemented(
      streaming::NewStreamCreator(client->Connection())->Create(ctx, "s").status()));
}

}  // namespace
}  // namespace containerd
