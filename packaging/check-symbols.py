#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the shared libraries still have every symbol that the release's interface promises.

  packaging/check-symbols.py LIBRARY...            fails, and names what is gone
  packaging/check-symbols.py --record BUILD        writes packaging/symbols/ anew from a build folder

packaging/symbols/<package>.symbols has, in the form that dpkg-gensymbols reads, what a program may link
of the library, by the mangled name, which has the types of all arguments. Not
among it is what no public header declares for programs (private members, namespaces called `internal`,
what components share of their internals), nor the generated messages and stubs, nor what is inline or
a template, of which each program has its own. Recording reads the headers with clang, and libraries that
clang built: g++ calls the tables of each class weak, also of those that no program has of its own.

What is new need not be written there until it is released. A change that takes something away belongs
into another minor version, whose soname is another, and whose files begin anew.
"""
import glob
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, 'packaging', 'symbols')


def run(*command, text=None):
    return subprocess.run(command, input=text, check=True, stdout=subprocess.PIPE, text=True).stdout


def symbols(path, *options):
    """What is defined: names and nm's letters."""
    for line in run('nm', '--defined-only', *options, path).splitlines():
        words = line.split()
        if len(words) == 3:
            yield words[2], words[1]


def exported(library, letters='BDRTVWu'):
    return {name for name, letter in symbols(library, '--dynamic') if letter in letters}


def strong(library):
    """Those that no program has of its own: neither weak, nor unique, nor a version."""
    return exported(library, 'BDRT')


def soname(library):
    return re.search(r'\(SONAME\).*\[(.*)\]', run('readelf', '--dynamic', '--wide', library)).group(1)


def promised(path):
    """The soname of a symbols file, and its symbols with the version that they came with."""
    head, found = '', {}
    for line in open(path):
        if line.startswith(' '):
            name, since = line.split()
            found[name.removesuffix('@Base')] = since
        elif not line.startswith('#'):
            head = line.split()[0]
    return head, found


class Declared:
    """What the public headers declare for programs, as clang reads them: the mangled names of functions and
    objects, and the names of classes. Private members count where inline code of a header names them."""

    FUNCTIONS = ('FunctionDecl', 'CXXMethodDecl', 'CXXConstructorDecl', 'CXXDestructorDecl', 'CXXConversionDecl',
                 'VarDecl')

    def __init__(self, build):
        self.names, self.classes = set(), set()
        self._private, self._named = {}, set()
        self._file = ''
        include = os.path.join(ROOT, 'include')
        headers = sorted(os.path.relpath(path, include)
                         for path in glob.glob(os.path.join(include, '**', '*.h'), recursive=True))
        text = ''.join(f'#include "{header}"\n' for header in headers if not header.startswith('containerd/testing/'))
        dump = run('clang++-16', '-std=c++20', '-w', '-fsyntax-only', f'-I{include}', f'-I{build}/proto',
                   '-Xclang', '-ast-dump=json', '-Xclang', '-ast-dump-filter=containerd', '-x', 'c++', '-', text=text)
        decoder, at = json.JSONDecoder(), 0
        while at < len(dump):
            node, at = decoder.raw_decode(dump, at)
            self._walk(node, [], include + '/', False, False)
            at += len(dump[at:at + 16]) - len(dump[at:at + 16].lstrip())
        self.names.update(self._private[node] for node in self._named & self._private.keys())

    def _locate(self, location):
        # clang names a file only where it is another than the last one.
        self._file = location.get('file', self._file)
        for part in ('spellingLoc', 'expansionLoc', 'begin', 'end'):
            if part in location:
                self._locate(location[part])

    def _walk(self, node, scope, include, private, hidden):
        kind, name = node.get('kind', ''), node.get('name', '')
        self._locate(node.get('loc', {}))
        ours = self._file.startswith(include) and not hidden
        self._locate(node.get('range', {}))
        self._named.add(node.get('referencedMemberDecl') or node.get('referencedDecl', {}).get('id'))
        if kind in self.FUNCTIONS:
            if ours and private:
                self._private[node['id']] = same(node.get('mangledName', ''))
            elif ours:
                self.names.add(same(node.get('mangledName', '')))
            hidden = True
        if kind in ('NamespaceDecl', 'CXXRecordDecl'):
            hidden = hidden or (kind == 'NamespaceDecl' and name in ('', 'internal'))
            if name:
                scope = scope + [name]
            if kind == 'CXXRecordDecl' and ours and name and not private:
                self.classes.add('::'.join(scope))
        access = 'private' if node.get('tagUsed') == 'class' else 'public'
        for child in node.get('inner', []):
            access = child['access'] if child.get('kind') == 'AccessSpecDecl' else access
            self._walk(child, scope, include, private or access == 'private', hidden)


