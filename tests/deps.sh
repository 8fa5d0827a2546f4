#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the Debian packages that building and testing need, when any is missing.
#
#   tests/deps.sh [build] [test] [daemon]      (build and test without an argument)
#
# Quick and silent when everything is there. Needs root, and the machine's own apt sources, only when
# something has to be installed.
set -euo pipefail

build_packages=(
  ccache cmake g++ lld ninja-build pkg-config
  libabsl-dev libcli11-dev libcurl4-openssl-dev libfmt-dev libgrpc++-dev libisal-dev libprotobuf-dev
  libre2-dev libspdlog-dev libssl-dev libtomlplusplus-dev libyaml-dev libzstd-dev
  nlohmann-json3-dev protobuf-compiler protobuf-compiler-grpc zlib1g-dev
  busybox-static runc
)
test_packages=(
  clang-16 clang-format clang-tidy-16 libclang-rt-16-dev doxygen libbenchmark-dev libgmock-dev libgtest-dev python3 shellcheck zstd
  docker-registry skopeo tmux umoci
)
# The tests fetch theirs without installing it.
daemon_packages=(
  containerd
)

wanted=()
[[ $# -gt 0 ]] || set -- build test
for group in "$@"; do
  case $group in
    build) wanted+=("${build_packages[@]}") ;;
    test) wanted+=("${test_packages[@]}") ;;
    daemon) wanted+=("${daemon_packages[@]}") ;;
    *)
      echo "usage: $0 [build] [test] [daemon]" >&2
      exit 2
      ;;
  esac
done

# The full status: a package that was removed but not purged is known, and not installed.
installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 2>/dev/null |
  awk '$1 == "ii" { print $2 }' | sort -u)
missing=$(comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) <(echo "$installed"))
[[ -n $missing ]] || exit 0

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" \
    </dev/null >>"$log" 2>&1
}
# shellcheck disable=SC2086  # one word a package
if ! apt install -y --no-install-recommends $missing; then
  apt update || true
  # shellcheck disable=SC2086
  if ! apt install -y --no-install-recommends $missing; then
    echo "cannot install $(echo $missing | tr '\n' ' '):" >&2
    sed -E 's#(https?://)[^/ ]+#\1...#g' "$log" | tail -n 20 >&2
    exit 1
  fi
fi
