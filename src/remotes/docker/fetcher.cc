// SPDX-License-Identifier: Apache-2.0
#include "fetcher.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <iterator>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/log/log.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/remotes/docker/resolver.h"
#include "containerd/remotes/docker/scope.h"
#include "containerd/remotes/errors.h"

#include "content_encoding.h"
#include "http_read_seeker.h"
#include "ranges.h"
#include "referrers.h"
#include "src/base/options.h"
#include "src/remotes/internal/sources.h"

namespace containerd::remotes::docker {
namespace {

// Smaller pieces of a blob are not worth a request each.
constexpr std::int64_t kMinChunkSize = 512;

// Whether a registry answers like this because it has no such thing, or has never heard of it.
bool IsUnknownEndpoint(const absl::Status& failure) {
  if (errdefs::IsNotFound(failure)) return true;
  const auto answer = errors::AsUnexpectedStatus(failure);
  if (!answer.has_value()) return false;
  const int code = answer->status_code;
  return code == 400 || code == 405 || code == 406 || code == 410 || code == 501;
}

absl::Status Discard(const Context& ctx, io::Reader& reader, std::int64_t n) {
  std::vector<char> buf(static_cast<std::size_t>(std::min<std::int64_t>(n, 256 << 10)));
  while (n > 0) {
    const auto step = static_cast<std::size_t>(std::min<std::int64_t>(n, 256 << 10));
    absl::StatusOr<std::size_t> got = reader.Read(ctx, std::span(buf).first(step));
    if (!got.ok()) return errdefs::Annotate(got.status(), "failed to discard to offset");
    if (*got == 0) return errdefs::Unknown("unable to discard to offset");
    n -= static_cast<std::int64_t>(*got);
  }
  return absl::OkStatus();
}

// A context for waiting on behalf of `transfer` that ends with `wait` too.
class JoinedContext {
 public:
  JoinedContext(const Context& transfer, const Context& wait) {
    auto [ctx, cancel] = WithCancel(WithDeadline(transfer, wait.Deadline()));
    ctx_ = ctx;
    registration_ = wait.OnCancel(std::move(cancel));
  }
  const Context& ctx() const { return ctx_; }

