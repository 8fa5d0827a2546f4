#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# From nothing to a running container: builds the library, makes an image of Debian's busybox, starts
# a private containerd and runs a container on it, all in a temporary folder that is gone afterwards.
# Needs root, on Debian 12; installs what is missing with apt.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
[[ $EUID -eq 0 ]] || { echo "$0: containers need root" >&2; exit 1; }

tests/deps.sh build daemon

build=${CONTAINERD_CPP_BUILD:-$PWD/build/library}
mkdir -p "$build"
echo "building the library and the example (a few minutes the first time)"
if ! { cmake --preset library -B "$build" &&
  cmake --build "$build" --target quickstart; } >"$build/quickstart.log" 2>&1; then
  tail -n 40 "$build/quickstart.log"
  echo "the build failed; all of it is in $build/quickstart.log" >&2
  exit 1
fi

work=$(mktemp -d /tmp/containerd-cpp-quickstart.XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
name=docker.io/library/busybox:latest
examples/busybox-image.sh --name "$name" "$work/busybox.tar"
echo "running"
"$build/examples/quickstart" "$work/busybox.tar" "$name" "$work/containerd"

# What the promise of leaving nothing behind is worth.
left=()
[[ ! -e $work/containerd ]] || left+=("the folder $work/containerd")
if grep -q " $work" /proc/self/mountinfo; then left+=("a mount under $work"); fi
for process in /proc/[0-9]*; do
  { tr '\0' ' ' <"$process/cmdline"; } 2>/dev/null | grep -q -- "$work/containerd" &&
    left+=("process ${process#/proc/}")
done
if [[ ${#left[@]} -gt 0 ]]; then
  printf 'left behind: %s\n' "${left[@]}" >&2
  exit 1
fi
echo "done; no process, mount, socket or folder is left"
