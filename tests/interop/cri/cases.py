#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes cases for the two programs, 10,000 of each kind, always the same ones: one a line, the kind and
its arguments in hexadecimal digits.

  match   PATTERN NAME      an annotation's key against a runtime's pattern (path.Match)
  ref     TEXT              an image reference, as ParseAnyReference and ParseDockerRef read it
  toml    TEXT              options of runc
  digest  DIGESTS TEXT      a digest that may be cut short
  resolve IMAGES TEXT       a user's text for one of the images NAME=ID, as localResolve reads it
"""
import random

COUNT = 10000
rng = random.Random(20210901)


def text_of(pieces, most):
    return ''.join(rng.choice(pieces) for _ in range(rng.randrange(most)))


def match():
    pieces = ['*', '?', '[', ']', '^', '-', '\\', '/', 'a', 'b', 'c', 'ab', '[a-c]', '[^a]', '*/', '.', 'ü', '世']
    plain = ['a', 'b', 'c', '/', '.', '-', ']', 'ü', '世', '*', '\\']
    pattern = text_of(pieces, 8).encode()
    if rng.random() < 0.05:
        pattern += bytes([rng.choice([0xff, 0xc3, 0x80])])
    return [pattern, text_of(plain, 8).encode()]


def ref():
    domains = ['', 'docker.io/', 'localhost/', 'localhost:5000/', 'Host/', 'a.b:80/', '[::1]:5/', 'index.docker.io/', 'a_b/']
    paths = ['busybox', 'library/busybox', 'a/b/c', 'a__b', 'a..b', 'A', 'a-', '-a', 'a//b', '', 'x' * 60, 'a' * 64]
    tags = ['', '', ':latest', ':1.2_3-x', ':', ':-x', ':' + 'x' * 128, ':' + 'x' * 129, ':ü']
    digests = ['', '', '@sha256:' + 'ab' * 32, '@sha256:' + 'ab' * 31, '@md5:' + 'ab' * 16, '@sha512:' + '0' * 128,
               '@sha256:' + 'AB' * 32, '@']
    if rng.random() < 0.1:
        return [text_of(['a', ':', '/', '@', '.', '-', '_', 'A', 'sha256:', '0' * 32, ' '], 9).encode()]
    return [''.join(rng.choice(l) for l in (domains, paths, tags, digests)).encode()]


def toml():
    names = ['NoPivotRoot', 'NoNewKeyring', 'ShimCgroup', 'IoUid', 'IoGid', 'BinaryName', 'Root',
             'SystemdCgroup', 'CriuImagePath', 'CriuWorkPath']
    values = ['true', 'false', '0', '1', '4294967295', '4294967296', '-1', '"text"', "''", '"ü\\n"', '1.5', '[1]',
              '["a"]', '{ a = 1 }', '9223372036854775807']
    fitting = {'No': values[:2], 'Sy': values[:2], 'Io': values[2:5]}
    lines = []
    for name in rng.sample(names, rng.randrange(5)):
        fit = fitting.get(name[:2], values[7:10])
        value = rng.choice(fit if rng.random() < 0.85 else values)
        spell = rng.choice([str, str.lower, str.upper, lambda n: n[0].lower() + n[1:]])
        lines.append(f'{spell(name)} = {value}')
    for unknown in rng.sample(['systemd_cgroup = true', 'Unknown = 1', 'no = {x = 1}'], rng.randrange(2)):
        lines.append(unknown)
    rng.shuffle(lines)
    return ['\n'.join(lines).encode()]


def digest():
    digits = '01'
    there = [f'sha256:{"".join(rng.choice(digits) for _ in range(6)):0<64}' for _ in range(rng.randrange(1, 7))]
    there += [f'sha512:{"".join(rng.choice(digits) for _ in range(6)):0<128}' for _ in range(rng.randrange(2))]
    one = rng.choice(there)
    hexa = one.split(':')[1]
    text = rng.choice([one, hexa, one[:rng.randrange(1, 14)], hexa[:rng.randrange(1, 8)],
                       'sha512:' + hexa[:rng.randrange(1, 5)], 'md5:0', hexa[:4] + 'f', hexa[:3].replace('0', 'A')])
    return [' '.join(there).encode(), text.encode()]


def resolve():
    words = ['cafe', 'cafebabe', 'face', 'fade', 'ada', 'a', 'f00', 'dead']  # names as well as digits of ids
    ids = [f'sha256:{rng.choice(words) + text_of("0af", 3):0<64}' for _ in range(rng.randrange(1, 5))]
    manifest = 'sha256:' + rng.choice('ef') * 64
    names = ['docker.io/library/' + rng.choice(words) + rng.choice([':latest', ':1', '@' + manifest])
             for _ in range(rng.randrange(5))]
    names += ['example.com/' + rng.choice(words) + ':1' for _ in range(rng.randrange(2))]
    images = [f'{name}={rng.choice(ids)}' for name in dict.fromkeys(names)] + [f'{id}={id}' for id in ids]
    text = rng.choice(words + 3 * ids + 3 * names + ['busybox', manifest, 'Cafe', 'sha256:', ' ', '-', '0' * 64])
    text = rng.choice([text, text, text, text, text + ':1', text.removeprefix('docker.io/'), text.removeprefix('docker.io/library/'),
                       'docker.io/' + text, text.removeprefix('sha256:'), text[:rng.randrange(1, 12)],
                       text.removeprefix('sha256:')[:rng.randrange(1, 9)], 'sha256:' + text, text + '@' + manifest,
                       text.upper()])
    return [' '.join(images).encode(), (text or 'a').encode()]  # empty texts differ on purpose


for kind in (match, ref, toml, digest, resolve):
    for _ in range(COUNT):
        print(kind.__name__, *(argument.hex() or '-' for argument in kind()))
