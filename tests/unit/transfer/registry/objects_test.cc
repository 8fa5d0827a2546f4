// SPDX-License-Identifier: Apache-2.0
//
// The objects of a transfer: what they say to a daemon, what they do while it transfers, and what
// they do without one.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/annotations.h"
#include "containerd/images/image.h"
#include "containerd/ocispec/annotations.h"
#include "containerd/testing/image_builder.h"
#include "containerd/testing/stores.h"
#include "containerd/transfer/archive.h"
#include "containerd/transfer/byte_stream.h"
#include "containerd/transfer/image.h"
#include "containerd/transfer/registry.h"
#include "containerd/types/transfer/imagestore.pb.h"
#include "containerd/types/transfer/importexport.pb.h"
#include "containerd/types/transfer/registry.pb.h"
#include "containerd/typeurl/typeurl.h"

#include "src/transfer/internal/pump.h"
#include "tests/support/memory_store.h"
#include "tests/support/stream_pipe.h"

namespace containerd::transfer {
namespace {

using namespace ::containerd::testing;  // NOLINT(google-build-using-namespace): the builder
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace pb = types::transfer;

const Context kCtx = WithNamespace(Context::Background(), "test");

// Of a daemon: the streams that it is asked for, and pumps on threads of their own.
class Daemon {
 public:
  Daemon() {
    std::tie(ctx_, cancel_) = WithCancel(WithTimeout(Context::Background(), absl::Seconds(60)));
    std::tie(transferring_, answer_) = WithCancel(ctx_);
  }
  ~Daemon() {
    cancel_();
    Join();
  }

  template <class T>
  T Marshal(const Object& object) {
    auto any = object.MarshalAny(ctx_, streams_, pumps_);
    EXPECT_TRUE(any.ok()) << any.status();
    auto message = typeurl::UnmarshalAny<T>(any.value_or(typeurl::Any()));
    EXPECT_TRUE(message.ok()) << message.status();
    return message.value_or(T());
  }

  void Run() {
    results_.resize(pumps_.size());
    for (std::size_t i = 0; i < pumps_.size(); ++i) {
      threads_.emplace_back([this, i, pump = std::move(pumps_[i])]() mutable {
        results_[i] = pump(ctx_, transferring_);
        pump = nullptr;
      });
    }
    pumps_.clear();
  }
  void Answer() { answer_(); }
  std::vector<PumpResult> Join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return results_;
  }

  std::shared_ptr<streaming::Stream> Stream(const std::string& id) {
    const auto pipe = streams_.pipes.at(id);
    return {pipe, pipe->right.get()};
  }
  std::size_t streams() const { return streams_.pipes.size(); }
  const Context& ctx() const { return ctx_; }
  CancelFunc cancel() const { return cancel_; }

