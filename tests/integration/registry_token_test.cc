// SPDX-License-Identifier: Apache-2.0
//
// A real registry that takes the tokens of a token server: asked with GET and with OAuth's POST, by
// password and by refresh token.
#include <atomic>

#include <absl/strings/escaping.h>
#include <absl/time/clock.h>
#include <fmt/format.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "containerd/remotes/docker/errcode.h"
#include "containerd/remotes/errors.h"

#include "registry.h"

namespace containerd::testing {
namespace {

using http::testing::ResponseWriter;
using http::testing::ServerRequest;
using http::testing::TestServer;

std::string Base64Url(const std::string& text) {
  std::string out;
  absl::WebSafeBase64Escape(text, &out);
  return out;
}

// `text` signed as ES256 has it: both numbers one after the other.
std::string SignES256(const std::string& text, const std::string& key_pem) {
  EVP_PKEY* key = http::testing::ReadKey(key_pem);
  EVP_MD_CTX* ctx = EVP_MD_CTX_new();
  EVP_DigestSignInit(ctx, nullptr, EVP_sha256(), nullptr, key);
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  unsigned char der[256];
  std::size_t size = sizeof(der);
  EXPECT_EQ(EVP_DigestSign(ctx, der, &size, data, text.size()), 1);
  EVP_MD_CTX_free(ctx);
  EVP_PKEY_free(key);
  const unsigned char* at = der;
  ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size));
  unsigned char raw[64];
  BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + 32, 32);
  ECDSA_SIG_free(signature);
  return {reinterpret_cast<const char*>(raw), sizeof(raw)};
}

// Gives user1 with password1 whatever is asked for, and everybody else what is below public/, to
// pull.
class TokenServer {
 public:
  explicit TokenServer(bool oauth)
      : oauth_(oauth),
        server_([this](const ServerRequest& request, ResponseWriter& w) { Serve(request, w); }) {}

  // The section of a registry's configuration.
  std::string Auth() const {
    return fmt::format(
        "  token:\n    realm: {}\n    service: test-registry\n    issuer: test-issuer\n",
        server_.Url("/token"));
  }
  const std::string& root() const { return ca_.cert; }

  std::atomic<int> asked = 0;

 private:
  void Serve(const ServerRequest& request, ResponseWriter& w) {
    ++asked;
    bool known = false;
    std::vector<std::string> scopes;
    const bool post = request.method == "POST";
    std::string service;
    if (post && !oauth_) return w.Send(404);
    std::string form_user;
    std::string form_secret;
    std::string refresh;
    for (const auto& [key, value] : http::ParseQuery(post ? request.body : request.query)) {
      if (key == "scope") {
        std::string_view rest = value;
        while (!rest.empty()) {
          const auto space = rest.find(' ');
          scopes.emplace_back(rest.substr(0, space));
          rest.remove_prefix(space == std::string_view::npos ? rest.size() : space + 1);
        }
      }
      if (key == "service") service = value;
      if (key == "username") form_user = value;
      if (key == "password") form_secret = value;
      if (key == "refresh_token") refresh = value;
    }
    if (service != "test-registry") return w.Send(400);
    if (post) {
      known = (form_user == "user1" && form_secret == "password1") || refresh == "refresh1";
      if (!known) return w.Send(401, R"({"errors":[{"code":"UNAUTHORIZED","message":"who"}]})");
    } else {
      const std::string authorization = request.header.Get("Authorization");
      known = authorization == "Basic " + absl::Base64Escape("user1:password1");
      if (!known && !authorization.empty()) {
        return w.Send(401, R"({"errors":[{"code":"UNAUTHORIZED","message":"who"}]})");
      }
    }
    w.header.Set("Content-Type", "application/json");
    w.Send(200, fmt::format(R"({{"{}":"{}","expires_in":300}})", post ? "access_token" : "token",
                            Token(known, scopes)));
  }

