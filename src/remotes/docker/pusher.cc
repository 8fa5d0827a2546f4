// SPDX-License-Identifier: Apache-2.0
#include "pusher.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <utility>

#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/content/content.h"
#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/log/log.h"
#include "containerd/remotes/docker/scope.h"
#include "containerd/remotes/errors.h"
#include "containerd/remotes/handlers.h"

#include "src/base/options.h"
#include "src/threads/internal/callback.h"

namespace containerd::remotes::docker {
namespace {

// Some registries answer an upload with 200, 202 or 204 instead of 201.
bool IsUploaded(int code) { return code == 200 || code == 201 || code == 202 || code == 204; }

// The most that a chunk is enlarged to, on a registry's demand.
constexpr std::int64_t kMaxChunk = std::int64_t{64} << 20;

// Before a chunk is sent again, times the attempts that were made.
constexpr absl::Duration kChunkPause = absl::Milliseconds(100);

// Times that the end of an upload is told.
constexpr int kMaxEnds = 3;

// What all writers of pushes share: the tracker's record.
class PushWriterBase : public content::Writer {
 public:
  PushWriterBase(std::string ref, digest::Digest expected, std::shared_ptr<StatusTracker> tracker)
      : ref_(std::move(ref)), expected_(std::move(expected)), tracker_(std::move(tracker)) {}

  ~PushWriterBase() override {
    threads::Notify("a StatusTracker", [this] { MarkClosed(); });
  }

  digest::Digest Digest() const override { return expected_; }

  absl::StatusOr<content::Status> Status(const Context&) override {
    absl::StatusOr<docker::Status> status = tracker_->GetStatus(ref_);
    if (!status.ok()) return status.status();
    return content::Status(*status);
  }

  absl::Status Truncate(const Context&, std::int64_t size) override {
    absl::StatusOr<docker::Status> status = tracker_->GetStatus(ref_);
    if (status.ok() && status->offset == size) return absl::OkStatus();
    return errdefs::InvalidArgument("cannot truncate remote upload");
  }

 protected:
  absl::Status Advance(std::int64_t n) {
    absl::StatusOr<docker::Status> status = tracker_->GetStatus(ref_);
    if (!status.ok()) return status.status();
    status->offset += n;
    status->updated_at = absl::Now();
    tracker_->SetStatus(ref_, *status);
    return absl::OkStatus();
  }

  // The writer takes no more bytes; a later push of the ref begins anew.
  void MarkClosed() {
    if (closed_) return;
    closed_ = true;
    absl::StatusOr<docker::Status> status = tracker_->GetStatus(ref_);
    if (!status.ok() || status->committed) return;
    status->err_closed = errdefs::Unknown("closed incomplete writer");
    tracker_->SetStatus(ref_, *status);
  }

  // Checks the registry's answer to the whole upload.
  absl::Status Finish(const Context& ctx, http::Response& response, std::int64_t size,
                      digest::Digest expected) {
    if (!IsUploaded(response.status_code)) return UnexpectedResponse(ctx, response);
    absl::StatusOr<docker::Status> status = tracker_->GetStatus(ref_);
    if (!status.ok()) return errdefs::Annotate(status.status(), "failed to get status");
    if (size > 0 && size != status->offset) {
      return errdefs::FailedPrecondition(
          fmt::format("push of {}: unexpected size {}, expected {}", ref_, status->offset, size));
    }
    if (expected.empty()) expected = status->expected;
    if (expected != digest::Digest(status->expected)) {
      return errdefs::FailedPrecondition(
          fmt::format("push of {}: unexpected digest: got \"{}\", expected \"{}\"", ref_,
                      status->expected, expected.String()));
    }
    const std::string header = response.header.Get("Docker-Content-Digest");
    if (!header.empty()) {
      absl::StatusOr<digest::Digest> actual = digest::Parse(header);
      if (!actual.ok()) {
        return errdefs::Annotate(actual.status(), "invalid content digest in response");
      }
      if (*actual != expected) {
        return errdefs::FailedPrecondition(
            fmt::format("push of {}: got digest {}, expected {}", ref_, header, expected.String()));
      }
    }
    status->committed = true;
    status->updated_at = absl::Now();
    tracker_->SetStatus(ref_, *status);
    closed_ = true;
    return absl::OkStatus();
  }