 private:
  Context ctx_;
  CancelRegistration registration_;
};

class DockerFetcher final : public Fetcher,
                            public FetcherByDigest,
                            public ReferrersFetcher,
                            public std::enable_shared_from_this<DockerFetcher> {
 public:
  DockerFetcher(std::shared_ptr<const Base> base, const transfer::ImageResolverOptions& options)
      : base_(std::move(base)), options_(options) {}

  absl::StatusOr<std::unique_ptr<io::Reader>> Fetch(const Context& ctx,
                                                    const ocispec::Descriptor& desc) override {
    // It becomes part of a path.
    if (absl::Status s = digest::Digest(desc.digest).Validate(); !s.ok()) {
      return errdefs::Annotate(s, fmt::format("fetching \"{}\"", desc.digest.substr(0, 200)));
    }
    if (base_->FilterHosts(kHostCapabilityPull).empty()) {
      return errdefs::NotFound("no pull hosts");
    }
    absl::StatusOr<Context> scoped = ContextWithRepositoryScope(ctx, base_->refspec, false);
    if (!scoped.ok()) return scoped.status();
    const Context transfer = WithWarningSource(*scoped, desc, desc.digest);
    const Download download{.sources = Sources::Of(ctx)};
    return std::make_unique<HTTPReadSeeker>(
        desc.size,
        [self = shared_from_this(), transfer, desc, download](const Context& wait,
                                                              std::int64_t offset) {
          const JoinedContext joined(transfer, wait);
          return self->OpenDescriptor(transfer, joined.ctx(), desc, offset, download);
        },
        download.sources);
  }

  absl::StatusOr<Fetched> FetchByDigest(const Context& ctx, const digest::Digest& dgst,
                                        const std::vector<FetchByDigestOpt>& opts) override {
    FetchByDigestConfig config;
    if (absl::Status s = base::Apply(opts, ctx, config); !s.ok()) return s;
    if (absl::Status s = dgst.Validate(); !s.ok()) return s;
    const std::vector<RegistryHost> hosts = base_->FilterHosts(kHostCapabilityPull);
    if (hosts.empty()) return errdefs::NotFound("no pull hosts");
    absl::StatusOr<Context> scoped = ContextWithRepositoryScope(ctx, base_->refspec, false);
    if (!scoped.ok()) return scoped.status();
    const Context transfer = WithWarningSource(*scoped, std::nullopt, dgst.String());

    absl::Status first_error;
    for (const char* kind : {"blobs", "manifests"}) {
      for (std::size_t i = 0; i < hosts.size(); ++i) {
        const bool last = i + 1 == hosts.size();
        const std::vector<std::string> path = {kind, dgst.String()};
        absl::StatusOr<std::int64_t> size = Size(transfer, hosts[i], last, config.mediatype, path);
        if (!size.ok()) {
          if (first_error.ok() || errdefs::IsNotFound(first_error)) first_error = size.status();
          continue;
        }
        Fetched out;
        out.desc.media_type =
            config.mediatype.empty() ? "application/octet-stream" : config.mediatype;
        out.desc.digest = dgst.String();
        out.desc.size = *size;
        out.reader =
            ReaderOf(transfer, config.mediatype, path, *size,
                     std::vector(hosts.begin() + static_cast<std::ptrdiff_t>(i), hosts.end()));
        return out;
      }
      // After any failure but this one, asking under the other name would tell nothing new.
      if (!errdefs::IsNotFound(first_error)) break;
    }
    return errdefs::Annotate(first_error,
                             fmt::format("could not fetch content {} from remote", dgst.String()));
  }

  absl::StatusOr<std::vector<ocispec::Descriptor>> FetchReferrers(
      const Context& ctx, const digest::Digest& dgst,
      const std::vector<FetchReferrersOpt>& opts) override {
    FetchReferrersConfig config;
    if (absl::Status s = base::Apply(opts, ctx, config); !s.ok()) return s;
    if (absl::Status s = dgst.Validate(); !s.ok()) return s;
    absl::StatusOr<Referrers> found = AskForReferrers(ctx, dgst, config);
    if (!found.ok()) return found.status();
    std::vector<ocispec::Descriptor> out =
        std::move(*found).value_or(std::vector<ocispec::Descriptor>());
    if (!config.artifact_types.empty()) {
      const std::set<std::string> types(config.artifact_types.begin(), config.artifact_types.end());
      std::erase_if(out, [&](const ocispec::Descriptor& desc) {
        return !types.contains(desc.artifact_type);
      });
    }
    return out;
  }

 private:
  struct Opened {
    std::unique_ptr<io::Reader> reader{};
    std::int64_t size = -1;  // of what follows, as it is sent
    http::Header header;
    std::string url;
  };

  // What the requests for one piece of content know from one another.
  struct Download {
    std::shared_ptr<Sources> sources;
    std::shared_ptr<std::atomic<bool>> ranges_refused = std::make_shared<std::atomic<bool>>(false);
  };

  static std::string NameOf(const RegistryHost& host) {
    return fmt::format("{}://{}{}", host.scheme, http::CanonicalHost(host.host, host.scheme),
                       host.path);
  }

  absl::StatusOr<std::unique_ptr<io::Reader>> OpenDescriptor(const Context& transfer,
                                                             const Context& wait,
                                                             const ocispec::Descriptor& desc,
                                                             std::int64_t offset,
                                                             const Download& download) {
    for (const std::string& text : desc.urls) {
      absl::StatusOr<http::Url> url = http::ParseUrl(text);
      if (!url.ok()) {
        log::Debug(errdefs::Message(url.status()));
        continue;
      }
      // The URL may lead to another host, which gets none of the registry's header fields.
      Base elsewhere;
      elsewhere.refspec = base_->refspec;
      elsewhere.warning_handler = base_->warning_handler;
      RegistryRequest request(
          elsewhere, {.host = url->host, .scheme = url->scheme, .path = url->path}, "GET", {});
      request.url = *url;
      absl::StatusOr<Opened> opened =
          Open(transfer, wait, std::move(request), desc.media_type, offset, false, download);
      if (opened.ok()) return std::move(opened->reader);
      if (!errdefs::IsNotFound(opened.status())) return opened.status();
    }

    const bool manifest = images::IsManifestType(desc.media_type) ||
                          images::IsIndexType(desc.media_type) ||
                          desc.media_type == images::kMediaTypeDockerSchema1Manifest;
    absl::StatusOr<std::unique_ptr<io::Reader>> opened =
        OpenAtAny(transfer, wait, base_->FilterHosts(kHostCapabilityPull), desc.media_type,
                  {manifest ? "manifests" : "blobs", desc.digest}, offset, download);
    if (!manifest && errdefs::IsNotFound(opened.status())) {
      return errdefs::NotFound(
          fmt::format("could not fetch content descriptor {} ({}) from remote: not found",
                      desc.digest, desc.media_type));
    }
    return opened;
  }

  // Of the first host that has it, but for those whose copy is known to be broken.
  absl::StatusOr<std::unique_ptr<io::Reader>> OpenAtAny(
      const Context& transfer, const Context& wait, std::vector<RegistryHost> hosts,
      std::string_view media_type, const std::vector<std::string>& path, std::int64_t offset,
      const Download& download) {
    std::erase_if(hosts,
                  [&](const RegistryHost& host) { return download.sources->Skips(NameOf(host)); });
    absl::Status first_error;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      const bool last = i + 1 == hosts.size();
      RegistryRequest request(*base_, hosts[i], "GET", path);
      request.AddNamespace(base_->refspec.Hostname());
      absl::StatusOr<Opened> opened =
          Open(transfer, wait, std::move(request), media_type, offset, last, download);
      if (opened.ok()) {
        download.sources->Use(NameOf(hosts[i]), !last);
        return std::move(opened->reader);
      }
      // What a host says of itself tells more than that another one lacks the content.
      if (first_error.ok() || errdefs::IsNotFound(first_error)) first_error = opened.status();
      if (wait.Done()) break;
    }
    if (first_error.ok()) return errdefs::NotFound("no pull hosts");
    return first_error;
  }

