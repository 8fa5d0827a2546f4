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

program=$(realpath "$1")/spec_differential
cd "$(dirname "${BASH_SOURCE[0]}")"
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
printf '%s\n' 'A=1' '' '# comment' 'PATH=/from/file' 'TERM' ' B = 2 ' 'C="quoted"' 'A=2' >"$rootfs/env"
printf 'D=no newline at the end' >>"$rootfs/env"
echo '{"ociVersion":"1.0.2","hostname":"from-file","root":{"path":"x"},"process":{"user":{},"cwd":"/","args":["f"]}}' \
  >"$rootfs/spec.json"
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

# Files of the Container Device Interface: whole ones, one of JSON, one that is overridden, a conflict, and ones
# that are broken in some way.
static=$work/cdi/static dynamic=$work/cdi/dynamic
mkdir -p "$static" "$dynamic"
cat >"$static/all.yaml" <<'END'
---
# All that there is in 1.0.0.
cdiVersion: "1.0.0"
kind: "vendor.com/all"
annotations: {vendor.com/one: "1"}
containerEdits:
  env: [ALL=devices, PATH=/of/all]
  hooks: [{hookName: prestart, path: /bin/prestart}]
devices:
  - name: one
    annotations: {of: one}
    containerEdits:
      env: [A=from-cdi, "B=two words <&>"]
      deviceNodes:
        - {path: /dev/cdi-one, hostPath: /dev/null, fileMode: 0660, permissions: rw, uid: 7, gid: 8}
        - {path: /dev/zero, fileMode: 438}
        - {path: /dev/not-there, type: b, major: 0x7, minor: 0b11, fileMode: 0o600}
        - {path: /dev/fifo, type: p, fileMode: 384}
      hooks:
        - {hookName: createRuntime, path: /bin/h, args: [h, -1, on, 1_000], env: [X=1], timeout: 5}
        - {hookName: createContainer, path: /bin/h}
        - {hookName: startContainer, path: /bin/h}
        - {hookName: poststart, path: /bin/h}
        - {hookName: poststop, path: /bin/h}
      mounts:
        - {hostPath: /usr/lib/deep, containerPath: /usr/lib/deep/er, options: [ro, nosuid, rbind]}
        - {hostPath: tmpfs, containerPath: /data, type: tmpfs}
        - {hostPath: /x, containerPath: /proc, options: []}
      intelRdt: {closID: clos, l3CacheSchema: "L3:0=f", memBwSchema: "MB:0=70"}
      additionalGids: [0, 20, 21, 20]
  - name: two
    containerEdits:
      env: [A=two]
      deviceNodes: [{path: /dev/cdi-one, hostPath: /dev/full, fileMode: 0}]
  - name: absent
    containerEdits: {deviceNodes: [{path: /dev/no-such-device}]}
  - name: wrong-type
    containerEdits: {deviceNodes: [{path: /dev/null, type: b}]}
END
cat >"$dynamic/json.json" <<'END'
{
	"cdiVersion": "0.5.0", "kind": "vendor.com/json",
	"devices": [{"name": "0", "containerEdits": {"env": ["J=\u00e4 \"q\""],
		"deviceNodes": [{"path": "/dev/null", "fileMode": 420, "uid": 0}], "mounts": null}}],
	"containerEdits": {}
}
END
printf '%s\n' 'cdiVersion: 0.3.0' 'kind: vendor.com/both' 'devices:' '- {name: d, containerEdits: {env: [FROM=static]}}' \
  '- {name: only-static, containerEdits: {env: [FROM=static]}}' >"$static/both.yaml"
printf '%s\n' 'cdiVersion: 0.3.0' 'kind: vendor.com/both' 'devices:' '- {name: d, containerEdits: {env: [FROM=dynamic]}}' \
  >"$dynamic/another-name.yaml"
printf '%s\n' 'cdiVersion: v0.5.0' 'kind: vendor.com/words' 'devices:' '- {name: 010, containerEdits: {env: [N=octal]}}' \
  '- {name: on-off, containerEdits: {env: [N=off]}}' '- {name: True, containerEdits: {env: [N=true]}}' >"$static/words.yaml"
printf '%s\n' 'cdiVersion: 0.5.0' 'kind: vendor.com/merged' 'devices:' '- name: a' '  containerEdits: &edits' '    env: [M=1]' \
  '    deviceNodes: [&null {path: /dev/null, fileMode: 438, uid: 1}]' '- name: b' '  containerEdits:' '    <<: *edits' \
  '    mounts: [{hostPath: /a, containerPath: /b}]' '- name: c' '  containerEdits: {deviceNodes: [{<<: *null, gid: 2}, *null]}' \
  >"$static/merged.yaml"
for name in one two; do
  printf '%s\n' 'cdiVersion: 0.3.0' 'kind: vendor.com/conflict' "devices: [{name: d, containerEdits: {env: [C=$name]}}]" \
    >"$dynamic/conflict-$name.yaml"
done
number=0
while read -r edits; do
  printf '%s\n' 'cdiVersion: 0.6.0' "kind: vendor.com/broken$number" "devices: [{name: d, $edits}]" \
    >"$static/broken$number.yaml"
  number=$((number + 1))
done <<'END'
containerEdits: {}
containerEdits: {env: [NOVALUE]}
containerEdits: {env: [A=1], unknown: 1}
containerEdits: {env: [A=1], env: [A=2]}
containerEdits: {additionalGids: [1]}
containerEdits: {hooks: [{hookName: never, path: /x}]}
containerEdits: {deviceNodes: [{path: /dev/null, permissions: rwx}]}
containerEdits: {deviceNodes: [{path: /dev/null, uid: -1}]}
containerEdits: {deviceNodes: [{path: /dev/null, major: "1"}]}
containerEdits: {mounts: [{hostPath: /a}]}
containerEdits: {env: [A=1]}}, {name: d, containerEdits: {env: [A=2]}
containerEdits: [
END

./cases.py >"$work/cases.json"
"$go/go" build -o "$work/go-client" main.go
"$work/go-client" "$work/cases.json" "$work" >"$work/go.txt"
"$program" "$work/cases.json" "$work" >"$work/cpp.txt"
./compare.py "$work/cases.json" "$work/go.txt" "$work/cpp.txt"