  const std::string ref_;
  const digest::Digest expected_;
  const std::shared_ptr<StatusTracker> tracker_;
  bool closed_ = false;
};

// Asks whether the registry has the blob that is uploaded.
using Look = std::function<absl::StatusOr<ResponsePtr>(const Context& wait)>;

// Where the content goes. If that is another host than the one that was asked, it gets none of the
// registry's header fields, and the credentials that are its own.
struct UploadTarget {
  RegistryRequest Request(std::string_view method) const {
    Base elsewhere;
    elsewhere.refspec = base->refspec;
    elsewhere.repository = base->repository;
    elsewhere.warning_handler = base->warning_handler;
    RegistryRequest request(referrer.empty() ? *base : elsewhere, host, method, {});
    request.url = url;
    request.referrer = referrer;
    return request;
  }

  std::shared_ptr<const Base> base;
  RegistryHost host;
  http::Url url;
  std::string referrer;  // the registry's URL, if this is another host
};

// What the Location field of an answer of `host` names.
absl::StatusOr<UploadTarget> TargetOf(std::shared_ptr<const Base> base, const RegistryHost& host,
                                      const http::Response& response, std::string referrer = "") {
  std::string location = response.header.Get("Location");
  absl::StatusOr<http::Url> requested = http::ParseUrl(response.request_url);
  if (!requested.ok()) return requested.status();
  http::Url from = *requested;
  from.scheme = host.scheme;
  from.host = host.host;
  // Some registries leave the scheme out.
  if (!location.starts_with('/') && location.find("://") == std::string::npos) {
    location = fmt::format("{}://{}", host.scheme, location);
  }
  absl::StatusOr<http::Url> url = http::ResolveReference(from, location);
  if (!url.ok()) {
    return errdefs::Annotate(url.status(),
                             fmt::format("unable to parse location {}", location.substr(0, 200)));
  }
  UploadTarget target{.base = std::move(base),
                      .host = host,
                      .url = *std::move(url),
                      .referrer = std::move(referrer)};
  if (http::SameOrigin(target.url, from)) return target;
  target.host.host = target.url.host;
  target.host.scheme = target.url.scheme;
  // It is the same host if that answered in the end, for example after a fallback to plain HTTP.
  const bool answered =
      http::SameOrigin(target.url, *requested) &&
      http::CanonicalHost(requested->host, "") == http::CanonicalHost(host.host, "");
  if (!answered) {
    target.host.header = {};
    if (target.referrer.empty()) target.referrer = from.String();
  }
  return target;
}

// Writes to the body of one request, which is under way meanwhile. When the request has to be sent
// again, what was written is lost, and ErrReset asks for it.
class PushWriter final : public PushWriterBase {
 public:
  PushWriter(Context ctx, RegistryRequest request, std::int64_t size, std::string ref,
             digest::Digest expected, std::shared_ptr<StatusTracker> tracker, Look look)
      : PushWriterBase(std::move(ref), std::move(expected), std::move(tracker)),
        transfer_(std::move(ctx)),
        size_(size),
        look_(std::move(look)),
        run_(WithBody(std::move(request)), true) {}

  ~PushWriter() override { Stop(); }

  absl::Status Start(const Context& wait) {
    absl::StatusOr<Future<ResponsePtr>> future = run_.Send(transfer_, wait);
    if (!future.ok()) return future.status();
    future_ = *std::move(future);
    return absl::OkStatus();
  }

