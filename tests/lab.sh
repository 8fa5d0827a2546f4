#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Sets up the daemons that the integration tests run against: one folder each, with `containerd`,
# `containerd-shim-runc-v2` and `ctr` in its bin/, unpacked from Debian's packages (never installed).
# Where the packages are found is the machine's own apt configuration.
#
#   tests/lab.sh [1.6] [1.7] [2.1]      (all without an argument)
#   tests/lab.sh go
#   tests/lab.sh criu
#
# `go` is no daemon but a Go toolchain with containerd's Go client 2.1, which other tests compare this
# library with: $CONTAINERD_CPP_LAB/go/bin/go is set up to build with it. Nor is `criu`, which daemons
# checkpoint and restore processes with when they find $CONTAINERD_CPP_LAB/criu/bin/criu on their PATH.
#
# The folders are kept in $CONTAINERD_CPP_LAB (/var/cache/containerd-cpp-lab); what is there already
# is not fetched again. Prints a line for each: `1.6 /path/to/bin`, or `1.6 skipped: why`.
# With CI=true it is an error if one cannot be had.
set -euo pipefail

lab=${CONTAINERD_CPP_LAB:-/var/cache/containerd-cpp-lab}
declare -A suite_of=([1.6]=bookworm [1.7]=trixie [2.1]=sid [go]=sid [criu]=sid)
declare -A program_of=([go]=go [criu]=criu)
[[ $# -gt 0 ]] || set -- 1.6 1.7 2.1

# The first deb stanza of the system's sources, with another suite.
write_sources() { # <suite> <file without extension> -> the file written
  local suite=$1 out=$2 stanza
  for file in /etc/apt/sources.list.d/*.sources; do
    [[ -r $file ]] || continue
    stanza=$(awk -v RS= '/(^|\n)Types:[^\n]*deb/ && /(^|\n)URIs:/ { print; exit }' "$file")
    [[ -n $stanza ]] || continue
    sed -E "/^#/d; s/^Suites:.*/Suites: $suite/; s/^Components:.*/Components: main/; s/^Types:.*/Types: deb/" \
      <<<"$stanza" >"$out.sources"
    echo "$out.sources"
    return
  done
  # The one-line format: deb [options] uri suite component...
  awk -v suite="$suite" '
    $1 == "deb" {
      options = ""; field = 2
      if ($2 ~ /^\[/) { do { options = options " " $field } while ($(field++) !~ /\]$/) }
      print "deb" options, $field, suite, "main"
      exit
    }' /etc/apt/sources.list /etc/apt/sources.list.d/*.list >"$out.list" 2>/dev/null || true
  [[ -s $out.list ]] || return 1
  echo "$out.list"
}

# The packages of a Go toolchain and of containerd's source, with all that they depend on.
fetch_go() { # <work folder> <apt option>...
  local work=$1 deb
  shift
  apt-get "$@" install -y --no-install-recommends --download-only \
    golang-1.27-go golang-1.27-src golang-github-containerd-containerd-dev
  for deb in "$work"/cache/archives/*.deb; do
    case ${deb##*/} in
      golang-*) dpkg -x "$deb" "$work/root" && rm "$deb" ;;
    esac
  done
  mkdir "$work/daemon" "$work/daemon/bin"
  mv "$work/root/usr" "$work/daemon/usr"
  # Written for wherever the folder ends up.
  cat >"$work/daemon/bin/go" <<'END'
#!/bin/sh
here=$(cd "$(dirname "$0")/.." && pwd)
export GOROOT="$here/usr/lib/go-1.27" GOPATH="$here/usr/share/gocode" GO111MODULE=off CGO_ENABLED=0 GOFLAGS= GOTOOLCHAIN=local
export GOCACHE="${GOCACHE:-$here/cache}"
exec "$GOROOT/bin/go" "$@"
END
  chmod +x "$work/daemon/bin/go"
  "$work/daemon/bin/go" version
}

