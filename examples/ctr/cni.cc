// SPDX-License-Identifier: Apache-2.0
#include "cni.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <ranges>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <absl/cleanup/cleanup.h>
#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "commands.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide
using nlohmann::json;
namespace fs = std::filesystem;

constexpr char kConfigurations[] = "/etc/cni/net.d";
constexpr char kPlugins[] = "/opt/cni/bin";
constexpr char kResults[] = "/var/lib/cni/results";
constexpr char kInterface[] = "eth0";
constexpr char kMark[] = "ctr.cni-containerd.metadata";
constexpr char kMarkType[] = "github.com/containerd/containerd/v2/cmd/ctr/commands/NetworkMetaData";
constexpr std::size_t kMostOutput = std::size_t{1} << 20;

// Empty if it is no text.
std::string Text(const json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto member = object.find(key);
  return member != object.end() && member->is_string() ? member->get<std::string>() : "";
}

json ParseJSON(const std::string& text) { return json::parse(text, nullptr, false); }

// As a part of a path.
bool ValidName(const std::string& name) {
  return !name.empty() && absl::ascii_isalnum(static_cast<unsigned char>(name.front())) != 0 &&
         std::ranges::all_of(name, [](unsigned char c) {
           return absl::ascii_isalnum(c) != 0 || c == '_' || c == '.' || c == '-';
         });
}

absl::StatusOr<fs::path> FirstConfiguration() {
  std::vector<fs::path> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(kConfigurations, error)) {
    const std::string extension = entry.path().extension();
    if (extension == ".conf" || extension == ".conflist" || extension == ".json") {
      files.push_back(entry.path());
    }
  }
  const auto first = std::ranges::min_element(files);
  if (first != files.end()) return *first;
  return errdefs::FailedPrecondition(
      fmt::format("no network config found in {}: cni plugin not initialized", kConfigurations));
}

// What the plugin prints, whatever its exit code.
absl::StatusOr<std::pair<int, std::string>> Call(const std::string& path, const std::string& input,
                                                 const std::vector<std::string>& variables) {
  const Context ctx = Context::Background();
  const int in = memfd_create("cni", MFD_CLOEXEC);
  const int out = memfd_create("cni", MFD_CLOEXEC);
  const absl::Cleanup close_both = [in, out] {
    close(in);
    close(out);
  };
  io::FileWriter writer(in);
  if (absl::Status s = writer.Write(ctx, input); !s.ok()) return s;
  lseek(in, 0, SEEK_SET);

  std::vector<char*> env(variables.size());
  std::ranges::transform(variables, env.begin(),
                         [](const std::string& text) { return const_cast<char*>(text.c_str()); });
  for (char** variable = environ; *variable != nullptr; ++variable) env.push_back(*variable);
  env.push_back(nullptr);
  char* const argv[] = {const_cast<char*>(path.c_str()), nullptr};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, path.c_str(), &files, nullptr, argv, env.data());
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) return errdefs::FromErrno(failed, "cannot run " + path);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  lseek(out, 0, SEEK_SET);
  io::FileReader reader(out);
  absl::StatusOr<std::string> output = io::ReadAll(ctx, reader, kMostOutput);
  if (!output.ok()) return output.status();
  return std::pair(status, *std::move(output));
}

// One plugin's part; what it prints.
absl::StatusOr<json> CallPlugin(const json& config, const std::string& command,
                                const std::string& id, const std::string& netns) {
  const std::string type = Text(config, "type");
  const std::string path = absl::StrCat(kPlugins, "/", type);
  if (type.empty() || type.find('/') != std::string::npos) {
    return Refused("invalid plugin name: " + type);
  }
  if (access(path.c_str(), F_OK) != 0) {
    return errdefs::FailedPrecondition(
        fmt::format("failed to find plugin \"{}\" in path [{}]", type, kPlugins));
  }
  absl::StatusOr<std::pair<int, std::string>> outcome = Call(
      path, config.dump(),
      {"CNI_COMMAND=" + command, "CNI_CONTAINERID=" + id, "CNI_NETNS=" + netns,
       "CNI_ARGS=", absl::StrCat("CNI_IFNAME=", kInterface), absl::StrCat("CNI_PATH=", kPlugins)});
  if (!outcome.ok()) return outcome.status();
  const auto& [status, output] = *outcome;
  json answer = ParseJSON(output);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    if (command == "DEL" || answer.is_object()) return answer;
    return errdefs::Unknown(fmt::format("plugin type=\"{}\" gave no result", type));
  }
  std::string why = Text(answer, "msg");
  if (const std::string details = Text(answer, "details"); !details.empty()) {
    absl::StrAppend(&why, "; ", details);
  }
  if (why.empty()) {
    why = absl::StrCat("netplugin failed with no error message: ",
                       WIFEXITED(status) ? absl::StrCat("exit status ", WEXITSTATUS(status))
                                         : absl::StrCat("signal ", WTERMSIG(status)));
  }
  return errdefs::Unknown(
      fmt::format("plugin type=\"{}\" failed ({}): {}", type, absl::AsciiStrToLower(command), why));
}

}  // namespace