  absl::Status Write(const Context& ctx, std::string_view data) override {
    while (true) {
      if (closed_) return errdefs::FailedPrecondition("write on closed writer of " + ref_);
      if (!failure_.ok()) return failure_;
      absl::Status s = pipe_->Write(ctx, data);
      if (s.ok()) return Advance(static_cast<std::int64_t>(data.size()));
      if (!http::PipeBody::IsErrClosed(s)) return s;
      // The transfer has ended before all content was written.
      absl::StatusOr<ResponsePtr> response = Receive(ctx);
      if (!response.ok()) return response.status();
      if (*response != nullptr) {
        failure_ = IsUploaded((*response)->status_code)
                       ? errdefs::Unknown(fmt::format(
                             "push of {}: the registry ended the upload with {} before its end",
                             ref_, (*response)->status))
                       : UnexpectedResponse(ctx, **response);
        return failure_;
      }
      if (absl::Status reset = Restarted(); !reset.ok()) return reset;
    }
  }

  absl::Status Commit(const Context& ctx, std::int64_t size, const digest::Digest& expected,
                      const std::vector<content::Opt>&) override {
    if (closed_) return errdefs::FailedPrecondition("commit of closed writer of " + ref_);
    if (!failure_.ok()) return failure_;
    while (true) {
      pipe_->Close();
      absl::StatusOr<ResponsePtr> response = Receive(ctx, /*all_sent=*/true);
      if (!response.ok()) {
        MarkClosed();
        return response.status();
      }
      if (*response != nullptr) {
        absl::Status s = Finish(ctx, **response, size, expected);
        MarkClosed();
        return s;
      }
      if (absl::Status reset = Restarted(); !reset.ok()) return reset;
    }
  }

  absl::Status Close(const Context&) override {
    MarkClosed();
    Stop();
    return absl::OkStatus();
  }

 private:
  RegistryRequest WithBody(RegistryRequest request) {
    request.make_body = [this] {
      pipe_ = std::make_shared<http::PipeBody>(size_);
      return pipe_;
    };
    return request;
  }

  // Returns the final response, or nullptr if the request was sent again.
  absl::StatusOr<ResponsePtr> Receive(const Context& ctx, bool all_sent = false) {
    absl::StatusOr<ResponsePtr> result = future_->Get(ctx);
    if (!result.ok() && !future_->IsReady()) return result;  // only `ctx` has ended
    if (all_sent && look_ != nullptr && IsTransient(result.status())) {
      // Perhaps only the answer was lost.
      absl::StatusOr<ResponsePtr> there = look_(ctx);
      if (there.ok() && (*there)->status_code == 200) return there;
    }
    absl::StatusOr<ResponsePtr> response = run_.Receive(ctx, std::move(result));
    if (all_sent && look_ != nullptr && response.ok() && *response != nullptr &&
        (*response)->status_code == 404) {
      absl::StatusOr<ResponsePtr> there = look_(ctx);
      if (there.ok() && (*there)->status_code == 200) return there;
    }
    if (response.ok() && *response == nullptr) {
      if (absl::Status s = Start(ctx); !s.ok()) response = s;
    }
    if (!response.ok()) failure_ = response.status();
    return response;
  }

  // ErrReset if anything had been written.
  absl::Status Restarted() {
    absl::StatusOr<docker::Status> status = tracker_->GetStatus(ref_);
    if (!status.ok()) return status.status();
    if (status->offset == 0) return absl::OkStatus();
    status->offset = 0;
    status->updated_at = absl::Now();
    tracker_->SetStatus(ref_, *status);
    return content::ErrReset(fmt::format("push of {} was started again", ref_));
  }

  void Stop() {
    if (pipe_ != nullptr) pipe_->CloseWithError(errdefs::Canceled("the writer was closed"));
  }

