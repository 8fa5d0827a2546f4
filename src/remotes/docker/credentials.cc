// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/docker/credentials.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <map>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/http/url.h"
#include "containerd/io/io.h"
#include "containerd/log/log.h"

#include "asked.h"
#include "local_error.h"
#include "src/base/ascii.h"
#include "src/base/fd.h"
#include "src/base/read_file.h"
#include "src/base/spawn.h"
#include "src/gojson/internal/codec.h"

namespace containerd::remotes::docker {
namespace {

constexpr std::size_t kMaxConfigFile = std::size_t{4} << 20;
constexpr std::size_t kMaxHelperOutput = std::size_t{1} << 20;
constexpr absl::Duration kHelperTime = absl::Minutes(1);

struct AuthEntry {
  std::string auth;  // base64 of "username:password"
  std::string username;
  std::string password;
  std::string identity_token;
  gojson::Extra extra;
};

template <class V, gojson::Of<AuthEntry> T>
void Bind(V& v, T& a) {
  v.Field("auth", a.auth);
  v.Field("username", a.username);
  v.Field("password", a.password);
  v.Field("identitytoken", a.identity_token);
}

struct ConfigFile {
  std::map<std::string, AuthEntry> auths;
  std::map<std::string, std::string> cred_helpers;
  std::string creds_store;
  gojson::Extra extra;
};

template <class V, gojson::Of<ConfigFile> T>
void Bind(V& v, T& c) {
  v.Field("auths", c.auths);
  v.Field("credHelpers", c.cred_helpers);
  v.Field("credsStore", c.creds_store);
}

struct HelperAnswer {
  std::string server_url;
  std::string username;
  std::string secret;
  gojson::Extra extra;
};

template <class V, gojson::Of<HelperAnswer> T>
void Bind(V& v, T& a) {
  v.Field("ServerURL", a.server_url);
  v.Field("Username", a.username);
  v.Field("Secret", a.secret);
}

std::string Getenv(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): as all who read it
  return value != nullptr ? value : "";
}

std::string DefaultPath() {
  std::string dir = Getenv("DOCKER_CONFIG");
  if (dir.empty()) {
    const std::string home = Getenv("HOME");
    if (home.empty()) return "";
    dir = home + "/.docker";
  }
  return dir + "/config.json";
}

// A key in the file: "quay.io", "quay.io/team/image", or a URL ("https://index.docker.io/v1/").
struct Key {
  std::string host;
  std::string path;  // of the repositories that it is for; empty: all
};

bool IsDockerHub(std::string_view host) {
  return host == "docker.io" || host == "registry-1.docker.io" || host == "index.docker.io";
}

Key ParseKey(std::string_view text) {
  std::string_view scheme = "https";
  for (const std::string_view known : {"https", "http"}) {
    const std::string start = base::Lower(text.substr(0, known.size() + 3));
    if (start != fmt::format("{}://", known)) continue;
    text.remove_prefix(start.size());
    scheme = known;
    break;
  }
  const auto slash = text.find('/');
  Key key{.host = http::CanonicalHost(text.substr(0, slash), scheme), .path = ""};
  if (IsDockerHub(key.host)) key.host = "docker.io";
  if (slash == std::string_view::npos) return key;
  std::string_view path = text.substr(slash);
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  // What logins of old added: the API's version, which is no repository.
  if (path != "v1" && path != "v2") key.path = path;
  return key;
}

// The name by which helpers know a host.
std::string NameOf(std::string_view host) {
  return IsDockerHub(host) ? "https://index.docker.io/v1/" : std::string(host);
}

// What the map has for a repository of the host: of several keys the most specific one. A key with
// a path is for the repositories below that path and for no others.
template <typename T>
const T* Find(const std::map<std::string, T>& map, std::string_view host,
              std::string_view repository) {
  const Key wanted = ParseKey(host);
  const T* found = nullptr;
  std::size_t best = 0;
  const std::string below = fmt::format("{}/", repository);
  for (const auto& [text, value] : map) {
    const Key key = ParseKey(text);
    if (key.host != wanted.host) continue;
    if (!key.path.empty() && !below.starts_with(key.path + "/")) continue;
    // Among equals, the one as it is written by a login.
    const std::size_t rank = 2 * key.path.size() + (text == NameOf(host) ? 2 : 1);
    if (rank <= best) continue;
    best = rank;
    found = &value;
  }
  return found;
}

// Runs "docker-credential-<name> get" and returns what it prints and how it ends.
absl::StatusOr<std::pair<std::string, bool>> RunHelper(const Context& ctx, const std::string& name,
                                                       const std::string& input) {
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
  });
  if (!plain) {
    return errdefs::InvalidArgument(fmt::format("credential helper \"{}\": invalid name", name));
  }
  const std::string program = "docker-credential-" + name;
  absl::StatusOr<base::Pipe> in = base::MakePipe();
  if (!in.ok()) return errdefs::Annotate(in.status(), program);
  absl::StatusOr<base::Pipe> out = base::MakePipe();
  if (!out.ok()) return errdefs::Annotate(out.status(), program);
  absl::StatusOr<pid_t> pid = base::Spawn(
      {.args = {program, "get"},
       .descriptors = {{in->read_end.get(), STDIN_FILENO}, {out->write_end.get(), STDOUT_FILENO}}},
      program);
  if (!pid.ok()) return pid.status();
  in->read_end.Reset();
  out->write_end.Reset();

  // A pipe's buffer takes a host's name. Its reader may be gone: no signal for that.
  sigset_t pipe_signal;
  sigset_t before;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const ssize_t written = write(in->write_end.get(), input.data(), input.size());
  if (written < 0 && errno == EPIPE && sigismember(&before, SIGPIPE) == 0) {
    const timespec now{};
    sigtimedwait(&pipe_signal, nullptr, &now);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  in->write_end.Reset();

  io::FileReader reader(out->read_end.get());
  absl::StatusOr<std::string> text =
      io::ReadAll(WithTimeout(ctx, kHelperTime), reader, kMaxHelperOutput);
  // Once its output has ended, it has nothing left to do.
  if (!text.ok()) kill(*pid, SIGKILL);
  const int status = base::Reap(*pid).value_or(0);
  if (!text.ok()) return errdefs::Annotate(text.status(), program);
  return std::pair(*std::move(text), WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

absl::StatusOr<Credentials> AskHelper(const Context& ctx, const std::string& name,
                                      std::string_view host) {
  absl::StatusOr<std::pair<std::string, bool>> ran = RunHelper(ctx, name, NameOf(host));
  if (!ran.ok()) return ran.status();
  const auto& [text, succeeded] = *ran;
  if (!succeeded) {
    // The words that the helpers' protocol has for it.
    if (text.find("credentials not found") != std::string::npos) return Credentials();
    return errdefs::Unknown(
        fmt::format("credential helper \"{}\" for {}: {}", name, host, text.substr(0, 200)));
  }
  absl::StatusOr<HelperAnswer> answer = gojson::Unmarshal<HelperAnswer>(text);
  if (!answer.ok()) {
    return errdefs::Annotate(answer.status(), fmt::format("credential helper \"{}\"", name));
  }
  if (answer->username == "<token>") return Credentials{.secret = std::move(answer->secret)};
  return Credentials{.username = std::move(answer->username), .secret = std::move(answer->secret)};
}

absl::StatusOr<Credentials> FromEntry(const AuthEntry& entry, const std::string& path) {
  if (!entry.identity_token.empty()) return Credentials{.secret = entry.identity_token};
  if (!entry.username.empty()) {
    return Credentials{.username = entry.username, .secret = entry.password};
  }
  if (entry.auth.empty()) return Credentials();
  std::string decoded;
  const bool valid = absl::Base64Unescape(entry.auth, &decoded);
  const auto colon = decoded.find(':');
  if (!valid || colon == std::string::npos) {
    return errdefs::InvalidArgument(fmt::format("{}: \"auth\" is not user:password", path));
  }
  std::string secret = decoded.substr(colon + 1);
  while (secret.ends_with('\0')) secret.pop_back();
  return Credentials{.username = decoded.substr(0, colon), .secret = std::move(secret)};
}

absl::StatusOr<ConfigFile> ReadConfig(const std::string& path) {
  std::string text;
  const std::error_code err = base::ReadFile(path, text, 0, kMaxConfigFile);
  if (path.empty() || err == std::errc::no_such_file_or_directory) return ConfigFile();
  if (err == std::errc::file_too_large) {
    return errdefs::InvalidArgument(fmt::format("{}: more than {} bytes", path, kMaxConfigFile));
  }
  if (err) return LocalError(errdefs::FromErrno(err.value(), path));
  absl::StatusOr<ConfigFile> config = gojson::Unmarshal<ConfigFile>(text);
  if (!config.ok()) return errdefs::Annotate(config.status(), path);
  return config;
}

absl::StatusOr<Credentials> Lookup(const Context& ctx, const std::string& path,
                                   std::string_view host) {
  absl::StatusOr<ConfigFile> config = ReadConfig(path);
  if (!config.ok()) return config.status();
  const std::string repository = AskedOf(ctx).repository;
  const std::string* helper = Find(config->cred_helpers, host, repository);
  if (helper == nullptr && !config->creds_store.empty()) helper = &config->creds_store;
  const bool only_helper = helper != nullptr && helper != &config->creds_store;

  absl::Status failure;
  if (helper != nullptr) {
    absl::StatusOr<Credentials> found = AskHelper(ctx, *helper, host);
    if (found.ok() && (only_helper || *found != Credentials())) return found;
    failure = HelperError(found.status());
  }
  const AuthEntry* entry = Find(config->auths, host, repository);
  absl::StatusOr<Credentials> filed =
      entry != nullptr ? FromEntry(*entry, path) : absl::StatusOr<Credentials>(Credentials());
  if (failure.ok()) return filed;
  if (!filed.ok() || *filed == Credentials()) return failure;
  log::Warn(fmt::format("{}; {} has credentials, too", errdefs::Message(failure), path));
  return filed;
}

}  // namespace

CredentialsFunc DockerConfigCredentials(std::string path) {
  return [path = std::move(path)](const Context& ctx, std::string_view host) {
    return Lookup(ctx, path.empty() ? DefaultPath() : path, host);
  };
}

}  // namespace containerd::remotes::docker
