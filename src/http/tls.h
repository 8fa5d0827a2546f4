// SPDX-License-Identifier: Apache-2.0
//
// TLS settings as libcurl takes them.
#ifndef CONTAINERD_SRC_HTTP_TLS_H_
#define CONTAINERD_SRC_HTTP_TLS_H_

#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "containerd/http/http.h"

namespace containerd::http {

struct X509Free {
  void operator()(X509* x) const { X509_free(x); }
};
struct KeyFree {
  void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
};
using X509Ptr = std::unique_ptr<X509, X509Free>;
using KeyPtr = std::unique_ptr<EVP_PKEY, KeyFree>;

// The certificates, the leaf first, and the key of one pair.
struct KeyPair {
  std::vector<X509Ptr> chain;
  KeyPtr key;
};

// A transport's TLS settings, parsed once. libcurl compares the texts to tell whether a connection
// that it kept was made with the same settings.
struct TLSSettings {
  std::string ca_blob;    // "": the system's authorities only
  std::string cert_blob;  // "": none
  std::string key_blob;
  bool skip_verify = false;
  std::vector<KeyPair> pairs;  // if there is more than one
};

absl::StatusOr<std::shared_ptr<const TLSSettings>> ReadTLSConfig(const TLSConfig& config);

// What libcurl tells a transfer about its connection.
struct TLSHook {
  std::shared_ptr<const TLSSettings> settings;
  bool handshake_begun = false;
};

// Sets the options. `hook` lives as long as the handle.
void ApplyTLS(CURL* easy, TLSHook* hook);

}  // namespace containerd::http

#endif  // CONTAINERD_SRC_HTTP_TLS_H_
