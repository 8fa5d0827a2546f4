#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks what a compiler says of what is passed as an option and is none: one readable sentence.
#
#   tests/check_options.sh [COMPILER [FLAG...]]     the compiler: default clang++-16
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
compiler=("${@:-clang++-16}")
failed=0

# Prints a program that passes $1 to two calls which take options.
program() {
  cat <<END
#include <string>
#include <vector>

#include "containerd/option/option.h"

using containerd::option::Option;
using containerd::option::Plain;

struct Context {};
struct Apple {};
struct Pear {};
using AppleOpt = Option<const Context&, Apple&>;
using PearOpt = Option<Pear&>;

constinit const Plain<AppleOpt> WithSkin([](Apple&) {});
constinit const Plain<PearOpt> WithStalk([](Pear&) {});
AppleOpt WithColour(std::string) {
  return [](Apple*) { return absl::OkStatus(); };
}

void Eat(const std::vector<AppleOpt>&) {}

int main() { Eat({$1}); }
END
}

# expect LIST MESSAGE: with the list of options the compiler's first error has the message; none with "".
expect() {
  local output first
  output=$(program "$1" | "${compiler[@]}" -std=c++20 -Iinclude -fsyntax-only -x c++ - 2>&1) || true
  first=$(grep -m 1 'error:' <<<"$output" || true)
  if { [[ -z $2 && -z $first ]]; } || { [[ -n $2 && $first == *"$2"* ]]; }; then return; fi
  echo "{$1}: expected \"$2\", the compiler says:" >&2
  echo "${output:-nothing}" >&2
  failed=1
}

expect 'WithSkin, WithSkin(), WithColour("red"), [](const Context&, Apple&) {}, [](Apple*) {}' ''
expect 'WithSkin, 5' 'this is no option of this call'
expect 'WithColour' 'this option takes arguments: call it'
expect 'WithSkin, WithStalk' 'this option is one of another call'
expect 'WithStalk()' 'this option is one of another call'
expect '[](Pear&) {}' 'this is no option of this call'
expect '[](Apple&) { return std::string(); }' 'an option returns nothing or absl::Status'
exit "$failed"