# CRIU with all that it depends on: bookworm's own cannot dump processes of newer kernels. It brings its
# C library and so its loader, and leaves those of the system alone.
fetch_criu() { # <work folder> <apt option>...
  local work=$1 deb loader libraries
  shift
  apt-get "$@" install -y --no-install-recommends --download-only criu
  for deb in "$work"/cache/archives/*.deb; do
    dpkg -x "$deb" "$work/root"
  done
  mkdir "$work/daemon" "$work/daemon/bin"
  mv "$work/root" "$work/daemon/root"
  cd "$work/daemon"
  loader=$(find root -name 'ld-linux*.so.*' | sort | head -n 1)
  libraries=$(dirname "$(find root -name 'libc.so.6' | sort | head -n 1)")
  [[ -n $loader && -x root/usr/sbin/criu ]]
  cat >bin/criu <<END
#!/bin/sh
here=\$(cd "\$(dirname "\$0")/.." && pwd)
exec "\$here/$loader" --library-path "\$here/$libraries" "\$here/root/usr/sbin/criu" "\$@"
END
  chmod +x bin/criu
  bin/criu --version
}

fetch() { # <version> <work folder>
  local version=$1 work=$2 suite=${suite_of[$1]} sources
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs" "$work/root"
  sources=$(write_sources "$suite" "$work/debian") || {
    echo "no Debian source in /etc/apt" >&2
    return 1
  }
  local options=(
    -qq -o "Dir::Etc::sourcelist=$sources" -o Dir::Etc::sourceparts=- -o "Dir::State::Lists=$work/lists"
    -o "Dir::Cache=$work/cache" -o Dir::State::status=/dev/null -o APT::Sandbox::User=root
    -o Acquire::Languages=none -o Acquire::Retries=3 -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false
  )
  apt-get "${options[@]}" update
  case $version in
    go)
      fetch_go "$work" "${options[@]}"
      return
      ;;
    criu)
      fetch_criu "$work" "${options[@]}"
      return
      ;;
  esac
  (cd "$work/debs" && apt-get "${options[@]}" download containerd)
  dpkg -x "$work"/debs/containerd_*.deb "$work/root"
  mkdir "$work/daemon" "$work/daemon/bin"
  cp -p "$work"/root/usr/bin/{containerd,containerd-shim-runc-v2,ctr} "$work/daemon/bin"
  "$work/daemon/bin/containerd" --version | awk '{ print $3 }' >"$work/daemon/version"
  local found
  found=$(<"$work/daemon/version")
  if [[ $found != "$version"* && $found != "v$version"* ]]; then
    # A moving suite may have moved on: still a daemon worth testing, so only say it.
    echo "$suite has containerd $found" >&2
  fi
}

if [[ $1 == --fetch ]]; then # called by this script itself, below
  fetch "$2" "$3"
  exit
fi

mkdir -p "$lab"
exec 9>"$lab/.lock"
flock 9

status=0
for version in "$@"; do
  if [[ -z ${suite_of[$version]:-} ]]; then
    echo "$version: not of the lab (${!suite_of[*]})" >&2
    exit 2
  fi
  program=${program_of[$version]:-containerd}
  if [[ ! -x $lab/$version/bin/$program ]]; then
    work=$(mktemp -d "$lab/.fetch-XXXXXX")
    # As a program of its own: `set -e` does not reach into a function that is tested by `if`.
    if "$BASH" "$0" --fetch "$version" "$work" 9>&- >"$work.log" 2>&1; then
      rm -rf "${lab:?}/$version"
      mv "$work/daemon" "$lab/$version"
    else
      reason=$(grep -vE '^W:' "$work.log" | tail -n 1 | sed -E 's#(https?://)[^/ ]+#\1...#g' || true)
      echo "$version skipped: cannot fetch ${suite_of[$version]}'s $program: $reason"
      [[ ${CI:-} != true ]] || status=1
    fi
    rm -rf "$work" "$work.log"
  fi
  [[ ! -x $lab/$version/bin/$program ]] || echo "$version $lab/$version/bin"
done
exit "$status"
