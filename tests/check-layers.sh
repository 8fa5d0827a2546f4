#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks the includes of all packages, and that a wrong one would be found: each kind of wrong include is
# planted into a copy, for which the check has to fail and to name the file.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
python3 tests/check_layers.py

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

# plant <what> <file> <include>
plant() {
  rm -rf "${copy:?}"/*
  cp -r CMakeLists.txt include src "$copy"
  mkdir -p "$(dirname "$copy/$2")"
  printf '#include "%s"\n' "$3" >>"$copy/$2"
  if found=$(python3 tests/check_layers.py "$copy"); then
    echo "$1 was not found: #include \"$3\" in $2"
    exit 1
  fi
  grep -qF "$2" <<<"$found" || grep -q circle <<<"$found" || {
    echo "$1 was found, but not where it is: $found"
    exit 1
  }
}
plant "an undeclared dependency" src/labels/labels.cc containerd/log/log.h
plant "an include upward" src/content/helpers.cc containerd/client.h
plant "another package's internals" src/images/image.cc src/content/waiting.h
plant "an internal in a public header" include/containerd/labels/labels.h src/rpc/internal/call.h
plant "a circle" src/errdefs/errdefs.cc containerd/context/context.h
plant "a file of no package" src/nowhere/x.cc containerd/errdefs/errdefs.h
plant "a header that is not there" src/labels/labels.cc containerd/labels/gone.h
echo "seven kinds of wrong includes are found"
