// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_registry.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "containerd/digest/digest.h"

namespace containerd::remotes::docker::testing {

ocispec::Descriptor FakeRegistry::Put(std::string_view media_type, std::string data,
                                      std::string_view tag) {
  ocispec::Descriptor desc;
  desc.media_type = media_type;
  desc.digest = digest::FromString(data).String();
  desc.size = static_cast<std::int64_t>(data.size());
  std::lock_guard lock(mu_);
  entries_[desc.digest] = {std::string(media_type), data};
  if (!tag.empty()) entries_[std::string(tag)] = {std::string(media_type), data};
  return desc;
}

void FakeRegistry::PutAs(const std::string& key, std::string_view media_type, std::string data,
                         const std::string& digest) {
  std::lock_guard lock(mu_);
  entries_[key] = {std::string(media_type), std::move(data), digest};
}

std::string FakeRegistry::Data(const std::string& key) const {
  std::lock_guard lock(mu_);
  const auto it = entries_.find(key);
  return it == entries_.end() ? "<none>" : it->second.data;
}

TestServer::Handler FakeRegistry::Handler() {
  return [this](const ServerRequest& request, ResponseWriter& w) { Serve(request, w); };
}

void FakeRegistry::Serve(const ServerRequest& request, ResponseWriter& w) {
  if (before && before(request, w)) return;
  std::unique_lock lock(mu_);
  const std::string& path = request.path;
  if (busy > 0) {
    --busy;
    if (!retry_after.empty()) w.header.Set("Retry-After", retry_after);
    return w.Send(429, R"({"errors":[{"code":"TOOMANYREQUESTS","message":"too fast"}]})");
  }
  if (path.find("/referrers/") != std::string::npos) return w.Send(404);
  if (path.find("/blobs/uploads/") != std::string::npos || path.starts_with("/upload")) {
    return Upload(request, w);
  }
  if (path.find("/manifests/") != std::string::npos && request.method == "PUT") {
    const std::string digest = digest::FromString(request.body).String();
    entries_[path.substr(path.rfind('/') + 1)] = {request.header.Get("Content-Type"), request.body};
    entries_[digest] = {request.header.Get("Content-Type"), request.body};
    if (digest_header) w.header.Set("Docker-Content-Digest", digest);
    return Answer(request, w, 201);
  }
  const bool is_head = request.method == "HEAD";
  if (is_head && !head) return w.Send(405);
  if (is_head && head_status != 0) return w.Send(head_status);
  const auto it = entries_.find(path.substr(path.rfind('/') + 1));
  if (it == entries_.end()) return w.Send(404, R"({"errors":[{"code":"UNKNOWN"}]})");
  const Entry entry = it->second;
  const auto cut = truncated.find(it->first);
  const std::size_t most = cut != truncated.end() ? cut->second : entry.data.size();
  lock.unlock();
  if (content_type) {
    const bool is_blob = path.find("/blobs/") != std::string::npos;
    w.header.Set("Content-Type", is_blob ? "application/octet-stream" : entry.media_type);
  }
  if (digest_header) {
    w.header.Set("Docker-Content-Digest",
                 entry.digest.empty() ? digest::FromString(entry.data).String() : entry.digest);
  }
  std::string data = entry.data;
  int status = 200;
  const std::string range = request.header.Get("Range");
  if (!range.empty() && range_status != 0) return w.Send(range_status);
  if (is_head && !head_length) return w.Send(200);
  if (ranges && range.starts_with("bytes=")) {
    std::size_t from = 0;
    std::size_t to = data.size();
    const char* end = range.data() + range.size();
    const auto dash = std::from_chars(range.data() + 6, end, from).ptr;
    std::size_t last = 0;
    if (std::from_chars(dash + 1, end, last).ec == std::errc()) to = std::min(to, last + 1);
    if (from >= data.size()) return w.Send(416);
    w.header.Set("Content-Range", fmt::format("bytes {}-{}/{}", from, to - 1, data.size()));
    data = data.substr(from, to - from);
    status = 206;
  }
  Reply(w, status, data, is_head, most);
}

void FakeRegistry::Answer(const ServerRequest& request, ResponseWriter& w, int status,
                          std::string_view body) {
  const auto lost = lost_answers.find(request.method);
  if (lost == lost_answers.end() || lost->second == 0) return w.Send(status, body);
  --lost->second;
  w.conn().Break();
}

void FakeRegistry::Reply(ResponseWriter& w, int status, const std::string& data, bool is_head,
                         std::size_t most) const {
  if (content_length) {
    w.header.Set("Content-Length", fmt::format("{}", data.size()));
    w.SendHeader(status);
    if (!is_head) w.conn().Write(std::string_view(data).substr(0, most));
    if (!is_head && most < data.size()) w.conn().Break();
    return;
  }
  if (is_head) {
    w.header.Set("Transfer-Encoding", "chunked");
    w.SendHeader(status);
    return;
  }
  w.header.Set("Transfer-Encoding", "chunked");
  w.SendHeader(status);
  if (!data.empty()) w.Chunk(data);
  w.Chunk("");
}

void FakeRegistry::Upload(const ServerRequest& request, ResponseWriter& w) {
  if (request.method == "POST") {
    const std::string mount = request.QueryValue("mount");
    if (!mount.empty() && mount_status != 0) return w.Send(mount_status);
    if (chunk_least > 0) w.header.Set("OCI-Chunk-Min-Length", fmt::format("{}", chunk_least));
    if (!mount.empty() && entries_.contains(mount)) {
      w.header.Set("Docker-Content-Digest", mount);
      return w.Send(201);
    }
    const std::string id = fmt::format("/upload/{}", ++last_upload_);
    uploads_[id];
    w.header.Set("Location", fmt::format("{}{}?_state=a%2Bb", location_prefix, id));
    return w.Send(202);
  }
  if (ended_.contains(request.path)) {
    return w.Send(404, R"({"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]})");
  }
  std::string& data = uploads_[request.path];
  if (request.method == "GET") {
    w.header.Set("Range", fmt::format("0-{}", data.empty() ? 0 : data.size() - 1));
    w.header.Set("Location", fmt::format("{}?_state={}", request.path, data.size()));
    return w.Send(204);
  }
  if (request.method == "PATCH") {
    const std::string want =
        fmt::format("{}-{}", data.size(), data.size() + request.body.size() - 1);
    if (request.header.Get("Content-Range") != want) return w.Send(416);
    data += request.body;
    w.header.Set("Location", fmt::format("{}?_state={}", request.path, data.size()));
    return Answer(request, w, patch_status != 0 ? patch_status : 202);
  }
  data += request.body;
  const std::string digest = digest::FromString(data).String();
  if (request.QueryValue("digest") != digest) {
    return w.Send(400, R"({"errors":[{"code":"DIGEST_INVALID","message":"wrong digest"}]})");
  }
  entries_[digest] = {"application/octet-stream", std::move(data)};
  uploads_.erase(request.path);
  ended_.insert(request.path);
  if (digest_header) w.header.Set("Docker-Content-Digest", digest);
  Answer(request, w, 201);
}

}  // namespace containerd::remotes::docker::testing
