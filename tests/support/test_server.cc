// SPDX-License-Identifier: Apache-2.0
#include "tests/support/test_server.h"

#include <cctype>
#include <csignal>
#include <cstdlib>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace containerd::http::testing {

namespace {

std::string ToPem(const std::function<int(BIO*)>& write) {
  BIO* bio = BIO_new(BIO_s_mem());
  write(bio);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return out;
}

}  // namespace

X509* ReadCert(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* cert = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return cert;
}

EVP_PKEY* ReadKey(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return key;
}

TestCert MakeCert(const std::string& name, const TestCert* issuer) {
  static std::atomic<long> serial = 1;
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* cert = X509_new();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
  X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert), 24L * 3600);
  X509_set_pubkey(cert, key);
  X509_NAME* subject = X509_get_subject_name(cert);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509* parent = issuer != nullptr ? ReadCert(issuer->cert) : cert;
  X509_set_issuer_name(cert, X509_get_subject_name(parent));
  X509V3_CTX ctx;
  X509V3_set_ctx_nodb(&ctx);
  X509V3_set_ctx(&ctx, parent, cert, nullptr, nullptr, 0);
  const auto add = [&](int nid, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &ctx, nid, value);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
  };
  add(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "critical,CA:FALSE");
  add(NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
  EVP_PKEY* signer = issuer != nullptr ? ReadKey(issuer->key) : key;
  X509_sign(cert, signer, EVP_sha256());
  TestCert out;
  out.cert = ToPem([&](BIO* b) { return PEM_write_bio_X509(b, cert); });
  out.key = ToPem([&](BIO* b) {
    return PEM_write_bio_PrivateKey(b, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  if (issuer != nullptr) {
    EVP_PKEY_free(signer);
    X509_free(parent);
  }
  X509_free(cert);
  EVP_PKEY_free(key);
  return out;
}

Conn::~Conn() {
  if (ssl_ != nullptr) SSL_free(ssl_);
}

bool Conn::Write(std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ssl_ != nullptr ? SSL_write(ssl_, data.data(), static_cast<int>(data.size()))
                                      : send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string Conn::Read(std::size_t max) {
  if (!pending_.empty()) return std::exchange(pending_, {});
  std::string buf(max, '\0');
  const ssize_t n = ssl_ != nullptr ? SSL_read(ssl_, buf.data(), static_cast<int>(max))
                                    : recv(fd_, buf.data(), max, 0);
  buf.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return buf;
}

void Conn::Break(bool reset) {
  if (reset) {
    const linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  }
  broken_ = true;
}

void Conn::AwaitClose() {
  while (!Read().empty()) {
  }
}

std::string ServerRequest::QueryValue(std::string_view key) const {
  for (const auto& [k, v] : ParseQuery(query)) {
    if (k == key) return v;
  }
  return "";
}

void ResponseWriter::Send(int status, std::string_view body) {
  if (!header.Has("Content-Length")) header.Set("Content-Length", fmt::format("{}", body.size()));
  SendHeader(status);
  if (!head_) conn_->Write(body);
}

void ResponseWriter::SendHeader(int status) {
  sent_ = true;
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", status, StatusText(status));
  for (const auto& [name, values] : header.fields()) {
    for (const std::string& value : values) text += fmt::format("{}: {}\r\n", name, value);
  }
  conn_->Write(text + "\r\n");
}

void ResponseWriter::Chunk(std::string_view data) {
  conn_->Write(fmt::format("{:x}\r\n{}\r\n", data.size(), data));
}

Conn& ResponseWriter::conn() {
  sent_ = true;
  return *conn_;
}

TestServer::TestServer(Handler handler, Options options)
    : handler_(std::move(handler)), options_(std::move(options)) {
  static const auto ignored = signal(SIGPIPE, SIG_IGN);
  (void)ignored;
  if (options_.tls != nullptr) {
    ssl_ctx_ = SSL_CTX_new(TLS_server_method());
    X509* cert = ReadCert(options_.tls->cert);
    EVP_PKEY* key = ReadKey(options_.tls->key);
    SSL_CTX_use_certificate(ssl_ctx_, cert);
    SSL_CTX_use_PrivateKey(ssl_ctx_, key);
    X509_free(cert);
    EVP_PKEY_free(key);
    if (options_.client_ca != nullptr) {
      X509* ca = ReadCert(options_.client_ca->cert);
      X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl_ctx_), ca);
      SSL_CTX_add_client_CA(ssl_ctx_, ca);
      SSL_CTX_set_verify(ssl_ctx_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
      X509_free(ca);
    }
  }
  if (!options_.unix_socket.empty()) {
    listen_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un addr{};
    addr.sun_family = AF_UNIX;
    options_.unix_socket.copy(addr.sun_path, sizeof(addr.sun_path) - 1);
    bind(listen_, reinterpret_cast<sockaddr*>(&addr), sizeof(addr));
    listen(listen_, 64);
    acceptor_ = std::thread([this] { Accept(); });
    return;
  }
  listen_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in addr{};
  addr.sin_family = AF_INET;
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(listen_, reinterpret_cast<sockaddr*>(&addr), sizeof(addr));
  listen(listen_, 64);
  socklen_t size = sizeof(addr);
  getsockname(listen_, reinterpret_cast<sockaddr*>(&addr), &size);
  port_ = ntohs(addr.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

TestServer::~TestServer() {
  stopping_ = true;
  shutdown(listen_, SHUT_RDWR);
  acceptor_.join();
  close(listen_);
  {
    std::lock_guard lock(mu_);
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  if (ssl_ctx_ != nullptr) SSL_CTX_free(ssl_ctx_);
}

std::string TestServer::Host() const { return fmt::format("127.0.0.1:{}", port_); }

std::string TestServer::Url(std::string_view path) const {
  return fmt::format("{}://{}{}", options_.tls != nullptr ? "https" : "http", Host(), path);
}

std::vector<std::string> TestServer::Requests() const {
  std::lock_guard lock(mu_);
  return requests_;
}

void TestServer::Accept() {
  while (true) {
    const int fd = accept4(listen_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      if (stopping_) return;
      continue;
    }
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    std::lock_guard lock(mu_);
    open_.insert(fd);
    threads_.emplace_back([this, fd, id = ++connections_] {
      Serve(fd, id);
      {
        std::lock_guard inner(mu_);
        open_.erase(fd);
      }
      close(fd);
    });
  }
}

void TestServer::Serve(int fd, int id) {
  SSL* ssl = nullptr;
  if (ssl_ctx_ != nullptr) {
    ssl = SSL_new(ssl_ctx_);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) != 1) {
      // As Go's server does for those who speak no TLS.
      SSL_free(ssl);
      return;
    }
  }
  Conn conn(fd, ssl);
  if (options_.on_connect && !options_.on_connect(conn)) return;
  while (!stopping_ && !conn.broken()) {
    ServerRequest request;
    request.connection = id;
    if (!ReadRequest(conn, request)) return;
    {
      std::lock_guard lock(mu_);
      requests_.push_back(request.method + " " + request.target);
    }
    ResponseWriter writer(&conn, request.method == "HEAD");
    handler_(request, writer);
    if (!writer.sent()) writer.Send(200);
  }
}

bool TestServer::ReadRequest(Conn& conn, ServerRequest& request) {
  std::string head;
  std::size_t end = 0;
  while ((end = head.find("\r\n\r\n")) == std::string::npos) {
    const std::string data = conn.Read();
    if (data.empty()) return false;
    head += data;
    if (head.size() > 3 && !std::isupper(static_cast<unsigned char>(head[0]))) {
      // TLS spoken to a plain server.
      conn.Write(
          "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTPS request to an HTTP server.\n");
      return false;
    }
  }
  conn.Unread(head.substr(end + 4));
  head.resize(end + 2);
  const auto first = head.find("\r\n");
  const std::string line = head.substr(0, first);
  const auto a = line.find(' ');
  const auto b = line.rfind(' ');
  request.method = line.substr(0, a);
  request.target = line.substr(a + 1, b - a - 1);
  const auto mark = request.target.find('?');
  request.path = request.target.substr(0, mark);
  if (mark != std::string::npos) request.query = request.target.substr(mark + 1);
  for (std::size_t at = first + 2; at < head.size();) {
    const auto stop = head.find("\r\n", at);
    const std::string field = head.substr(at, stop - at);
    const auto colon = field.find(':');
    if (colon != std::string::npos) {
      std::string value = field.substr(colon + 1);
      value.erase(0, value.find_first_not_of(' '));
      request.header.Add(field.substr(0, colon), value);
    }
    at = stop + 2;
  }
  if (options_.raw_body) return true;
  if (request.header.Get("Transfer-Encoding") == "chunked") return ReadChunks(conn, request.body);
  const std::string length = request.header.Get("Content-Length");
  return ReadExact(conn, static_cast<std::size_t>(std::atoll(length.c_str())), request.body);
}

bool TestServer::ReadExact(Conn& conn, std::size_t n, std::string& out) {
  while (out.size() < n) {
    const std::string data = conn.Read();
    if (data.empty()) return false;
    out += data;
  }
  conn.Unread(out.substr(n));
  out.resize(n);
  return true;
}

bool TestServer::ReadChunks(Conn& conn, std::string& out) {
  while (true) {
    std::string line;
    while (line.find("\r\n") == std::string::npos) {
      const std::string data = conn.Read();
      if (data.empty()) return false;
      line += data;
    }
    const auto end = line.find("\r\n");
    conn.Unread(line.substr(end + 2));
    const auto size = static_cast<std::size_t>(std::strtoul(line.c_str(), nullptr, 16));
    std::string chunk;
    if (!ReadExact(conn, size + 2, chunk)) return false;
    if (size == 0) return true;
    out += chunk.substr(0, size);
  }
}

}  // namespace containerd::http::testing
