// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/docker/resolver.h"

#include <set>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/log/log.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/manifest.h"
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

// Whether a manifest's type says nothing: files on a plain server have such.
bool SaysNothing(std::string_view media_type) {
  return media_type.empty() || media_type == "application/json" ||
         media_type == "application/octet-stream" || media_type == "binary/octet-stream";
}

// What the manifest itself says that it is; empty if it does not.
std::string MediaTypeIn(std::string_view manifest) {
  absl::StatusOr<ocispec::Index> index = ocispec::Unmarshal<ocispec::Index>(manifest);
  if (!index.ok()) return "";
  if (!index->media_type.empty()) return index->media_type;
  if (!index->manifests.empty()) return ocispec::kMediaTypeImageIndex;
  absl::StatusOr<ocispec::Manifest> image = ocispec::Unmarshal<ocispec::Manifest>(manifest);
  if (!image.ok()) return "";
  if (image->schema_version == 1) return images::kMediaTypeDockerSchema1Manifest;
  return image->config.digest.empty() ? "" : ocispec::kMediaTypeImageManifest;
}

// Keeps the most telling of several errors: the one from the furthest stage of a request.
class FirstError {
 public:
  void Add(int priority, absl::Status status) {
    seen_.insert(priority);
    if (priority <= priority_) return;
    priority_ = priority;
    status_ = std::move(status);
  }
  // Whether there was an error of another priority than this one.
  bool other_than(int priority) const { return seen_.size() > seen_.count(priority); }
  const absl::Status& status() const { return status_; }

 private:
  std::set<int> seen_;
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
      // "blobs" is tried only if all hosts say that they do not have the content under "manifests".
      // After any other failure, it would give the content a wrong media type.
      if (error.other_than(kNotFound)) break;
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
      const bool denied = IsErrInvalidAuthorization(s);
      if (denied) {
        s = errdefs::Annotate(
            s, "pull access denied, repository does not exist or may require authorization");
      }
      error.Add(denied ? kAnswer : kTransport, std::move(s));
      return std::nullopt;
    }
    ResponsePtr response = *std::move(sent);
    bool got = response->request_method == "GET";  // for want of HEAD
    if (response->status_code > 299) {
      absl::StatusOr<ResponsePtr> better = AfterRefusal(ctx, base, host, path, ref, response);
      if (!better.ok()) {
        if (response->status_code <= 399) return better.status();
        error.Add(errdefs::IsNotFound(better.status()) ? kNotFound : kAnswer, better.status());
        return std::nullopt;
      }
      response = *std::move(better);
      got = true;
    }

    // A tag's digest is taken from the host's answer: only hosts that are trusted to resolve are
    // asked for tags.
    std::int64_t size = response->content_length;
    const bool is_manifest = path.front() == "manifests";
    std::string media_type = MediaTypeOf(*response);
    // A HEAD without a length, or with that of its own empty body, tells too little.
    const bool vague = size <= 0 || (is_manifest && SaysNothing(media_type));
    if (dgst.empty() && size != -1) {
      const digest::Digest said = response->header.Get("Docker-Content-Digest");
      if (!said.empty()) {
        if (absl::Status s = said.Validate(); !s.ok()) {
          return errdefs::Annotate(
              s, fmt::format("\"{}\" in header not a valid digest", said.String().substr(0, 200)));
        }
        if (!vague) dgst = said;
      }
    }
    if (dgst.empty() || vague) {
      if (!got) {
        absl::StatusOr<ResponsePtr> second =
            DoWithRetries(ctx, MakeRequest(base, host, "GET", path), last);
        if (!second.ok()) {
          error.Add(kTransport, second.status());
          return std::nullopt;
        }
        response = *std::move(second);
        if (response->status_code >= 400) {
          error.Add(kAnswer, UnexpectedResponse(ctx, *response));
          return std::nullopt;
        }
      }
      const bool named = !dgst.empty();
      absl::StatusOr<Content> content = Read(ctx, *response, is_manifest, dgst);
      if (!content.ok()) {
        // It broke off, and there may be a host that sends all of it.
        absl::Status s = errdefs::Annotate(content.status(), fmt::format("reading {}", ref));
        if (last) return s;
        error.Add(kAnswer, std::move(s));
        return std::nullopt;
      }
      size = content->size;
      media_type = content->media_type;
      if (is_manifest && named && size <= kMaxManifestSize && content->digest != dgst) {
        error.Add(kAnswer, errdefs::FailedPrecondition(
                               fmt::format("{}: {} answers with a manifest of digest {}", ref,
                                           host.host, content->digest.String())));
        return std::nullopt;
      }
      if (!named) dgst = content->digest;
    }
    if (size > kMaxManifestSize) {
      error.Add(kTooLarge,
                errdefs::NotFound(fmt::format("rejecting {} byte manifest for {}", size, ref)));
      return std::nullopt;
    }
    ocispec::Descriptor desc;
    desc.media_type = media_type;
    desc.digest = dgst.String();
    desc.size = size;
    ReportWarnings(WithWarningSource(ctx, desc, desc.digest), base.refspec, response->header,
                   options_.warning_handler);
    return desc;
  }

  // What GET says where HEAD was refused: many hosts, and proxies before them, do not know HEAD.
  // The refusal as an error, with the registry's words, if GET is refused too.
  absl::StatusOr<ResponsePtr> AfterRefusal(const Context& ctx, const Base& base,
                                           const RegistryHost& host,
                                           const std::vector<std::string>& path,
                                           std::string_view ref, const ResponsePtr& refusal) const {
    const ResponsePtr counts = AskAgainWithGet(ctx, refusal, MakeRequest(base, host, "GET", path));
    if (counts->status_code <= 299) return counts;
    if (counts->status_code != 404) return UnexpectedResponse(ctx, *counts);
    return errdefs::NotFound(counts->note.empty()
                                 ? fmt::format("{}: not found", ref)
                                 : fmt::format("{}: not found ({})", ref, counts->note));
  }

  struct Content {
    std::int64_t size = 0;
    digest::Digest digest{};  // empty if there is more than kMaxManifestSize
    std::string media_type;
  };

  // No more than kMaxManifestSize is read. A blob with a known digest is only measured.
  static absl::StatusOr<Content> Read(const Context& ctx, http::Response& response,
                                      bool is_manifest, const digest::Digest& known) {
    Content out{.media_type = MediaTypeOf(response)};
    std::string text;
    std::vector<char> buf(64 << 10);
    while (out.size <= kMaxManifestSize) {
      absl::StatusOr<std::size_t> n = response.body->Read(ctx, buf);
      if (!n.ok()) return n.status();
      if (*n == 0) break;
      out.size += static_cast<std::int64_t>(*n);
      text.append(buf.data(), *n);
    }
    if (out.size > kMaxManifestSize) return out;
    if (is_manifest && (SaysNothing(out.media_type) ||
                        out.media_type == images::kMediaTypeDockerSchema1Manifest)) {
      const std::string said = MediaTypeIn(text);
      if (!said.empty()) out.media_type = said;
    }
    if (is_manifest && out.size == 0) return errdefs::DataLoss("the manifest has no bytes");
    if (out.media_type == images::kMediaTypeDockerSchema1Manifest) {
      absl::StatusOr<std::string> payload = schema1::StripSignature(text);
      if (!payload.ok()) return payload.status();
      text = *std::move(payload);
    }
    absl::StatusOr<digest::Digest> digest =
        known.empty() ? digest::FromString(text) : known.Algorithm().FromBytes(text);
    if (!digest.ok()) return digest.status();
    out.digest = *std::move(digest);
    return out;
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
