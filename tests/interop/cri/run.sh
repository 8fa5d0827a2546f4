#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Asks Go and this library's package cri the same things, 10,000 of each kind that cases.py names, and
# compares the answers.
#
#   tests/interop/cri/run.sh BUILD-FOLDER
#
# The program of this library is expected in the build folder; Go and its packages come from tests/lab.sh.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
program=$(realpath "$1")/cri_answers
read -r _ go < <(../../lab.sh go)
if [[ ! -x $go/go ]]; then
  echo "no Go client: $go" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
./cases.py >"$work/cases"
"$go/go" build -o "$work/go-answers" main.go
"$work/go-answers" <"$work/cases" >"$work/go"
"$program" <"$work/cases" >"$work/cpp"

total=$(wc -l <"$work/cases")
[[ $(wc -l <"$work/go") == "$total" && $(wc -l <"$work/cpp") == "$total" ]] || {
  echo "a program left out cases"
  exit 1
}
paste -d '\n' "$work/cases" "$work/go" "$work/cpp" | awk '
  NR % 3 == 1 { split($0, word, " "); text = $0 }
  NR % 3 == 2 { go = $0 }
  NR % 3 == 0 {
    ++count[word[1]]
    if (go == $0) next
    if (++different <= 20) print text "\n  Go:  " go "\n  C++: " $0
  }
  END {
    for (kind in count) print kind ": " count[kind] " cases"
    print different + 0 " different"
    exit different > 0
  }'