  std::unique_ptr<io::Reader> ReaderOf(const Context& transfer, const std::string& media_type,
                                       const std::vector<std::string>& path, std::int64_t size,
                                       const std::vector<RegistryHost>& hosts) {
    const Download download{.sources = Sources::Of(transfer)};
    return std::make_unique<HTTPReadSeeker>(
        size,
        [self = shared_from_this(), transfer, media_type, path, hosts, download](
            const Context& wait, std::int64_t offset) {
          const JoinedContext joined(transfer, wait);
          return self->OpenAtAny(transfer, joined.ctx(), hosts, media_type, path, offset, download);
        },
        download.sources);
  }

  // The size of a blob or manifest; -1 if the host does not tell it. Where HEAD is refused, GET
  // tells whether the content is there.
  absl::StatusOr<std::int64_t> Size(const Context& ctx, const RegistryHost& host, bool last_host,
                                    std::string_view media_type,
                                    const std::vector<std::string>& parts) {
    absl::Status refused;
    for (const char* method : {"HEAD", "GET"}) {
      RegistryRequest request(*base_, host, method, parts);
      request.AddNamespace(base_->refspec.Hostname());
      request.SetMediaType(media_type);
      const std::string url = SanitizeUrl(request.url.String());
      absl::StatusOr<ResponsePtr> response = DoWithRetries(ctx, std::move(request), last_host);
      if (!response.ok()) return refused.ok() ? response.status() : refused;
      const int code = (*response)->status_code;
      const std::int64_t length = (*response)->content_length;
      const bool head = (*response)->request_method == "HEAD";
      if (code <= 299 && (length > 0 || !head)) return length;
      if (code > 299) {
        const std::string message =
            fmt::format("unexpected {} status code {}: {}", method, url, (*response)->status);
        refused = code == 404 ? errdefs::NotFound(message) : UnexpectedResponse(ctx, **response);
        if (!GetMayTellMore(code)) break;
      }
    }
    return refused;
  }

