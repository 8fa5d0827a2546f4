#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes some hundred specs with containerd's Go client and with this library, from the same options, and
# compares their JSON.
#
#   tests/interop/spec_differential/run.sh BUILD-FOLDER
#
# The program of this library is expected in the build folder; the Go client comes from tests/lab.sh.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
program=$(realpath "$1")/spec_differential
read -r _ go < <(../../lab.sh go)
if [[ ! -x $go/go ]]; then
  echo "no Go client: $go" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Root file systems: one as usual, one whose files are behind links, one without, and one whose lines are odd.
rootfs=$work/rootfs
mkdir -p "$rootfs/etc"
cat >"$rootfs/etc/passwd" <<'END'
root:x:0:0:root:/root:/bin/ash
bin:x:1:1:bin:/bin:/sbin/nologin
daemon:x:2:2:daemon:/sbin:/sbin/nologin
guest:x:405:100:guest:/dev/null:/sbin/nologin
END
cat >"$rootfs/etc/group" <<'END'
root:x:0:root
bin:x:1:root,bin,daemon
daemon:x:2:root,bin,daemon
sys:x:3:root,bin,adm
guest:x:100:guest
END
ln -s /dev/zero "$rootfs/link-to-zero"
mkdir -p "$work/linked/nix/store"
ln -s /nix/store "$work/linked/etc"
cp "$rootfs/etc/group" "$work/linked/nix/store/group"
cp "$rootfs/etc/passwd" "$work/linked/nix/store/real"
ln -s ../../../../../nix/./store/../store/real "$work/linked/nix/store/passwd"
mkdir "$work/bare"
mkdir -p "$work/hostile/etc"
printf '%s\n' '' '   ' '#comment:x:9:9' ' comment:x:8:8 ' 'huge:x:99999999999999999999:4294967297' \
  'negative:x:-5:-6' 'text:x:abc:1x' 'short' 'dup:x:1:1' 'dup:x:2:2' ':x:3:3' 'guest:x:405' $'root:x:0:0::\x00\xff::' \
  >"$work/hostile/etc/passwd"
printf '%s\n' '# root:x:50:root' '#x:x:51:' 'root:x:99999999999999999999:root' 'bin:x:1:,bin,,root' 'sys' \
  'dup:x:1:' 'dup:x:2:dup' 'many:x:3:a:b:root' ':x:7:guest' 'last:x:+9:root,' >"$work/hostile/etc/group"

./cases.py >"$work/cases.json"
"$go/go" build -o "$work/go-client" main.go
"$work/go-client" "$work/cases.json" "$work" >"$work/go.txt"
"$program" "$work/cases.json" "$work" >"$work/cpp.txt"
./compare.py "$work/cases.json" "$work/go.txt" "$work/cpp.txt"
