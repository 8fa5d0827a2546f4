#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the cases of the differential test of specs, as JSON that both programs read.

A case is a name, a base ("default": GenerateSpec; "empty": an empty spec; or a platform), the root file
system to look users up in, and options in order, each [name, argument...]. Options and their arguments are
those of package oci, seccomp, apparmor and cdi.
"""
import itertools
import json
import sys

MOUNT = {"destination": "/data", "type": "bind", "source": "/srv/data", "options": ["rbind", "rw"]}
MAPPING = {"containerID": 0, "hostID": 100000, "size": 65536}

# By short names; a case's name is made of them.
OPTIONS = {
    "args": ["WithProcessArgs", ["sh", "-c", "echo \"<&>\" \u2028 ü"]],
    "noargs": ["WithProcessArgs", []],
    "cwd": ["WithProcessCwd", "/work"],
    "env": ["WithEnv", ["A=1", "PATH=/bin", "EMPTY=", "EQUALS=a=b"]],
    "env-more": ["WithEnv", ["A=2", "TERM", "B=3"]],
    "env-none": ["WithEnv", []],
    "default-path": ["WithDefaultPathEnv"],
    "tty": ["WithTTY"],
    "tty-size": ["WithTTYSize", 80, 24],
    "no-new-privileges": ["WithNoNewPrivileges"],
    "new-privileges": ["WithNewPrivileges"],
    "selinux": ["WithSelinuxLabel", "system_u:system_r:container_t:s0"],
    "apparmor-label": ["WithApparmorProfile", "some-profile"],
    "apparmor": ["apparmor.WithProfile", "other-profile"],
    "hostname": ["WithHostname", "box"],
    "domainname": ["WithDomainname", "example.org"],
    "mounts": ["WithMounts", [MOUNT, {"destination": "/cg", "type": "cgroup", "options": ["ro"]}]],
    "mount-bare": ["WithMounts", [{"destination": "/run/../run/x/"}]],
    "without-mounts": ["WithoutMounts", ["/dev/shm", "/run/x", "/proc/"]],
    "without-run": ["WithoutRunMount"],
    "hosts": ["WithHostHostsFile"],
    "resolvconf": ["WithHostResolvconf"],
    "localtime": ["WithHostLocaltime"],
    "shm": ["WithDevShmSize", 1024],
    "sysfs": ["WithWriteableSysfs"],
    "cgroupfs": ["WithWriteableCgroupfs"],
    "rootfs-path": ["WithRootFSPath", "/some/where"],
    "rootfs-ro": ["WithRootFSReadonly"],
    "host-net": ["WithHostNamespace", "network"],
    "host-user": ["WithHostNamespace", "user"],
    "ns-net": ["WithLinuxNamespace", {"type": "network", "path": "/run/netns/a"}],
    "ns-time": ["WithLinuxNamespace", {"type": "time"}],
    "userns": ["WithUserNamespace", [MAPPING], [MAPPING, {"containerID": 7, "hostID": 8, "size": 9}]],
    "userns-empty": ["WithUserNamespace", [], []],
    "cgroup": ["WithCgroup", "system.slice:containerd:x"],
    "cgroup-none": ["WithCgroup", ""],
    "namespaced-cgroup": ["WithNamespacedCgroup"],
    "masked": ["WithMaskedPaths", ["/proc/kcore"]],
    "masked-none": ["WithMaskedPaths", []],
    "readonly": ["WithReadonlyPaths", ["/proc/sys"]],
    "readonly-none": ["WithReadonlyPaths", []],
    "privileged": ["WithPrivileged"],
    "caps": ["WithCapabilities", ["CAP_SYS_ADMIN", "CAP_CHOWN"]],
    "caps-none": ["WithCapabilities", []],
    "caps-all": ["WithAllKnownCapabilities"],
    "caps-current": ["WithAllCurrentCapabilities"],
    "caps-added": ["WithAddedCapabilities", ["CAP_SYS_TIME", "CAP_CHOWN"]],
    "caps-dropped": ["WithDroppedCapabilities", ["CAP_MKNOD", "CAP_SYS_TIME"]],
    "caps-ambient": ["WithAmbientCapabilities", ["CAP_NET_BIND_SERVICE"]],
    "seccomp": ["seccomp.WithDefaultProfile"],
    "unconfined": ["WithSeccompUnconfined"],
    "memory": ["WithMemoryLimit", 67108864],
    "memory-max": ["WithMemoryLimit", 9223372036854775807],
    "swap": ["WithMemorySwap", -1],
    "pids": ["WithPidsLimit", 100],
    "blkio": ["WithBlockIO", {"weight": 10, "leafWeight": 20, "weightDevice": [{"major": 8, "minor": 1, "weight": 5}],
                              "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1024}]}],
    "shares": ["WithCPUShares", 512],
    "cpus": ["WithCPUs", "0-1"],
    "mems": ["WithCPUsMems", "0"],
    "cfs": ["WithCPUCFS", -1, 100000],
    "burst": ["WithCPUBurst", 1000],
    "rt": ["WithCPURT", 950000, 1000000],
    "rdt": ["WithRdt", "class", "L3:0=f", "MB:0=20"],
    "annotations": ["WithAnnotations", {"z": "1", "a": "<b>&\"", "": "empty"}],
    "annotations-more": ["WithAnnotations", {"a": "2"}],
    "devices": ["WithDevices", "/dev/null", "/dev/other", "rw"],
    "device-tree": ["WithDevices", "/dev", "", "rwm"],
    "device-tree-moved": ["WithDevices", "/dev", "/host", "r"],
    "host-devices": ["WithHostDevices"],
    "device": ["WithLinuxDevice", "/dev/zero", "rwm"],
    "device-missing": ["WithLinuxDevice", "/dev/no-such-device", "rwm"],
    "device-link": ["WithLinuxDeviceFollowSymlinks", "@rootfs@/link-to-zero", "r"],
    "device-not-link": ["WithLinuxDevice", "@rootfs@/link-to-zero", "r"],
    "device-nodes": ["WithLinuxDevices", [{"path": "/dev/x", "type": "c", "major": 10, "minor": 0, "fileMode": 438,
                                           "uid": 0, "gid": 5}]],
    "default-devices": ["WithDefaultUnixDevices"],
    "all-devices": ["WithAllDevicesAllowed"],
    "parent-devices": ["WithParentCgroupDevices"],
    "uidgid": ["WithUIDGID", 1, 2],
    "default-spec": ["WithDefaultSpec"],
    "default-windows": ["WithDefaultSpecForPlatform", "windows/amd64"],
    "spec-bytes": ["WithSpecFromBytes", json.dumps({
        "ociVersion": "1.0.2", "hostname": "from-bytes",
        "process": {"user": {"uid": 3, "gid": 4, "additionalGids": [5]}, "args": ["x"], "cwd": "/", "oomScoreAdj": 7},
        "linux": {"sysctl": {"net.ipv4.ip_forward": "1"}, "rootfsPropagation": "rslave",
                  "resources": {"unified": {"memory.high": "max"}, "hugepageLimits": [
                      {"pageSize": "2MB", "limit": 4}]}},
        "hooks": {"poststop": [{"path": "/bin/true", "timeout": 3}]}})],
    "cdi-none": ["cdi.WithCDIDevices", []],
    "cdi": ["cdi.WithCDIDevices", ["vendor.com/all=one"]],
    "cdi-json": ["cdi.WithCDIDevices", ["vendor.com/json=0"]],
    "cdi-two": ["cdi.WithCDIDevices", ["vendor.com/all=two", "vendor.com/all=one", "vendor.com/all=two"]],
    "cdi-dynamic": ["cdi.WithCDIDevices", ["vendor.com/both=d"]],
    "cdi-words": ["cdi.WithCDIDevices", ["vendor.com/words=8", "vendor.com/words=true"]],
    "cdi-static": ["cdi.WithCDIDevices", ["vendor.com/both=only-static"]],
    "cdi-merged": ["cdi.WithCDIDevices", ["vendor.com/merged=b", "vendor.com/merged=c"]],
    "cdi-conflict": ["cdi.WithCDIDevices", ["vendor.com/conflict=d"]],
    "cdi-unknown": ["cdi.WithCDIDevices", ["vendor.com/all=three", "vendor.com/all=one"]],
    "cdi-no-name": ["cdi.WithCDIDevices", ["/dev/null"]],
    "cdi-no-node": ["cdi.WithCDIDevices", ["vendor.com/all=absent"]],
    "cdi-wrong-type": ["cdi.WithCDIDevices", ["vendor.com/all=wrong-type"]],
    **{f"cdi-broken-{i}": ["cdi.WithCDIDevices", [f"vendor.com/broken{i}=d"]] for i in range(12)},
    "env-file": ["WithEnvFile", "@rootfs@/env"],
    "env-file-none": ["WithEnvFile", "@rootfs@/no-such-file"],
    "spec-file": ["WithSpecFromFile", "@rootfs@/spec.json"],
    "spec-file-none": ["WithSpecFromFile", "@rootfs@/no-such-file"],
    "spec-bad": ["WithSpecFromBytes", "{\"process\":"],
}

# These look users up, so they run with a root file system.
USERS = {
    **{f"user-{u}": ["WithUser", u] for u in [
        "0", "root", "guest", "guest:guest", "guest:sys", "405", "405:100", "405:sys", "guest:7", "7:8", "1000", "+5",
        "comment", "#comment", "huge", "negative", "text", "short", "dup", "nobody", "guest:nobody", "nobody:guest",
        "-1", "2147483647", "2147483648", "2147483647:2147483648", "99999999999999999999", "a:b:c", ":", "guest:",
        ":guest", "", " guest"]},
    **{f"username-{u}": ["WithUsername", u] for u in ["root", "guest", "405", ""]},
    **{f"userid-{u}": ["WithUserID", u] for u in [0, 1, 405, 1000, 4294967295]},
    **{f"gids-{u}": ["WithAdditionalGIDs", u] for u in [
        "root", "bin", "daemon", "guest", "0", "1", "405", "1000", "nobody", "bin:root", ""]},
    **{f"groups-{','.join(g)}": ["WithAppendAdditionalGroups", g] for g in [
        [], ["root"], ["bin", "sys"], ["999"], ["unknown"], ["4294967295"], ["4294967296"], ["dup"], ["#x"], [""]]},
}

IMAGES = {
    "empty": {},
    "plain": {"Entrypoint": ["/init", "-v"], "Cmd": ["serve"], "Env": ["PATH=/bin", "A=image"], "WorkingDir": "/srv"},
    "guest": {"User": "guest", "Cmd": ["sh"], "Env": ["HOME=/home"]},
    "numbers": {"User": "7:8", "Cmd": ["sh"]},
    "unknown": {"User": "nobody", "Cmd": ["sh"]},
    "entrypoint": {"Entrypoint": ["only"], "User": "bin:sys"},
}


def cases():
    yield {"name": "default", "base": "default", "options": []}
    for platform in ["linux/amd64", "linux/arm64", "windows/amd64", "darwin/arm64", "freebsd", "no/such/platform/at/all"]:
        yield {"name": f"platform {platform}", "base": platform, "options": []}
    for base in ["default", "empty", "windows/amd64"]:
        yield {"name": f"{base}: nothing", "base": base, "options": []}
        for name, option in OPTIONS.items():
            yield {"name": f"{base}: {name}", "base": base, "options": [option]}
    # Each with some others, before and after.
    names = list(OPTIONS)
    for i, distance in itertools.product(range(len(names)), [1, 7, 23, 41]):
        pair = [names[i], names[(i + distance) % len(names)]]
        yield {"name": " + ".join(pair), "base": "default", "options": [OPTIONS[n] for n in pair]}
    for rootfs in ["rootfs", "linked", "bare", "hostile"]:
        for name, option in USERS.items():
            yield {"name": f"{rootfs}: {name}", "base": "default", "rootfs": rootfs, "options": [option]}
    for name, option in USERS.items():
        yield {"name": f"groups then {name}", "base": "default", "rootfs": "rootfs",
               "options": [["WithAdditionalGIDs", "bin"], option, ["WithAppendAdditionalGroups", ["sys"]]]}
    for (name, config), rootfs in itertools.product(IMAGES.items(), ["rootfs", "bare"]):
        plain = ["WithImageConfig", config]
        args = ["WithImageConfigArgs", config, ["--flag", "x"]]
        for what, options in {
                "image": [plain], "args": [args], "after env": [OPTIONS["env"], plain], "before env": [plain, OPTIONS["env"]],
                "all": [plain, OPTIONS["args"], OPTIONS["tty"], OPTIONS["caps-added"], OPTIONS["seccomp"]],
                "twice": [plain, args]}.items():
            yield {"name": f"image {name}, {rootfs}: {what}", "base": "default", "rootfs": rootfs, "options": options}
    for name, config in IMAGES.items():
        yield {"name": f"image {name} on windows", "base": "windows/amd64", "options": [["WithImageConfig", config]]}
    for caps in ["caps-all", "caps-none", "caps", "caps-added", "privileged"]:
        yield {"name": f"seccomp after {caps}", "base": "default", "options": [OPTIONS[caps], OPTIONS["seccomp"]]}


if __name__ == "__main__":
    json.dump(list(cases()), sys.stdout)
