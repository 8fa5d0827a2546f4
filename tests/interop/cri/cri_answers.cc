// SPDX-License-Identifier: Apache-2.0
//
// Package cri's answers to the cases on standard input, as main.go gives Go's.
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include "containerd/cri/constants.h"
#include "containerd/cri/digest_set.h"
#include "containerd/cri/image_store.h"
#include "containerd/cri/labels.h"
#include "containerd/cri/runtime_options.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/filters/filters.h"
#include "containerd/log/log.h"
#include "containerd/reference/distribution.h"
#include "containerd/runc/v1/options.pb.h"
#include "containerd/typeurl/typeurl.h"

namespace {

using namespace containerd;  // NOLINT: a short program
namespace ref = distribution::reference;

std::string Match(const std::string& pattern, const std::string& name) {
  return cri::GetPassthroughAnnotations({{name, ""}}, {pattern}).empty() ? "false" : "true";
}

std::string Ref(const std::string& text) {
  const auto any = ref::ParseAnyReference(text);
  const auto docker = ref::ParseDockerRef(text);
  return (any.ok() ? any->String() : "error") + " " + (docker.ok() ? docker->String() : "error");
}

std::string Options(const std::string& text) {
  auto table = cri::ParseTOML(text);
  if (!table.ok()) return "error";
  const auto any =
      cri::GenerateRuntimeOptions({.type = cri::kRuntimeRuncV2, .options = *std::move(table)}, {});
  if (!any.ok()) return "error";
  const auto o = typeurl::UnmarshalAny<runc::v1::Options>(*any);
  if (!o.ok()) return "error";
  using filters::Quote;
  return fmt::format("{} {} {} {} {} {} {} {} {} {}", o->no_pivot_root(), o->no_new_keyring(),
                     Quote(o->shim_cgroup()), o->io_uid(), o->io_gid(), Quote(o->binary_name()),
                     Quote(o->root()), o->systemd_cgroup(), Quote(o->criu_image_path()),
                     Quote(o->criu_work_path()));
}

std::string Lookup(const std::string& digests, const std::string& text) {
  cri::DigestSet set;
  std::istringstream words(digests);
  for (std::string dgst; words >> dgst;) {
    if (absl::Status s = set.Add(dgst); !s.ok()) return s.ToString();
  }
  const auto found = set.Lookup(text);
  if (found.ok()) return found->String();
  return errdefs::IsInvalidArgument(found.status()) ? "ambiguous" : "none";
}

std::string Resolve(const std::string& images, const std::string& text) {
  cri::ImageIndex index;
  std::istringstream words(images);
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    absl::Status s = index.Set(word.substr(0, equals), {.id = word.substr(equals + 1)});
    if (!s.ok()) return s.ToString();
  }
  const auto found = index.LocalResolve(text);
  if (found.ok()) return found->id;
  return errdefs::IsInvalidArgument(found.status()) ? "ambiguous" : "none";
}

}  // namespace

int main() {
  log::SetSink([](log::Level, std::string_view) {});
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    std::vector<std::string> args;
    for (std::string word; words >> word;) {
      args.push_back(word == "-" ? "" : absl::HexStringToBytes(word));
    }
    args.resize(2);
    if (kind == "match") std::cout << Match(args[0], args[1]) << '\n';
    if (kind == "ref") std::cout << Ref(args[0]) << '\n';
    if (kind == "toml") std::cout << Options(args[0]) << '\n';
    if (kind == "digest") std::cout << Lookup(args[0], args[1]) << '\n';
    if (kind == "resolve") std::cout << Resolve(args[0], args[1]) << '\n';
  }
}