  const Context transfer_;
  const std::int64_t size_;
  const Look look_;
  std::shared_ptr<http::PipeBody> pipe_;
  RequestRun run_;
  std::optional<Future<ResponsePtr>> future_;
  absl::Status failure_;
};

// Gathers pieces and sends each in a request of its own, which can be sent again without asking the
// writer. When it is not known what became of a piece, the registry is asked how much it has.
class ChunkedPushWriter final : public PushWriterBase {
 public:
  struct Upload {
    Context transfer;
    UploadTarget target;
    std::int64_t chunk_size = 0;
    Look look;
  };

  ChunkedPushWriter(Upload upload, std::string ref, digest::Digest expected,
                    std::shared_ptr<StatusTracker> tracker)
      : PushWriterBase(std::move(ref), std::move(expected), std::move(tracker)),
        upload_(std::move(upload)) {}

  absl::Status Write(const Context& ctx, std::string_view data) override {
    if (closed_) return errdefs::FailedPrecondition("write on closed writer of " + ref_);
    const auto limit = static_cast<std::size_t>(upload_.chunk_size);
    while (!data.empty()) {
      const std::size_t n = std::min(data.size(), limit - chunk_.size());
      chunk_.append(data.substr(0, n));
      data.remove_prefix(n);
      if (absl::Status s = Advance(static_cast<std::int64_t>(n)); !s.ok()) return s;
      if (chunk_.size() == limit) {
        if (absl::Status s = SendChunk(ctx); !s.ok()) return s;
      }
    }
    return absl::OkStatus();
  }

  absl::Status Commit(const Context& ctx, std::int64_t size, const digest::Digest& expected,
                      const std::vector<content::Opt>&) override {
    if (closed_) return errdefs::FailedPrecondition("commit of closed writer of " + ref_);
    if (!chunk_.empty()) {
      if (absl::Status s = SendChunk(ctx); !s.ok()) return s;
    }
    absl::StatusOr<ResponsePtr> response = End(ctx);
    if (!response.ok()) return response.status();
    absl::Status s = Finish(ctx, **response, size, expected);
    MarkClosed();
    return s;
  }

  absl::Status Close(const Context&) override {
    MarkClosed();
    return absl::OkStatus();
  }

 private:
  // Whether a request with this outcome may have been carried out.
  static bool IsUnclear(const absl::StatusOr<ResponsePtr>& outcome) {
    return outcome.ok() ? (*outcome)->status_code >= 500 : IsTransient(outcome.status());
  }

  absl::Status SendChunk(const Context& ctx) {
    for (int attempt = 1; !chunk_.empty(); ++attempt) {
      absl::StatusOr<ResponsePtr> response = Send(ctx, "PATCH", chunk_);
      if (response.ok() && IsUploaded((*response)->status_code)) {
        Received(sent_ + static_cast<std::int64_t>(chunk_.size()));
        return Follow(**response);
      }
      const bool out_of_step = response.ok() && (*response)->status_code == 416;
      if (attempt >= kMaxAttempts || ctx.Done() || (!IsUnclear(response) && !out_of_step)) {
        return response.ok() ? UnexpectedResponse(ctx, **response) : response.status();
      }
      if (absl::Status s = Sleep(ctx, kChunkPause * attempt); !s.ok()) return s;
      absl::StatusOr<bool> moved = AskForState(ctx);
      if (!moved.ok()) return moved.status();
      if (out_of_step && !*moved) return UnexpectedResponse(ctx, **response);
    }
    return absl::OkStatus();
  }

  // Asks how much the registry has, and goes on from there. False if it does not say, or has what
  // it had before.
  absl::StatusOr<bool> AskForState(const Context& ctx) {
    absl::StatusOr<ResponsePtr> response = Send(ctx, "GET", "");
    if (!response.ok()) return response.status();
    if ((*response)->status_code > 299) return false;
    const std::string range = (*response)->header.Get("Range");
    const auto dash = range.rfind('-');
    std::int64_t last = -1;
    if (dash != std::string::npos) {
      const char* end = range.data() + range.size();
      if (std::from_chars(range.data() + dash + 1, end, last).ptr != end) last = -1;
    }
    if (absl::Status s = Follow(**response); !s.ok()) return s;
    // "0-0" is said of no byte as well as of the first one.
    std::int64_t has = last + 1;
    if (last == 0 && sent_ == 0) has = 0;
    const std::int64_t most = sent_ + static_cast<std::int64_t>(chunk_.size());
    if (has == sent_) return false;
    if (has < sent_ || has > most) {
      return errdefs::DataLoss(
          fmt::format("push of {}: the registry has {} bytes of the {} to {} that were sent", ref_,
                      has, sent_, most));
    }
    Received(has);
    return true;
  }

