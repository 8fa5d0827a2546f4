// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/docker/resolver.h"

#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/log/log.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/reference/reference.h"
#include "containerd/remotes/docker/schema1/converter.h"
#include "containerd/remotes/docker/scope.h"

#include "fetcher.h"
#include "pusher.h"
#include "request.h"
#include "src/base/mutex.h"
#include "src/base/options.h"
#include "src/errdefs/internal/guard.h"

namespace containerd::remotes::docker {
namespace {

std::string MediaTypeOf(const http::Response& response) {
  std::string type = response.header.Get("Content-Type");
  type = type.substr(0, type.find(';'));
  // Some registries name no type for their schema 1 manifests.
  return type == "text/plain" ? images::kMediaTypeDockerSchema1Manifest : type;
}

// Keeps the most telling of several errors: the one from the furthest stage of a request.
class FirstError {
 public:
  void Add(int priority, absl::Status status) {
    if (priority <= priority_) return;
    priority_ = priority;
    status_ = std::move(status);
  }
  int priority() const { return priority_; }
  const absl::Status& status() const { return status_; }

 private:
  int priority_ = 0;
  absl::Status status_;
};

enum Priority { kTransport = 1, kNotFound = 2, kAnswer = 3, kTooLarge = 4 };

class DockerResolver final : public ResolverWithOptions {
 public:
  DockerResolver(ResolverOptions options, http::Header resolve_header)
      : options_(std::move(options)), resolve_header_(std::move(resolve_header)) {}

  absl::StatusOr<Resolved> Resolve(const Context& parent, std::string_view ref) override {
    absl::StatusOr<std::shared_ptr<const Base>> made = MakeBase(ref);
    if (!made.ok()) return made.status();
    const Base& base = **made;
    if (base.refspec.object.empty()) return reference::ErrObjectRequired(ref);
    const digest::Digest dgst = base.refspec.Digest();
    HostCapabilities capabilities = kHostCapabilityPull;
    std::vector<std::vector<std::string>> paths;
    if (!dgst.empty()) {
      if (absl::Status s = dgst.Validate(); !s.ok()) return s;
      paths = {{"manifests", dgst.String()}, {"blobs", dgst.String()}};
    } else {
      paths = {{"manifests", base.refspec.object}};
      capabilities |= kHostCapabilityResolve;
    }
    const std::vector<RegistryHost> hosts = base.FilterHosts(capabilities);
    if (hosts.empty()) return errdefs::NotFound(fmt::format("{}: no resolve hosts", ref));
    absl::StatusOr<Context> scoped = ContextWithRepositoryScope(parent, base.refspec, false);
    if (!scoped.ok()) return scoped.status();
    const Context& ctx = *scoped;

    FirstError error;
    for (const std::vector<std::string>& path : paths) {
      // "blobs" is tried only if no host has the content under "manifests". After any other
      // failure, it would give the content a wrong media type.
      if (error.priority() > kNotFound) break;
      for (std::size_t i = 0; i < hosts.size(); ++i) {
        const bool last = i + 1 == hosts.size();
        absl::StatusOr<std::optional<ocispec::Descriptor>> desc =
            Ask(ctx, base, hosts[i], path, dgst, ref, last, error);
        if (!desc.ok()) return desc.status();
        if (desc->has_value()) return Resolved{std::string(ref), **std::move(desc)};
        if (ctx.Done()) break;
      }
    }
    if (error.status().ok()) return errdefs::NotFound(fmt::format("{}: not found", ref));
    return error.status();
  }

  absl::StatusOr<std::shared_ptr<remotes::Fetcher>> Fetcher(const Context& ctx,
                                                            std::string_view ref) override {
    return FetcherWithOptions(ctx, ref, {});
  }