 private:
  Context ctx_;
  CancelFunc cancel_;
  Context transferring_;
  CancelFunc answer_;
  PipeCreator streams_;
  std::vector<Pump> pumps_;
  std::vector<std::thread> threads_;
  std::vector<PumpResult> results_;
};

// ---- Images.

ocispec::Platform PlatformOf(const std::string& text) { return *platforms::Parse(text); }

TEST(ImageStore, Message) {
  Daemon daemon;
  const image::Store store = image::NewStore(
      "example.com/a:1",
      {image::WithImageLabels({{"k", "v"}}),
       image::WithPlatforms({PlatformOf("linux/arm64/v8"), PlatformOf("linux/amd64")}),
       image::WithManifestLimit(3), image::WithAllMetadata(),
       image::WithNamedPrefix("prefix", true), image::WithDigestRef("digest", false, true),
       image::WithExtraReference("extra:1"),
       image::WithUnpack(PlatformOf("linux/amd64"), "native")});
  EXPECT_EQ(store.String(), "Local Image Store (example.com/a:1)");
  const auto message = daemon.Marshal<pb::ImageStore>(store);
  EXPECT_EQ(message.name(), "example.com/a:1");
  EXPECT_EQ(message.labels().at("k"), "v");
  ASSERT_EQ(message.platforms_size(), 2);
  EXPECT_EQ(message.platforms(0).architecture(), "arm64");
  EXPECT_EQ(message.manifest_limit(), 3U);
  EXPECT_TRUE(message.all_metadata());
  ASSERT_EQ(message.extra_references_size(), 3);
  EXPECT_TRUE(message.extra_references(0).is_prefix());
  EXPECT_TRUE(message.extra_references(0).allow_overwrite());
  EXPECT_FALSE(message.extra_references(0).add_digest());
  EXPECT_TRUE(message.extra_references(1).add_digest());
  EXPECT_TRUE(message.extra_references(1).skip_named_digest());
  EXPECT_EQ(message.extra_references(2).name(), "extra:1");
  EXPECT_FALSE(message.extra_references(2).is_prefix());
  ASSERT_EQ(message.unpacks_size(), 1);
  EXPECT_EQ(message.unpacks(0).snapshotter(), "native");
  EXPECT_EQ(message.unpacks(0).platform().os(), "linux");
  EXPECT_EQ(daemon.streams(), 0U);
  EXPECT_THAT(store.Platforms(), SizeIs(2));
  EXPECT_EQ(store.UnpackPlatforms().at(0).snapshotter, "native");
}

TEST(ImageStore, NamesOfImages) {
  using image::WithDigestRef;
  using image::WithExtraReference;
  using image::WithNamedPrefix;
  struct Case {
    const char* name;
    std::string image;
    std::vector<image::StoreOpt> opts;
    // Where the name is: "OCI" or "containerd" annotation, "none" of them, or it is no import.
    std::vector<std::string> annotations;
    std::string ref;
    std::vector<std::string> want;  // "@": with the digest. Nothing: ErrNotFound.
  };
  const std::vector<Case> cases = {
      {"prefix",
       "",
       {WithNamedPrefix("registry.test/image", false)},
       {"OCI", "containerd"},
       "registry.test/image:latest",
       {"registry.test/image:latest"}},
      {"overwrite",
       "",
       {WithNamedPrefix("placeholder", true)},
       {"OCI", "containerd"},
       "registry.test/image:latest",
       {"registry.test/image:latest"}},
      {"tag only",
       "",
       {WithNamedPrefix("registry.test/image", false)},
       {"OCI"},
       "latest",
       {"registry.test/image:latest"}},
      {"add digest",
       "",
       {WithDigestRef("registry.test/base", false, false)},
       {"none"},
       "",
       {"registry.test/base@"}},
      {"name and digest",
       "",
       {WithDigestRef("registry.test/base", false, false)},
       {"OCI"},
       "latest",
       {"registry.test/base:latest", "registry.test/base@"}},
      {"name, skip digest",
       "",
       {WithDigestRef("registry.test/base", false, true)},
       {"OCI"},
       "latest",
       {"registry.test/base:latest"}},
      {"overwrite, name and digest",
       "",
       {WithDigestRef("base-name", true, false)},
       {"OCI", "containerd"},
       "registry.test/base:latest",
       {"registry.test/base:latest", "base-name@"}},
      {"overwrite, skip digest",
       "",
       {WithDigestRef("base-name", true, true)},
       {"OCI", "containerd"},
       "registry.test/base:latest",
       {"registry.test/base:latest"}},
      {"reference not found",
       "",
       {WithNamedPrefix("registry.test/image", false)},
       {"OCI", "containerd"},
       "registry.test/base:latest",
       {}},
      {"no reference", "", {}, {"none", "no import"}, "", {}},
      {"image name",
       "registry.test/index:latest",
       {},
       {"no import"},
       "",
       {"registry.test/index:latest"}},
      {"image name and digest",
       "registry.test/index:latest",
       {WithDigestRef("registry.test/base", false, false)},
       {"no import"},
       "",
       {"registry.test/index:latest", "registry.test/base@"}},
      {"image name and extra reference",
       "registry.test/index:latest",
       {WithExtraReference("registry.test/extra:v1")},
       {"no import"},
       "",
       {"registry.test/index:latest", "registry.test/extra:v1"}},
      {"image name and digest, skip named",
       "registry.test/index:latest",
       {WithDigestRef("registry.test/base", false, true)},
       {"no import"},
       "",
       {"registry.test/index:latest", "registry.test/base@"}},
  };
  for (const Case& c : cases) {
    for (const std::string& annotation : c.annotations) {
      SCOPED_TRACE(fmt::format("{}, {}", c.name, annotation));
      ocispec::Descriptor desc = testing::Describe(ocispec::kMediaTypeImageManifest, c.name);
      if (annotation != "no import") {
        desc.annotations["io.containerd.import.ref-source"] = "annotation";
      }
      if (annotation == "OCI") desc.annotations[ocispec::kAnnotationRefName] = c.ref;
      if (annotation == "containerd") desc.annotations[images::kAnnotationImageName] = c.ref;
      const auto images = MemoryStores().images;
      const auto stored = image::NewStore(c.image, c.opts).StoreImages(kCtx, desc, *images);
      if (c.want.empty()) {
        EXPECT_TRUE(errdefs::IsNotFound(stored.status())) << stored.status();
        continue;
      }
      ASSERT_TRUE(stored.ok()) << stored.status();
      ASSERT_EQ(stored->size(), c.want.size());
      for (std::size_t i = 0; i < c.want.size(); ++i) {
        const images::Image& image = stored->at(i);
        EXPECT_EQ(image.name, c.want[i].ends_with('@') ? c.want[i] + desc.digest : c.want[i]);
        EXPECT_EQ(image.target.digest, desc.digest);
        EXPECT_FALSE(image.target.annotations.contains("io.containerd.import.ref-source"));
        // Besides the first image, images go when that is deleted.
        const bool extra = !c.image.empty() && image.name != c.image;
        EXPECT_EQ(image.labels.contains("containerd.io/gc.bref.image"), extra);
        EXPECT_EQ(image.labels.contains("containerd.io/gc.expire"), extra);
        if (extra) {
          EXPECT_EQ(image.labels.at("containerd.io/gc.bref.image"), c.image);
          absl::Time time;
          std::string error;
          EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full,
                                      image.labels.at("containerd.io/gc.expire"), &time, &error))
              << error;
        }
      }
      // A second time they are changed.
      EXPECT_TRUE(image::NewStore(c.image, c.opts).StoreImages(kCtx, desc, *images).ok());
    }
  }
  const ocispec::Descriptor other{
      .digest = "x", .annotations = {{"io.containerd.import.ref-source", "elsewhere"}}};
  EXPECT_TRUE(errdefs::IsInvalidArgument(
      image::NewStore("a").StoreImages(kCtx, other, *MemoryStores().images).status()));
}

