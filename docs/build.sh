#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the API documentation of the public headers with doxygen (Debian's package of that name): HTML in
# build/docs, or in the folder that is given. Fails if doxygen warns of anything.
#
#   docs/build.sh [folder]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! command -v doxygen >/dev/null; then
  echo "$0: doxygen is missing (apt-get install doxygen)" >&2
  exit 1
fi
DOCS_OUTPUT=$(realpath -m "${1:-build/docs}")
export DOCS_OUTPUT
input=$(mktemp -d)
trap 'rm -rf "$input"' EXIT
docs/filter.py "$input"
cp docs/Doxyfile "$input"
mkdir -p "$DOCS_OUTPUT"
# Warnings name the files of the project: the lines are the same.
(cd "$input" && doxygen) 2> >(sed "s#$input/##" >&2)
echo "$DOCS_OUTPUT/index.html"
