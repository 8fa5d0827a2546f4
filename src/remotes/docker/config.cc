// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/docker/config.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <sys/stat.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

#include "hosts_file.h"
#include "local_error.h"
#include "src/base/ascii.h"
#include "src/errdefs/internal/guard.h"

namespace containerd::remotes::docker::config {
namespace {

constexpr std::size_t kMaxCertFile = std::size_t{4} << 20;

absl::StatusOr<std::string> ReadFile(const std::string& path, std::string_view what) {
  std::ifstream file(path, std::ios::binary);
  std::error_code err;
  const auto kind = std::filesystem::status(path, err).type();
  if (err || !file || kind == std::filesystem::file_type::directory) {
    const std::string why = err                                             ? err.message()
                            : kind == std::filesystem::file_type::directory ? "it is a directory"
                                                                            : "it cannot be opened";
    return errdefs::Unknown(fmt::format("unable to read {} \"{}\": {}", what, path, why));
  }
  std::string out;
  std::string buf(64 << 10, '\0');
  while (file.read(buf.data(), static_cast<std::streamsize>(buf.size())) || file.gcount() > 0) {
    out.append(buf, 0, static_cast<std::size_t>(file.gcount()));
    if (out.size() > kMaxCertFile) {
      return errdefs::ResourceExhausted(fmt::format("{} \"{}\" is too large", what, path));
    }
  }
  return out;
}

absl::Status UpdateTLSConfig(http::TLSConfig& tls, const HostConfig& host) {
  if (host.skip_verify.has_value()) tls.insecure_skip_verify = *host.skip_verify;
  if (host.ca_certs.has_value()) {
    for (const std::string& file : *host.ca_certs) {
      absl::StatusOr<std::string> pem = ReadFile(file, "CA cert");
      if (!pem.ok()) return pem.status();
      if (absl::Status s = http::CheckTLSConfig({.root_cas = *pem}); !s.ok()) {
        return errdefs::Annotate(s, fmt::format("unable to load CA cert \"{}\"", file));
      }
      tls.root_cas.append(*pem).append("\n");
    }
  }
  if (host.client_pairs.has_value()) {
    for (const auto& [cert_file, key_file] : *host.client_pairs) {
      absl::StatusOr<std::string> cert = ReadFile(cert_file, "CERT file");
      if (!cert.ok()) return cert.status();
      http::Certificate pair{.cert = *std::move(cert)};
      if (!key_file.empty()) {
        absl::StatusOr<std::string> key = ReadFile(key_file, "CERT file");
        if (!key.ok()) return key.status();
        pair.key = *std::move(key);
      }
      if (absl::Status s = http::CheckTLSConfig({.certificates = {pair}}); !s.ok()) {
        return errdefs::Annotate(s, cert_file);
      }
      tls.certificates.push_back(std::move(pair));
    }
  }
  return absl::OkStatus();
}

// Fills in the host that is meant when none is configured.
void SetDefaultHost(std::string_view name, const std::string& default_scheme, HostConfig& host) {
  if (base::Lower(name) == "docker.io") {
    host.scheme = "https";
    host.host = "registry-1.docker.io";
  } else if (IsLocalhost(name)) {
    host.host = name;
    if (default_scheme.empty()) {
      const std::string port = http::SplitHostPort(name).second;
      // On any other port either may be spoken: TLS is tried first, and then plain HTTP.
      host.scheme = port.empty() || port == "443" ? "https" : "http";
      if (port != "80") host.skip_verify = true;
    } else {
      host.scheme = default_scheme;
    }
  } else {
    host.host = name;
    host.scheme = default_scheme.empty() ? "https" : default_scheme;
  }
  host.path = "/v2";
  host.capabilities = kAllHostCapabilities;
}

struct Built {
  std::shared_ptr<const http::Client> client;
  std::shared_ptr<Authorizer> authorizer;
};

class HostsBuilder {
 public:
  explicit HostsBuilder(HostOptions options) : options_(std::move(options)) {}

