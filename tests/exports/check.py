#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what the shared libraries export against allowed.txt.

  tests/exports/check.py LIBRARY...

Prints how many symbols each exports, and fails on one that allowed.txt does not allow: instantiations
of other libraries' templates, say, would meet a program's own copies of them.
"""
import os
import re
import subprocess
import sys


def allowed():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'allowed.txt')
    lines = [line.strip() for line in open(path)]
    return re.compile('|'.join(f'(?:{line})' for line in lines if line and not line.startswith('#')))


def exports(library):
    listing = subprocess.run(['nm', '--dynamic', '--defined-only', library], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    # "0000000000012340 T _ZN10containerd5Sleep..."; an absolute one is the name of a version.
    found = (line.split(maxsplit=2) for line in listing.splitlines())
    return [words[2] for words in found if len(words) == 3 and words[1] != 'A']


def demangled(name):
    return subprocess.run(['c++filt', name], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    pattern = allowed()
    bad, total = 0, 0
    for library in sys.argv[1:]:
        names = exports(library)
        total += len(names)
        print(f'{os.path.basename(library)}: {len(names)} exported')
        for name in names:
            if not pattern.match(name):
                print(f'  not allowed: {demangled(name)}')
                bad += 1
        if not names:
            print('  nothing: is it the library?')
            bad += 1
    print(f'{total} exported, {bad} of them not allowed')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