  absl::StatusOr<std::shared_ptr<remotes::Fetcher>> FetcherWithOptions(
      const Context& /*ctx*/, std::string_view ref,
      const std::vector<transfer::ImageResolverOpt>& options) override {
    absl::StatusOr<std::shared_ptr<const Base>> base = MakeBase(ref);
    if (!base.ok()) return base.status();
    transfer::ImageResolverOptions config;
    {
      base::MutexLock lock(mu_);
      config = config_;
    }
    if (!config.error.ok()) return config.error;
    if (absl::Status s = base::Apply(options, config); !s.ok()) return s;
    return NewFetcher(*std::move(base), config);
  }

  absl::StatusOr<std::shared_ptr<remotes::Pusher>> Pusher(const Context&,
                                                          std::string_view ref) override {
    absl::StatusOr<std::shared_ptr<const Base>> base = MakeBase(ref);
    if (!base.ok()) return base.status();
    return NewPusher(*std::move(base), options_.tracker, options_.upload_chunk_size);
  }

  void SetOptions(const std::vector<transfer::ImageResolverOpt>& options) override {
    base::MutexLock lock(mu_);
    if (absl::Status s = base::Apply(options, config_); !s.ok()) config_.error = std::move(s);
  }

 private:
  absl::StatusOr<std::shared_ptr<const Base>> MakeBase(std::string_view ref) const {
    absl::StatusOr<reference::Spec> refspec = reference::Parse(ref);
    if (!refspec.ok()) return refspec.status();
    auto base = std::make_shared<Base>();
    const std::string host(refspec->Hostname());
    absl::StatusOr<std::vector<RegistryHost>> hosts =
        errdefs::Guard("a choice of hosts", options_.hosts, host);
    if (!hosts.ok()) return hosts.status();
    base->hosts = *std::move(hosts);
    base->repository = refspec->locator.starts_with(host + "/")
                           ? refspec->locator.substr(host.size() + 1)
                           : refspec->locator;
    base->refspec = *std::move(refspec);
    base->header = options_.headers;
    base->warning_handler = options_.warning_handler;
    return base;
  }

  RegistryRequest MakeRequest(const Base& base, const RegistryHost& host, std::string_view method,
                              const std::vector<std::string>& path) const {
    RegistryRequest request(base, host, method, path);
    request.AddNamespace(base.refspec.Hostname());
    request.header.Merge(resolve_header_);
    request.warning_handler = nullptr;  // warned when the descriptor is known
    return request;
  }

  // Asks one host for the path. Returns nullopt if the next host should be asked; the reason is in
  // `error` then.
  absl::StatusOr<std::optional<ocispec::Descriptor>> Ask(const Context& ctx, const Base& base,
                                                         const RegistryHost& host,
                                                         const std::vector<std::string>& path,
                                                         digest::Digest dgst, std::string_view ref,
                                                         bool last, FirstError& error) const {
    absl::StatusOr<ResponsePtr> sent =
        DoWithRetries(ctx, MakeRequest(base, host, "HEAD", path), last);
    if (!sent.ok()) {
      absl::Status s = sent.status();
      if (IsErrInvalidAuthorization(s)) {
        s = errdefs::Annotate(
            s, "pull access denied, repository does not exist or may require authorization");
      }
      error.Add(kTransport, std::move(s));
      return std::nullopt;
    }
    ResponsePtr response = *std::move(sent);
    if (response->status_code > 299) {
      if (response->status_code == 404) {
        error.Add(kNotFound, errdefs::NotFound(fmt::format("{}: not found", ref)));
        return std::nullopt;
      }
      absl::Status s = UnexpectedResponse(ctx, *response);
      if (response->status_code <= 399) return s;
      if (response->status_code == 403 && response->request_method == "HEAD") {
        s = WithGetErrorBody(ctx, std::move(s), MakeRequest(base, host, "GET", path));
      }
      error.Add(kAnswer, std::move(s));
      return std::nullopt;
    }

    // A tag's digest is taken from the host's answer: only hosts that are trusted to resolve are
    // asked for tags.
    std::int64_t size = response->content_length;
    if (dgst.empty() && size != -1) {
      const digest::Digest said = response->header.Get("Docker-Content-Digest");
      if (!said.empty()) {
        if (absl::Status s = said.Validate(); !s.ok()) {
          return errdefs::Annotate(
              s, fmt::format("\"{}\" in header not a valid digest", said.String().substr(0, 200)));
        }
        dgst = said;
      }
    }
    if (dgst.empty() || size == -1) {
      absl::StatusOr<ResponsePtr> got =
          DoWithRetries(ctx, MakeRequest(base, host, "GET", path), true);
      if (!got.ok()) return got.status();
      response = *std::move(got);
      if (response->status_code >= 400) return UnexpectedResponse(ctx, *response);
      absl::StatusOr<std::int64_t> n = Digest(ctx, *response, dgst);
      if (!n.ok()) return errdefs::Annotate(n.status(), fmt::format("reading {}", ref));
      size = *n;
    }
    if (size > kMaxManifestSize) {
      error.Add(kTooLarge,
                errdefs::NotFound(fmt::format("rejecting {} byte manifest for {}", size, ref)));
      return std::nullopt;
    }
    ocispec::Descriptor desc;
    desc.media_type = MediaTypeOf(*response);
    desc.digest = dgst.String();
    desc.size = size;
    ReportWarnings(WithWarningSource(ctx, desc, desc.digest), base.refspec, response->header,
                   options_.warning_handler);
    return desc;
  }

