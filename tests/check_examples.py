#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles the examples that stand in the comments of the public headers, and the code of the READMEs,
the guide and the other documents.

  tests/check_examples.py BUILD       BUILD: a configured build folder with generated stubs in it

In a header an example is a run of comment lines that are indented by three spaces or more (`//   code`); an
empty comment line between two such runs does not end it. A run is C++ if one of its lines ends with
`;`, a comment behind it aside. Other runs (file trees, grammars, TOML, YAML, output) are skipped.
In a document it is a block of C++ (```cpp), and each piece of code in the right column of a table headed
`| Go | here |` or `| Go | C++ |`.

Each example becomes the body of a function that returns absl::Status, in a namespace of its own, behind
`using namespace containerd`. It sees the names below, COMMON and those of its header in LOCAL. `...` and
`…` stand for what the reader fills in: nothing, `{}` after `=`, an empty list within braces. A block of
a document that defines functions at its left margin stands in the namespace as it is.

An example of a document has containerd/containerd.h and what it includes itself, and nothing else; a block
of includes alone stands for the table that follows. Those of the headers have all public headers.

Prints how many were compiled and skipped. Fails with file:line of what does not compile, and where the value
of an absl::StatusOr is taken that nobody has asked whether it has one.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

# What examples use without declaring it. A declaration in an example hides one of these.
COMMON = '''
extern Context ctx;
extern Client client;
extern Container container;
extern Image image;
extern Task task;
extern std::string id, ref, key, parent, root, text, bytes, body, blob_text;
extern int fd;
extern std::shared_ptr<rpc::Connection> conn;
extern std::shared_ptr<content::Store> store;
extern std::shared_ptr<snapshots::Snapshotter> snapshotter;
extern std::vector<mount::Mount> mounts;
extern ocispec::Descriptor desc, layer, target;
extern absl::Status status;
'''

# For what makes a spec without the client's own options.
SPEC = 'extern oci::Client* client; extern containers::Container container;'

# What only one header's examples use, by its path under include/containerd.
LOCAL = {
    'apparmor/apparmor.h': SPEC,
    'apply/ahead_applier.h': 'extern std::vector<ocispec::Descriptor> layers;',
    'apply/stream_applier.h': 'extern std::shared_ptr<remotes::Fetcher> registry;',
    'cio/streams.h': 'extern cio::Sink out, err;',
    'compression/compression.h': 'extern io::Reader& blob; extern io::Writer& tar_file;',
    'cri/cri.h': 'extern std::string kPluginRoot;',
    'cri/metadata.h': 'extern containers::Container record;',
    'cri/pull.h': 'extern cri::Config config;',
    'cri/recover.h': 'extern cri::Config config; extern std::string sandbox_id;',
    'cri/runtime_options.h': 'extern cri::Config config;',
    'diff/diff.h': 'extern std::string diff_id;',
    'diff/stream.h': 'extern std::vector<std::string> args; extern io::Reader& blob; '
                     'extern diff::Payloads payloads;',
    'digest/digest.h': 'extern std::string input, chunk; bool Read(std::string*);',
    'display/display.h': 'extern images::Image image;',
    'events/events.h': 'void CompareWithTheDaemon(const events::Gap&);',
    'events/typed.h': 'extern events::Envelope envelope;',
    'filters/filters.h': 'struct Object { std::string name; }; extern Object object;',
    'future/async.h': 'void Post(std::function<void()>);',
    'images/handlers.h': 'extern images::Image image;',
    'images/image.h': 'extern images::Image image;',
    'images/store.h': 'extern ocispec::Descriptor index;',
    'images/usage.h': 'extern images::Image image; std::shared_ptr<snapshots::Snapshotter> '
                      'find(std::string_view);',
    'introspection/introspection.h': 'extern std::shared_ptr<introspection::Service> service;',
    'libcontainerd/client.h': 'extern Client daemon; extern specs::Spec spec; extern cio::Sink out, err; '
                              'extern std::shared_ptr<libcontainerd::Backend> backend; absl::Status '
                              'Restart(const std::string&, const libcontainerd::EventInfo&);',
    'log/log.h': 'void Append(log::Level, std::string_view);',
    'mount/manager.h': 'extern std::shared_ptr<mount::Manager> manager;',
    'mount/temp.h': 'absl::Status CopyConfig(const std::string&);',
    'nvidia/nvidia.h': SPEC,
    'oci/oci.h': SPEC,
    'oci/spec.h': SPEC,
    'platforms/platforms.h': 'extern std::vector<ocispec::Descriptor> manifests;',
    'process.h': 'extern Process process;',
    'remotes/docker/auth.h': 'extern http::Response response;',
    'remotes/docker/registry.h': 'extern std::shared_ptr<remotes::docker::Authorizer> authorizer;',
    'remotes/docker/schema1/converter.h': 'extern std::shared_ptr<remotes::Fetcher> fetcher; '
                                          'extern remotes::Resolver::Resolved resolved;',
    'remotes/handlers.h': 'extern std::shared_ptr<remotes::Pusher> pusher; '
                          'extern images::Image image;',
    'sandbox.h': 'extern specs::Spec spec;',
    'sandbox/sandbox.h': 'extern std::shared_ptr<sandbox::Store> store; '
                         'extern std::shared_ptr<sandbox::Controller> controller;',
    'seccomp/seccomp.h': SPEC,
    'services.h': 'extern std::shared_ptr<images::Store> image_store;',
    'snapshots/snapshots.h': 'extern std::string chain_id;',
    'specs/json.h': 'extern containers::Container container_info;',
    'streaming/streaming.h': 'extern std::shared_ptr<streaming::StreamCreator> streams;',
    'tar/tar.h': 'extern io::Reader& input;',
    'testing/fake_daemon.h': 'struct Orchestrator { explicit Orchestrator(Client) {} };',
    'testing/mocks/client.h': 'struct Deployer { explicit Deployer(Client) {} };',
    'testing/status.h': 'extern std::shared_ptr<images::Store> store;',
    'transfer/byte_stream.h': 'extern std::shared_ptr<streaming::StreamCreator> streams;',
    'transfer/image.h': 'extern transfer::Object& registry; '
                        'extern absl::StatusOr<ocispec::Platform> platform;',
    'transfer/image_resolver.h': 'extern std::shared_ptr<remotes::ResolverWithOptions> resolver;',
    'transfer/interfaces.h': 'extern std::shared_ptr<io::Reader> file;',
    'transfer/registry.h': 'extern std::shared_ptr<transfer::registry::CredentialHelper> '
                           'my_helper;',
    'transfer/transfer.h': 'void Show(const transfer::Progress&);',
    'typeurl/typeurl.h': 'extern specs::Spec spec; '
                         'extern containerd::runc::v1::Options runc_options;',
    'unpack/unpacker.h': 'extern std::shared_ptr<remotes::Fetcher> fetcher;',
}

# The same of the documents, by their paths.
LOCAL.update({
    'README.md': '''
extern absl::StatusOr<Client> client; void DrawABar(const BlobProgress&);
struct Runner {
  explicit Runner(Client client);
  absl::StatusOr<int> Run(const Context&, const std::string& id, const std::string& image);
};
''',
    'examples/README.md': '''
extern std::shared_ptr<grpc::Channel> channel;
extern std::shared_ptr<remotes::Resolver> resolver;
extern remotes::docker::RegistryHosts hosts;
extern std::string address, dir, name, src, dst, path;
extern io::Reader& reader; extern io::Writer& writer;
extern specs::Process process_spec; extern specs::LinuxResources resources; extern specs::Spec spec;
extern std::uint32_t w, h;
extern Future<ExitStatus> exit; void f(const absl::StatusOr<ExitStatus>&);
absl::Status Look(const std::string&); absl::Status Deploy(const Context&, const Client&, std::string_view);
void Record(std::string_view, std::string_view); void Record(std::string_view, absl::Duration);
struct Keeper {
  Keeper(const std::string& address, std::string_view ns);
  absl::Status Keep(std::string_view id, std::string_view image);
  absl::Status WaitUntilRunning(std::string_view id);
};
void Use(std::string_view, std::string_view); void CompareWithTheDaemon();
void Exited(std::string_view, std::uint32_t); void Post(std::function<void()>);''',
})

# Headers for the types in LOCAL of the headers' examples.
EXTRA = ['containerd/events/task.pb.h', 'containerd/runc/v1/options.pb.h',
         'containerd/services/images/v1/images.grpc.pb.h', 'containerd/services/tasks/v1/tasks.grpc.pb.h',
         'containerd/typeurl/proto.h', 'google/protobuf/empty.pb.h', 'grpcpp/grpcpp.h']


class Example:
    def __init__(self, path, key):
        self.path, self.key, self.lines, self.includes = path, key, [], []
        self.functions = False  # defines functions itself


def without_comment(line):
    """The line without a `//` comment that is not in a string."""
    return re.match(r'(?:"(?:[^"\\]|\\.)*"|(?!//).)*', line).group().rstrip()


def examples_of(folder, header):
    """The runs of indented comment lines of a header, as lists of (line number, text)."""
    runs, run = [], []
    with open(os.path.join(folder, header), encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            comment = re.match(r'\s*//(.*)', line)
            if comment and re.match(r' {3,}\S', comment[1]):
                run.append((number, comment[1]))
            elif comment and not comment[1].strip() and run:
                run.append((number, ''))
            elif run:
                runs.append(run)
                run = []
    return runs


def paragraphs_of(run):
    """A run cut at its empty lines."""
    found = [[]]
    for number, line in run:
        if line:
            found[-1].append((number, line))
        elif found[-1]:
            found.append([])
    return [p for p in found if p]


def is_code(paragraph):
    return any(without_comment(line).endswith(';') for _, line in paragraph) or all(
        re.match(r'\s*(#include|using) ', line) for _, line in paragraph)


def fill_in(line):
    """The line with `{}` or nothing in place of what the reader has to fill in."""
    code = without_comment(line)
    parts = re.split(r'("(?:[^"\\]|\\.)*")', code)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r'\{\s*(?:\.\.\.|…)\s*\}', '{}', parts[i])
        parts[i] = re.sub(r'^\s*(?:\.\.\.|…).*$', '', parts[i])
        parts[i] = re.sub(r'\.\.\.|…', '{}', parts[i])
    return ''.join(parts)


def collect(folder, headers):
    """Examples in C++, and the number of paragraphs that are something else."""
    examples, skipped = [], 0
    for header in headers:
        for run in examples_of(folder, header):
            code = [p for p in paragraphs_of(run) if is_code(p)]
            skipped += len(paragraphs_of(run)) - len(code)
            if not code:
                continue
            example = Example(os.path.join(folder, header), header)
            for number, line in (line for paragraph in code for line in paragraph):
                if line.lstrip().startswith('#include'):
                    example.includes.append((number, line.strip()))
                else:
                    example.lines.append((number, fill_in(line)))
            examples.append(example)
    return examples, skipped


def defines_function(line):
    """Whether a function's definition begins in this line, at its left margin."""
    return not line.endswith(';') and not line.startswith('return ') and re.match(
        r'(TEST\w*|[\w:]+(<.*>)? \w+)\(', line)


def of_row(path, number, code):
    """The example of a piece of code in a table: a type, an expression, or statements."""
    row = Example(path, path)
    if re.fullmatch(r'(\w+::)*([A-Z]\w*|\w+_ptr)(<.*>)?|nullptr', code):
        code = f'static_cast<void>(sizeof({code}));'
    elif not code.endswith(';'):
        code = f'static_cast<void>({code});'
    row.lines.append((number, code))
    return row


def of_document(path):
    """The examples of a Markdown document."""
    examples, block, table, includes = [], None, False, []
    with open(path, encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip()
            if block is not None:
                if line == '```':
                    if any(text for _, text in block.lines):
                        examples.append(block)
                    else:
                        includes = block.includes
                    block = None
                elif line.startswith('#include'):
                    block.includes.append((number, without_comment(line)))
                else:
                    block.lines.append((number, fill_in(line)))
                    block.functions = block.functions or bool(defines_function(line))
            elif line == '```cpp':
                block = Example(path, path)
            elif line.startswith('| '):
                table = table or line in ('| Go | here |', '| Go | C++ |')
                for code in re.findall(r'`([^`]+)`', line.split(' | ')[-1]) if table else []:
                    row = of_row(path, number, code)
                    row.includes = includes
                    examples.append(row)
            else:
                if table or line.startswith('#'):
                    includes = []
                table = False
    return examples


def unchecked(example):
    """Prints which StatusOr of an example is taken for a value and never asked; whether there is one."""
    text, found = '\n'.join(line for _, line in example.lines), False
    for number, line in example.lines:
        declared = re.search(r'absl::StatusOr<.*> (\w+)(?: =|;|\()', line)
        if not declared:
            continue
        name = declared[1]
        taken = re.search(rf'(?<![\w.>])\*{name}\b|\b{name}->', text)
        asked = re.search(rf'\b{name}\.(ok|status)\(\)|ASSERT_(OK|THAT)\({name}\b', text)
        if taken and not asked:
            print(f'{example.path}:{number}: {name} may be an error')
            found = True
    return found


PRELUDE = '''
struct Coroutine {
  struct promise_type {
    Coroutine get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
};
'''


def unit_of(includes, examples):
    """The text of a source file with these includes and the examples."""
    def place(number, example):
        return f'#line {number} "{example.path}"'

    text = [f'#include {name}' for name in includes]
    for example in examples:
        for number, line in example.includes:
            text += [place(number, example), line]
    text += ['using namespace containerd;', 'namespace examples {', PRELUDE, COMMON]
    for i, example in enumerate(examples):
        coroutine = any('co_await' in line for _, line in example.lines)
        text.append(f'namespace example_{i} {{')
        text.append(f'#line 1 "names of {example.key} in tests/check_examples.py"')
        text.append(LOCAL.get(example.key, ''))
        if not example.functions:
            text.append('[[maybe_unused]] {} Example() {{'.format(
                'Coroutine' if coroutine else 'absl::Status'))
        for number, line in example.lines:
            text += [place(number, example), line]
        if not example.functions:
            text.append('}' if coroutine else 'return absl::OkStatus(); }')
        text.append('}')
    text.append('}')
    return '\n'.join(text) + '\n'


def units_of(headers, examples, of_documents):
    """Source files for all examples: reading the headers takes longer than the examples do."""
    yield unit_of(['<algorithm>', '<coroutine>', '<fmt/format.h>', '<fcntl.h>', '<syslog.h>', '<unistd.h>',
                   '"containerd/containerd.h"'] + [f'"{header}"' for header in EXTRA] +
                  [f'"containerd/{header}"' for header in headers], examples)
    by_includes = {}
    for example in of_documents:
        key = tuple(sorted({line for _, line in example.includes} - {'#include "containerd/containerd.h"'}))
        by_includes.setdefault(key, []).append(example)
    for group in by_includes.values():
        yield unit_of([], group)


def cached(build, name):
    with open(os.path.join(build, 'CMakeCache.txt'), encoding='utf-8') as cache:
        found = re.search(rf'^{name}:\w+=(.*)$', cache.read(), re.M)
    return found[1] if found else ''


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build = os.path.abspath(sys.argv[1])
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
    folder = 'include/containerd'
    headers = sorted(
        os.path.relpath(os.path.join(base, name), folder)
        for base, _, names in os.walk(folder) for name in names if name.endswith('.h'))
    examples, skipped = collect(folder, headers)
    of_documents = [example for pattern in ('*.md', 'docs/**/*.md', 'examples/**/*.md')
                    for path in sorted(glob.glob(pattern, recursive=True))
                    for example in of_document(path)]
    if not examples or not of_documents:
        sys.exit('no example found')
    failed = any([unchecked(example) for example in examples + of_documents])
    compiler = [cached(build, 'CMAKE_CXX_COMPILER') or 'c++', '-std=c++20', '-w',
                '-DFMT_SHARED', '-DSPDLOG_COMPILED_LIB', '-DSPDLOG_FMT_EXTERNAL',
                '-DSPDLOG_SHARED_LIB', '-Iinclude', '-isystem', os.path.join(build, 'proto')]
    if 'clang' in compiler[0]:
        compiler.append('-ferror-limit=0')
    with tempfile.TemporaryDirectory() as temporary:
        def compiled(path, text, *options):
            path = os.path.join(temporary, path)
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text)
            return subprocess.run(compiler + [*options, path], check=False).returncode == 0

        # Documents' examples have few headers in common, but that one all of them.
        failed |= not compiled('common.h', '#include "containerd/containerd.h"\n',
                               '-x', 'c++-header', '-o', os.path.join(temporary, 'common.h.gch'))
        for i, text in enumerate(units_of(headers, examples, of_documents)):
            options = ['-fsyntax-only']
            if i > 0:
                options += ['-include', os.path.join(temporary, 'common.h')]
            failed |= not compiled(f'examples_{i}.cc', text, *options)
    print(f'{len(examples)} examples of headers and {len(of_documents)} of documents '
          f'{"tried" if failed else "compiled"}, {skipped} blocks that are no C++ skipped')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
