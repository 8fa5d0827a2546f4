#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds and runs programs that link definitions of protobuf's which the library has, too.
#
#   tests/descriptors/run.sh [--stubs] <build folder> [cmake argument...]
#
#   standard/   gRPC's error details and health stubs of its own, with the library as installed from
#               the build folder, shared and static
#   stubs/      containerd's stubs of its own, with what of the library it needs built in
#               <build folder>/descriptors with CONTAINERD_PROTO_PACKAGE; takes minutes, and so only
#               with --stubs
set -euo pipefail

stubs=false
if [[ $1 == --stubs ]]; then
  stubs=true
  shift
fi

build=$(cd "$1" && pwd)
shift
source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

try() {
  if ! "$@" >"$work/log" 2>&1; then
    cat "$work/log"
    exit 1
  fi
}

try cmake --install "$build" --prefix "$work/prefix"
libdir=$(dirname "$(find "$work/prefix" -name containerd-cpp.pc -printf '%h\n')")
if [[ -e $work/prefix/include/containerd-cpp/google || -e $work/prefix/include/containerd-cpp/grpc ]]; then
  echo "headers of others are installed"
  exit 1
fi
try cmake -G Ninja -S "$source/standard" -B "$work/standard" -DCMAKE_PREFIX_PATH="$work/prefix" "$@"
try cmake --build "$work/standard"
LD_LIBRARY_PATH=$libdir ctest --test-dir "$work/standard" --output-on-failure

$stubs || exit 0
# It stays, so that a second run is quick.
try cmake -G Ninja -S "$source/stubs" -B "$build/descriptors" "$@"
try cmake --build "$build/descriptors" --target program
ctest --test-dir "$build/descriptors" --output-on-failure
