#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what the two programs printed, line by line, byte for byte.
usage: compare.py CASES GO CPP

Go's client here is 2.1, this library follows a later one; what is known to have changed in between is
undone first, and listed below. Where Go fails, C++ has to fail, in its own words. Where Go panics, C++ must
not crash, and that is all. Ends with a line of counts; fails if there is a difference.
"""
import json
import sys

# Of the runtime specification.
VERSIONS = ('"ociVersion":"1.2.1"', '"ociVersion":"1.3.0"')

# System calls that the default seccomp profile has allowed since.
NEW_SYSCALLS = ["getxattrat", "listmount", "listxattrat", "lsm_get_self_attr", "lsm_list_modules",
                "lsm_set_self_attr", "mseal", "removexattrat", "setxattrat", "statmount", "uretprobe"]


def socket_rule(value, op):
    return f'{{"names":["socket"],"action":"SCMP_ACT_ALLOW","args":[{{"index":0,"value":{value},"op":"{op}"}}]}}'


# Sockets: all but AF_VSOCK then, and not AF_ALG either since.
SOCKETS_THEN = socket_rule(40, "SCMP_CMP_NE")
SOCKETS_NOW = ",".join([socket_rule(38, "SCMP_CMP_LT"), socket_rule(39, "SCMP_CMP_EQ"),
                        socket_rule(40, "SCMP_CMP_GT")])

# Options that do nothing to a spec without a Linux section since; they panicked, or made one. What C++ makes
# with them has to be what it makes without.
NO_OP_SINCE = ["swap", "pids", "blkio", "shares", "cpus", "mems", "cfs", "burst", "rt"]

# A group of the user's own name in which the user is listed: Go passes over it, this library does not.
OWN_GROUPS = {
    "hostile: gids-root": ("[0,1,9]", "[0,4294967295,1,9]"),
    "hostile: gids-bin": ("[0]", "[0,1]"),
    "hostile: gids-1": ("[0]", "[0,2]"),
}


def undo(spec, name=""):
    """A spec of this library as Go's client 2.1 would have made it."""
    spec = spec.replace(VERSIONS[1], VERSIONS[0])
    if name in OWN_GROUPS:
        then, now = OWN_GROUPS[name]
        spec = spec.replace(f'"additionalGids":{now}', f'"additionalGids":{then}')
    for name in NEW_SYSCALLS:
        spec = spec.replace(f'"{name}",', "")
    return spec.replace(SOCKETS_NOW, SOCKETS_THEN)


def show(what, go, cpp):
    """The two from a little before where they part."""
    at = next((i for i, (a, b) in enumerate(zip(go, cpp)) if a != b), min(len(go), len(cpp)))
    begin = max(0, at - 60)
    print(f"{what}, at byte {at}:\n  Go:  …{go[begin:at + 200]}\n  C++: …{cpp[begin:at + 200]}")


def read(path):
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        return [line.rstrip("\n").split("\t", 1) for line in lines]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        names = [case["name"] for case in json.load(file)]
    go, cpp = read(sys.argv[2]), read(sys.argv[3])
    if [n for n, _ in go] != names or [n for n, _ in cpp] != names:
        sys.exit("a program left out cases")
    without = dict(cpp)
    equal = errors = no_op = panics = different = 0
    for name, (_, want), (_, got) in zip(names, go, cpp):
        base, _, option = name.rpartition(": ")
        if base in ("empty", "windows/amd64") and option in NO_OP_SINCE:
            want = undo(without[f"{base}: nothing"])
            no_op += 1
        if want.startswith("error: panic"):
            panics += 1
        elif want.startswith("error: ") and got.startswith("error: "):
            errors += 1
        elif undo(got, name) == want:
            equal += 1
        else:
            different += 1
            show(name, want, undo(got, name))
    print(f"{len(names)} cases: {equal} equal ({no_op} of them to what later clients do), {errors} errors in both, "
          f"{panics} in which Go panics, {different} different")
    sys.exit(1 if different or equal < 500 else 0)


if __name__ == "__main__":
    main()
