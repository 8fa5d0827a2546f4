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

#include "push_writer.h"
#include "src/base/options.h"
#include "src/threads/internal/callback.h"

namespace containerd::remotes::docker {
namespace {

// The most that a chunk is enlarged to, on a registry's demand.
constexpr std::int64_t kMaxChunk = std::int64_t{64} << 20;

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
      return NewChunkedPush({.transfer = ctx,
                             .target = *std::move(target),
                             .chunk_size = chunk,
                             .look = LookFor(ctx, host, desc)},
                            RecordOf(job));
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
    return StartPush(ctx, std::move(request), job.desc.size, RecordOf(job), std::move(look));
  }

  PushRecord RecordOf(const Job& job) const {
    return {.ref = job.ref, .expected = digest::Digest(job.desc.digest), .tracker = tracker_};
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