TEST(ImageStore, Lookup) {
  const MemoryStores stores;
  images::Store& images = *stores.images;
  for (const char* name : {"a", "b"}) {
    ASSERT_TRUE(
        images.Create(kCtx, {.name = name, .target = testing::Describe("type", name)}).ok());
  }
  EXPECT_EQ(image::NewStore("a").Get(kCtx, images)->name, "a");
  const auto both = image::NewStore("a", {image::WithExtraReference("b")}).Lookup(kCtx, images);
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_THAT(*both, SizeIs(2));
  EXPECT_TRUE(errdefs::IsNotFound(
      image::NewStore("", {image::WithExtraReference("c")}).Lookup(kCtx, images).status()));
  EXPECT_TRUE(errdefs::IsNotImplemented(
      image::NewStore("", {image::WithNamedPrefix("c", true)}).Lookup(kCtx, images).status()));
}

TEST(ImageStore, Filter) {
  auto store = std::make_shared<MemoryStore>();
  const ocispec::Descriptor index = store->Add("", "index");
  images::Descriptors children;
  for (const char* platform : {"linux/amd64", "linux/arm64", "linux/s390x"}) {
    children.push_back({.media_type = ocispec::kMediaTypeImageManifest,
                        .digest = digest::FromString(platform).String(),
                        .platform = PlatformOf(platform)});
  }
  const images::HandlerFunc all = [&](const Context&, const ocispec::Descriptor&) {
    return children;
  };
  const auto count = [&](const std::vector<image::StoreOpt>& opts) {
    ocispec::Descriptor desc = index;
    desc.media_type = ocispec::kMediaTypeImageIndex;
    return image::NewStore("a", opts).ImageFilter(all, store)({}, desc)->size();
  };
  EXPECT_EQ(count({}), 3U);
  EXPECT_EQ(count({image::WithPlatforms({PlatformOf("linux/arm64")})}), 1U);
  EXPECT_EQ(count({image::WithManifestLimit(2)}), 2U);
  EXPECT_EQ(count({image::WithAllMetadata(), image::WithPlatforms({PlatformOf("linux/arm64")})}),
            3U);
  EXPECT_THAT(store->LabelsOf(index.digest), SizeIs(3));
}

