#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Configures a project that has the library in its own build, by FetchContent and by add_subdirectory, and
# compiles its program with the flags that it gets there. The library itself is not built once more.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for fetch in ON OFF; do
  folder=$work/$fetch
  if ! cmake -G Ninja -S embedded -B "$folder" -DEMBEDDED_FETCH=$fetch "-DCONTAINERD_CPP_SOURCE=$PWD/../.." \
    -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >"$work/log" 2>&1; then
    cat "$work/log"
    exit 1
  fi
  # It is linked to the library of this build, and what it does not need is not built.
  ninja -C "$folder" -t inputs all >"$work/inputs"
  if ! grep 'libcontainerd-core\.so' "$work/inputs" >/dev/null || grep 'libcontainerd-cri' "$work/inputs"; then
    echo "not the core alone is built (EMBEDDED_FETCH=$fetch)"
    exit 1
  fi
done

python3 - "$work/ON" <<'END'
import json
import shlex
import subprocess
import sys

folder = sys.argv[1]
with open(f'{folder}/compile_commands.json', encoding='utf-8') as file:
    command = next(c['command'] for c in json.load(file) if c['file'].endswith('/core.cc'))
words = shlex.split(command)
words = words[:words.index('-o')] + ['-fsyntax-only', words[-1]]
sys.exit(subprocess.run(words, cwd=folder, check=False).returncode)
END
echo "configured by FetchContent and by add_subdirectory"