  void Received(std::int64_t has) {
    chunk_.erase(0, static_cast<std::size_t>(has - sent_));
    sent_ = has;
  }

  // Ends the upload. If the answer is lost, the registry may have the blob.
  absl::StatusOr<ResponsePtr> End(const Context& ctx) {
    for (int attempt = 1;; ++attempt) {
      absl::StatusOr<ResponsePtr> response = Send(ctx, "PUT", "");
      // The upload is over, be it that an earlier request ended it: transports repeat some, too.
      const bool gone = response.ok() && (*response)->status_code == 404;
      if ((!IsUnclear(response) && !gone) || ctx.Done()) return response;
      absl::StatusOr<ResponsePtr> there = upload_.look(ctx);
      if (there.ok() && (*there)->status_code == 200) return there;
      if (gone || attempt >= kMaxEnds) return response;
      if (absl::Status s = Sleep(ctx, kChunkPause * attempt); !s.ok()) return s;
    }
  }

  // Where the next request goes.
  absl::Status Follow(const http::Response& response) {
    if (response.header.Get("Location").empty()) return absl::OkStatus();
    absl::StatusOr<UploadTarget> next =
        TargetOf(upload_.target.base, upload_.target.host, response, upload_.target.referrer);
    if (!next.ok()) return next.status();
    upload_.target = *std::move(next);
    return absl::OkStatus();
  }

  absl::StatusOr<ResponsePtr> Send(const Context& ctx, std::string_view method,
                                   const std::string& body) {
    RegistryRequest request = upload_.target.Request(method);
    request.repeatable = method == "GET";
    if (method == "PUT") request.AddQuery("digest", expected_.String());
    request.AddNamespace(upload_.target.base->refspec.Hostname());
    if (method != "GET") {
      request.header.Set("Content-Type", "application/octet-stream");
      request.make_body = [&body] { return http::NewStringBody(body); };
    }
    if (method == "PATCH") {
      request.header.Set(
          "Content-Range",
          fmt::format("{}-{}", sent_, sent_ + static_cast<std::int64_t>(body.size()) - 1));
    }
    return RequestRun(std::move(request), true).Do(upload_.transfer, ctx);
  }

  Upload upload_;
  std::int64_t sent_ = 0;
  std::string chunk_;
};

class TrackerLock {
 public:
  TrackerLock() = default;
  ~TrackerLock() {
    if (locker_ == nullptr) return;
    threads::Notify("a StatusTracker", [&] { locker_->Unlock(ref_); });
  }
  TrackerLock(const TrackerLock&) = delete;
  TrackerLock& operator=(const TrackerLock&) = delete;

  absl::Status Lock(const Context& ctx, StatusTracker& tracker, std::string_view ref) {
    auto* locker = dynamic_cast<StatusTrackLocker*>(&tracker);
    if (locker == nullptr) return absl::OkStatus();
    if (absl::Status s = locker->Lock(ctx, ref); !s.ok()) {
      return errdefs::Annotate(s, fmt::format("waiting for another push of {}", ref));
    }
    locker_ = locker;
    ref_ = ref;
    return absl::OkStatus();
  }

 private:
  StatusTrackLocker* locker_ = nullptr;
  std::string ref_;
};

class DockerPusher final : public Pusher, public content::Ingester {
 public:
  DockerPusher(std::shared_ptr<const Base> base, std::shared_ptr<StatusTracker> tracker,
               std::int64_t upload_chunk_size)
      : base_(std::move(base)),
        tracker_(std::move(tracker)),
        upload_chunk_size_(upload_chunk_size) {}

