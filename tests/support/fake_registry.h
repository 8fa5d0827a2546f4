// SPDX-License-Identifier: Apache-2.0
//
// A registry in memory, behind the test server of package http, that can be told to misbehave.
#ifndef CONTAINERD_TESTS_SUPPORT_FAKE_REGISTRY_H_
#define CONTAINERD_TESTS_SUPPORT_FAKE_REGISTRY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "containerd/ocispec/descriptor.h"

#include "tests/support/test_server.h"

namespace containerd::remotes::docker::testing {

using http::testing::ResponseWriter;
using http::testing::ServerRequest;
using http::testing::TestServer;

class FakeRegistry {
 public:
  struct Entry {
    std::string media_type;
    std::string data;
    std::string digest{};  // to be named in the header, instead of the true one
  };

  // Runs first; true if it has answered.
  std::function<bool(const ServerRequest&, ResponseWriter&)> before;

  bool ranges = true;           // takes Range
  bool digest_header = true;    // sends Docker-Content-Digest
  bool content_length = true;   // else the body comes in chunks
  bool head = true;             // knows HEAD
  std::string location_prefix;  // of uploads

  // Faults. Codes that are not 0 are answered in place of the right ones.
  int head_status = 0;           // to HEAD of manifests and blobs
  bool head_length = true;       // else HEAD's own body of no bytes is what has the length
  bool content_type = true;      // sends Content-Type
  int range_status = 0;          // to requests with Range
  int mount_status = 0;          // to mounts
  int patch_status = 0;          // to chunks, which it takes all the same
  int busy = 0;                  // 429 to this many requests
  std::string retry_after;       // with those
  std::int64_t chunk_least = 0;  // OCI-Chunk-Min-Length
  // Of how many requests of a method the answer is lost, after they were carried out.
  std::map<std::string, int> lost_answers;
  // Content of which no more than so many bytes are sent, with the length of all.
  std::map<std::string, std::size_t> truncated;

  // A blob or manifest; a manifest under its tag too.
  ocispec::Descriptor Put(std::string_view media_type, std::string data, std::string_view tag = "");

  // Anything under any name.
  void PutAs(const std::string& key, std::string_view media_type, std::string data,
             const std::string& digest = "");

  std::string Data(const std::string& key) const;

  TestServer::Handler Handler();

 private:
  void Serve(const ServerRequest& request, ResponseWriter& w);

  // Sends the code, or breaks the connection if that answer is to be lost.
  void Answer(const ServerRequest& request, ResponseWriter& w, int status,
              std::string_view body = "");

  void Reply(ResponseWriter& w, int status, const std::string& data, bool is_head,
             std::size_t most) const;

  // The path of an upload ends with its number.
  void Upload(const ServerRequest& request, ResponseWriter& w);

  mutable std::mutex mu_;
  std::map<std::string, Entry> entries_;
  int last_upload_ = 0;
  std::map<std::string, std::string> uploads_;
  std::set<std::string> ended_;  // uploads
};

}  // namespace containerd::remotes::docker::testing

#endif  // CONTAINERD_TESTS_SUPPORT_FAKE_REGISTRY_H_