absl::StatusOr<Network> Network::Default(const Context& ctx, const Container& container) {
  absl::StatusOr<fs::path> path = FirstConfiguration();
  if (!path.ok()) return path.status();
  absl::StatusOr<std::string> text = ReadFile(*path);
  if (!text.ok()) return text.status();
  const auto invalid = [&](const char* why) {
    return Refused(fmt::format("failed to load CNI config file {}: {}", path->string(), why));
  };
  json list = ParseJSON(*text);
  if (!list.is_object()) return invalid("not a JSON object");
  if (path->extension() != ".conflist") {
    list = {{"name", Text(list, "name")},
            {"cniVersion", Text(list, "cniVersion")},
            {"plugins", json::array({list})}};
  }
  Network network;
  network.id_ = absl::StrCat(namespaces::Namespace(ctx).value_or(""), "-", container.ID());
  network.name_ = Text(list, "name");
  network.version_ = Text(list, "cniVersion");
  if (!ValidName(network.name_)) return invalid("no valid name");
  const auto plugins = list.find("plugins");
  if (plugins == list.end() || !plugins->is_array() || plugins->empty()) {
    return invalid("no plugins");
  }
  for (json& plugin : *plugins) {
    if (Text(plugin, "type").empty()) return invalid("a plugin without a type");
    plugin["name"] = network.name_;
    plugin["cniVersion"] = network.version_;
    network.plugins_.push_back(plugin.dump());
  }
  network.text_ = list.dump();
  return network;
}

absl::Status Network::Setup(std::uint32_t pid) const {
  const std::string netns = fmt::format("/proc/{}/ns/net", pid);
  json result;
  for (const std::string& plugin : plugins_) {
    json config = ParseJSON(plugin);
    if (!result.is_null()) config["prevResult"] = result;
    absl::StatusOr<json> added = CallPlugin(config, "ADD", id_, netns);
    if (!added.ok()) return added.status();
    result = *std::move(added);
  }
  // For whoever removes it.
  std::error_code error;
  fs::create_directories(kResults, error);
  std::ofstream file(fmt::format("{}/{}-{}-{}", kResults, name_, id_, kInterface));
  file << json{{"kind", "cniCacheV1"},       {"containerId", id_},
               {"ifName", kInterface},       {"config", absl::Base64Escape(text_)},
               {"networkName", name_},       {"netns", netns},
               {"result", std::move(result)}}
              .dump()
       << std::flush;
  return file.good() ? absl::OkStatus() : errdefs::Internal("cannot keep the network's result");
}

absl::Status Network::Remove() const {
  const std::string kept = fmt::format("{}/{}-{}-{}", kResults, name_, id_, kInterface);
  json cached = ParseJSON(ReadFile(kept).value_or(""));
  for (const std::string& plugin : std::views::reverse(plugins_)) {
    json config = ParseJSON(plugin);
    // Versions before 0.4.0 have none.
    if (cached.is_object() && cached.contains("result") && version_ >= "0.4.0") {
      config["prevResult"] = cached["result"];
    }
    absl::StatusOr<json> removed = CallPlugin(config, "DEL", id_, "");
    if (!removed.ok()) return removed.status();
  }
  std::error_code error;
  fs::remove(kept, error);
  return absl::OkStatus();
}

NewContainerOpt WithNetworkMark() {
  return WithContainerExtension(kMark, {.type_url = kMarkType, .value = R"({"EnableCni":true})"});
}

absl::StatusOr<std::optional<Network>> NetworkOf(const Context& ctx, Container& container) {
  absl::StatusOr<std::map<std::string, typeurl::Any>> extensions = container.Extensions(ctx);
  if (!extensions.ok()) return extensions.status();
  const auto mark = extensions->find(kMark);
  if (mark == extensions->end()) return std::nullopt;
  const json value = ParseJSON(mark->second.value);
  if (!value.is_object() || value.find("EnableCni") == value.end() || value["EnableCni"] != true) {
    return std::nullopt;
  }
  return Network::Default(ctx, container);
}

}  // namespace ctr
