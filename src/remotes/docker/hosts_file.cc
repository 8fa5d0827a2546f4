// SPDX-License-Identifier: Apache-2.0
#include "hosts_file.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

#include "local_error.h"
#include "src/base/ascii.h"
#include "src/base/read_file.h"

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace containerd::remotes::docker::config {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxHostsFile = std::size_t{1} << 20;

// As Go's filepath.IsAbs and filepath.Join: an absolute name stays as it is, and no other ends with
// a slash.
std::string AbsPath(const std::string& path, const std::string& base) {
  if (fs::path(path).is_absolute()) return path;
  std::string out = (fs::path(base) / path).lexically_normal().string();
  while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

// An error about a member of a table.
absl::Status Wrong(std::string_view key, std::string_view want) {
  return errdefs::InvalidArgument(fmt::format("invalid type for \"{}\": want {}", key, want));
}

absl::StatusOr<std::vector<std::string>> Strings(const toml::array& array, std::string_view key) {
  std::vector<std::string> out;
  for (const toml::node& node : array) {
    const auto* text = node.as_string();
    if (text == nullptr) return Wrong(key, "strings only");
    out.push_back(text->get());
  }
  return out;
}

// A string or a list of them.
absl::StatusOr<std::vector<std::string>> StringOrStrings(const toml::node& node,
                                                         std::string_view key) {
  if (const auto* text = node.as_string()) return std::vector<std::string>{text->get()};
  if (const auto* array = node.as_array()) return Strings(*array, key);
  return Wrong(key, "a string or a list of strings");
}

absl::Status ReadServer(std::string server, bool override_path, HostConfig& out) {
  if (server.empty()) return absl::OkStatus();
  const std::string lower = base::Lower(server);
  const bool has_scheme = lower.starts_with("http://") || lower.starts_with("https://");
  if (!has_scheme) server = "https://" + server;
  // A URL without a host is one that names none: the default for the name, if it is the last.
  const auto authority = server.find("://") + 3;
  const bool no_host = authority == server.size() || server[authority] == '/';
  if (no_host) server.insert(authority, "none");
  absl::StatusOr<http::Url> url = http::ParseUrl(server);
  if (!url.ok()) {
    return errdefs::Annotate(url.status(), fmt::format("unable to parse server {}", server));
  }
  out.scheme = url->scheme;
  if (!no_host) out.host = url->host;
  if (!url->path.empty()) {
    std::string path = fs::path(url->path).lexically_normal().string();
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (!path.ends_with("/v2") && !override_path) {
      if (path == "/") path.clear();
      path += "/v2";
    }
    out.path = path;
  } else if (!override_path) {
    out.path = "/v2";
  }
  return absl::OkStatus();
}

absl::Status ReadCapabilities(const toml::table& table, HostConfig& out) {
  out.capabilities = kAllHostCapabilities;
  const toml::node* node = table.get("capabilities");
  if (node == nullptr) return absl::OkStatus();
  const auto* array = node->as_array();
  if (array == nullptr) return Wrong("capabilities", "a list of strings");
  absl::StatusOr<std::vector<std::string>> names = Strings(*array, "capabilities");
  if (!names.ok()) return names.status();
  if (names->empty()) return absl::OkStatus();
  out.capabilities = {};
  for (const std::string& name : *names) {
    const std::string lower = base::Lower(name);
    if (lower == "pull") {
      out.capabilities |= kHostCapabilityPull;
    } else if (lower == "resolve") {
      out.capabilities |= kHostCapabilityResolve;
    } else if (lower == "push") {
      out.capabilities |= kHostCapabilityPush;
    } else if (lower == "referrers") {
      out.capabilities |= kHostCapabilityReferrers;
    } else {
      return errdefs::InvalidArgument(fmt::format("unknown capability {}", name));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadClientPairs(const toml::table& table, const std::string& base_dir,
                             HostConfig& out) {
  const toml::node* node = table.get("client");
  if (node == nullptr) return absl::OkStatus();
  if (const auto* text = node->as_string()) {
    out.client_pairs.emplace().emplace_back(AbsPath(text->get(), base_dir), "");
    return absl::OkStatus();
  }
  const auto* array = node->as_array();
  if (array == nullptr) return Wrong("client", "a string or a list");
  // An empty list configures nothing, TLS least of all.
  if (!array->empty()) out.client_pairs.emplace();
  for (const toml::node& item : *array) {
    if (const auto* text = item.as_string()) {
      out.client_pairs->emplace_back(AbsPath(text->get(), base_dir), "");
      continue;
    }
    const auto* pair = item.as_array();
    if (pair == nullptr) return Wrong("client", "strings or pairs of strings");
    absl::StatusOr<std::vector<std::string>> files = Strings(*pair, "client");
    if (!files.ok()) return files.status();
    if (files->size() != 2) return errdefs::InvalidArgument("invalid pair for \"client\"");
    out.client_pairs->emplace_back(AbsPath((*files)[0], base_dir), AbsPath((*files)[1], base_dir));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Boolean(const toml::table& table, std::string_view key, bool fallback) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return fallback;
  const auto* value = node->as_boolean();
  if (value == nullptr) return Wrong(key, "true or false");
  return value->get();
}

absl::StatusOr<std::optional<absl::Duration>> Duration(const toml::table& table,
                                                       std::string_view key) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return std::nullopt;
  const auto* text = node->as_string();
  if (text == nullptr) return Wrong(key, "a string");
  if (text->get().empty()) return std::nullopt;
  absl::StatusOr<absl::Duration> duration = ParseGoDuration(text->get());
  if (!duration.ok()) return errdefs::Annotate(duration.status(), key);
  return *duration;
}

absl::StatusOr<HostConfig> ReadHost(std::string server, const std::string& base_dir,
                                    const toml::table& table) {
  HostConfig out;
  absl::StatusOr<bool> override_path = Boolean(table, "override_path", false);
  if (!override_path.ok()) return override_path.status();
  if (absl::Status s = ReadServer(std::move(server), *override_path, out); !s.ok()) return s;
  if (absl::Status s = ReadCapabilities(table, out); !s.ok()) return s;
  if (table.get("skip_verify") != nullptr) {
    absl::StatusOr<bool> skip = Boolean(table, "skip_verify", false);
    if (!skip.ok()) return skip.status();
    out.skip_verify = *skip;
  }
  if (const toml::node* ca = table.get("ca")) {
    absl::StatusOr<std::vector<std::string>> files = StringOrStrings(*ca, "ca");
    if (!files.ok()) return files.status();
    for (std::string& file : *files) file = AbsPath(file, base_dir);
    out.ca_certs = *std::move(files);
  }
  if (absl::Status s = ReadClientPairs(table, base_dir, out); !s.ok()) return s;
  if (const toml::node* header = table.get("header")) {
    const auto* fields = header->as_table();
    if (fields == nullptr) return Wrong("header", "a table");
    for (const auto& [name, value] : *fields) {
      absl::StatusOr<std::vector<std::string>> values = StringOrStrings(value, name.str());
      if (!values.ok()) return errdefs::Annotate(values.status(), "header");
      for (const std::string& v : *values) out.header.Add(name.str(), v);
    }
  }
  for (const auto& [key, timeout] :
       {std::pair("dial_timeout", &out.dial_timeout),
        std::pair("response_header_timeout", &out.response_header_timeout),
        std::pair("upload_response_timeout", &out.upload_response_timeout)}) {
    absl::StatusOr<std::optional<absl::Duration>> duration = Duration(table, key);
    if (!duration.ok()) return duration.status();
    *timeout = *duration;
  }
  return out;
}

}  // namespace

absl::StatusOr<absl::Duration> ParseGoDuration(std::string_view text) {
  // absl takes what Go does, and "inf" besides.
  absl::Duration out;
  if (text.find("inf") != std::string_view::npos || !absl::ParseDuration(std::string(text), &out)) {
    return errdefs::InvalidArgument(fmt::format("invalid duration \"{}\"", text.substr(0, 100)));
  }
  return out;
}

absl::StatusOr<std::vector<HostConfig>> ParseHostsFile(const std::string& base_dir,
                                                       std::string_view text) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return errdefs::InvalidArgument(fmt::format("line {}: {}", parsed.error().source().begin.line,
                                                parsed.error().description()));
  }
  const toml::table& root = parsed.table();

  // In the order of the file, which the table does not keep.
  struct Entry {
    toml::source_position at;
    std::string server;
    const toml::table* table;
  };
  std::vector<Entry> entries;
  if (const toml::node* node = root.get("host")) {
    const auto* hosts = node->as_table();
    if (hosts == nullptr) return Wrong("host", "a table");
    for (const auto& [name, value] : *hosts) {
      const auto* table = value.as_table();
      if (table == nullptr) return Wrong("host", "a table for each host");
      entries.push_back({name.source().begin, std::string(name.str()), table});
    }
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.at < b.at; });

  std::vector<HostConfig> out;
  for (const Entry& entry : entries) {
    // As Go: a first host without a name is none.
    if (entry.server.empty() && out.empty()) continue;
    absl::StatusOr<HostConfig> host = ReadHost(entry.server, base_dir, *entry.table);
    if (!host.ok()) {
      return errdefs::Annotate(host.status(), fmt::format("host \"{}\"", entry.server));
    }
    out.push_back(*std::move(host));
  }
  std::string server;
  if (const toml::node* node = root.get("server")) {
    const auto* value = node->as_string();
    if (value == nullptr) return Wrong("server", "a string");
    server = value->get();
  }
  absl::StatusOr<HostConfig> last = ReadHost(std::move(server), base_dir, root);
  if (!last.ok()) return last.status();
  out.push_back(*std::move(last));
  return out;
}

absl::StatusOr<std::vector<HostConfig>> LoadCertFiles(const std::string& dir) {
  HostConfig out;
  std::error_code err;
  std::vector<fs::path> files;
  for (fs::directory_iterator it(dir, err); !err && it != fs::directory_iterator();
       it.increment(err)) {
    std::error_code ignored;
    if (!it->is_directory(ignored)) files.push_back(it->path());
  }
  if (err && err != std::errc::no_such_file_or_directory) {
    return LocalError(errdefs::FromErrno(err.value(), fmt::format("reading {}", dir)));
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    if (file.extension() == ".crt") {
      if (!out.ca_certs.has_value()) out.ca_certs.emplace();
      out.ca_certs->push_back(file.string());
    } else if (file.extension() == ".cert") {
      fs::path key = file;
      key.replace_extension(".key");
      std::error_code ignored;
      if (!out.client_pairs.has_value()) out.client_pairs.emplace();
      out.client_pairs->emplace_back(file.string(), fs::exists(key, ignored) ? key.string() : "");
    }
  }
  return std::vector<HostConfig>{std::move(out)};
}

absl::StatusOr<std::vector<HostConfig>> LoadHostDir(const std::string& dir) {
  const fs::path path = fs::path(dir) / "hosts.toml";
  std::string text;
  const std::error_code err = base::ReadFile(path.string(), text, 0, kMaxHostsFile);
  if (err == std::errc::no_such_file_or_directory || (!err && text.empty())) {
    return LoadCertFiles(dir);
  }
  const bool too_large = err == std::errc::file_too_large;
  if (err && !too_large) return LocalError(errdefs::FromErrno(err.value(), path.string()));
  absl::StatusOr<std::vector<HostConfig>> hosts =
      errdefs::ResourceExhausted(fmt::format("more than {} bytes", kMaxHostsFile));
  if (!too_large) hosts = ParseHostsFile(dir, text);
  if (hosts.ok()) return hosts;
  log::Error(
      fmt::format("failed to decode {}: {}", path.string(), errdefs::Message(hosts.status())));
  return LoadCertFiles(dir);
}

}  // namespace containerd::remotes::docker::config
