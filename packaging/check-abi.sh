#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Compares the interface of the shared libraries with that of an earlier build or release, by libabigail
# (Debian's package abigail-tools): libraries of one soname may gain functions, and lose or change none.
#
#   packaging/check-abi.sh [old] [new]
#
#   old   a folder with libraries, or a tag, which is built first (the last release's tag)
#   new   a folder with libraries (build/library)
#
# Of libraries without debug info the symbols are compared, whose names have the types of all arguments;
# of such with it (-DCMAKE_CXX_FLAGS=-g, both) also how the types of the public headers are laid out. Tags
# are built with it, so let `new` be.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
old=${1:-$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null || true)}
new=${2:-build/library}
if [[ -z $old ]]; then
  echo "no release yet: nothing to compare with"
  exit 0
fi
if ! command -v abidiff >/dev/null; then
  echo "$0: abidiff is missing (apt-get install abigail-tools)" >&2
  exit 1
fi
if [[ ! -d $old ]]; then
  tag=$old
  old=build/abi/$tag
  if [[ ! -e $old/libcontainerd-core.so ]]; then
    rm -rf "$old-source"
    mkdir -p "$old-source"
    git archive "$tag" | tar -x -C "$old-source"
    cmake -S "$old-source" -B "$old" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS=-g \
      -DCMAKE_UNITY_BUILD=ON -DCONTAINERD_BUILD_TESTS=OFF -DCONTAINERD_BUILD_EXAMPLES=OFF >/dev/null
    cmake --build "$old" -j "${JOBS:-$(nproc)}"
  fi
fi

soname() {
  readelf -d "$1" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p'
}

# The old libraries' headers say what is public; of a folder alone, today's.
headers=include
[[ ! -d $old-source ]] || headers=$old-source/include

compared=0 failed=0
for library in "$old"/libcontainerd-*.so; do
  name=$(basename "$library")
  if [[ ! -e $new/$name ]]; then
    echo "$name is gone"
    failed=$((failed + 1))
    continue
  fi
  if [[ $(soname "$library") != "$(soname "$new/$name")" ]]; then
    echo "$name: $(soname "$library") has become $(soname "$new/$name"), and may be another"
    continue
  fi
  compared=$((compared + 1))
  # Its exit status: 4 for any change, and 8 beside it for one that breaks programs.
  status=0
  report=$(abidiff --no-added-syms --headers-dir1 "$headers" --headers-dir2 include "$library" "$new/$name") ||
    status=$?
  if ((status & ~4)); then
    echo "$name:"
    head -n 60 <<<"$report"
    failed=$((failed + 1))
  fi
done
echo "$compared libraries compared, $failed that programs built with the old one may not go on with"
[[ $failed -eq 0 ]]
