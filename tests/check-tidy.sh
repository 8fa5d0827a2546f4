#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# clang-tidy over the files that changed, each compiled alone (which shows includes that are missing, too).
#
#   tests/check-tidy.sh <build folder> [file...]
#
# Without files: those of the last commit and of the working tree; $CONTAINERD_CPP_TIDY_BASE names another
# commit to compare with. The build folder has the generated headers.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$1
shift
if [[ $# -eq 0 ]]; then
  base=${CONTAINERD_CPP_TIDY_BASE:-HEAD~1}
  git rev-parse -q --verify "$base" >/dev/null || base=HEAD
  mapfile -t files < <(git diff --name-only --diff-filter=d "$base" -- 'src/*.cc' 'examples/*.cc')
  set -- "${files[@]}"
fi
if [[ $# -eq 0 ]]; then
  echo "no file has changed"
  exit
fi
# shellcheck disable=SC2016  # $1 is the inner shell's
printf '%s\0' "$@" | xargs -0 -I {} -P "$(nproc)" sh -c '
  clang-tidy-16 --quiet "$1" -- -std=c++20 -DFMT_SHARED -DSPDLOG_COMPILED_LIB -DSPDLOG_FMT_EXTERNAL \
    -DSPDLOG_SHARED_LIB -I. -Iinclude -isystem "$2/proto"' tidy {} "$build"
echo "$# files are clean"
