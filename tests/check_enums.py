#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every enum of the public headers has a ToString, declared in its own header.

  tests/check_enums.py
"""
import pathlib
import re
import sys

# Of no interest to users: a part of a template, and one that is private.
EXEMPT = {'option/option.h': {'Form'}, 'gojson/value.h': {'Kind'}}

root = pathlib.Path(__file__).resolve().parent.parent / 'include' / 'containerd'
enums = 0
failures = []
for path in sorted(root.rglob('*.h')):
    text = re.sub(r'//[^\n]*', '', path.read_text())
    header = str(path.relative_to(root))
    for name in re.findall(r'\benum\s+(?:class|struct)?\s*(\w+)\s*(?::[^{;]*)?\{', text):
        if name in EXEMPT.get(header, ()):
            continue
        enums += 1
        if not re.search(r'\bstd::string_view\s+ToString\((?:\w+::)*%s\b' % name, text):
            failures.append('%s: enum %s has no ToString' % (header, name))
print('\n'.join(failures) or '%d enums, each with a ToString' % enums)
sys.exit(1 if failures else 0)