  absl::StatusOr<Opened> Open(const Context& transfer, const Context& wait, RegistryRequest request,
                              std::string_view media_type, std::int64_t offset, bool last_host,
                              const Download& download) {
    const std::int64_t chunk = options_.performances.concurrent_layer_fetch_buffer;
    int parallelism = options_.performances.max_concurrent_downloads;
    if (chunk < kMinChunkSize || *download.ranges_refused) parallelism = 1;
    request.SetMediaType(media_type);
    request.header.Set("Accept-Encoding", "zstd;q=1.0, gzip;q=0.8, deflate;q=0.5");
    bool asks_range = (parallelism > 1 || offset > 0) && !*download.ranges_refused;
    if (asks_range) request.header.Set("Range", fmt::format("bytes={}-", offset));

    Slot slot;
    if (options_.download_limiter != nullptr) {
      if (absl::Status s = options_.download_limiter->Acquire(wait); !s.ok()) {
        return errdefs::Annotate(s,
                                 fmt::format("GET {}: waiting until fewer downloads are under way",
                                             SanitizeUrl(request.url.String())));
      }
      slot = Slot(options_.download_limiter);
    }
    absl::StatusOr<ResponsePtr> sent = RequestRun(request, last_host).Do(transfer, wait);
    if (!sent.ok()) return sent.status();
    ResponsePtr response = *std::move(sent);
    if (asks_range && RefusesRange(response->status_code)) {
      // Without the range it may be given.
      *download.ranges_refused = true;
      asks_range = false;
      parallelism = 1;
      request.header.Del("Range");
      sent = RequestRun(request, last_host).Do(transfer, wait);
      if (!sent.ok()) return sent.status();
      response = *std::move(sent);
    }
    if (absl::Status s = CheckResponse(wait, *response); !s.ok()) return s;
    std::vector<std::string> encodings = Encodings(response->header);
    bool in_place = !asks_range && offset == 0;
    if (asks_range) {
      absl::StatusOr<bool> begins = BeginsAt(*response, offset);
      if (!begins.ok()) return begins.status();
      in_place = *begins;
    }
    if (in_place && offset > 0 && !encodings.empty()) {
      // The offset counts decoded bytes and a range counts encoded ones, so the blob is read again
      // from the start.
      request.header.Del("Range");
      response->body = nullptr;
      sent = RequestRun(request, last_host).Do(transfer, wait);
      if (!sent.ok()) return sent.status();
      response = *std::move(sent);
      if (absl::Status s = CheckResponse(wait, *response); !s.ok()) return s;
      encodings = Encodings(response->header);
      in_place = false;
      parallelism = 1;
    }

    Opened out{.header = response->header, .url = response->request_url};
    const std::int64_t length = response->content_length;
    out.size = in_place || length < 0 ? length : std::max<std::int64_t>(length - offset, 0);
    out.reader = NewBodyReader(std::move(response->body), std::move(slot));
    if (in_place && parallelism > 1 && length > chunk) {
      const std::int64_t chunks = length / chunk + (length % chunk != 0 ? 1 : 0);
      out.reader = NewRangesReader(
          transfer, std::move(request), last_host,
          RangesPlan{.begin = offset,
                     .end = offset + length,
                     .chunk = chunk,
                     .parallelism = static_cast<int>(std::min<std::int64_t>(parallelism, chunks))},
          std::move(out.reader), options_.download_limiter, download.ranges_refused);
    }
    if (!encodings.empty()) {
      absl::StatusOr<std::unique_ptr<io::Reader>> decoded =
          Decode(wait, std::move(out.reader), encodings);
      if (!decoded.ok()) return decoded.status();
      out.reader = *std::move(decoded);
      out.size = -1;
    }
    if (!in_place && offset > 0) {
      if (absl::Status s = Discard(wait, *out.reader, offset); !s.ok()) return s;
    }
    return out;
  }