  // The count of bytes; more than kMaxManifestSize are not read. Sets `dgst` if it is empty.
  static absl::StatusOr<std::int64_t> Digest(const Context& ctx, http::Response& response,
                                             digest::Digest& dgst) {
    const bool schema1 = MediaTypeOf(response) == images::kMediaTypeDockerSchema1Manifest;
    digest::Digester digester;
    std::string text;  // of schema 1
    std::vector<char> buf(64 << 10);
    std::int64_t size = 0;
    while (size <= kMaxManifestSize) {
      absl::StatusOr<std::size_t> n = response.body->Read(ctx, buf);
      if (!n.ok()) return n.status();
      if (*n == 0) break;
      size += static_cast<std::int64_t>(*n);
      const std::string_view data(buf.data(), *n);
      if (schema1) {
        text += data;
      } else {
        digester.Write(data);
      }
    }
    if (!dgst.empty() || size > kMaxManifestSize) return size;
    if (schema1) {
      absl::StatusOr<std::string> payload = schema1::StripSignature(text);
      if (!payload.ok()) return payload.status();
      digester.Write(*payload);
    }
    dgst = digester.Digest();
    return size;
  }

  const ResolverOptions options_;
  const http::Header resolve_header_;
  base::Mutex mu_;
  transfer::ImageResolverOptions config_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

std::shared_ptr<ResolverWithOptions> NewResolver(ResolverOptions options) {
  if (options.tracker == nullptr) options.tracker = NewInMemoryTracker();
  http::Header resolve_header;
  if (options.headers.Has("Accept")) {
    for (const std::string& value : options.headers.Values("Accept")) {
      resolve_header.Add("Accept", value);
    }
    options.headers.Del("Accept");
  } else {
    resolve_header.Set(
        "Accept", fmt::format("{}, {}, {}, {}, */*", images::kMediaTypeDockerSchema2Manifest,
                              images::kMediaTypeDockerSchema2ManifestList,
                              ocispec::kMediaTypeImageManifest, ocispec::kMediaTypeImageIndex));
  }
  if (!options.hosts) {
    std::vector<RegistryOpt> opts;
    if (options.host) opts.push_back(WithHostTranslator(options.host));
    if (options.authorizer == nullptr) {
      options.authorizer =
          NewDockerAuthorizer({WithAuthClient(options.client), WithAuthHeader(options.headers),
                               WithAuthCreds(options.credentials)});
    }
    opts.push_back(WithAuthorizer(options.authorizer));
    if (options.client != nullptr) opts.push_back(WithClient(options.client));
    opts.push_back(WithPlainHTTP(options.plain_http ? MatchAllHosts : MatchLocalhost));
    options.hosts = ConfigureDefaultRegistries(opts);
  }
  return std::make_shared<DockerResolver>(std::move(options), std::move(resolve_header));
}

}  // namespace containerd::remotes::docker