// ---- Archives.

std::string SomeTar() {
  return TarOf({{.name = "dir/", .type = tar::kTypeDir},
                {.name = "empty"},
                {.name = std::string(300, 'n'), .data = std::string(512, 'a')},
                {.name = "link", .type = tar::kTypeSymlink, .link = "empty"},
                {.name = "zeros", .data = std::string(5000, '\0')}});
}

TEST(TarEnd, IsFoundInAnyPieces) {
  const std::string archive = SomeTar();
  ASSERT_EQ(archive.size() % tar::kBlockSize, 0U);
  for (const std::size_t step :
       {std::size_t{1}, std::size_t{511}, std::size_t{512}, std::size_t{10'000}, archive.size()}) {
    TarEnd end;
    std::size_t at = 0;
    for (; at < archive.size() && !end.Seen(); at += step) {
      end.Write(std::string_view(archive).substr(at, step));
    }
    EXPECT_TRUE(end.Seen()) << step;
    EXPECT_GE(at, archive.size()) << step;
  }
  for (const std::string& other :
       {std::string(5000, 'x'), archive.substr(0, archive.size() - 1), std::string()}) {
    TarEnd end;
    end.Write(other);
    EXPECT_FALSE(end.Seen());
  }
  // A size that only 256-based numbers hold.
  std::string huge(tar::kBlockSize, '\0');
  huge[0] = 'h';
  huge[124] = static_cast<char>(0x80);
  huge[130] = 1;
  TarEnd end;
  end.Write(huge);
  end.Write(std::string(10 * tar::kBlockSize, '\0'));
  EXPECT_FALSE(end.Seen());
}

TEST(Export, ArrivesWhole) {
  // The daemon may end the stream, or never do so.
  for (const bool ends : {true, false}) {
    Daemon daemon;
    std::string out;
    const auto object = archive::NewImageExportStream(
        std::make_shared<io::StringWriter>(&out), "",
        {archive::WithPlatform(PlatformOf("linux/arm64")), archive::WithAllPlatforms(),
         archive::WithSkipCompatibilityManifest(), archive::WithSkipNonDistributableBlobs()});
    const auto message = daemon.Marshal<pb::ImageExportStream>(object);
    ASSERT_EQ(message.platforms_size(), 1);
    EXPECT_EQ(message.platforms(0).architecture(), "arm64");
    EXPECT_TRUE(message.all_platforms());
    EXPECT_TRUE(message.skip_compatibility_manifest());
    EXPECT_TRUE(message.skip_non_distributable());
    daemon.Run();
    const std::string archive = SomeTar();
    ByteWriter writer(daemon.Stream(message.stream()));
    ASSERT_TRUE(writer.Write(daemon.ctx(), std::string_view(archive).substr(0, 5000)).ok());
    daemon.Answer();
    ASSERT_TRUE(writer.Write(daemon.ctx(), std::string_view(archive).substr(5000)).ok());
    if (ends) {
      ASSERT_TRUE(writer.Close().ok());
    }
    const auto results = daemon.Join();
    EXPECT_TRUE(results[0].own.ok()) << results[0].own;
    EXPECT_TRUE(results[0].stream.ok()) << results[0].stream;
    EXPECT_EQ(out, archive);
  }
}

class FullDisk final : public io::Writer {
 public:
  absl::Status Write(const Context& /*ctx*/, std::string_view /*data*/) override {
    return absl::ResourceExhaustedError("disk full");
  }
};

TEST(Export, Failures) {
  {
    Daemon daemon;
    const auto message = daemon.Marshal<pb::ImageExportStream>(
        archive::NewImageExportStream(std::make_shared<FullDisk>()));
    daemon.Run();
    ByteWriter writer(daemon.Stream(message.stream()));
    ASSERT_TRUE(writer.Write(daemon.ctx(), SomeTar()).ok());
    const auto results = daemon.Join();
    EXPECT_EQ(results[0].own.code(), absl::StatusCode::kResourceExhausted) << results[0].own;
  }
  // The transfer has failed: nobody waits for the rest.
  Daemon daemon;
  std::string out;
  const auto message = daemon.Marshal<pb::ImageExportStream>(
      archive::NewImageExportStream(std::make_shared<io::StringWriter>(&out)));
  daemon.Run();
  daemon.cancel()();
  const auto results = daemon.Join();
  EXPECT_TRUE(results[0].own.ok()) << results[0].own;
  EXPECT_TRUE(errdefs::IsCanceled(results[0].stream)) << results[0].stream;
}

class BadDisk final : public io::Reader {
 public:
  absl::StatusOr<std::size_t> Read(const Context& /*ctx*/, std::span<char> /*buf*/) override {
    return errdefs::DataLoss("bad disk");
  }
};

TEST(Import, IsSent) {
  Daemon daemon;
  const std::string archive = SomeTar();
  const auto object =
      archive::NewImageImportStream(std::make_shared<io::StringReader>(archive),
                                    "application/x-tar", {archive::WithForceCompression()});
  const auto message = daemon.Marshal<pb::ImageImportStream>(object);
  EXPECT_EQ(message.media_type(), "application/x-tar");
  EXPECT_TRUE(message.force_compress());
  daemon.Run();
  ByteReader reader(daemon.Stream(message.stream()));
  const auto got = io::ReadAll(daemon.ctx(), reader, 1 << 20);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, archive);
  EXPECT_TRUE(daemon.Join()[0].own.ok());
}

TEST(Import, Failures) {
  {
    // What cannot be read fails the transfer, and does not look like a whole archive.
    Daemon daemon;
    const auto message = daemon.Marshal<pb::ImageImportStream>(
        archive::NewImageImportStream(std::make_shared<BadDisk>()));
    daemon.Run();
    ByteReader reader(daemon.Stream(message.stream()));
    EXPECT_TRUE(errdefs::IsCanceled(io::ReadAll(daemon.ctx(), reader, 1).status()));
    const auto results = daemon.Join();
    EXPECT_TRUE(errdefs::IsDataLoss(results[0].own)) << results[0].own;
  }
  // A daemon that wants no more says why in its answer.
  Daemon daemon;
  const auto message = daemon.Marshal<pb::ImageImportStream>(
      archive::NewImageImportStream(std::make_shared<io::StringReader>(SomeTar())));
  ASSERT_TRUE(daemon.Stream(message.stream())->Close().ok());
  daemon.Run();
  const auto results = daemon.Join();
  EXPECT_TRUE(results[0].own.ok()) << results[0].own;
  EXPECT_TRUE(results[0].stream.ok()) << results[0].stream;
}

TEST(Archive, WithoutADaemonsService) {
  const BuiltImage built = BuildImage({.layers = {TarOf({{.name = "a", .data = "b"}})}});
  const std::string name = "docker.io/library/a:1";
  MemoryStore store;
  const auto imported = archive::NewImageImportStream(
                            std::make_shared<io::StringReader>(TarOf(OCIFiles(built, {name}))))
                            .Import({}, store);
  ASSERT_TRUE(imported.ok()) << imported.status();
  std::string out;
  const auto exporter = archive::NewImageExportStream(std::make_shared<io::StringWriter>(&out));
  const absl::Status s = exporter.Export({}, store, {{.name = name, .target = built.target}});
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_THAT(out, HasSubstr("manifest.json"));
  MemoryStore other;
  EXPECT_TRUE(archive::NewImageImportStream(std::make_shared<io::StringReader>(out), "",
                                            {archive::WithForceCompression()})
                  .Import({}, other)
                  .ok());
  EXPECT_TRUE(other.Has(built.target.digest));
}

// ---- Registries.

class Helper final : public registry::CredentialHelper {
 public:
  explicit Helper(registry::Credentials credentials) : credentials_(std::move(credentials)) {}
  absl::StatusOr<registry::Credentials> GetCredentials(const Context& /*ctx*/, std::string_view ref,
                                                       std::string_view host) override {
    const std::lock_guard lock(mu_);
    asked_.push_back(fmt::format("{} at {}", ref, host));
    if (host == "bad.example.com") return errdefs::Unauthenticated("keyring is locked");
    return credentials_;
  }
  std::vector<std::string> asked() {
    const std::lock_guard lock(mu_);
    return asked_;
  }

 private:
  const registry::Credentials credentials_;
  std::mutex mu_;
  std::vector<std::string> asked_;
};

TEST(Registry, Message) {
  Daemon daemon;
  const auto plain = registry::NewOCIRegistry({}, "example.com/a:1");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->String(), "OCI Registry (example.com/a:1)");
  EXPECT_EQ(plain->Image(), "example.com/a:1");
  auto message = daemon.Marshal<pb::OCIRegistry>(*plain);
  EXPECT_EQ(message.reference(), "example.com/a:1");
  EXPECT_EQ(message.resolver().auth_stream(), "");
  EXPECT_EQ(daemon.streams(), 0U);

  http::Header headers = {{"X-One", "1"}, {"X-One", "2"}};
  const auto full = registry::NewOCIRegistry(
      {}, "example.com/a:1",
      {registry::WithHeaders(headers), registry::WithHostDir("/etc/certs.d"),
       registry::WithDefaultScheme("http"), registry::WithHTTPDebug(), registry::WithHTTPTrace()});
  ASSERT_TRUE(full.ok());
  message = daemon.Marshal<pb::OCIRegistry>(*full);
  EXPECT_EQ(message.resolver().headers().at("X-One"), "1");
  EXPECT_EQ(message.resolver().host_dir(), "/etc/certs.d");
  EXPECT_EQ(message.resolver().default_scheme(), "http");
  EXPECT_EQ(message.resolver().http_debug(), pb::BOTH);
  EXPECT_EQ(message.resolver().logs_stream(), "");
  EXPECT_EQ(daemon.streams(), 0U);

  const registry::Opt fails = [](registry::RegistryOptions&) { return errdefs::Aborted("no"); };
  EXPECT_TRUE(errdefs::IsAborted(registry::NewOCIRegistry({}, "a", {fails}).status()));
}

