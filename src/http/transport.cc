// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstring>
#include <deque>

#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/http/http.h"

#include "chars.h"
#include "engine.h"
#include "failure.h"
#include "src/base/await.h"
#include "src/base/mutex.h"
#include "src/errdefs/internal/guard.h"
#include "src/threads/internal/callback.h"
#include "tls.h"

namespace containerd::http {
namespace {

// What is left of a body that nobody wants is read if it is no more than this, so that the
// connection can be used again, and if it comes within this time.
constexpr std::int64_t kDrainBytes = 64 << 10;
constexpr absl::Duration kDrainTime = absl::Seconds(2);

// Most chunks of a body whose memory is kept to be used again.
constexpr std::size_t kMaxSpares = 4;

struct Settings {
  TransportOptions options;
  std::shared_ptr<const TLSSettings> tls;
};

std::string_view TrimSpace(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r' ||
                           text.back() == '\n')) {
    text.remove_suffix(1);
  }
  return text;
}

// A transfer from RoundTrip to the end of the body. Members without another remark belong to the
// reactor's thread.
class Transfer final : public Exchange, public std::enable_shared_from_this<Transfer> {
 public:
  Transfer(std::shared_ptr<Engine> engine, std::shared_ptr<const Settings> settings, Context ctx,
           Request request, Url url)
      : engine_(std::move(engine)),
        settings_(std::move(settings)),
        ctx_(std::move(ctx)),
        request_(std::move(request)),
        url_(std::move(url)) {}

  ~Transfer() override { Free(); }

  Future<std::shared_ptr<Response>> Start() {
    Future<std::shared_ptr<Response>> future = promise_->GetFuture();
    engine_->Post([self = shared_from_this()] { self->Begin(); });
    return future;
  }

