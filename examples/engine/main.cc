// SPDX-License-Identifier: Apache-2.0
//
// A small engine: keeps named containers running by their restart policies.
//
//   engine serve <containerd.sock> <folder> [<namespace>]
//   engine call <folder> run <name> <policy> <image> <arg>...
//   engine call <folder> stop|start|rm <name>
//   engine call <folder> list
//
// A policy is no, always, unless-stopped, on-failure or on-failure:<maximum>. It may be killed at
// any time, and so may containerd: the containers go on, and the next engine in that folder takes
// them up again.
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

#include "containerd/client.h"

#include "engine.h"

namespace {

constexpr std::size_t kMaxRequest = std::size_t{1} << 20;

// Where the engine of a folder listens; nullopt if that is too long for a socket.
std::optional<sockaddr_un> AddressIn(const std::string& dir) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = dir + "/engine.sock";
  if (path.size() >= sizeof address.sun_path) {
    std::cerr << path << ": too long for a socket\n";
    return std::nullopt;
  }
  path.copy(address.sun_path, path.size());
  return address;
}

int Failed(const std::string& what) {
  std::cerr << what << ": " << std::strerror(errno) << "\n";
  return 1;
}

std::string ReadAll(int fd) {
  std::string text;
  char buffer[4096];
  ssize_t n = 0;
  while (text.size() < kMaxRequest && (n = ::read(fd, buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<std::size_t>(n));
  }
  return text;
}

// What was sent with a NUL behind each word.
std::vector<std::string> WordsOf(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size(); at += words.back().size() + 1) {
    words.emplace_back(text.c_str() + at);
  }
  return words;
}

std::string Answer(engine::Engine& engine, const std::vector<std::string>& words) {
  const auto text = [](const absl::Status& s) { return s.ok() ? "ok\n" : s.ToString() + "\n"; };
  if (words.size() == 1 && words[0] == "list") return engine.List();
  if (words.size() >= 5 && words[0] == "run") {
    return text(engine.Run({.name = words[1],
                            .image = words[3],
                            .policy = words[2],
                            .args = {words.begin() + 4, words.end()}}));
  }
  if (words.size() == 2 && words[0] == "stop") return text(engine.Stop(words[1]));
  if (words.size() == 2 && words[0] == "start") return text(engine.Continue(words[1]));
  if (words.size() == 2 && words[0] == "rm") return text(engine.Remove(words[1]));
  return "no such command\n";
}

int Serve(const std::string& daemon, const std::string& dir, const std::string& ns) {
  const auto address = AddressIn(dir);
  if (!address.has_value()) return 1;
  std::error_code err;
  std::filesystem::create_directories(dir, err);
  // Until this process ends, however it does.
  const std::string lock = dir + "/engine.lock";
  const int locked = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (locked < 0 || ::flock(locked, LOCK_EX | LOCK_NB) != 0) return Failed("locking " + lock);
  auto client = containerd::Client::New(daemon);
  if (!client.ok()) {
    std::cerr << client.status() << "\n";
    return 1;
  }
  auto engine = engine::Engine::Start(containerd::Context::Background(), *client, dir, ns);
  if (!engine.ok()) {
    std::cerr << engine.status() << "\n";
    return 1;
  }
  ::unlink(address->sun_path);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
      ::listen(listener, 16) != 0) {
    return Failed(address->sun_path);
  }
  for (;;) {
    const int peer = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) continue;
    // Who calls and says nothing keeps the others waiting for so long only.
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const std::string answer = Answer(**engine, WordsOf(ReadAll(peer)));
    static_cast<void>(::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL));
    ::close(peer);
  }
}

int Call(const std::string& dir, const std::vector<std::string>& words) {
  const auto address = AddressIn(dir);
  if (!address.has_value()) return 1;
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return Failed(address->sun_path);
  }
  std::string request;
  for (const std::string& word : words) request += word + '\0';
  static_cast<void>(::send(fd, request.data(), request.size(), MSG_NOSIGNAL));
  ::shutdown(fd, SHUT_WR);
  const std::string answer = ReadAll(fd);
  std::cout << answer;
  return answer == "ok\n" || words[0] == "list" ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if ((args.size() == 3 || args.size() == 4) && args[0] == "serve") {
    return Serve(args[1], args[2], args.size() == 4 ? args[3] : "engine");
  }
  if (args.size() >= 3 && args[0] == "call") return Call(args[1], {args.begin() + 2, args.end()});
  std::cerr << "engine serve <containerd.sock> <folder> [<namespace>] | engine call <folder> "
               "<command>...\n";
  return 2;
}