  absl::StatusOr<std::unique_ptr<content::Writer>> Writer(
      const Context& ctx, const std::vector<content::WriterOpt>& opts) override {
    content::WriterOpts o;
    if (absl::Status s = base::Apply(opts, o); !s.ok()) return s;
    if (o.ref.empty()) return errdefs::InvalidArgument("ref must not be empty");
    if (o.desc.digest.empty()) {
      return errdefs::InvalidArgument("descriptor digest must not be empty");
    }
    if (o.desc.media_type.empty()) {
      return errdefs::InvalidArgument("descriptor media type must not be empty");
    }
    return DoPush(ctx, o.desc, o.ref, true);
  }

  absl::StatusOr<std::unique_ptr<content::Writer>> Push(const Context& ctx,
                                                        const ocispec::Descriptor& desc) override {
    return DoPush(ctx, desc, MakeRefKey(ctx, desc), false);
  }

 private:
  using WriterPtr = std::unique_ptr<content::Writer>;

  struct Job {
    const ocispec::Descriptor& desc;
    const std::string& ref;     // for the tracker
    const std::string& target;  // docker::Status::pushed_to
  };

  absl::StatusOr<WriterPtr> DoPush(const Context& parent, const ocispec::Descriptor& desc,
                                   const std::string& ref, bool unavailable_on_fail) {
    // It becomes part of a path.
    if (absl::Status s = digest::Digest(desc.digest).Validate(); !s.ok()) {
      return errdefs::Annotate(s, fmt::format("pushing \"{}\"", desc.digest.substr(0, 200)));
    }
    const bool is_manifest =
        images::IsManifestType(desc.media_type) || images::IsIndexType(desc.media_type);
    const std::string target = is_manifest ? base_->refspec.String() : base_->refspec.locator;
    TrackerLock lock;
    if (absl::Status s = lock.Lock(parent, *tracker_, ref); !s.ok()) return s;
    absl::StatusOr<Context> scoped = ContextWithRepositoryScope(parent, base_->refspec, true);
    if (!scoped.ok()) return scoped.status();
    const Context ctx = WithWarningSource(*scoped, desc, desc.digest);

    absl::StatusOr<docker::Status> status = tracker_->GetStatus(ref);
    if (status.ok()) {
      const bool here = status->pushed_to.empty() || status->pushed_to == target;
      if (here && status->committed && status->offset == status->total) {
        return errdefs::AlreadyExists(fmt::format("ref {}", ref));
      }
      if (unavailable_on_fail && !status->committed && status->err_closed.ok()) {
        return errdefs::Unavailable(fmt::format("ref {}: push is on-going", ref));
      }
    } else if (!errdefs::IsNotFound(status.status())) {
      return errdefs::Annotate(status.status(), "failed to get status");
    }
    const std::vector<RegistryHost> hosts = base_->FilterHosts(kHostCapabilityPush);
    if (hosts.empty()) return errdefs::NotFound("no push hosts");
    const RegistryHost& host = hosts.front();

    const std::vector<std::string> path = is_manifest
                                              ? ManifestPath(base_->refspec.object, desc.digest)
                                              : std::vector<std::string>{"blobs", desc.digest};
    const Job job{.desc = desc, .ref = ref, .target = target};
    if (absl::Status s = CheckAbsent(ctx, host, job, path, is_manifest); !s.ok()) return s;
    return is_manifest ? PutManifest(ctx, host, job, path) : PutBlob(ctx, host, job);
  }