  std::string Token(bool known, const std::vector<std::string>& scopes) const {
    std::string access;
    for (const std::string& scope : scopes) {
      const auto first = scope.find(':');
      const auto last = scope.rfind(':');
      const std::string name = scope.substr(first + 1, last - first - 1);
      std::string actions;
      for (const char* action : {"pull", "push"}) {
        if (scope.find(action, last) == std::string::npos) continue;
        if (!known && (std::string_view(action) == "push" || !name.starts_with("public/")))
          continue;
        actions += fmt::format("{}\"{}\"", actions.empty() ? "" : ",", action);
      }
      access += fmt::format(R"({}{{"type":"repository","name":"{}","actions":[{}]}})",
                            access.empty() ? "" : ",", name, actions);
    }
    X509* cert = http::testing::ReadCert(cert_.cert);
    unsigned char* der = nullptr;
    const int size = i2d_X509(cert, &der);
    const std::string chain = absl::Base64Escape(
        std::string(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)));
    OPENSSL_free(der);
    X509_free(cert);
    const std::int64_t now = absl::ToUnixSeconds(absl::Now());
    const std::string header = fmt::format(R"({{"typ":"JWT","alg":"ES256","x5c":["{}"]}})", chain);
    const std::string claims = fmt::format(
        R"({{"iss":"test-issuer","sub":"x","aud":"test-registry","exp":{},"nbf":{},"iat":{},)"
        R"("jti":"{}","access":[{}]}})",
        now + 300, now - 60, now, asked.load(), access);
    const std::string text = Base64Url(header) + "." + Base64Url(claims);
    return text + "." + Base64Url(SignES256(text, cert_.key));
  }

  const bool oauth_;
  const TestCert ca_ = MakeCert("token authority");
  const TestCert cert_ = MakeCert("tokens", &ca_);
  const TestServer server_;
};

class RegistryTokenTest : public DaemonRegistryTest {
 protected:
  static std::shared_ptr<remotes::ResolverWithOptions> Resolver(const std::string& username,
                                                                const std::string& secret) {
    return docker::NewResolver({.credentials = [=](const Context&, std::string_view) {
      return docker::Credentials{username, secret};
    }});
  }
};

TEST_F(RegistryTokenTest, PushesAndPulls) {
  const auto target = PutImage("token");
  for (const bool oauth : {false, true}) {
    SCOPED_TRACE(oauth);
    TokenServer tokens(oauth);
    const Registry registry({.auth = tokens.Auth(), .token_root = tokens.root()});
    const std::string ref = registry.Ref("private/a:1");
    absl::Status s = Push(*Resolver("user1", "password1"), ref, target);
    ASSERT_TRUE(s.ok()) << s << registry.Log();
    // Nine requests, four at once, and one token: a server without POST was asked twice for it.
    tokens.asked = 0;
    ExpectPulls(*Resolver("user1", "password1"), ref, target);
    EXPECT_EQ(tokens.asked, oauth ? 1 : 2);
    // Nobody, and somebody who has to tell the password again.
    EXPECT_FALSE(Resolver("", "")->Resolve(ctx_, ref).ok());
    const absl::Status refused = Resolver("user1", "wrong")->Resolve(ctx_, ref).status();
    EXPECT_EQ(remotes::errors::AsUnexpectedStatus(refused)->status_code, 401) << refused;
  }
}

TEST_F(RegistryTokenTest, RefreshTokens) {
  const auto target = PutImage("refresh");
  TokenServer tokens(true);
  const Registry registry({.auth = tokens.Auth(), .token_root = tokens.root()});
  absl::Status s = Push(*Resolver("", "refresh1"), registry.Ref("private/b:1"), target);
  ASSERT_TRUE(s.ok()) << s << registry.Log();
  ExpectPulls(*Resolver("", "refresh1"), registry.Ref("private/b:1"), target);
}

TEST_F(RegistryTokenTest, NobodyMayPullOnly) {
  const auto target = PutImage("anonymous");
  TokenServer tokens(false);
  const Registry registry({.auth = tokens.Auth(), .token_root = tokens.root()});
  const std::string ref = registry.Ref("public/c:1");
  absl::Status s = Push(*docker::NewResolver(), ref, target);
  EXPECT_TRUE(docker::IsErrInvalidAuthorization(s)) << s;
  s = Push(*Resolver("user1", "password1"), ref, target);
  ASSERT_TRUE(s.ok()) << s << registry.Log();
  ExpectPulls(*docker::NewResolver(), ref, target);
}

}  // namespace
}  // namespace containerd::testing
