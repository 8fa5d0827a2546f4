#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows doxygen the public headers: their plain comments as documentation.

  docs/filter.py FOLDER        writes the headers and the pages to FOLDER, as doxygen is to read them

- The comment at the head becomes the file's, what is indented by three spaces in a comment a block
  of code, and text is text: no character of it is a command or markup to doxygen, but for `code`
  and lists.
- A comment behind a member is that member's.
- A page's links to what is neither a header nor a page become their text.

The number of lines stays, so that doxygen names the right ones. Fails if docs/packages.md, the first
page, has no link to a header in each folder, or to each header of the client; and if a class has no comment.
Those of options may do without: the functions that take them say what they are for.
"""
import os
import re
import sys

COMMENT = re.compile(r'^(\s*)//(?!/)(.*)$')
BEHIND = re.compile(r'^(\s*\S(?:[^"/]|/(?!/)|"(?:[^"\\]|\\.)*")*?[;,}(])\s+// (.*)$')


def text(line):
    """A line of a comment, of which doxygen takes no character for more than it is."""
    parts = re.split(r'`([^`]*)`', line)
    for i, part in enumerate(parts):
        parts[i] = re.sub(r'([\\@<>&#%*_`])', r'\\\1', part).replace('::', '\\::')
        # Doxygen loses its way in code with angle brackets, and in what it takes for a sentence's end.
        if i % 2 and not re.search(r'<|\.\W', part):
            parts[i] = '<code>' + parts[i] + '</code>'
    return ''.join(parts)


def comment(indent, lines):
    """The lines of a comment, as documentation; as many as there were."""
    out, code = [], False
    for i, line in enumerate(lines):
        is_code = re.match(r' {3,}\S', line) and not (i and re.match(r' [-*] ', lines[i - 1]) and not code)
        rest = [following for following in lines[i:] if following.strip()]
        if code and not line.strip():
            code = bool(rest) and bool(re.match(r' {3,}\S', rest[0]))
            out.append(indent + ('///' if code else '/// @endcode'))
            continue
        shown = line if is_code else text(line)
        if is_code and not code:
            # The line before is empty, so that there is room for the command.
            if out and out[-1].strip() == '///':
                out[-1] = indent + '/// @code{.cpp}'
            else:
                shown = f' @code{{.cpp}} {line}'
            code = True
        elif code and not is_code:
            shown, code = f' @endcode {shown}', False
        out.append(indent + '///' + shown)
    if code:
        out[-1] += ' @endcode'
    return out


def header(content):
    lines, out, i = content.split('\n'), [], 0
    while i < len(lines):
        match = COMMENT.match(lines[i])
        if not match:
            behind = BEHIND.match(lines[i])
            out.append(f'{behind[1]} ///< {text(behind[2])}' if behind else lines[i])
            i += 1
            continue
        first, block = i, []
        while i < len(lines) and (found := COMMENT.match(lines[i])):
            block.append(found[2])
            i += 1
        if first == 0:
            # The licence's line, an empty one, and what the header is for.
            out += ['/// @file'] + comment('', block[1:])
        elif i < len(lines) and lines[i].strip():
            out += comment(match[1], block)
        else:
            # About the code around it, and of no declaration.
            out += lines[first:i]
    return '\n'.join(out)


def page(content):
    return re.sub(r'\[([^\]]+)\]\((?!(?:\.\./)*include/|\.\./examples/README\.md|https:)[^)]*\)', r'\1', content)


def without_comment(path, content):
    """The classes at the left margin of a header that nothing says anything of."""
    lines, found, inside = content.split('\n'), [], False
    for i, line in enumerate(lines):
        if re.match(r'(}  // )?namespace (\w+::)*internal\b', line):
            inside = not line.startswith('}')
        match = re.match(r'(?:class|struct) (?:[A-Z_]+ |\[\[\w+\]\] )*(\w+)\b(?! *<|::)(?!.*;$)[^(]*{', line)
        if not match or inside or match[1].endswith('Options'):
            continue
        before = i - 1
        while lines[before].startswith(('template', 'requires')):
            before -= 1
        if not lines[before].startswith('//'):
            found.append(f'{path}:{i + 1}: {match[1]} has no comment')
    return found


def without_link(headers):
    """The folders of headers, and the client's headers, to which docs/packages.md has no link."""
    with open('docs/packages.md', encoding='utf-8') as file:
        linked = re.findall(r'\]\(\.\./(include/[^)]*)\)', file.read())
    folders = {os.path.dirname(header) for header in headers}
    client = {header for header in headers
              if os.path.dirname(header) == 'include/containerd' and not header.endswith('_fwd.h')}
    return sorted((folders | client) - {os.path.dirname(link) for link in linked} - set(linked))


def main():
    folder = sys.argv[1]
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
    paths = ['docs/packages.md', 'examples/README.md']
    paths += [os.path.join(base, name)
              for base, _, names in os.walk('include/containerd') for name in sorted(names)]
    if missing := without_link(paths[2:]):
        sys.exit('docs/packages.md: no link to ' + ', '.join(missing))
    uncommented = []
    for source in paths:
        with open(source, encoding='utf-8') as file:
            content = file.read()
        if source.endswith('.h'):
            uncommented += without_comment(source, content)
        path = os.path.join(folder, source)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(header(content) if path.endswith('.h') else page(content))
    if uncommented:
        sys.exit('\n'.join(uncommented))


if __name__ == '__main__':
    main()
