#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds and runs the tests: unit tests, the integration tests against each daemon of the lab, and the
# checks of format, layers, comments, scripts, installation and of what the libraries export.
#
#   tests/run.sh [--preset dev|release|asan|tsan] [--daemon 1.6|1.7|2.1]... [--unit] [filter]
#
#   --preset   how to build (dev); the build folder is build/<preset>, or $CONTAINERD_CPP_BUILD
#   --daemon   only against this daemon; may be given several times
#   --unit     no daemon at all
#   filter     only tests that match it, as --gtest_filter takes it, and no checks
#
# The tests are built with clang where it is there: twice as fast, its analysis of locks is on, and in
# the preset dev AddressSanitizer and UBSan watch the library. The checks of the installation build the
# libraries with the system's compiler, as the quickstart does and with the same build folder.
#
# Installs what is missing with apt, and needs root for that and for containers. Ends with one line,
# `N passed, N failed, N skipped`, after what was skipped and why; fails if anything failed. With
# CI=true a daemon or CRIU that cannot be had is a failure.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=dev unit=false filter='' daemons=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --preset) preset=$2 && shift ;;
    --daemon) daemons+=("$2") && shift ;;
    --unit) unit=true ;;
    -h | --help) sed -n '3,/^set /{/^#/s/^# \{0,1\}//p}' "$0" && exit ;;
    -*) echo "$0: no such option: $1" >&2 && exit 2 ;;
    *) filter=$1 ;;
  esac
  shift
done

tests/deps.sh

runner=()
if ! $unit; then
  [[ ${#daemons[@]} -gt 0 ]] || daemons=(1.6 1.7 2.1)
  if ! lab=$(tests/lab.sh "${daemons[@]}" criu); then
    echo "$lab"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
  fi
  while read -r version rest; do
    if [[ $version == criu ]]; then
      if [[ $rest == skipped:* ]]; then
        runner+=(--skipped "checkpoints of processes: ${rest#skipped: }")
      else
        runner+=(--path "$rest")
      fi
    elif [[ $rest == skipped:* ]]; then
      runner+=(--skipped "containerd $version: ${rest#skipped: }")
    else
      runner+=(--daemon "$version=$rest")
    fi
  done <<<"$lab"
fi

build=${CONTAINERD_CPP_BUILD:-$PWD/build/$preset}
library=$PWD/build/library

# configure_and_build <preset> <folder> <target> [cmake argument...]
configure_and_build() {
  local preset=$1 folder=$2 target=$3
  shift 3
  mkdir -p "$folder"
  echo "building $preset"
  if ! { cmake --preset "$preset" -B "$folder" "$@" && cmake --build "$folder" --target "$target"; } >"$folder/build.log" 2>&1; then
    grep -E -A 20 'error|FAILED|undefined' "$folder/build.log" | cut -c 1-300 | head -n 100
    echo "the build failed; all of it is in $folder/build.log"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
  fi
}

compiler=()
# Debian's protobuf cannot be told of clang's ThreadSanitizer.
if [[ $preset != tsan && ! -e $build/CMakeCache.txt ]] && command -v clang++-16 >/dev/null; then
  compiler=(-DCMAKE_CXX_COMPILER=clang++-16)
fi
configure_and_build "$preset" "$build" all "${compiler[@]}"
[[ -n $filter ]] || configure_and_build library "$library" containerd_libraries

launcher=()
case $preset in
  asan | dev)
    export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_init_order=1 UBSAN_OPTIONS=print_stacktrace=1
    ;;
  tsan)
    # Debian's gRPC is not instrumented: each of its writes of a large message would look like hundreds
    # of races, which take minutes to suppress.
    TSAN_OPTIONS="ignore_noninstrumented_modules=1 suppressions=$PWD/tests/tsan.supp"
    TSAN_OPTIONS+=" second_deadlock_stack=1 history_size=4"
    export TSAN_OPTIONS
    # Its memory layout leaves no room for as much randomness as newer kernels add.
    launcher=(--launcher "setarch $(uname -m) -R")
    ;;
esac

if [[ -z $filter ]]; then
  check() { # <name> <command>
    runner+=(--check "$1=$2")
  }
  check clang-format tests/check-format.sh
  check clang-tidy "tests/check-tidy.sh '$build'"
  check layers tests/check-layers.sh
  check enums "python3 tests/check_enums.py"
  check options tests/check_options.sh
  check misuse "tests/check_misuse.sh '$build'"
  check readme tests/check-readme.sh
  check examples "python3 tests/check_examples.py '$build'"
  check docs "docs/build.sh '$build/docs'"
  check shellcheck "git ls-files -z -- '*.sh' .ci/run | xargs -0 shellcheck"
  check exports "python3 tests/exports/check.py '$library'/libcontainerd-*.so"
  check abi "packaging/check-symbols.py '$library'/libcontainerd-*.so"
  check consumer "tests/consumer/run.sh '$library'"
  check embedded "tests/consumer/embedded.sh '$library'"
  check descriptors "tests/descriptors/run.sh '$library'"
  $unit || check spec_differential "tests/interop/spec_differential/run.sh '$build'"
  $unit || check cri_answers "tests/interop/cri/run.sh '$build'"
  $unit || check layer "tests/interop/layer/run.sh '$build'"
fi
exec python3 tests/run_tests.py --build "$build" --filter "$filter" "${launcher[@]}" "${runner[@]}"
