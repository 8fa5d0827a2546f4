#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks that the README's programs are those of examples/, which the build compiles: the first one is
# first.cc, the one about raw stubs is the functions of raw_stubs.cc, and the one about tests the fixture
# and the first two tests of unit_test.cc.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Of what is read, the first block of C++.
block() {
  # shellcheck disable=SC2016  # backticks, not a command
  sed -n '/^```cpp$/,/^```$/{/^```cpp$/d;/^```$/q;p}'
}

# A part of a program, without the includes that the README shows before it.
part() {
  block | sed '/^#include /d' | sed '1{/^$/d}'
}

diff -u --label README.md --label examples/first.cc <(block <README.md) <(sed 1d examples/first.cc)
diff -u --label README.md --label examples/raw_stubs.cc \
  <(sed -n '/^## Moving from raw stubs$/,$p' README.md | part) \
  <(sed -n '/^using namespace /,/^int main/p' examples/raw_stubs.cc | sed '1,2d;$d' | sed '$d')
diff -u --label README.md --label examples/unit_test.cc \
  <(sed -n '/^## Testing your own code$/,$p' README.md | part) \
  <(sed -n '/^class RunnerTest/,/^TEST_F(RunnerTest, GivesUp/p' examples/unit_test.cc | sed '$d' | sed '$d')
