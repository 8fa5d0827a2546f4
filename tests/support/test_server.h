// SPDX-License-Identifier: Apache-2.0
//
// An HTTP/1.1 server on the loopback for tests, which can misbehave in every way, and certificates
// for it. Each connection has a thread; they end with the server.
#ifndef CONTAINERD_TESTS_SUPPORT_TEST_SERVER_H_
#define CONTAINERD_TESTS_SUPPORT_TEST_SERVER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <openssl/types.h>

#include "containerd/http/http.h"

namespace containerd::http::testing {

// What the PEM text holds; the caller frees it.
X509* ReadCert(const std::string& pem);
EVP_PKEY* ReadKey(const std::string& pem);

// A certificate with its key, as PEM, signed by itself or by another.
struct TestCert {
  std::string cert;
  std::string key;
};

// For 127.0.0.1 and localhost. `issuer` nullptr: an authority of its own.
TestCert MakeCert(const std::string& name, const TestCert* issuer = nullptr);

// One connection: bytes both ways, with or without TLS.
class Conn {
 public:
  Conn(int fd, SSL* ssl) : fd_(fd), ssl_(ssl) {}
  ~Conn();
  Conn(const Conn&) = delete;
  Conn& operator=(const Conn&) = delete;

  bool Write(std::string_view data);

  // "" at the end.
  std::string Read(std::size_t max = 65536);

  // Puts back what was read too much.
  void Unread(std::string data) { pending_ = std::move(data) + pending_; }

  // Breaks the connection, with a reset if `reset`.
  void Break(bool reset = false);
  bool broken() const { return broken_; }

  // Waits until the client closes.
  void AwaitClose();

 private:
  const int fd_;
  SSL* const ssl_;
  std::string pending_;
  bool broken_ = false;
};

struct ServerRequest {
  std::string method;
  std::string target;  // path and query
  std::string path;
  std::string query;
  Header header;
  std::string body;
  int connection = 0;  // counted from 1

  std::string QueryValue(std::string_view key) const;
};

class ResponseWriter {
 public:
  ResponseWriter(Conn* conn, bool head) : conn_(conn), head_(head) {}

  Header header;

  // A whole response with Content-Length.
  void Send(int status, std::string_view body = "");

  void SendHeader(int status);

  void Chunk(std::string_view data);

  Conn& conn();
  bool sent() const { return sent_; }

 private:
  Conn* conn_;
  bool head_;
  bool sent_ = false;
};

class TestServer {
 public:
  using Handler = std::function<void(const ServerRequest&, ResponseWriter&)>;
  struct Options {
    const TestCert* tls = nullptr;
    const TestCert* client_ca = nullptr;  // demands a client certificate of this authority
    // Gets the connection before anything is read from it.
    std::function<bool(Conn&)> on_connect{};
    // Listens on this unix socket, and on no port.
    std::string unix_socket{};
    // Reads no body: the handler does, from the connection.
    bool raw_body = false;
  };

  explicit TestServer(Handler handler) : TestServer(std::move(handler), Options()) {}
  TestServer(Handler handler, Options options);

  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  std::string Host() const;
  std::string Url(std::string_view path = "") const;
  int port() const { return port_; }
  int connections() const { return connections_; }

  // "GET /path?query" of all requests so far.
  std::vector<std::string> Requests() const;

 private:
  void Accept();

  void Serve(int fd, int id);

  bool ReadRequest(Conn& conn, ServerRequest& request);

  static bool ReadExact(Conn& conn, std::size_t n, std::string& out);

  static bool ReadChunks(Conn& conn, std::string& out);

  const Handler handler_;
  const Options options_;
  SSL_CTX* ssl_ctx_ = nullptr;
  int listen_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  std::thread acceptor_;
  mutable std::mutex mu_;
  std::set<int> open_;
  std::vector<std::thread> threads_;
  std::vector<std::string> requests_;
};

}  // namespace containerd::http::testing

#endif  // CONTAINERD_TESTS_SUPPORT_TEST_SERVER_H_
