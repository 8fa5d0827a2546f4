#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Whether every C++ file is as clang-format would write it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
git ls-files -z -- '*.cc' '*.h' | xargs -0 -n 32 -P "$(nproc)" clang-format --dry-run -Werror