  absl::StatusOr<std::vector<RegistryHost>> Build(std::string_view name) const {
    std::optional<std::vector<HostConfig>> configured;
    if (options_.host_dir) {
      absl::StatusOr<std::string> dir =
          errdefs::Guard("a choice of folders", options_.host_dir, name);
      if (!dir.ok() && !errdefs::IsNotFound(dir.status())) return LocalError(dir.status());
      if (dir.ok() && !dir->empty()) {
        absl::StatusOr<std::vector<HostConfig>> loaded = LoadHostDir(*dir);
        if (!loaded.ok()) return LocalError(loaded.status());
        configured = *std::move(loaded);
      }
    }
    std::vector<HostConfig> hosts =
        configured.has_value() ? *std::move(configured) : std::vector<HostConfig>(1);
    if (!hosts.empty() && hosts.back().host.empty()) {
      SetDefaultHost(name, options_.default_scheme, hosts.back());
    }

    absl::StatusOr<Built> common = Make(nullptr, false);
    if (!common.ok()) return common.status();
    std::vector<RegistryHost> out;
    for (HostConfig& host : hosts) {
      const bool own_tls = host.ca_certs.has_value() || host.client_pairs.has_value() ||
                           host.skip_verify.has_value();
      bool fall_back = false;
      if (host.scheme == "http" && (own_tls || options_.default_tls.has_value()) &&
          http::SplitHostPort(host.host).second != "80") {
        host.scheme = "https";
        fall_back = true;
      }
      Built built = *common;
      const bool own_timeouts = host.dial_timeout.has_value() ||
                                host.response_header_timeout.has_value() ||
                                host.upload_response_timeout.has_value();
      if (own_tls || own_timeouts || !host.header.empty() || fall_back) {
        absl::StatusOr<Built> own = Make(&host, fall_back);
        if (!own.ok()) return own.status();
        built = *std::move(own);
      }
      out.push_back({.client = std::move(built.client),
                     .authorizer = std::move(built.authorizer),
                     .host = host.host,
                     .scheme = host.scheme,
                     .path = host.path,
                     .capabilities = host.capabilities,
                     .header = host.header});
    }
    return out;
  }

 private:
  // A client and an authorizer; those of `host` if it is given.
  absl::StatusOr<Built> Make(const HostConfig* host, bool fall_back) const {
    http::TransportOptions transport;
    if (options_.default_tls.has_value()) transport.tls = *options_.default_tls;
    if (host != nullptr) {
      if (absl::Status s = UpdateTLSConfig(transport.tls, *host); !s.ok()) return s;
      transport.dial_timeout = host->dial_timeout.value_or(transport.dial_timeout);
      transport.response_header_timeout =
          host->response_header_timeout.value_or(transport.response_header_timeout);
      transport.upload_response_timeout = host->upload_response_timeout;
    }
    http::Client client;
    if (options_.update_client) {
      absl::Status s =
          errdefs::Guard("an update of clients", options_.update_client, client, transport);
      if (!s.ok()) return s;
    }
    if (client.transport == nullptr) client.transport = http::NewTransport(transport);
    if (fall_back) client.transport = NewHTTPFallback(client.transport);
    Built out;
    out.client = std::make_shared<const http::Client>(std::move(client));
    std::vector<AuthorizerOpt> opts = {WithAuthClient(out.client)};
    if (options_.credentials) opts.push_back(WithAuthCreds(options_.credentials));
    opts.insert(opts.end(), options_.authorizer_opts.begin(), options_.authorizer_opts.end());
    if (host != nullptr && !host->header.empty()) opts.push_back(WithAuthHeader(host->header));
    out.authorizer = NewDockerAuthorizer(opts);
    return out;
  }

  const HostOptions options_;
};

}  // namespace

RegistryHosts ConfigureHosts(const Context&, HostOptions options) {
  return [builder = std::make_shared<const HostsBuilder>(std::move(options))](
             std::string_view name) { return builder->Build(name); };
}

std::function<absl::StatusOr<std::string>(std::string_view name)> HostDirFromRoot(
    std::string root) {
  return [root = std::move(root)](std::string_view name) -> absl::StatusOr<std::string> {
    const std::filesystem::path base(root);
    // It becomes part of a path, and comes from an image's name.
    const bool plain = !name.empty() && name != "." && name != ".." &&
                       name.find('/') == std::string_view::npos &&
                       name.find('\0') == std::string_view::npos;
    std::vector<std::string> candidates;
    if (plain) {
      for (const std::string& spelling : {std::string(name), base::Lower(name)}) {
        if (const auto colon = spelling.rfind(':'); colon != std::string::npos && colon > 0) {
          candidates.push_back(
              fmt::format("{}_{}_", spelling.substr(0, colon), spelling.substr(colon + 1)));
        }
        candidates.push_back(spelling);
      }
    }
    candidates.emplace_back("_default");
    for (const std::string& candidate : candidates) {
      const std::string path = (base / candidate).string();
      struct stat info {};
      if (stat(path.c_str(), &info) == 0) return path;
      if (errno != ENOENT) return LocalError(errdefs::FromErrno(errno, path));
    }
    return errdefs::NotFound(fmt::format("{}: no folder for \"{}\"", root, name));
  };
}

}  // namespace containerd::remotes::docker::config