TEST(Registry, AnswersForCredentials) {
  struct Case {
    registry::Credentials credentials;
    pb::AuthType type;
    std::string username;
    std::string secret;
  };
  const std::vector<Case> cases = {
      {{.username = "user", .secret = "pass"}, pb::CREDENTIALS, "user", "pass"},
      {{.secret = "token"}, pb::REFRESH, "", "token"},
      {{.username = "user", .secret = "pass", .header = "Bearer x"}, pb::HEADER, "", "Bearer x"},
      {{}, pb::NONE, "", ""},
  };
  for (const Case& c : cases) {
    Daemon daemon;
    const auto helper = std::make_shared<Helper>(c.credentials);
    const auto object =
        registry::NewOCIRegistry({}, "example.com/a:1", {registry::WithCredentials(helper)});
    const auto message = daemon.Marshal<pb::OCIRegistry>(*object);
    daemon.Run();
    const auto stream = daemon.Stream(message.resolver().auth_stream());
    for (const char* host : {"example.com", "mirror.example.com"}) {
      pb::AuthRequest request;
      request.set_host(host);
      request.set_reference("example.com/a:1");
      ASSERT_TRUE(stream->Send(daemon.ctx(), *typeurl::MarshalAny(request)).ok());
      const auto answer = stream->Recv(daemon.ctx());
      ASSERT_TRUE(answer.ok()) << answer.status();
      const auto response = typeurl::UnmarshalAny<pb::AuthResponse>(*answer);
      ASSERT_TRUE(response.ok()) << response.status();
      EXPECT_EQ(response->authtype(), c.type);
      EXPECT_EQ(response->username(), c.username);
      EXPECT_EQ(response->secret(), c.secret);
    }
    // A question that is none is answered too, so that nobody waits.
    ASSERT_TRUE(stream->Send(daemon.ctx(), {.type_url = "no.such.Type"}).ok());
    EXPECT_TRUE(stream->Recv(daemon.ctx()).ok());
    daemon.Answer();
    EXPECT_TRUE(daemon.Join()[0].own.ok());
    EXPECT_THAT(helper->asked(), ElementsAre("example.com/a:1 at example.com",
                                             "example.com/a:1 at mirror.example.com"));
  }
}

