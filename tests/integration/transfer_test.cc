// SPDX-License-Identifier: Apache-2.0
//
// The transfer and streaming services of a real daemon.
#include "containerd/transfer/transfer.h"

#include <atomic>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/store.h"
#include "containerd/streaming/streaming.h"
#include "containerd/transfer/archive.h"
#include "containerd/transfer/byte_stream.h"
#include "containerd/transfer/image.h"
#include "containerd/transfer/registry.h"
#include "containerd/types/transfer/imagestore.pb.h"
#include "containerd/types/transfer/importexport.pb.h"
#include "containerd/typeurl/typeurl.h"

#include "container_fixture.h"
#include "harness.h"
#include "registry.h"

namespace containerd::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

// ---- With the library's own objects.

namespace timage = transfer::image;
namespace tarchive = transfer::archive;

class TransferObjectsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    CONTAINERD_REQUIRE_PLUGIN("io.containerd.grpc.v1", "transfer");
    auto image = ImportBusybox(*client_, ctx_);
    ASSERT_TRUE(image.ok()) << image.status();
    target_ = image->Target();
  }

  static std::shared_ptr<io::Reader> Archive(std::string bytes) {
    return std::make_shared<io::StringReader>(std::move(bytes));
  }

  // That a namespace has the image, with all of its content, by letting it be unpacked.
  void ExpectWhole(const Context& ctx, const std::string& ref) {
    auto image = client_->GetImage(ctx, ref);
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(image->Target().digest, target_.digest);
    const absl::Status s = image->Unpack(ctx, "");
    EXPECT_TRUE(s.ok()) << s;
  }

  std::shared_ptr<Client> client_ = SharedClient();
  const TestNamespace ns_{*client_};
  const Context ctx_ = ns_.ctx();
  ocispec::Descriptor target_;
};

class OneUser final : public transfer::registry::CredentialHelper {
 public:
  explicit OneUser(std::string secret) : secret_(std::move(secret)) {}
  absl::StatusOr<transfer::registry::Credentials> GetCredentials(const Context& /*ctx*/,
                                                                 std::string_view /*ref*/,
                                                                 std::string_view host) override {
    ++asked_;
    if (secret_.empty()) return errdefs::Unauthenticated("keyring is locked");
    return transfer::registry::Credentials{
        .host = std::string(host), .username = "user1", .secret = secret_};
  }
  int asked() const { return asked_; }

 private:
  const std::string secret_;
  std::atomic<int> asked_ = 0;
};

// With a daemon that trusts the registry: those before 2.0 do not try plain HTTP by themselves.
class TransferRegistryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    CONTAINERD_REQUIRE_PLUGIN("io.containerd.grpc.v1", "transfer");
    CONTAINERD_REQUIRE_REGISTRY;
    const std::string ca = dir_.path() + "/ca.pem";
    std::ofstream(ca) << ca_.cert;
    daemon_ = std::make_unique<PrivateDaemon>(
        std::vector<supervisor::DaemonOpt>{supervisor::WithEnv("SSL_CERT_FILE", ca)});
    client_ = daemon_->client();
    ns_ = std::make_unique<TestNamespace>(*client_);
    options_.tls = &cert_;
    auto image = ImportBusybox(*client_, ctx());
    ASSERT_TRUE(image.ok()) << image.status();
    target_ = image->Target();
  }

  const Context& ctx() const { return ns_->ctx(); }

  absl::Status Pull(
      const Context& ctx, const std::string& ref,
      const std::vector<transfer::registry::Opt>& opts = {},
      const transfer::ProgressFunc& progress = [](const auto&) {}) {
    auto registry = transfer::registry::NewOCIRegistry(ctx, ref, opts);
    if (!registry.ok()) return registry.status();
    return client_->Transfer(ctx, *registry, timage::NewStore(ref),
                             {transfer::WithProgress(progress)});
  }

  absl::Status PushBusybox(
      const std::string& ref, const std::vector<transfer::registry::Opt>& opts = {},
      const transfer::ProgressFunc& progress = [](const auto&) {}) {
    auto registry = transfer::registry::NewOCIRegistry(ctx(), ref, opts);
    if (!registry.ok()) return registry.status();
    return client_->Transfer(ctx(), timage::NewStore(kBusyboxName), *registry,
                             {transfer::WithProgress(progress)});
  }

  const TestCert ca_ = MakeCert("ca");
  const TestCert cert_ = MakeCert("server", &ca_);
  const TestDir dir_;
  std::unique_ptr<PrivateDaemon> daemon_;
  std::shared_ptr<Client> client_;
  std::unique_ptr<TestNamespace> ns_;
  Registry::Options options_;
  ocispec::Descriptor target_;
};