  absl::StatusOr<Referrers> AskForReferrers(const Context& ctx, const digest::Digest& dgst,
                                            const FetchReferrersConfig& config) {
    const std::vector<RegistryHost> hosts = base_->FilterHosts(kHostCapabilityReferrers);
    const std::vector<RegistryHost> fallback =
        hosts.empty() ? base_->FilterHosts(kHostCapabilityResolve) : hosts;
    absl::StatusOr<Context> scoped = ContextWithRepositoryScope(ctx, base_->refspec, false);
    if (!scoped.ok()) return scoped.status();

    absl::Status first_error;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      RegistryRequest request(*base_, hosts[i], "GET", {"referrers", dgst.String()});
      for (const std::string& type : config.artifact_types) {
        request.AddQuery("artifactType", type);
      }
      for (const auto& [key, value] : config.query_filters) request.AddQuery(key, value);
      request.AddNamespace(base_->refspec.Hostname());
      absl::StatusOr<Referrers> found =
          ReadReferrers(*scoped, std::move(request), dgst, i + 1 == hosts.size());
      if (found.ok() && found->has_value()) return found;
      if (found.ok()) continue;
      // Who is refused here is refused there, and a password should not be tried twice.
      if (errdefs::IsUnauthorized(found.status()) && i + 1 == hosts.size()) return found;
      if (first_error.ok()) first_error = found.status();
    }

    // Registries without the endpoint: the index is under a tag that is made of the digest.
    std::string tag = dgst.String();
    std::replace(tag.begin(), tag.end(), ':', '-');
    for (std::size_t i = 0; i < fallback.size(); ++i) {
      RegistryRequest request(*base_, fallback[i], "GET", {"manifests", tag});
      request.AddNamespace(base_->refspec.Hostname());
      absl::StatusOr<Referrers> found =
          ReadReferrers(*scoped, std::move(request), dgst, i + 1 == fallback.size());
      if (found.ok() && found->has_value()) return found;
      if (found.ok()) break;  // none
      if (first_error.ok()) first_error = found.status();
    }
    if (!first_error.ok()) return first_error;
    return std::nullopt;
  }

  // All pages of an answer; nullopt if the host does not know what is asked for.
  absl::StatusOr<Referrers> ReadReferrers(const Context& ctx, RegistryRequest request,
                                          const digest::Digest& dgst, bool last_host) {
    std::vector<ocispec::Descriptor> out;
    std::set<std::string> seen;
    while (true) {
      seen.insert(request.url.String());
      const std::string name = SanitizeUrl(request.url.String());
      absl::StatusOr<Opened> opened = Open(ctx, ctx, request, ocispec::kMediaTypeImageIndex, 0,
                                           last_host, {.sources = std::make_shared<Sources>()});
      if (seen.size() == 1 && IsUnknownEndpoint(opened.status())) return std::nullopt;
      if (!opened.ok()) return opened.status();
      if (opened->size > kMaxManifestSize) {
        return errdefs::NotFound(fmt::format("referrers index size {} exceeds maximum allowed {}",
                                             opened->size, kMaxManifestSize));
      }
      absl::StatusOr<std::string> text =
          io::ReadAll(ctx, *opened->reader, std::size_t{kMaxManifestSize});
      if (!text.ok()) return errdefs::Annotate(text.status(), "failed to read referrers index");
      absl::StatusOr<Referrers> page = ParseReferrers(*text, opened->header, dgst);
      if (!page.ok()) return errdefs::Annotate(page.status(), name);
      if (!page->has_value()) {
        if (seen.size() == 1) return std::nullopt;
        return errdefs::FailedPrecondition(fmt::format("{} is no list of referrers", name));
      }
      std::move((*page)->begin(), (*page)->end(), std::back_inserter(out));
      absl::StatusOr<std::optional<http::Url>> next = NextPage(opened->header, request.url);
      if (!next.ok()) return next.status();
      if (!next->has_value()) return out;
      if (seen.size() >= kMaxReferrerPages || seen.contains((*next)->String())) {
        return errdefs::FailedPrecondition(fmt::format("the pages of {} have no end", name));
      }
      request.url = *std::move(*next);
    }
  }

  const std::shared_ptr<const Base> base_;
  const transfer::ImageResolverOptions options_;
};

}  // namespace

std::shared_ptr<Fetcher> NewFetcher(std::shared_ptr<const Base> base,
                                    const transfer::ImageResolverOptions& options) {
  return std::make_shared<DockerFetcher>(std::move(base), options);
}

}  // namespace containerd::remotes::docker
