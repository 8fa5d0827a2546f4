#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the packages' includes against what CMakeLists.txt declares of them.

  tests/check_layers.py [FOLDER]      the repository to read (default: this one)
  tests/check_layers.py --deps        prints the DEPS that each package needs

A package is a folder of src/ or include/containerd/ that containerd_package() names; a header may
also stand as <package>.h where its folder would be. The facade, package client, has its headers
directly in include/containerd/. A file may include

  - the public headers of its own package and of those in DEPS, which are of its layer or below,
  - src/<package>/internal/ of the same: for the rest of the library, but not for users,
  - the other headers in src/ of its own package, and of no other,
  - from a public header: public headers only.

It fails on anything else, on a DEPS entry that nothing includes, on a file of no package, and on a
circle of packages.
"""
import os
import re
import sys


class Package:
    def __init__(self, name, layer, deps):
        self.name, self.layer, self.deps, self.used = name, layer, deps, {}


def packages_of(root):
    """What containerd_package() calls say, and the generated code as the packages `proto` and `cri_proto`."""
    text = re.sub(r'#.*', '', open(os.path.join(root, 'CMakeLists.txt')).read())
    found = {}
    for call in re.finditer(r'containerd_package\(([^)]*)\)', text):
        words = call.group(1).split()
        section, values = '', {'LAYER': [], 'DEPS': []}
        for word in words[1:]:
            if word in ('LAYER', 'DEPS', 'LIBS', 'TEST_DEPS', 'COMPONENT', 'TEST_DATA'):
                section = word
            elif section in values:
                values[section].append(word)
        if len(values['LAYER']) != 1:
            sys.exit(f'CMakeLists.txt: package {words[0]} has no LAYER')
        found[words[0]] = Package(words[0], int(values['LAYER'][0]), set(values['DEPS']))
    found['proto'] = Package('proto', 1, set())
    found['cri_proto'] = Package('cri_proto', 1, set())
    return found


def package_at(path, packages):
    """The package that a path below src/ or include/containerd/ belongs to."""
    stem = re.sub(r'\.h$', '', path)
    if '/' in stem and stem in packages:
        return stem
    folder = os.path.dirname(path)
    while folder:
        if folder in packages:
            return folder
        folder = os.path.dirname(folder) if os.path.basename(folder) == 'internal' else ''
    return None


def package_of_file(file, packages):
    if file.startswith('src/'):
        return package_at(file[len('src/'):], packages)
    inside = file[len('include/containerd/'):]
    return package_at(inside, packages) or (None if '/' in inside else 'client')


def check(root):
    packages = packages_of(root)
    errors = []
    for top in ('include/containerd', 'src'):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if not name.endswith(('.h', '.cc')):
                    continue
                file = os.path.relpath(os.path.join(folder, name), root)
                owner = package_of_file(file, packages)
                if owner is None:
                    errors.append(f'{file}: of no package')
                    continue
                check_file(root, file, packages[owner], packages, errors)
    for package in packages.values():
        for unused in sorted(package.deps - set(package.used)):
            errors.append(f'CMakeLists.txt: {package.name} names {unused} in DEPS and includes nothing of it')
        for other, where in sorted(package.used.items()):
            if other not in package.deps:
                errors.append(f'{where}: {package.name} does not name {other} in its DEPS')
            if packages[other].layer > package.layer:
                errors.append(f'{where}: {package.name} (layer {package.layer}) includes {other}'
                              f' (layer {packages[other].layer})')
    errors += circles(packages)
    return packages, errors


def check_file(root, file, package, packages, errors):
    public = file.startswith('include/')
    for line in open(os.path.join(root, file)):
        found = re.match(r'#include "([^"]+)"', line)
        if not found:
            continue
        target = found.group(1)
        if target.endswith('.pb.h'):
            other = 'cri_proto' if target.startswith('runtime/v1/') else 'proto'
        elif os.path.exists(os.path.join(root, 'include', target)):
            other = package_of_file('include/' + target, packages)
        elif os.path.exists(os.path.join(root, target)) and target.startswith('src/'):
            other = package_of_file(target, packages)
            shared = os.path.dirname(target).endswith('/internal') or other == 'base'
            if public:
                errors.append(f'{file}: a public header includes {target}, which is not installed')
            elif other != package.name and not shared:
                errors.append(f'{file}: {target} is an internal of {other}')
        elif os.path.exists(os.path.join(root, os.path.dirname(file), target)):
            other = package.name
        else:
            errors.append(f'{file}: there is no {target}')
            continue
        if other is None:
            errors.append(f'{file}: {target} is of no package')
        elif other != package.name:
            package.used.setdefault(other, file)


def circles(packages):
    done, path, errors = set(), [], []

    def visit(name):
        if name in path:
            errors.append('a circle: ' + ' -> '.join(path[path.index(name):] + [name]))
            return
        if name in done or name not in packages:
            return
        path.append(name)
        for other in sorted(packages[name].used):
            visit(other)
        path.pop()
        done.add(name)

    for name in sorted(packages):
        visit(name)
    return errors


def main():
    arguments = [a for a in sys.argv[1:] if a != '--deps']
    root = arguments[0] if arguments else os.path.join(os.path.dirname(__file__), '..')
    packages, errors = check(root)
    if '--deps' in sys.argv:
        for package in packages.values():
            print(package.name, package.layer, ' '.join(sorted(package.used)))
        return 0
    for error in errors:
        print(error)
    if not errors:
        print(f'{len(packages)} packages, each includes what it declares and nothing above it')
    return 1 if errors else 0


if __name__ == '__main__':
    sys.exit(main())