  // ErrAlreadyExists if the registry has the content.
  absl::Status CheckAbsent(const Context& ctx, const RegistryHost& host, const Job& job,
                           const std::vector<std::string>& path, bool is_manifest) {
    const ocispec::Descriptor& desc = job.desc;
    RegistryRequest request(*base_, host, "HEAD", path);
    request.AddNamespace(base_->refspec.Hostname());
    request.SetMediaType(desc.media_type);
    RegistryRequest get = request;
    get.method = "GET";
    absl::StatusOr<ResponsePtr> response = DoWithRetries(ctx, std::move(request), true);
    if (!response.ok()) {
      if (!IsErrInvalidAuthorization(response.status())) return response.status();
      // Credentials may allow to push and not to pull: the check is skipped then.
      return absl::OkStatus();
    }
    const ResponsePtr answer = (*response)->status_code == 404
                                   ? *response  // to upload what is there is no harm
                                   : AskAgainWithGet(ctx, *response, std::move(get));
    const int code = answer->status_code;
    if (code == 200) {
      if (is_manifest && path[1] != desc.digest &&
          answer->header.Get("Docker-Content-Digest") != desc.digest) {
        return absl::OkStatus();  // the tag is another image's
      }
      docker::Status exists;
      exists.ref = job.ref;
      exists.pushed_to = job.target;
      exists.committed = true;
      exists.exists = true;
      tracker_->SetStatus(job.ref, exists);
      return errdefs::AlreadyExists(fmt::format("content {} on remote", desc.digest));
    }
    return code == 404 ? absl::OkStatus() : UnexpectedResponse(ctx, *answer);
  }

  absl::StatusOr<WriterPtr> PutManifest(const Context& ctx, const RegistryHost& host,
                                        const Job& job, const std::vector<std::string>& path) {
    RegistryRequest request(*base_, host, "PUT", path);
    request.AddNamespace(base_->refspec.Hostname());
    request.header.Set("Content-Type", job.desc.media_type);
    return StartUpload(ctx, std::move(request), job);
  }

  absl::StatusOr<WriterPtr> PutBlob(const Context& ctx, const RegistryHost& host, const Job& job) {
    const ocispec::Descriptor& desc = job.desc;
    RegistryRequest request(*base_, host, "POST", {"blobs", "uploads/"});
    request.AddNamespace(base_->refspec.Hostname());

    ResponsePtr response;
    std::string mounted_from;
    const std::string from = SelectRepositoryMountCandidate(base_->refspec, desc.annotations);
    if (!from.empty()) {
      RegistryRequest mount = request;
      mount.AddQuery("mount", desc.digest);
      mount.AddQuery("from", from);
      // Whatever stands in the way of the mount, a token server's refusal of its scope included,
      // the content can still be uploaded.
      absl::StatusOr<ResponsePtr> answer =
          DoWithRetries(ContextWithAppendPullRepositoryScope(ctx, from), std::move(mount), false);
      if (!answer.ok() && ctx.Done()) {
        return errdefs::Annotate(answer.status(), fmt::format("pushing with mount from {}", from));
      }
      if (answer.ok() && IsUploaded((*answer)->status_code)) response = *answer;
      if (response != nullptr && response->status_code == 201) {
        mounted_from = fmt::format("{}/{}", base_->refspec.Hostname(), from);
      } else if (response != nullptr && response->header.Get("Location").empty()) {
        response = nullptr;
      }
      if (response == nullptr) {
        log::Debug(fmt::format(
            "{} cannot be mounted from {} and is uploaded: {}", desc.digest, from,
            answer.ok() ? (*answer)->status : std::string(errdefs::Message(answer.status()))));
      }
    }
    if (response == nullptr) {
      absl::StatusOr<ResponsePtr> answer = DoWithRetries(ctx, std::move(request), true);
      if (!answer.ok()) {
        if (!IsErrInvalidAuthorization(answer.status())) return answer.status();
        return errdefs::Annotate(
            answer.status(),
            "push access denied, repository does not exist or may require authorization");
      }
      response = *std::move(answer);
    }

    switch (response->status_code) {
      case 200:
      case 202:
      case 204:
        break;
      case 201: {
        docker::Status mounted;
        mounted.ref = job.ref;
        mounted.pushed_to = job.target;
        mounted.total = mounted.offset = desc.size;
        mounted.committed = true;
        mounted.mounted_from = mounted_from;
        tracker_->SetStatus(job.ref, mounted);
        return errdefs::AlreadyExists(fmt::format("content {} on remote", desc.digest));
      }
      default:
        return UnexpectedResponse(ctx, *response);
    }

    absl::StatusOr<UploadTarget> target = TargetOf(base_, host, *response);
    if (!target.ok()) return target.status();
    const std::int64_t chunk = ChunkSize(*response);
    if (chunk > 0 && desc.size > chunk) {
      SetStarted(job);
      return std::make_unique<ChunkedPushWriter>(
          ChunkedPushWriter::Upload{.transfer = ctx,
                                    .target = *std::move(target),
                                    .chunk_size = chunk,
                                    .look = LookFor(ctx, host, desc)},
          job.ref, desc.digest, tracker_);
    }
    RegistryRequest put = target->Request("PUT");
    put.AddQuery("digest", desc.digest);
    put.AddNamespace(base_->refspec.Hostname());
    put.header.Set("Content-Type", "application/octet-stream");
    return StartUpload(ctx, std::move(put), job, LookFor(ctx, host, desc));
  }

