// SPDX-License-Identifier: Apache-2.0
#include "tls.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"

#include "src/base/read_file.h"

namespace containerd::http {
namespace {

struct BioFree {
  void operator()(BIO* b) const { BIO_free(b); }
};

std::unique_ptr<BIO, BioFree> Memory(const std::string& text) {
  return std::unique_ptr<BIO, BioFree>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::vector<X509Ptr> ReadCertificates(const std::string& pem) {
  std::vector<X509Ptr> out;
  const auto bio = Memory(pem);
  while (X509* cert = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    out.emplace_back(cert);
  }
  ERR_clear_error();
  return out;
}

absl::StatusOr<KeyPair> ReadPair(const Certificate& pair) {
  KeyPair out;
  out.chain = ReadCertificates(pair.cert);
  if (out.chain.empty()) return errdefs::InvalidArgument("no certificate in PEM data");
  const auto bio = Memory(pair.key.empty() ? pair.cert : pair.key);
  // No callback for a passphrase: it would ask on the terminal.
  const auto refuse = [](char*, int, int, void*) { return 0; };
  out.key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse, nullptr));
  ERR_clear_error();
  if (out.key == nullptr) return errdefs::InvalidArgument("no private key in PEM data");
  if (X509_check_private_key(out.chain.front().get(), out.key.get()) != 1) {
    ERR_clear_error();
    return errdefs::InvalidArgument("private key does not match the certificate");
  }
  return out;
}

// The contents of the file with the system's authorities; empty if libcurl has a directory of them.
std::string SystemAuthorities() {
  const curl_version_info_data* info = curl_version_info(CURLVERSION_NOW);
  if (info->capath != nullptr || info->cainfo == nullptr) return "";
  std::string text;
  return base::ReadFile(info->cainfo, text) ? "" : text;
}

using Shared = std::shared_ptr<const TLSSettings>;

int ContextIndex() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr, [](void*, void* shared, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<Shared*>(shared);
      });
  return index;
}

bool IssuedByOne(const KeyPair& pair, const STACK_OF(X509_NAME) * authorities) {
  if (authorities == nullptr || sk_X509_NAME_num(authorities) == 0) return true;
  for (const X509Ptr& cert : pair.chain) {
    const X509_NAME* issuer = X509_get_issuer_name(cert.get());
    for (int i = 0; i < sk_X509_NAME_num(authorities); ++i) {
      if (X509_NAME_cmp(issuer, sk_X509_NAME_value(authorities, i)) == 0) return true;
    }
  }
  return false;
}

// Shows the server the first certificate that one of its authorities issued.
int SelectCertificate(SSL* ssl, void*) {
  const auto* shared =
      static_cast<const Shared*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ContextIndex()));
  if (shared == nullptr) return 1;
  const STACK_OF(X509_NAME)* authorities = SSL_get0_peer_CA_list(ssl);
  for (const KeyPair& pair : (*shared)->pairs) {
    if (!IssuedByOne(pair, authorities)) continue;
    SSL_certs_clear(ssl);
    SSL_use_certificate(ssl, pair.chain.front().get());
    SSL_use_PrivateKey(ssl, pair.key.get());
    for (std::size_t i = 1; i < pair.chain.size(); ++i) {
      SSL_add1_chain_cert(ssl, pair.chain[i].get());
    }
    return 1;
  }
  return 1;
}

CURLcode OnContext(CURL*, void* ssl_ctx, void* data) {
  auto* hook = static_cast<TLSHook*>(data);
  hook->handshake_begun = true;
  if (hook->settings->pairs.size() < 2) return CURLE_OK;  // libcurl does it
  auto* ctx = static_cast<SSL_CTX*>(ssl_ctx);
  auto* shared = new Shared(hook->settings);
  if (SSL_CTX_set_ex_data(ctx, ContextIndex(), shared) != 1) {
    delete shared;
    return CURLE_OUT_OF_MEMORY;
  }
  SSL_CTX_set_cert_cb(ctx, SelectCertificate, nullptr);
  return CURLE_OK;
}

void SetBlob(CURL* easy, CURLoption option, const std::string& text) {
  curl_blob blob{};
  blob.data = const_cast<char*>(text.data());
  blob.len = text.size();
  blob.flags = CURL_BLOB_COPY;
  curl_easy_setopt(easy, option, &blob);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const TLSSettings>> ReadTLSConfig(const TLSConfig& config) {
  auto out = std::make_shared<TLSSettings>();
  out->skip_verify = config.insecure_skip_verify;
  if (!config.root_cas.empty()) {
    if (ReadCertificates(config.root_cas).empty()) {
      return errdefs::InvalidArgument("TLS: no CA certificate in PEM data");
    }
    out->ca_blob = SystemAuthorities() + config.root_cas;
  }
  std::string all;
  for (const Certificate& cert : config.certificates) {
    absl::StatusOr<KeyPair> pair = ReadPair(cert);
    if (!pair.ok()) {
      return errdefs::Annotate(pair.status(), "TLS: failed to load X509 key pair");
    }
    out->pairs.push_back(*std::move(pair));
    all.append(cert.cert).append(cert.key);
  }
  if (!config.certificates.empty()) {
    const Certificate& first = config.certificates.front();
    // Not part of the certificate, but of what libcurl compares.
    out->cert_blob = fmt::format("{}\n# {}\n", first.cert, digest::FromString(all).String());
    out->key_blob = first.key.empty() ? first.cert : first.key;
  }
  return out;
}

absl::Status CheckTLSConfig(const TLSConfig& config) { return ReadTLSConfig(config).status(); }

void ApplyTLS(CURL* easy, TLSHook* hook) {
  const TLSSettings* settings = hook->settings.get();
  if (settings->skip_verify) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!settings->ca_blob.empty()) {
    SetBlob(easy, CURLOPT_CAINFO_BLOB, settings->ca_blob);
  } else if (curl_version_info(CURLVERSION_NOW)->cainfo != nullptr) {
    // Without a directory libcurl keeps what it read from the file for the next connection.
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
  if (!settings->cert_blob.empty()) {
    SetBlob(easy, CURLOPT_SSLCERT_BLOB, settings->cert_blob);
    SetBlob(easy, CURLOPT_SSLKEY_BLOB, settings->key_blob);
  }
  curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, OnContext);
  curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, hook);
}

}  // namespace containerd::http
