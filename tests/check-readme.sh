#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks that the README's first program is examples/first.cc, which the build compiles.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck disable=SC2016  # backticks, not a command
diff -u --label README.md --label examples/first.cc \
  <(sed -n '/^```cpp$/,/^```$/{/^```cpp$/d;/^```$/q;p}' README.md) <(sed 1d examples/first.cc)
