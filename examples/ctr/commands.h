// SPDX-License-Identifier: Apache-2.0
//
// The commands, a file each, and what several of them share.
#ifndef CONTAINERD_EXAMPLES_CTR_COMMANDS_H_
#define CONTAINERD_EXAMPLES_CTR_COMMANDS_H_

#include <memory>
#include <string>
#include <vector>

#include "containerd/containerd.h"

#include "cli.h"

namespace ctr {

Command CommitCommand();
Command ContainersCommand();
Command ContentCommand();
Command CopyCommand();
Command DeprecationsCommand();
Command EventsCommand();
Command ImagesCommand();
Command InfoCommand();
Command InstallCommand();
Command LeasesCommand();
Command NamespacesCommand();
Command OCICommand();
Command PluginsCommand();
Command PprofCommand();
Command RunCommand();
Command SandboxesCommand();
Command SnapshotsCommand();
Command TasksCommand();
Command VersionCommand();

// Those of ctr content that have a file of their own.
Command EditCommand();
Command FetchBlobCommand();
Command FetchCommand();
Command FetchObjectCommand();
Command PruneCommand();
Command PushObjectCommand();

// Those of ctr images that have a file of their own.
Command ExportCommand();
Command ImportCommand();
Command MountCommand();
Command PullCommand();
Command PushCommand();
Command UnmountCommand();
Command UsageCommand();

// A client of the daemon that the flags name.
absl::StatusOr<containerd::Client> Connect(const containerd::Context& ctx, const Args& args);

// run.cc: the flags of a new container, and the container that they and the arguments
// "Image|RootFS ID [COMMAND] [ARG...]" describe.
std::vector<Flag> ContainerFlags();
absl::StatusOr<containerd::Container> NewContainer(const containerd::Context& ctx,
                                                   containerd::Client& client, const Args& args);

// runtime.cc: the flags of what asks a runtime, and the options that they give it.
std::vector<Flag> RuntimeFlags();
absl::StatusOr<containerd::typeurl::Any> RuntimeOptions(const Args& args);
Command InspectRuntimeCommand();

// registry.cc: the flags of what talks to a registry, and the resolver that they describe.
std::vector<Flag> RegistryFlags();
absl::StatusOr<std::shared_ptr<containerd::remotes::Resolver>> NewResolver(
    const containerd::Context& ctx, const Args& args);

// http_debug.cc: what is done under the context is traced, and what a client of registries does is
// shown.
containerd::Context TraceRequests(const containerd::Context& ctx);
absl::Status DumpRequests(containerd::http::Client& client,
                          containerd::http::TransportOptions& transport);

// "--snapshotter", and "--label" that is given once for each label.
Flag SnapshotterFlag();
Flag LabelFlag(std::string usage);

// "--platform", which may be repeated, and "--all-platforms".
Flag PlatformFlag();
Flag AllPlatformsFlag();

// Those that `--platform` names, by default this machine's; all with `--all-platforms`.
absl::StatusOr<containerd::platforms::MatchComparerPtr> PlatformsOf(const Args& args);

// "--sync-fs", and how images are unpacked with or without it.
Flag SyncFsFlag();
std::vector<containerd::UnpackOpt> UnpackOpts(const Args& args);

// "--local", which changes nothing.
Flag LocalFlag();

// There is no name of an image in the arguments.
absl::Status NoImage(const char* what);

// Does `remove` for each of the arguments. A failure is told at once and the first one is returned.
absl::Status ForEach(const Args& args, const std::string& what,
                     absl::Status (*remove)(const containerd::Context& ctx,
                                            containerd::Client& client, const Args& args,
                                            const std::string& name),
                     const containerd::Context& ctx, containerd::Client& client);

// All of a file.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// A line of the standard error, as ctr's log.
void Warn(const std::string& text);

}  // namespace ctr

#endif  // CONTAINERD_EXAMPLES_CTR_COMMANDS_H_