def same(name):
    """One name for the variants of a constructor or destructor, which compilers emit as they need them, and for
    each Debian's abseil, whose namespace has a number."""
    return re.sub(r'7debian\d|8debian\d\d', '7debian0', re.sub(r'([CD])[0-5](?=E)', r'\g<1>1', name))


def record(build):
    declared = Declared(os.path.abspath(build))
    version = re.search(r'project\([^)]*VERSION ([\d.]+)', open(os.path.join(ROOT, 'CMakeLists.txt')).read()).group(1)
    os.makedirs(FOLDER, exist_ok=True)
    for old in glob.glob(os.path.join(FOLDER, '*.symbols')):
        os.remove(old)
    for library in sorted(glob.glob(os.path.join(build, 'libcontainerd-*.so'))):
        names = sorted(strong(library))
        kept = []
        for name, as_written in zip(names, run('c++filt', text='\n'.join(names)).splitlines()):
            of_class = re.fullmatch(r'(?:vtable|VTT|typeinfo|typeinfo name) for (.*)', as_written)
            if of_class.group(1) in declared.classes if of_class else same(name) in declared.names:
                kept.append(name)
        if not kept:
            continue
        name = soname(library)
        component, abi = re.fullmatch(r'libcontainerd-(.*)\.so\.(.*)', name).groups()
        package = f'libcontainerd-cpp-{component}{abi}'
        with open(os.path.join(FOLDER, f'{package}.symbols'), 'w') as out:
            print('# SPDX-License-Identifier: Apache-2.0', file=out)
            print(f'{name} {package} #MINVER#', file=out)
            for symbol in kept:
                print(f' {symbol}@Base {version}', file=out)
        print(f'{package}: {len(kept)} symbols')


def check(libraries):
    promises = dict(promised(path) for path in glob.glob(os.path.join(FOLDER, '*.symbols')))
    gone, total, seen = 0, 0, set()
    for library in libraries:
        name = soname(library)
        seen.add(name)
        has = {same(symbol) for symbol in exported(library)}
        lost = sorted(symbol for symbol in promises.get(name, {}) if same(symbol) not in has)
        total += len(promises.get(name, {}))
        gone += len(lost)
        for as_written in run('c++filt', text='\n'.join(lost)).splitlines():
            print(f'{name} has lost {as_written}')
    for name in sorted(promises.keys() - seen):
        print(f'{name} is not among the libraries')
    print(f'{total} symbols are promised, {gone} of them are gone')
    if gone:
        print('What 0.1.x has stays in 0.1.x (README.md, "What may change"); before its release\n'
              'packaging/check-symbols.py --record build/dev, which clang built, writes the promise anew.')
    return 1 if gone or promises.keys() - seen else 0


def main():
    if len(sys.argv) == 3 and sys.argv[1] == '--record':
        return record(sys.argv[2])
    if len(sys.argv) < 2 or sys.argv[1].startswith('-'):
        sys.exit(__doc__)
    return check(sys.argv[1:])


if __name__ == '__main__':
    sys.exit(main())