  // Bytes of a chunk, 0 for an upload in one request. A registry may demand more than was
  // configured; what is too much to be held in memory is sent in one stream.
  std::int64_t ChunkSize(const http::Response& response) const {
    if (upload_chunk_size_ <= 0) return 0;
    const std::string text = response.header.Get("OCI-Chunk-Min-Length");
    std::int64_t least = 0;
    (void)std::from_chars(text.data(), text.data() + text.size(), least);
    if (least > std::max(upload_chunk_size_, kMaxChunk)) return 0;
    return std::max(upload_chunk_size_, least);
  }

  // Asks whether the registry has the blob.
  Look LookFor(const Context& transfer, const RegistryHost& host,
               const ocispec::Descriptor& desc) const {
    return [transfer, host, base = base_, digest = desc.digest](const Context& wait) {
      RegistryRequest head(*base, host, "HEAD", {"blobs", digest});
      head.AddNamespace(base->refspec.Hostname());
      return RequestRun(std::move(head), true).Do(transfer, wait);
    };
  }

  void SetStarted(const Job& job) {
    docker::Status status;
    status.ref = job.ref;
    status.total = job.desc.size;
    status.expected = job.desc.digest;
    status.pushed_to = job.target;
    status.started_at = absl::Now();
    tracker_->SetStatus(job.ref, status);
  }

  absl::StatusOr<WriterPtr> StartUpload(const Context& ctx, RegistryRequest request, const Job& job,
                                        Look look = nullptr) {
    SetStarted(job);
    auto writer = std::make_unique<PushWriter>(ctx, std::move(request), job.desc.size, job.ref,
                                               job.desc.digest, tracker_, std::move(look));
    if (absl::Status s = writer->Start(ctx); !s.ok()) return s;
    return writer;
  }

  const std::shared_ptr<const Base> base_;
  const std::shared_ptr<StatusTracker> tracker_;
  const std::int64_t upload_chunk_size_;
};

}  // namespace

std::vector<std::string> ManifestPath(std::string_view object, const digest::Digest& dgst) {
  if (const auto at = object.find('@'); at != std::string_view::npos) {
    object = object.substr(at + 1) == dgst.String() ? object.substr(0, at) : std::string_view();
  }
  return {"manifests", object.empty() ? dgst.String() : std::string(object)};
}

std::shared_ptr<Pusher> NewPusher(std::shared_ptr<const Base> base,
                                  std::shared_ptr<StatusTracker> tracker,
                                  std::int64_t upload_chunk_size) {
  return std::make_shared<DockerPusher>(std::move(base), std::move(tracker), upload_chunk_size);
}

}  // namespace containerd::remotes::docker
