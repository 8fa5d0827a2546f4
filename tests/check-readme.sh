#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks that the README's programs are those of examples/, which the build compiles: the first one is
# first.cc, and the one about raw stubs is the functions of raw_stubs.cc.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Of what is read, the first block of C++.
block() {
  # shellcheck disable=SC2016  # backticks, not a command
  sed -n '/^```cpp$/,/^```$/{/^```cpp$/d;/^```$/q;p}'
}

diff -u --label README.md --label examples/first.cc <(block <README.md) <(sed 1d examples/first.cc)
diff -u --label README.md --label examples/raw_stubs.cc \
  <(sed -n '/^## Moving from raw stubs$/,$p' README.md | block) \
  <(sed -n '/^using namespace /,/^int main/p' examples/raw_stubs.cc | sed '1,2d;$d' | sed '$d')