TEST_F(TransferRegistryTest, PushAndPullWithCredentials) {
  options_.htpasswd = true;
  const Registry registry(options_);
  const std::string ref = registry.Ref("busybox:1");
  const auto helper = std::make_shared<OneUser>("password1");
  std::vector<std::string> events;
  const auto note = [&](const transfer::Progress& p) { events.push_back(p.event); };
  absl::Status s = PushBusybox(ref, {transfer::registry::WithCredentials(helper)}, note);
  ASSERT_TRUE(s.ok()) << s << registry.Log();
  EXPECT_GE(helper->asked(), 1);
  EXPECT_THAT(events, Contains(HasSubstr("Pushing")));
  EXPECT_THAT(events, Contains(HasSubstr("Completed")));

  const TestNamespace other{*client_};
  events.clear();
  s = Pull(other.ctx(), ref, {transfer::registry::WithCredentials(helper)}, note);
  ASSERT_TRUE(s.ok()) << s << registry.Log();
  EXPECT_THAT(events, Contains(HasSubstr("Resolving")));
  EXPECT_THAT(events, Contains(HasSubstr("complete")));
  auto image = client_->GetImage(other.ctx(), ref);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->Target().digest, target_.digest);
  const absl::Status unpacked = image->Unpack(other.ctx(), "");
  EXPECT_TRUE(unpacked.ok()) << unpacked;

  // Without credentials, with wrong ones, and with a helper that fails.
  const TestNamespace third{*client_};
  s = Pull(third.ctx(), ref);
  EXPECT_FALSE(s.ok());
  s = Pull(third.ctx(), ref,
           {transfer::registry::WithCredentials(std::make_shared<OneUser>("password2"))});
  EXPECT_FALSE(s.ok());
  const auto locked = std::make_shared<OneUser>("");
  s = Pull(third.ctx(), ref, {transfer::registry::WithCredentials(locked)});
  EXPECT_TRUE(errdefs::IsUnauthorized(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("keyring is locked"));
  EXPECT_THAT(*client_->ImageService()->List(third.ctx()), IsEmpty());
}

TEST_F(TransferRegistryTest, PullUnpacks) {
  const Registry registry(options_);
  const std::string ref = registry.Ref("busybox:1");
  absl::Status s = PushBusybox(ref);
  ASSERT_TRUE(s.ok()) << s << registry.Log();
  auto object = transfer::registry::NewOCIRegistry(ctx(), ref);
  ASSERT_TRUE(object.ok());
  // From here, too: the loopback's certificate is not looked at.
  const auto resolved = object->Resolve(ctx());
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->desc.digest, target_.digest);

  const TestNamespace other{*client_};
  s = client_->Transfer(other.ctx(), *object,
                        timage::NewStore(ref, {timage::WithUnpack(platforms::DefaultSpec(), ""),
                                               timage::WithPlatforms({platforms::DefaultSpec()}),
                                               timage::WithImageLabels({{"a", "b"}})}));
  ASSERT_TRUE(s.ok()) << s << registry.Log();
  const auto image = client_->GetImage(other.ctx(), ref);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->Labels().at("a"), "b");
  // Transfer unpacks with the daemon's default snapshotter.
  const auto unpacked = image->IsUnpacked(other.ctx(), "overlayfs");
  ASSERT_TRUE(unpacked.ok()) << unpacked.status();
  EXPECT_TRUE(*unpacked);
}

TEST_F(TransferRegistryTest, PullOfNothing) {
  const Registry registry(options_);
  const absl::Status s = Pull(ctx(), registry.Ref("no/such:1"));
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  auto [ended, cancel] = WithCancel(ctx());
  cancel();
  EXPECT_TRUE(errdefs::IsCanceled(Pull(ended, registry.Ref("no/such:1"))));
}

