// SPDX-License-Identifier: Apache-2.0
//
// Tests against a registry on the loopback that has one image, with a token server if need be.
#ifndef CONTAINERD_TESTS_SUPPORT_REGISTRY_FIXTURE_H_
#define CONTAINERD_TESTS_SUPPORT_REGISTRY_FIXTURE_H_

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/context/context.h"
#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/http/http.h"
#include "containerd/io/io.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/manifest.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/remotes/docker/resolver.h"
#include "containerd/remotes/errors.h"

#include "tests/support/fake_registry.h"

namespace containerd::remotes::docker {

using http::testing::MakeCert;
using http::testing::TestCert;
using testing::FakeRegistry;
using testing::ResponseWriter;
using testing::ServerRequest;
using testing::TestServer;

inline const Context kCtx = Context::Background();

inline std::string Pattern(std::size_t n) {
  std::string out(n, '\0');
  unsigned x = 12345;
  for (char& c : out) {
    x = x * 1103515245 + 12345;
    c = static_cast<char>(x >> 16);
  }
  return out;
}

// A registry with one image, "<host>/testname:latest".
class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() {
    config_ = registry_.Put(ocispec::kMediaTypeImageConfig, R"({"os":"linux"})");
    layer_data_ = Pattern(300'000);
    layer_ = registry_.Put(ocispec::kMediaTypeImageLayerGzip, layer_data_);
    ocispec::Manifest manifest;
    manifest.schema_version = 2;
    manifest.media_type = ocispec::kMediaTypeImageManifest;
    manifest.config = config_;
    manifest.layers = {layer_};
    manifest_data_ = ocispec::Marshal(manifest);
    manifest_ = registry_.Put(ocispec::kMediaTypeImageManifest, manifest_data_, "latest");
  }

  static std::string Ref(const TestServer& server, std::string_view tag = ":latest") {
    return fmt::format("{}/testname{}", server.Host(), tag);
  }

  // Resolves the image and fetches all of it.
  void Check(Resolver& resolver, const std::string& ref) {
    auto resolved = resolver.Resolve(kCtx, ref);
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    EXPECT_EQ(resolved->name, ref);
    EXPECT_EQ(resolved->desc, manifest_);
    auto fetcher = resolver.Fetcher(kCtx, ref);
    ASSERT_TRUE(fetcher.ok());
    for (const ocispec::Descriptor& desc : {manifest_, config_, layer_}) {
      auto data = Read(**fetcher, desc);
      ASSERT_TRUE(data.ok()) << data.status();
      EXPECT_TRUE(digest::FromString(*data).String() == desc.digest);
    }
  }

  static absl::StatusOr<std::string> Read(Fetcher& fetcher, const ocispec::Descriptor& desc,
                                          const Context& ctx = kCtx) {
    auto reader = fetcher.Fetch(ctx, desc);
    if (!reader.ok()) return reader.status();
    return io::ReadAll(ctx, **reader, std::size_t{1} << 30);
  }

  static RegistryHost Host(const std::string& host) {
    return {
        .client = std::make_shared<http::Client>(http::Client{.transport = http::NewTransport()}),
        .host = host,
        .scheme = "http",
        .path = "/v2",
        .capabilities = kAllHostCapabilities};
  }

  static ResolverOptions To(std::vector<RegistryHost> hosts) {
    return {.hosts = [hosts = std::move(hosts)](std::string_view) { return hosts; }};
  }

  FakeRegistry registry_;
  ocispec::Descriptor config_, layer_, manifest_;
  std::string layer_data_, manifest_data_;
};

// A token server, and what guards the registry with its tokens.
class TokenTest : public RegistryTest {
 protected:
  void Guard(std::string token = "perfectlyvalidopaquetoken") {
    registry_.before = [this, token](const ServerRequest& request, ResponseWriter& w) {
      const std::string authorization = request.header.Get("Authorization");
      if (authorization == "Bearer " + token) return false;
      std::string challenge = fmt::format(
          "Bearer realm=\"{}\",service=registry,scope=\"repository:testname:pull,pull\"",
          tokens_->Url("/token"));
      if (authorization == "Bearer insufficientscope") challenge += ",error=\"insufficient_scope\"";
      w.header.Set("WWW-Authenticate", challenge);
      w.Send(401);
      return true;
    };
  }

  void Tokens(TestServer::Handler handler) {
    tokens_ = std::make_unique<TestServer>(
        [this, handler](const ServerRequest& request, ResponseWriter& w) {
          ++asked_;
          handler(request, w);
        });
  }

  static CredentialsFunc Creds(std::string username, std::string secret) {
    return [=](const Context&, std::string_view) { return Credentials{username, secret}; };
  }

  static std::string Form(const ServerRequest& request, std::string_view key) {
    for (const auto& [k, v] : http::ParseQuery(request.body)) {
      if (k == key) return v;
    }
    return "";
  }

  std::unique_ptr<TestServer> tokens_;
  std::atomic<int> asked_ = 0;
};

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_TESTS_SUPPORT_REGISTRY_FIXTURE_H_
