#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the .deb packages on Debians of their own, made with debootstrap, and builds and runs
# tests/consumer there: with the core's development files alone, then with all of them. In between each
# package of development files is installed alone, and its headers and its .pc file are compiled with.
#
#   packaging/check-debs.sh [--keep FOLDER] [debs folder] [suite]...
#   packaging/check-debs.sh --build [--keep FOLDER] [suite]...
#
#   --build      build the packages for each suite, from this tree, instead of taking a folder's: they
#                depend on the suite that they were built for. It is done in another Debian of that suite,
#                for what is installed there to build them would hide what they do not depend on.
#   --keep       where the Debians are made, and stay, for the next run (a temporary folder)
#   debs folder  build/library/debs, where packaging/debs.sh leaves them
#   suite        bookworm
#
# Needs root, debootstrap, and the machine's own apt sources, whose archive it uses.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=false keep=''
while [[ ${1:-} == -* ]]; do
  case $1 in
    --build) build=true ;;
    --keep) keep=$(realpath -m "$2") && shift ;;
    -h | --help) sed -n '3,/^set /{/^#/s/^# \{0,1\}//p}' "$0" && exit ;;
    *) echo "$0: no such option: $1" >&2 && exit 2 ;;
  esac
  shift
done
debs=''
if ! $build; then
  debs=$(realpath -m "${1:-build/library/debs}")
  shift $(($# > 0))
fi
suites=("$@")
[[ ${#suites[@]} -gt 0 ]] || suites=(bookworm)

# shellcheck disable=SC2016  # apt's words, not the shell's
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
work=${keep:-$(mktemp -d)}
mkdir -p "$work"

finish() {
  for suite in "${suites[@]}"; do
    umount -R "$work/$suite/proc" "$work/$suite-build/proc" 2>/dev/null || true
  done
  [[ -n $keep ]] || rm -rf --one-file-system "$work"
}
trap finish EXIT

# inside <suite> <command>...
inside() {
  local root=$work/$1
  shift
  chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "$@"
}

# debian <suite> <folder>: one there, if there is none yet
debian() {
  local root=$work/$2
  if [[ ! -e $root/.complete ]]; then
    rm -rf --one-file-system "$root"
    echo "$2: making it"
    quietly debootstrap --variant=minbase --include=g++,cmake,dpkg-dev,ninja-build,pkg-config \
      "$1" "$root" "$mirror"
    echo "deb $mirror $1 main" >"$root/etc/apt/sources.list"
    touch "$root/.complete"
  fi
  mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
  quietly inside "$2" apt-get -qq update
}

# quietly <command>...: shows what it printed only if it fails
quietly() {
  "$@" >"$work/log" 2>&1 || {
    tail -n 60 "$work/log"
    echo "failed: $*"
    exit 1
  }
}

for suite in "${suites[@]}"; do
  root=$work/$suite
  rm -f "$root/etc/apt/sources.list.d/containerd-cpp.list"
  debian "$suite" "$suite"
  # What an earlier run has left.
  rm -rf "$root/debs" "$root/src" "$root/consumer"
  # shellcheck disable=SC2016  # for the shell inside
  quietly inside "$suite" sh -c 'apt-get -y purge $(dpkg-query -W -f "\${Package} " "libcontainerd-cpp-*" || true)'
  mkdir -p "$root/debs" "$root/src"
  if $build; then
    builder=$work/$suite-build
    debian "$suite" "$suite-build"
    rm -rf "$builder/src"
    mkdir "$builder/src"
    # A kept one compiles again what has changed.
    git ls-files -z | xargs -0 cp --preserve=timestamps --parents -t "$builder/src"
    echo "$suite: building the packages"
    quietly inside "$suite-build" /src/tests/deps.sh build
    quietly inside "$suite-build" apt-get install -y --no-install-recommends \
      dpkg-dev file libgmock-dev libgtest-dev lintian
    quietly inside "$suite-build" env JOBS="${JOBS:-$(nproc)}" /src/packaging/debs.sh /build
    cp "$builder"/build/debs/*.deb "$root/debs"
  else
    cp "$debs"/*.deb "$root/debs"
  fi
  cp --parents -r tests/consumer "$root/src"

  # The core alone, from an archive of their own so that apt finds what it depends on.
  quietly inside "$suite" sh -c 'cd /debs && dpkg-scanpackages -m . >Packages'
  echo 'deb [trusted=yes] file:/debs ./' >"$root/etc/apt/sources.list.d/containerd-cpp.list"
  quietly inside "$suite" apt-get -qq update
  quietly inside "$suite" apt-get -y --no-install-recommends install libcontainerd-cpp-core-dev
  quietly inside "$suite" cmake -G Ninja -S /src/tests/consumer -B /consumer/core -DCONSUMER_CORE_ONLY=ON
  quietly inside "$suite" cmake --build /consumer/core -j "${JOBS:-$(nproc)}"
  quietly inside "$suite" ctest --test-dir /consumer/core --output-on-failure
  echo "$suite: the core's packages are installed, and a program runs with them"

  # Each by itself: its headers compile, with the flags that its .pc file has.
  mapfile -t packages < <(sed -n 's/^Package: \(.*-dev\)$/\1/p' "$root/debs/Packages")
  for package in "${packages[@]}"; do
    quietly inside "$suite" apt-get -y purge 'libcontainerd-cpp-*'
    quietly inside "$suite" apt-get -y --no-install-recommends install "$package"
    # shellcheck disable=SC2016  # for the shell inside
    quietly inside "$suite" sh -c 'set -e
      module=${1#lib}
      flags=$(pkg-config --cflags "${module%-dev}")
      dpkg -L "$1" | sed -n "s,^/usr/include/\(containerd-cpp/\)\{0,1\}\(.*\.h\)$,#include \"\2\",p" |
        c++ -std=c++20 -fsyntax-only -x c++ $flags -' sh "$package"
  done
  echo "$suite: each package of development files has what its headers include"

  # With what they recommend for static libraries, also those that are installed already.
  # shellcheck disable=SC2016
  quietly inside "$suite" sh -c 'apt-get -y --fix-policy install $(sed -n "s/^Package: //p" /debs/Packages)'
  quietly inside "$suite" cmake -G Ninja -S /src/tests/consumer -B /consumer/all
  quietly inside "$suite" cmake --build /consumer/all -j "${JOBS:-$(nproc)}"
  quietly inside "$suite" ctest --test-dir /consumer/all --output-on-failure
  echo "$suite: so are all of them, and programs that are linked shared, static and by pkg-config"

  quietly inside "$suite" apt-get -y purge 'libcontainerd-cpp-*'
  left=$(find "$root"/usr "$root"/var/lib/dpkg/info -name '*containerd*' -print -quit)
  if [[ -n $left ]]; then
    echo "$suite: left after the packages are removed: $left"
    exit 1
  fi
done
