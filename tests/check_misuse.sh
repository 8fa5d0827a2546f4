#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks what compilers say of wrong uses of the public headers that would fail at run time only.
#
#   tests/check_misuse.sh [BUILD]     the folder with the generated headers: default build/dev
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:-build/dev}
failed=0

# Prints a program that has the statements of stdin.
program() {
  cat <<END
#include "containerd/client.h"
#include "containerd/containers/containers.h"
#include "containerd/content/content.h"
#include "containerd/image.h"
#include "containerd/images/archive.h"
#include "containerd/mount/manager.h"
#include "containerd/oci/spec_opts_capabilities.h"
#include "containerd/oci/spec_opts_image.h"
#include "containerd/oci/spec_opts_process.h"
#include "containerd/remotes/docker/errcode.h"
#include "containerd/remotes/docker/scope.h"

using namespace containerd;
absl::StatusOr<Image> Find();

void Use(const Context& ctx, Client& client, content::Store& store, std::vector<std::string> list) {
#line 1 "statements"
$(cat)
  static_cast<void>(ctx), static_cast<void>(client), static_cast<void>(store);
}
END
}

# expect COMPILER MESSAGE: for each line of stdin, which is a statement, the compiler says the
# message, and nothing for any of them if that is "".
expect() {
  local statements output line
  statements=$(cat)
  output=$(program <<<"$statements" | "$1" -std=c++20 -Wall -Iinclude -isystem "$build/proto" \
    -fsyntax-only -x c++ - 2>&1) || true
  for ((line = 1; line <= $(wc -l <<<"$statements"); line++)); do
    if [[ -n $2 ]] && grep -q "^statements:$line:.*$2" <<<"$output"; then continue; fi
    if [[ -z $2 ]] && ! grep -qE 'error:|warning:' <<<"$output"; then continue; fi
    echo "$1: line $line of the following: expected \"$2\", the compiler says:" >&2
    echo "$statements" >&2
    echo "${output:-nothing}" >&2
    failed=1
    return
  done
}

# A list of texts in one pair of braces too many would be one text between two addresses.
pairs='oci::WithEnv({{"A=1", "B=2"}});
oci::WithProcessArgs({{"a", "b"}});
oci::WithCapabilities({{"a", "b"}, {"c", "d"}});
static_cast<void>(client.Containers(ctx, {{"a", "b"}}));
static_cast<void>(client.ListImages(ctx, {{"a", "b"}}));
static_cast<void>(client.Subscribe(ctx, {{"a", "b"}}));
static_cast<void>(client.ContainerService()->List(ctx, {{"a", "b"}}));
static_cast<void>(store.Walk(ctx, {}, {{"a", "b"}}));
oci::WithImageConfigArgs(*Find(), {{"a", "b"}});
oci::WithImageConfigArgs(std::shared_ptr<const oci::Image>(), {{"a", "b"}});
images::archive::WithManifest({}, {{"a", "b"}});
static_cast<void>(client.MountManager()->List(ctx, {{"a", "b"}}));
static_cast<void>(client.MountManager()->Update(ctx, {}, {{"a", "b"}}));
remotes::docker::GetTokenScopes(ctx, {{"a", "b"}});
static_cast<void>(remotes::docker::Error().WithArgs({{"a", "b"}}));'
expect g++ 'use of deleted function' <<<"$pairs"
expect clang++-16 'call to deleted' <<<"$pairs"
right='oci::WithEnv({});
oci::WithEnv({"a"});
oci::WithEnv({"a", "b"});
oci::WithEnv({{"a"}, {"b"}});
oci::WithEnv(list);
oci::WithEnv({list.begin(), list.end()});
oci::WithEnv({std::string("a"), "b"});
oci::WithImageConfigArgs(*Find(), {"a", "b"});
oci::WithImageConfigArgs(*Find(), {});
images::archive::WithManifest({}, {"a", "b"});
images::archive::WithManifest({});
static_cast<void>(client.MountManager()->List(ctx));
static_cast<void>(remotes::docker::GetTokenScopes(ctx, {"a", "b"}));
static_cast<void>(client.Subscribe(ctx, {}));
static_cast<void>(client.Containers(ctx, {"a", "b"}));
for (const auto all = client.Containers(ctx); const auto& c : *all) static_cast<void>(c.ID());'
expect g++ '' <<<"$right"
expect clang++-16 '' <<<"$right"

# References into what is gone at the end of the statement. g++ 12 does not see them.
expect clang++-16 'will be destroyed at the end of the full-expression' <<'END'
for (auto& c : *client.Containers(ctx)) static_cast<void>(c);
for (const auto& [key, value] : Find()->Labels()) static_cast<void>(key + value);
for (char c : Find()->Name()) static_cast<void>(c);
const std::string& name = client.GetImage(ctx, "i")->Name(); static_cast<void>(name);
END

exit "$failed"