// Daemons before 2.1 know nothing of it, and log nothing.
TEST_F(TransferRegistryTest, RequestsAreLoggedToTheClient) {
  const Registry registry(options_);
  const std::string ref = registry.Ref("busybox:1");
  ASSERT_TRUE(PushBusybox(ref).ok());
  std::string log;
  const absl::Status s =
      Pull(ctx(), ref,
           {transfer::registry::WithHTTPDebug(),
            transfer::registry::WithClientStream(std::make_shared<io::StringWriter>(&log))});
  ASSERT_TRUE(s.ok()) << s;
  if (log.empty()) GTEST_SKIP() << "the daemon does not log requests to clients";
  EXPECT_THAT(log, HasSubstr("/v2/busybox/manifests/1"));
}

TEST_F(TransferObjectsTest, ExportedArchivesAreWhole) {
  std::string first;
  for (int i = 0; i < 10; ++i) {
    std::string out;
    std::vector<std::string> events;
    const absl::Status s = client_->Transfer(
        ctx_, timage::NewStore(kBusyboxName),
        tarchive::NewImageExportStream(std::make_shared<io::StringWriter>(&out)),
        {transfer::WithProgress([&](const transfer::Progress& p) { events.push_back(p.event); })});
    ASSERT_TRUE(s.ok()) << s;
    EXPECT_THAT(events, Contains("Completed export"));
    if (i == 0) first = out;
    EXPECT_TRUE(out == first) << out.size() << " and " << first.size() << " bytes";
  }
  const TestNamespace other{*client_};
  io::StringReader reader(first);
  ASSERT_TRUE(client_->Import(other.ctx(), reader).ok());
  ExpectWhole(other.ctx(), kBusyboxName);

  // Into the daemon of another namespace, by the transfer service as well.
  const TestNamespace third{*client_};
  const absl::Status s =
      client_->Transfer(third.ctx(), tarchive::NewImageImportStream(Archive(first)),
                        timage::NewStore("", {timage::WithNamedPrefix("docker.io/library", true)}));
  ASSERT_TRUE(s.ok()) << s;
  ExpectWhole(third.ctx(), kBusyboxName);
}

class BrokenReader final : public io::Reader {
 public:
  explicit BrokenReader(std::string beginning) : beginning_(std::move(beginning)) {}
  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    const auto n = beginning_.Read(ctx, buf);
    if (!n.ok() || *n > 0) return n;
    return errdefs::DataLoss("bad disk");
  }

 private:
  io::StringReader beginning_;
};

class FullDisk final : public io::Writer {
 public:
  absl::Status Write(const Context& /*ctx*/, std::string_view /*data*/) override {
    return errdefs::ResourceExhausted("disk full");
  }
};

TEST_F(TransferObjectsTest, BadArchivesAndDisks) {
  const TestNamespace other{*client_};
  const auto into = timage::NewStore("", {timage::WithNamedPrefix("docker.io/library", true)});
  absl::Status s =
      client_->Transfer(other.ctx(), tarchive::NewImageImportStream(Archive("no archive")), into);
  EXPECT_FALSE(s.ok());
  const std::string whole = testing::ReadFile(BusyboxArchive());
  s = client_->Transfer(other.ctx(),
                        tarchive::NewImageImportStream(Archive(whole.substr(0, whole.size() / 2))),
                        into);
  EXPECT_FALSE(s.ok());
  s = client_->Transfer(other.ctx(),
                        tarchive::NewImageImportStream(
                            std::make_shared<BrokenReader>(whole.substr(0, whole.size() / 2))),
                        into);
  EXPECT_TRUE(errdefs::IsDataLoss(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("bad disk"));
  s = client_->Transfer(ctx_, timage::NewStore(kBusyboxName),
                        tarchive::NewImageExportStream(std::make_shared<FullDisk>()));
  EXPECT_TRUE(errdefs::IsResourceExhausted(s)) << s;
  std::string out;
  s = client_->Transfer(ctx_, timage::NewStore("no-such-image"),
                        tarchive::NewImageExportStream(std::make_shared<io::StringWriter>(&out)));
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  EXPECT_THAT(*client_->ImageService()->List(other.ctx()), IsEmpty());
}

TEST_F(TransferObjectsTest, Tag) {
  const absl::Status s = client_->Transfer(ctx_, timage::NewStore(kBusyboxName),
                                           timage::NewStore("example.com/tagged:1"));
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_EQ(client_->ImageService()->Get(ctx_, "example.com/tagged:1")->target.digest,
            target_.digest);
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
}  // namespace containerd::testing