  // Reads the body, on the reader's thread.
  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) {
    if (buf.empty()) return std::size_t{0};
    const CancelRegistration wake = base::WakeOnCancel(ctx, mu_, readable_);
    std::size_t n = 0;
    std::shared_ptr<Engine> resume;
    {
      base::MutexLock lock(mu_);
      // What comes while the reader waits goes right to where it is wanted.
      if (chunks_.empty()) waiting_ = buf;
      absl::Status s =
          base::Await(ctx, mu_, readable_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
            return ended_ || !chunks_.empty() || waiting_at_ > 0;
          });
      n = std::exchange(waiting_at_, 0);
      waiting_ = {};
      if (n == 0 && !s.ok()) return s;
      if (n == 0 && chunks_.empty()) {
        return result_.ok() ? absl::StatusOr<std::size_t>(0) : result_;
      }
      std::size_t from_chunks = 0;
      while (n < buf.size() && !chunks_.empty()) {
        const std::string_view chunk = std::string_view(chunks_.front()).substr(chunk_at_);
        const std::size_t step = std::min(chunk.size(), buf.size() - n);
        std::memcpy(buf.data() + n, chunk.data(), step);
        n += step;
        from_chunks += step;
        chunk_at_ += step;
        if (step == chunk.size()) {
          if (spares_.size() < kMaxSpares) spares_.push_back(std::move(chunks_.front()));
          chunks_.pop_front();
          chunk_at_ = 0;
        }
      }
      buffered_ -= from_chunks;
      if (receiving_paused_ && buffered_ <= request_.buffer_size / 2) {
        receiving_paused_ = false;
        resume = engine_;
      }
    }
    if (resume != nullptr) resume->Post([self = shared_from_this()] { self->Resume(); });
    return n;
  }

  // The reader has gone.
  void Abandon() {
    std::deque<std::string> dropped;
    std::shared_ptr<Engine> engine;
    {
      base::MutexLock lock(mu_);
      if (ended_) return;
      abandoned_ = true;
      dropped.swap(chunks_);
      buffered_ = 0;
      engine = engine_;
    }
    engine->Post([self = shared_from_this()] { self->Drain(); });
  }

  void Completed(CURLcode result) override { End(StatusOf(result)); }

 private:
  void Begin() {
    if (absl::Status err = ctx_.Err(); !err.ok()) return End(Named(err));
    absl::StatusOr<std::string> proxy = std::string();
    if (settings_->options.proxy && settings_->options.unix_socket.empty()) {
      proxy = errdefs::Guard("a choice of proxies", settings_->options.proxy, url_);
    }
    if (!proxy.ok()) return End(Named(proxy.status()));
    easy_ = curl_easy_init();
    if (easy_ == nullptr || !Configure(*proxy))
      return End(errdefs::ResourceExhausted("out of memory"));
    if (!engine_->Add(easy_, shared_from_this())) {
      return End(errdefs::ResourceExhausted("http: out of memory"));
    }
    added_ = true;
    std::weak_ptr<Transfer> weak = weak_from_this();
    if (ctx_.Deadline() != absl::InfiniteFuture()) {
      deadline_ = engine_->reactor().RunAfter(ctx_.Deadline() - absl::Now(), [weak] {
        if (const auto self = weak.lock()) self->End(self->Named(errdefs::DeadlineExceeded("")));
      });
    }
    on_cancel_ = ctx_.OnCancel([weak, engine = std::weak_ptr<Engine>(engine_)] {
      const auto posted_to = engine.lock();
      if (posted_to == nullptr) return;
      posted_to->Post([weak] {
        if (const auto self = weak.lock()) self->End(self->Named(errdefs::Canceled("")));
      });
    });
  }

  template <typename T>
  bool Set(CURLoption option, T value) {
    return curl_easy_setopt(easy_, option, value) == CURLE_OK;
  }

  bool AddField(const std::string& line) {
    curl_slist* list = curl_slist_append(fields_, line.c_str());
    if (list == nullptr) return false;
    fields_ = list;
    return true;
  }

  bool Configure(const std::string& proxy) {
    const TransportOptions& options = settings_->options;
    error_text_[0] = '\0';
    const bool upload = request_.body != nullptr || request_.method == "POST" ||
                        request_.method == "PUT" || request_.method == "PATCH";
    absl::Duration connect = options.dial_timeout;
    if (url_.scheme == "https" && connect > absl::ZeroDuration()) {
      connect += options.tls_handshake_timeout;
    }
    bool ok =
        Set(CURLOPT_URL, url_.String().c_str()) && Set(CURLOPT_PROTOCOLS_STR, "http,https") &&
        Set(CURLOPT_PATH_AS_IS, 1L) && Set(CURLOPT_NOSIGNAL, 1L) && Set(CURLOPT_QUICK_EXIT, 1L) &&
        Set(CURLOPT_ERRORBUFFER, error_text_.data()) &&
        Set(CURLOPT_CONNECTTIMEOUT_MS, Milliseconds(connect)) && Set(CURLOPT_TCP_KEEPALIVE, 1L) &&
        Set(CURLOPT_TCP_KEEPIDLE, 30L) && Set(CURLOPT_TCP_KEEPINTVL, 30L) &&
        Set(CURLOPT_MAXAGE_CONN, 30L) && Set(CURLOPT_BUFFERSIZE, 256L << 10) &&
        Set(CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10) && Set(CURLOPT_HTTP09_ALLOWED, 0L) &&
        Set(CURLOPT_HTTP_CONTENT_DECODING, 0L) && Set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
        Set(CURLOPT_PROXY, proxy.c_str()) && Set(CURLOPT_NOPROXY, "") &&
        Set(CURLOPT_HTTP_VERSION,
            static_cast<long>(options.http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1)) &&
        Set(CURLOPT_HEADERFUNCTION, &Transfer::OnHeader) && Set(CURLOPT_HEADERDATA, this) &&
        Set(CURLOPT_WRITEFUNCTION, &Transfer::OnBody) && Set(CURLOPT_WRITEDATA, this) &&
        Set(CURLOPT_PREREQFUNCTION, &Transfer::OnConnected) && Set(CURLOPT_PREREQDATA, this);
    if (!options.unix_socket.empty()) {
      ok = ok && Set(CURLOPT_UNIX_SOCKET_PATH, options.unix_socket.c_str());
    }
    if (upload) {
      const std::int64_t size = request_.body != nullptr ? request_.body->Size() : 0;
      ok = ok && Set(CURLOPT_UPLOAD, 1L) && Set(CURLOPT_READFUNCTION, &Transfer::OnSend) &&
           Set(CURLOPT_READDATA, this) && Set(CURLOPT_SEEKFUNCTION, &Transfer::OnSeek) &&
           Set(CURLOPT_SEEKDATA, this) &&
           Set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
      sent_all_ = size == 0;
    } else {
      ok = ok && (request_.method == "HEAD" ? Set(CURLOPT_NOBODY, 1L) : Set(CURLOPT_HTTPGET, 1L));
      sent_all_ = true;
    }
    if (request_.method != "HEAD") {
      ok = ok && Set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    }
    for (const auto& [name, values] : request_.header.fields()) {
      if (name == "Content-Length" || name == "Transfer-Encoding") continue;  // libcurl's
      for (const std::string& value : values) {
        ok = ok && AddField(value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
      }
    }
    // What libcurl would add by itself.
    for (const char* name : {"Accept", "Expect", "User-Agent", "Content-Type"}) {
      if (!request_.header.Has(name)) ok = ok && AddField(fmt::format("{}:", name));
    }
    ok = ok && Set(CURLOPT_HTTPHEADER, fields_);
    if (ok && url_.scheme == "https") ApplyTLS(easy_, &tls_);
    return ok;
  }

  static long Milliseconds(absl::Duration d) {
    return static_cast<long>(
        std::clamp<std::int64_t>(absl::ToInt64Milliseconds(d), 0, 1'000'000'000));
  }

  // ---- Callbacks of libcurl's ----

  static std::size_t OnHeader(char* data, std::size_t size, std::size_t n, void* self) {
    return static_cast<Transfer*>(self)->Header({data, size * n}) ? size * n : 0;
  }

  static std::size_t OnBody(char* data, std::size_t size, std::size_t n, void* self) {
    return static_cast<Transfer*>(self)->Body({data, size * n});
  }

  static std::size_t OnSend(char* data, std::size_t size, std::size_t n, void* self) {
    return static_cast<Transfer*>(self)->Send({data, size * n});
  }

  static int OnSeek(void* self, curl_off_t offset, int origin) {
    auto* transfer = static_cast<Transfer*>(self);
    if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
    if (transfer->request_.body == nullptr) return CURL_SEEKFUNC_OK;
    const absl::StatusOr<bool> rewound = errdefs::Guard(
        "the body of a request", [transfer] { return transfer->request_.body->Rewind(); });
    return rewound.ok() && *rewound ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
  }

  static int OnConnected(void* self, char*, char*, int, int) {
    auto* transfer = static_cast<Transfer*>(self);
    if (transfer->sent_all_) transfer->AwaitHeader();
    return CURL_PREREQFUNC_OK;
  }

  // Begins to count the time until the response's header.
  void AwaitHeader() {
    const TransportOptions& options = settings_->options;
    const bool uploads =
        request_.body != nullptr && (request_.method == "PUT" || request_.method == "PATCH");
    const absl::Duration limit =
        uploads ? options.upload_response_timeout.value_or(10 * options.response_header_timeout)
                : options.response_header_timeout;
    if (limit <= absl::ZeroDuration() || delivered_) return;
    header_timer_ = engine_->reactor().RunAfter(limit, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->End(
            NewError(ErrorKind::kTimeout, self->Describe("timeout awaiting response headers")));
      }
    });
  }

  bool Header(std::string_view line) {
    header_bytes_ += line.size();
    if (header_bytes_ > settings_->options.max_response_header_bytes) {
      failure_ = errdefs::ResourceExhausted(
          Describe(fmt::format("the response's header has more than {} bytes",
                               settings_->options.max_response_header_bytes)));
      return false;
    }
    if (delivered_) return true;  // trailers
    if (line.starts_with("HTTP/")) {
      header_ = {};
      status_line_ = TrimSpace(line);
      return true;
    }
    const std::string_view text = TrimSpace(line);
    if (!text.empty()) {
      if (line.front() == ' ' || line.front() == '\t') return true;  // a folded line
      const auto colon = text.find(':');
      if (colon != std::string_view::npos && colon > 0) {
        header_.Add(text.substr(0, colon), TrimSpace(text.substr(colon + 1)));
      }
      return true;
    }
    long code = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &code);
    if (code >= 200) Deliver(static_cast<int>(code));
    return true;
  }

  void Deliver(int code) {
    delivered_ = true;
    header_timer_.Cancel();
    auto response = std::make_shared<Response>();
    response->status_code = code;
    const auto space = status_line_.find(' ');
    response->proto = status_line_.substr(0, space);
    std::string reason;
    if (space != std::string::npos) {
      const auto after = status_line_.find(' ', space + 1);
      if (after != std::string::npos) reason = status_line_.substr(after + 1);
    }
    if (reason.empty()) reason = StatusText(code);
    response->status =
        reason.empty() ? fmt::format("{}", code) : fmt::format("{} {}", code, reason);
    response->content_length = ContentLength(code);
    content_length_ = request_.method == "HEAD" ? 0 : response->content_length;
    response->header = header_;
    response->request_method = request_.method;
    response->request_url = request_.url;
    response->body = std::make_unique<BodyReader>(engine_, shared_from_this());
    Fulfil(std::move(response));
  }

  // Moves the promise out first: it would keep the response, which keeps this transfer alive.
  void Fulfil(absl::StatusOr<std::shared_ptr<Response>> result) {
    const Promise<std::shared_ptr<Response>> promise = *std::move(promise_);
    promise_.reset();
    promise.Set(std::move(result));
  }

  std::int64_t ContentLength(int code) const {
    if (code == 204) return 0;
    if (header_.Has("Transfer-Encoding")) return -1;
    const std::string text = header_.Get("Content-Length");
    std::int64_t length = -1;
    const auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), length);
    if (err != std::errc() || end != text.data() + text.size() || length < 0) return -1;
    return length;
  }

  std::size_t Body(std::string_view data) {
    received_ += static_cast<std::int64_t>(data.size());
    base::MutexLock lock(mu_);
    if (abandoned_) {
      drained_ += static_cast<std::int64_t>(data.size());
      return drained_ <= kDrainBytes ? data.size() : 0;
    }
    if (buffered_ > 0 && buffered_ + data.size() > request_.buffer_size) {
      received_ -= static_cast<std::int64_t>(data.size());
      receiving_paused_ = true;
      return CURL_WRITEFUNC_PAUSE;
    }
    const std::size_t size = data.size();
    if (chunks_.empty() && waiting_at_ < waiting_.size()) {
      const std::size_t step = std::min(size, waiting_.size() - waiting_at_);
      std::memcpy(waiting_.data() + waiting_at_, data.data(), step);
      waiting_at_ += step;
      data.remove_prefix(step);
      if (waiting_at_ == waiting_.size()) readable_.NotifyAll();
      if (data.empty()) {
        TellLater();
        return size;
      }
    }
    // Small pieces are joined, so that a body that trickles in does not take a string each.
    if (!chunks_.empty() && chunks_.back().size() + data.size() <= chunks_.back().capacity()) {
      chunks_.back().append(data);
    } else {
      std::string chunk;
      if (!spares_.empty()) {
        chunk = std::move(spares_.back());
        spares_.pop_back();
      }
      chunk.clear();
      chunk.reserve(std::min<std::size_t>(std::max<std::size_t>(data.size(), 64 << 10),
                                          std::max(request_.buffer_size, data.size())));
      chunk.append(data);
      chunks_.push_back(std::move(chunk));
    }
    buffered_ += data.size();
    TellLater();
    return size;
  }

  // Wakes the reader once for all that has come: it mostly wants more than a piece.
  void TellLater() {
    if (std::exchange(to_tell_, true)) return;
    // It does not keep the transfer, whose end somebody may be waiting for.
    engine_->reactor().WhenIdle([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self == nullptr) return;
      self->to_tell_ = false;
      const base::MutexLock lock(self->mu_);
      self->readable_.NotifyAll();
    });
  }

  std::size_t Send(std::span<char> buf) {
    if (request_.body == nullptr) return 0;
    const auto wake = [weak = weak_from_this(), engine = std::weak_ptr<Engine>(engine_)] {
      const auto self = weak.lock();
      const auto posted_to = engine.lock();
      if (self == nullptr || posted_to == nullptr) return;
      posted_to->Post([self] { self->ResumeSending(); });
    };
    absl::StatusOr<std::optional<std::size_t>> n =
        errdefs::Guard("the body of a request", [&] { return request_.body->Pull(buf, wake); });
    if (!n.ok()) {
      failure_ = n.status();
      return CURL_READFUNC_ABORT;
    }
    if (!n->has_value()) {
      sending_paused_ = true;
      return CURL_READFUNC_PAUSE;
    }
    sent_ += static_cast<std::int64_t>(**n);
    if (**n == 0 || sent_ == request_.body->Size()) AwaitHeader();
    return **n;
  }

  // ---- Flow control ----

  void ResumeSending() {
    sending_paused_ = false;
    Resume();
  }

  void Resume() {
    if (!added_) return;
    int paused = CURLPAUSE_CONT;
    {
      base::MutexLock lock(mu_);
      if (receiving_paused_) paused |= CURLPAUSE_RECV;
    }
    if (sending_paused_) paused |= CURLPAUSE_SEND;
    curl_easy_pause(easy_, paused);
  }

  void Drain() {
    if (!added_) return;
    const bool little = content_length_ >= 0 && content_length_ - received_ <= kDrainBytes;
    if (!little || !sent_all_) return End(errdefs::Canceled("the response was not read"));
    drain_timer_ = engine_->reactor().RunAfter(kDrainTime, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->End(errdefs::Canceled("the response was not read"));
    });
    {
      base::MutexLock lock(mu_);
      receiving_paused_ = false;
    }
    Resume();
  }

  // ---- The end ----

  void End(absl::Status result) {
    if (over_) return;
    const std::shared_ptr<Transfer> keep = shared_from_this();
    over_ = true;
    if (easy_ != nullptr && added_) engine_->Remove(easy_);
    added_ = false;
    Free();
    deadline_.Cancel();
    header_timer_.Cancel();
    drain_timer_.Cancel();
    on_cancel_.Reset();
    if (request_.body != nullptr) {
      threads::Notify("the body of a request", [&] { request_.body->Finished(result); });
    }
    {
      base::MutexLock lock(mu_);
      ended_ = true;
      result_ = result;
      // The response, or the transport, is to be the last that holds it: not this thread, which
      // nobody waits for.
      engine_ = nullptr;
      readable_.NotifyAll();
    }
    if (!delivered_) {
      if (result.ok()) result = NewError(ErrorKind::kUnexpectedEOF, Describe("no response"));
      Fulfil(std::move(result));
    }
  }

  void Free() {
    if (easy_ != nullptr) curl_easy_cleanup(easy_);
    easy_ = nullptr;
    curl_slist_free_all(fields_);
    fields_ = nullptr;
  }

  // The query may hold secrets and is left out.
  std::string Describe(std::string_view what) const {
    return fmt::format("{} \"{}://{}{}\": {}", request_.method, url_.scheme, url_.host, url_.path,
                       what);
  }

  absl::Status Named(const absl::Status& status) const {
    return errdefs::Annotate(status, Describe("").substr(0, Describe("").size() - 2));
  }

  absl::Status StatusOf(CURLcode code) const {
    if (!failure_.ok()) return failure_;
    if (code == CURLE_OK) return absl::OkStatus();
    Failure failure{.code = code,
                    .text = error_text_[0] != '\0' ? std::string(error_text_.data())
                                                   : std::string(curl_easy_strerror(code)),
                    .in_handshake = tls_.handshake_begun,
                    .unix_socket = settings_->options.unix_socket};
    curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &failure.os_errno);
    return Explain(failure, [this](std::string_view what) { return Describe(what); });
  }

  class BodyReader final : public io::Reader {
   public:
    BodyReader(std::shared_ptr<Engine> engine, std::shared_ptr<Transfer> transfer)
        : engine_(std::move(engine)), transfer_(std::move(transfer)) {}
    ~BodyReader() override { transfer_->Abandon(); }
    absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
      return transfer_->Read(ctx, buf);
    }

   private:
    // The last to go: who has read a response closes what nobody uses any more, on their own
    // thread.
    const std::shared_ptr<Engine> engine_;
    const std::shared_ptr<Transfer> transfer_;
  };

  std::shared_ptr<Engine> engine_;  // until the end; changed under mu_ on the reactor's thread
  const std::shared_ptr<const Settings> settings_;
  const Context ctx_;
  const Request request_;
  const Url url_;
  std::optional<Promise<std::shared_ptr<Response>>> promise_{std::in_place};  // until it is kept

  CURL* easy_ = nullptr;
  curl_slist* fields_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  TLSHook tls_{.settings = settings_->tls};
  bool added_ = false;
  bool over_ = false;
  reactor::Timer deadline_;
  reactor::Timer header_timer_;
  reactor::Timer drain_timer_;
  CancelRegistration on_cancel_;
  absl::Status failure_;  // why a callback of ours stopped the transfer

  bool sent_all_ = false;
  bool sending_paused_ = false;
  std::int64_t sent_ = 0;

  std::string status_line_;
  http::Header header_;
  std::size_t header_bytes_ = 0;
  bool delivered_ = false;
  std::int64_t content_length_ = -1;
  std::int64_t received_ = 0;
  std::int64_t drained_ = 0;
  bool to_tell_ = false;

  base::Mutex mu_;
  base::CondVar readable_;
  std::deque<std::string> chunks_ ABSL_GUARDED_BY(mu_);
  std::size_t chunk_at_ ABSL_GUARDED_BY(mu_) = 0;         // read of the first chunk
  std::vector<std::string> spares_ ABSL_GUARDED_BY(mu_);  // memory of chunks, to use again
  std::span<char> waiting_ ABSL_GUARDED_BY(mu_);          // a reader's buffer, while it waits
  std::size_t waiting_at_ ABSL_GUARDED_BY(mu_) = 0;       // filled of that
  std::size_t buffered_ ABSL_GUARDED_BY(mu_) = 0;
  bool receiving_paused_ ABSL_GUARDED_BY(mu_) = false;
  bool abandoned_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status result_ ABSL_GUARDED_BY(mu_);
};

