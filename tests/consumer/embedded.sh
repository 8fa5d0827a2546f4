#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Configures a project that has the library in its own build, by FetchContent and by add_subdirectory, and
# builds and runs its program as that build does. The library itself is not built once more: the program is
# linked to that of the given build folder.
#
#   tests/consumer/embedded.sh <build folder>
set -euo pipefail

library=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for fetch in ON OFF; do
  folder=$work/$fetch
  if ! cmake -G Ninja -S embedded -B "$folder" -DEMBEDDED_FETCH=$fetch "-DCONTAINERD_CPP_SOURCE=$PWD/../.." \
    >"$work/log" 2>&1; then
    cat "$work/log"
    exit 1
  fi
  # It is linked to the library of this build, and what it does not need is not built.
  ninja -C "$folder" -t inputs all >"$work/inputs"
  core=$(grep -m 1 'libcontainerd-core\.so' "$work/inputs") || core=
  if [[ -z $core ]] || grep 'libcontainerd-cri' "$work/inputs"; then
    echo "not the core alone is built (EMBEDDED_FETCH=$fetch)"
    exit 1
  fi

  # The last two commands compile the program and link it.
  mkdir -p "$folder/$(dirname "$core")"
  ln -s "$library"/libcontainerd-core.so* "$folder/$(dirname "$core")"
  ninja -C "$folder" -t commands program | grep 'core\.cc\.o' >"$work/commands"
  if [[ $(wc -l <"$work/commands") -ne 2 ]]; then
    echo "these commands do not compile and link a program:"
    cat "$work/commands"
    exit 1
  fi
  (cd "$folder" && mkdir -p CMakeFiles/program.dir && sh -e "$work/commands" && ./program)
done
echo "configured, linked and run by FetchContent and by add_subdirectory"
