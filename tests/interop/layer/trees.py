#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes two folders of 20,000 entries of every kind, the second with changes over the first, or prints
what a folder holds.

  trees.py make A B
  trees.py look FOLDER      a line for each entry: all that a layer keeps of it
"""
import hashlib
import os
import random
import shutil
import socket
import stat
import sys

COUNT = 20000
# VFS_CAP_REVISION_2 with CAP_NET_RAW permitted and effective.
CAPABILITY = bytes([1, 0, 0, 2, 0, 0x20] + [0] * 14)
rng = random.Random(20210901)


def set_up(path):
    """Owner, mode and time of an entry; the time last."""
    if not stat.S_ISLNK(os.lstat(path).st_mode):
        os.chmod(path, rng.choice([0o644, 0o600, 0o755, 0o4755, 0o2750, 0o1777, 0o000, 0o6711]))
    if rng.random() < 0.3:
        mode = os.lstat(path).st_mode
        os.lchown(path, rng.choice([0, 1, 1000, 65534, 3000000, 4000000000]), rng.choice([0, 5, 4294967294]))
        if not stat.S_ISLNK(mode):
            os.chmod(path, stat.S_IMODE(mode))  # which a change of owner takes from
    if rng.random() < 0.05 and stat.S_ISREG(os.lstat(path).st_mode):
        os.setxattr(path, 'security.capability', CAPABILITY)
    seconds = rng.choice([0, 1, 1000000000, 1600000000, 8589934591, 9000000000])
    os.utime(path, ns=(seconds * 10**9, seconds * 10**9), follow_symlinks=False)


def add(folder, files, number):
    """An entry of a kind that the number and chance say."""
    name = rng.choice(['f', 'Ünï', 'a b', '.hidden', 'x' * 90, 'y' * 200, 'back\\slash', 'new\nline', '日本', '-']) + str(number)
    path = os.path.join(folder, name)
    kind = rng.random()
    if kind < 0.6:
        with open(path, 'wb') as file:
            file.write(rng.randbytes(rng.choice([0, 1, 511, 512, 513, 3000])))
            if rng.random() < 0.02:
                file.truncate(1 << 20)  # with a hole
        files.append(path)
    elif kind < 0.75:
        os.symlink(rng.choice(['target', '/etc/passwd', '../..', 'z' * 150, 'Ü', 'dir/' + 'w' * 99]), path)
    elif kind < 0.85 and files:
        os.link(rng.choice(files), path)
        return
    elif kind < 0.9:
        os.mkfifo(path)
    elif kind < 0.97:
        os.mknod(path, rng.choice([stat.S_IFCHR, stat.S_IFBLK]), os.makedev(rng.choice([1, 5, 511, 4095]), rng.choice([1, 3, 1048575])))
    else:
        os.mkdir(path)
    set_up(path)


def make(a, b):
    os.umask(0)
    folders, files = [a], []
    os.makedirs(a)
    for number in range(COUNT):
        parent = rng.choice(folders[-200:])
        if number % 40 == 0 and len(os.path.relpath(parent, a)) < 1500:
            path = os.path.join(parent, rng.choice(['d', 'Dir', 'e' * 100]) + str(number))
            os.mkdir(path)
            folders.append(path)
        else:
            add(parent, files, number)
    os.mkdir(os.path.join(a, 'opaque'))
    folders.append(os.path.join(a, 'opaque'))
    for parent, dirs, names in os.walk(a, topdown=False):
        seconds = rng.choice([5, 1000000000])
        os.utime(parent, ns=(seconds * 10**9, seconds * 10**9))
    # The same once more, with everything that changes; cp keeps what several names share.
    assert os.system(f"cp -a '{a}' '{b}'") == 0
    entries = sorted(os.path.relpath(os.path.join(top, name), a) for top, dirs, names in os.walk(a) for name in dirs + names)
    for path in rng.sample(entries, 1500):
        path = os.path.join(b, path)
        if not os.path.lexists(path):
            continue
        kind = rng.random()
        here = os.lstat(path)
        if kind < 0.3:
            shutil.rmtree(path) if stat.S_ISDIR(here.st_mode) else os.unlink(path)
        elif kind < 0.5 and stat.S_ISREG(here.st_mode):
            with open(path, 'ab') as file:
                file.write(b'more')
        elif kind < 0.7:
            # Another time alone is no change of a folder.
            os.chmod(path, 0o711) if stat.S_ISDIR(here.st_mode) else set_up(path)
        elif kind < 0.85:
            shutil.rmtree(path) if stat.S_ISDIR(here.st_mode) else os.unlink(path)
            os.mkdir(path) if not stat.S_ISDIR(here.st_mode) else os.symlink('other', path)
            set_up(path)
        elif stat.S_ISDIR(here.st_mode):
            add(path, [], COUNT + rng.randrange(10**6))
    for top in (a, b):
        listener = socket.socket(socket.AF_UNIX)  # is in no layer
        os.chdir(top)
        listener.bind('socket')


def look(root):
    names = {}
    lines = []
    for top, dirs, files in os.walk(root):
        for path in [top] + [os.path.join(top, f) for f in files] + [
                os.path.join(top, d) for d in dirs if os.path.islink(os.path.join(top, d))]:
            here = os.lstat(path)
            if path == root or stat.S_ISSOCK(here.st_mode):
                continue
            name = os.path.relpath(path, root)
            what = [f'{here.st_mode:o} {here.st_uid}:{here.st_gid} {here.st_mtime_ns // 10**9}']
            if stat.S_ISREG(here.st_mode):
                with open(path, 'rb') as file:
                    what.append(f'{here.st_size} {hashlib.sha256(file.read()).hexdigest()}')
            if stat.S_ISLNK(here.st_mode):
                what.append('-> ' + os.readlink(path))
            if stat.S_ISCHR(here.st_mode) or stat.S_ISBLK(here.st_mode):
                what.append(f'{os.major(here.st_rdev)},{os.minor(here.st_rdev)}')
            if stat.S_ISREG(here.st_mode) and 'security.capability' in os.listxattr(path):
                what.append(os.getxattr(path, 'security.capability').hex())
            if not stat.S_ISDIR(here.st_mode):
                names.setdefault(here.st_ino, []).append(name)
            lines.append((name, here.st_ino, ' '.join(what)))
    for name, inode, what in sorted(lines):
        same = min(names.get(inode, [name]))
        print(repr(name), what, '' if same == name else f'= {same!r}')


if len(sys.argv) == 4 and sys.argv[1] == 'make':
    make(os.path.realpath(sys.argv[2]), os.path.realpath(sys.argv[3]))
elif len(sys.argv) == 3 and sys.argv[1] == 'look':
    look(sys.argv[2])
else:
    sys.exit(__doc__)