absl::Status CheckRequest(const Request& request) {
  const auto token = [](std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenChar);
  };
  if (!token(request.method)) return errdefs::InvalidArgument("http: invalid method");
  for (const auto& [name, values] : request.header.fields()) {
    if (!token(name)) return errdefs::InvalidArgument("http: invalid name of a header field");
    for (const std::string& value : values) {
      if (std::any_of(value.begin(), value.end(),
                      [](char c) { return IsControl(c) && c != '\t'; })) {
        return errdefs::InvalidArgument(
            fmt::format("http: the value of header field {} has control characters", name));
      }
    }
  }
  return absl::OkStatus();
}

class Transport final : public RoundTripper {
 public:
  explicit Transport(TransportOptions options) {
    auto settings = std::make_shared<Settings>();
    absl::StatusOr<std::shared_ptr<const TLSSettings>> tls = ReadTLSConfig(options.tls);
    if (tls.ok()) {
      settings->tls = *std::move(tls);
    } else {
      broken_ = tls.status();
    }
    settings->options = std::move(options);
    settings_ = std::move(settings);
  }

  Future<std::shared_ptr<Response>> RoundTrip(const Context& ctx, Request request) override {
    using Result = Future<std::shared_ptr<Response>>;
    if (!broken_.ok()) return Result::Ready(broken_);
    if (absl::Status s = CheckRequest(request); !s.ok()) return Result::Ready(s);
    absl::StatusOr<Url> url = ParseUrl(request.url);
    if (!url.ok()) return Result::Ready(url.status());
    absl::StatusOr<std::shared_ptr<Engine>> engine = GetEngine();
    if (!engine.ok()) return Result::Ready(engine.status());
    return std::make_shared<Transfer>(*std::move(engine), settings_, ctx, std::move(request),
                                      *std::move(url))
        ->Start();
  }

 private:
  // Held from the first request on, so that connections are kept between requests.
  absl::StatusOr<std::shared_ptr<Engine>> GetEngine() {
    base::MutexLock lock(mu_);
    if (engine_ == nullptr || owner_ != getpid()) {
      absl::StatusOr<std::shared_ptr<Engine>> engine = Engine::Get();
      if (!engine.ok()) return engine;
      engine_ = *std::move(engine);
      owner_ = getpid();
    }
    return engine_;
  }

  std::shared_ptr<const Settings> settings_;
  absl::Status broken_;
  base::Mutex mu_;
  std::shared_ptr<Engine> engine_ ABSL_GUARDED_BY(mu_);
  pid_t owner_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace

std::shared_ptr<RoundTripper> NewTransport(TransportOptions options) {
  return std::make_shared<Transport>(std::move(options));
}

std::shared_ptr<RoundTripper> DefaultTransport() {
  static base::Mutex mu;
  static std::weak_ptr<RoundTripper> current ABSL_GUARDED_BY(mu);
  base::MutexLock lock(mu);
  std::shared_ptr<RoundTripper> transport = current.lock();
  if (transport == nullptr) {
    transport = NewTransport();
    current = transport;
  }
  return transport;
}

}  // namespace containerd::http
