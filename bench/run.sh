#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures this library beside containerd's Go client: builds both, starts a private daemon on a tmpfs and
# a registry on the loopback, runs each workload for both in turn, and prints medians and ratios.
#
#   bench/run.sh [--filter REGEX] [--runs N] [--json FILE] [--profile FOLDER]   (as root; 15 minutes on two cores)
#
# The daemon and the Go client come from tests/lab.sh. $CONTAINERD_CPP_BUILD is the build folder,
# build/release of the release preset unless it is set. Never part of the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=${CONTAINERD_CPP_BUILD:-$PWD/build/release}
cmake --preset release -B "$build" -DCONTAINERD_BUILD_BENCH=ON -DCONTAINERD_BUILD_TESTS=OFF >/dev/null
cmake --build "$build" --target bench

read -r _ daemon < <(tests/lab.sh 2.1)
read -r _ go < <(tests/lab.sh go)
if [[ ! -x $daemon/containerd || ! -x $go/go ]]; then
  echo "no daemon ($daemon) or no Go client ($go)" >&2
  exit 1
fi
"$go/go" build -o "$build/bench/bench_go" bench/go/*.go
"$go/go" build -o "$build/bench/bench_first_go" bench/go/first/main.go

exec python3 bench/driver.py --programs "$build/bench" --daemon "$daemon" "$@"
