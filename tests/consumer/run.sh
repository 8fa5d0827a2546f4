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

fail() {
  echo "$*"
  exit 1
}

# Runs a command, and shows what it printed only if it fails.
quietly() {
  "$@" >"$work/log" 2>&1 || {
    cat "$work/log"
    fail "failed: $*"
  }
}

quietly cmake --install "$build" --prefix "$work/prefix"
# Found as a user would: nothing of the build or the source folder is on any path.
libdir=$(dirname "$(find "$work/prefix" -name libcontainerd-core.so)")
export PKG_CONFIG_PATH=$libdir/pkgconfig
components=(core registry cdi supervisor libcontainerd cri cri-client)

# Each shared library says which interface it has, and exports that and no more.
for component in "${components[@]}"; do
  readelf -d "$libdir/libcontainerd-$component.so" | grep "SONAME.*libcontainerd-$component\.so\.0\.1\]" >/dev/null ||
    fail "libcontainerd-$component.so has no soname with a version"
done
"$source/../exports/check.py" "$libdir"/libcontainerd-{core,registry,cdi,supervisor,libcontainerd,cri,cri-client}.so

quietly cmake -G Ninja -S "$source" -B "$work/core" -DCMAKE_PREFIX_PATH="$work/prefix" -DCONSUMER_CORE_ONLY=ON "$@"
quietly cmake --build "$work/core"
quietly cmake -G Ninja -S "$source" -B "$work/all" -DCMAKE_PREFIX_PATH="$work/prefix" "$@"
quietly cmake --build "$work/all"

# With a compiler and pkg-config alone. Where the archives are alone, the linker takes them.
mkdir "$work/archives" "$work/plain"
cp "$libdir"/*.a "$work/archives"
compile() { # <program> <source> <word>...
  local program=$work/plain/$1 file=$source/$2
  shift 2
  quietly c++ -std=c++20 -o "$program" "$file" "$@"
}
words() { # <pkg-config argument>... -> the array `flags`
  read -ra flags <<<"$(pkg-config "$@")"
}
words --cflags --libs containerd-cpp-core
compile core core.cc "${flags[@]}"
words --static --cflags --libs containerd-cpp-core
compile core_static core.cc -L"$work/archives" "${flags[@]}"
words --static --cflags --libs containerd-cpp containerd-cpp-supervisor
compile all_static main.cc -L"$work/archives" "${flags[@]}"
words --cflags --libs containerd-cpp-testing gtest_main
compile kit kit_test.cc "${flags[@]}"

export LD_LIBRARY_PATH=$libdir
for folder in core all; do
  ctest --test-dir "$work/$folder" --output-on-failure
done
for program in core core_static all_static kit; do
  "$work/plain/$program" || fail "$program of pkg-config failed"
done

# What the component core is for: nothing of HTTP, YAML, and what they bring.
for program in "$work/core/core" "$work/plain/core"; do
  libraries=$(ldd "$program")
  if grep -E 'libcurl|libyaml|gnutls|krb5|gssapi|libldap|libssh|libcontainerd-(registry|cdi|supervisor|libcontainerd|cri)' <<<"$libraries"; then
    fail "$program needs what the component core does not"
  fi
  grep libcontainerd-core <<<"$libraries" >/dev/null || fail "$program is not linked to libcontainerd-core.so"
done
for program in "$work/all/static" "$work/all/core_static" "$work/plain/core_static" "$work/plain/all_static"; do
  if ldd "$program" | grep libcontainerd; then
    fail "$program is not static"
  fi
done
# What is built on gRPC's archives loads none of its shared libraries.
if ldd "$work/all/core_standalone" | grep -E 'libcontainerd|libgrpc|libprotobuf|libabsl|libre2|libssl'; then
  fail "core_standalone loads what there are archives of"
fi
echo "core maps $(ldd "$work/core/core" | wc -l) libraries, core and all the others $(ldd "$work/all/shared" | wc -l)"
