#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Writes layers of 20,000 entries of every kind (trees.py), and of what changes among them, with this
# library, and compares what GNU tar and containerd's Go client make of them with the folders, file for file.
#
#   tests/interop/layer/run.sh BUILD-FOLDER
#
# The program of this library is expected in the build folder; Go and its packages come from tests/lab.sh.
set -euo pipefail

program=$(realpath "$1")/layer
cd "$(dirname "${BASH_SOURCE[0]}")"
if [[ $EUID -ne 0 ]]; then
  echo "skipped: devices and owners need root"
  exit 0
fi
read -r _ go < <(../../lab.sh go)
if [[ ! -x $go/go ]]; then
  echo "no Go client: $go" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
./trees.py make "$work/a" "$work/b"
"$go/go" build -o "$work/apply" main.go
failed=0

compare() { # <what> <folder> <folder that it should be like>
  ./trees.py look "$2" >"$work/is"
  ./trees.py look "$3" >"$work/want"
  if cmp -s "$work/is" "$work/want"; then
    echo "$1: $(wc -l <"$work/is") entries, all equal"
  else
    echo "$1: these differ"
    diff "$work/is" "$work/want" | head -20 || true
    failed=1
  fi
}

"$program" "" "$work/a" >"$work/all.tar"
mkdir "$work/tar" "$work/go"
tar -x -p --warning=no-timestamp --numeric-owner --xattrs --xattrs-include='*' -f "$work/all.tar" -C "$work/tar"
compare "GNU tar, all" "$work/tar" "$work/a"
"$work/apply" "$work/go" <"$work/all.tar"
compare "Go, all" "$work/go" "$work/a"
"$program" "$work/a" "$work/b" | "$work/apply" "$work/go"
compare "Go, changes" "$work/go" "$work/b"
exit $failed
