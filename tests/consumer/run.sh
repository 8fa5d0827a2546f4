#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs a build into a folder of its own, and builds and runs this consumer project against it.
#
#   tests/consumer/run.sh <build folder> [cmake argument...]
set -euo pipefail

build=$1
shift
source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" >/dev/null
# Found as a user would: nothing of the build or the source folder is on any path.
libdir=$(dirname "$(find "$work/prefix" -name containerd-cpp.pc -printf '%h\n')")
export PKG_CONFIG_PATH=$libdir/pkgconfig
if ! {
  cmake -G Ninja -S "$source" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" "$@"
  cmake --build "$work/build"
} >"$work/log" 2>&1; then
  cat "$work/log"
  exit 1
fi
LD_LIBRARY_PATH=$libdir ctest --test-dir "$work/build" --output-on-failure

# The shared library says which interface it has.
readelf -d "$libdir/libcontainerd-client.so" | grep -q 'SONAME.*libcontainerd-client\.so\.0\.1' || {
  echo "libcontainerd-client.so has no soname with a version"
  exit 1
}