TEST(Registry, AHelperThatFailsFailsTheTransfer) {
  Daemon daemon;
  const auto object = registry::NewOCIRegistry(
      {}, "bad.example.com/a:1",
      {registry::WithCredentials(std::make_shared<Helper>(registry::Credentials()))});
  const auto message = daemon.Marshal<pb::OCIRegistry>(*object);
  daemon.Run();
  pb::AuthRequest request;
  request.set_host("bad.example.com");
  ASSERT_TRUE(daemon.Stream(message.resolver().auth_stream())
                  ->Send(daemon.ctx(), *typeurl::MarshalAny(request))
                  .ok());
  const auto results = daemon.Join();
  EXPECT_TRUE(errdefs::IsUnauthorized(results[0].own)) << results[0].own;
  EXPECT_THAT(std::string(errdefs::Message(results[0].own)), HasSubstr("keyring is locked"));
}

TEST(Registry, LogsOfHTTPComeToTheClient) {
  Daemon daemon;
  std::string out;
  const auto object = registry::NewOCIRegistry(
      {}, "example.com/a:1",
      {registry::WithHTTPDebug(),
       registry::WithClientStream(std::make_shared<io::StringWriter>(&out))});
  const auto message = daemon.Marshal<pb::OCIRegistry>(*object);
  EXPECT_EQ(message.resolver().http_debug(), pb::DEBUG);
  daemon.Run();
  ByteWriter writer(daemon.Stream(message.resolver().logs_stream()));
  ASSERT_TRUE(writer.Write(daemon.ctx(), "GET /v2/").ok());
  daemon.Answer();
  ASSERT_TRUE(writer.Close().ok());
  const auto results = daemon.Join();
  EXPECT_TRUE(results[0].stream.ok()) << results[0].stream;
  EXPECT_EQ(out, "GET /v2/");
}

}  // namespace
}  // namespace containerd::transfer
