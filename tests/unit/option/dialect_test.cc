// SPDX-License-Identifier: Apache-2.0
//
// Each option of the library, written in every way in which a caller may write it. That this
// compiles and links is most of the test.
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <absl/time/time.h>
#include <gtest/gtest.h>

#include "containerd/apparmor/apparmor.h"
#include "containerd/archive/archive.h"
#include "containerd/cdi/cdi.h"
#include "containerd/checkpoint.h"
#include "containerd/cio/cio.h"
#include "containerd/client.h"
#include "containerd/client_opts.h"
#include "containerd/container.h"
#include "containerd/container_opts.h"
#include "containerd/content/content.h"
#include "containerd/diff/diff.h"
#include "containerd/display/display.h"
#include "containerd/events/events.h"
#include "containerd/image.h"
#include "containerd/images/archive.h"
#include "containerd/images/converter/converter.h"
#include "containerd/images/store.h"
#include "containerd/images/usage.h"
#include "containerd/import.h"
#include "containerd/install.h"
#include "containerd/leases/leases.h"
#include "containerd/mount/manager.h"
#include "containerd/nvidia/nvidia.h"
#include "containerd/oci/spec.h"
#include "containerd/oci/spec_opts_capabilities.h"
#include "containerd/oci/spec_opts_devices.h"
#include "containerd/oci/spec_opts_image.h"
#include "containerd/oci/spec_opts_linux.h"
#include "containerd/oci/spec_opts_mounts.h"
#include "containerd/oci/spec_opts_process.h"
#include "containerd/oci/spec_opts_resources.h"
#include "containerd/oci/spec_opts_user.h"
#include "containerd/option/option.h"
#include "containerd/process.h"
#include "containerd/remote_opts.h"
#include "containerd/remotes/docker/authorizer.h"
#include "containerd/remotes/docker/registry.h"
#include "containerd/remotes/docker/schema1/converter.h"
#include "containerd/remotes/remotes.h"
#include "containerd/sandbox.h"
#include "containerd/sandbox/sandbox.h"
#include "containerd/seccomp/seccomp.h"
#include "containerd/services.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/snapshotter_opts.h"
#include "containerd/supervisor/supervisor.h"
#include "containerd/task.h"
#include "containerd/task_opts.h"
#include "containerd/transfer/archive.h"
#include "containerd/transfer/image.h"
#include "containerd/transfer/image_resolver.h"
#include "containerd/transfer/registry.h"
#include "containerd/transfer/transfer.h"
#include "containerd/unpack/unpacker.h"

namespace containerd {
namespace {

// As an API takes options.
template <typename Opt>
std::size_t Take(const std::vector<Opt>& opts) {
  return opts.size();
}

// Options without arguments, passed as they are and called.
template <typename Opt, typename... Plains>
void ExpectBothWays(const Plains&... plains) {
  EXPECT_EQ(Take<Opt>({plains...}), sizeof...(plains));
  EXPECT_EQ(Take<Opt>({plains()...}), sizeof...(plains));
}

TEST(Dialect, WithoutArguments) {
  ExpectBothWays<CheckpointOpt>(WithCheckpointImage, WithCheckpointTask, WithCheckpointRuntime,
                                WithCheckpointRW, WithCheckpointTaskExit);
  ExpectBothWays<DeleteOpt>(WithSnapshotCleanup);
  ExpectBothWays<IOCloserOpt>(WithStdinCloser);
  ExpectBothWays<ImportOpt>(WithImportCompression, WithDiscardUnpackedLayers, WithSkipMissing);
  ExpectBothWays<InfoOpt>(WithoutRefreshedMetadata);
  ExpectBothWays<InstallOpt>(WithInstallLibs, WithInstallReplace);
  ExpectBothWays<KillOpt>(WithKillAll);
  ExpectBothWays<NewTaskOpt>(WithNoNewKeyring, WithNoPivotRoot);
  ExpectBothWays<ProcessDeleteOpt>(WithProcessKill);
  ExpectBothWays<RemoteOpt>(WithPullUnpack, WithAllMetadata, WithSchema1Conversion);
  ExpectBothWays<RestoreOpt>(WithRestoreImage, WithRestoreRuntime, WithRestoreSpec, WithRestoreRW);
  ExpectBothWays<UnpackOpt>(WithSnapshotterPlatformCheck);
  ExpectBothWays<UsageOpt>(WithSnapshotUsage, WithManifestUsage);
  ExpectBothWays<archive::ApplyOpt>(archive::WithNoSameOwner);
  ExpectBothWays<cio::Opt>(cio::WithStdio, cio::WithTerminal);
  ExpectBothWays<display::PrintOpt>(display::Verbose);
  ExpectBothWays<events::SubscribeOpt>(events::WithResume);
  ExpectBothWays<images::DeleteOpt>(images::SynchronousDelete);
  ExpectBothWays<images::archive::ExportOpt>(images::archive::WithAllPlatforms,
                                             images::archive::WithSkipDockerManifest,
                                             images::archive::WithSkipNonDistributableBlobs);
  ExpectBothWays<images::archive::ImportOpt>(images::archive::WithImportCompression);
  ExpectBothWays<images::usage::Opt>(images::usage::WithManifestUsage);
  ExpectBothWays<leases::DeleteOpt>(leases::SynchronousDelete);
  ExpectBothWays<leases::Opt>(leases::WithRandomID);
  ExpectBothWays<mount::ActivateOpt>(mount::WithTemporary);
  ExpectBothWays<oci::SpecOpt>(
      oci::WithDefaultSpec, oci::WithAllCurrentCapabilities, oci::WithAllKnownCapabilities,
      oci::WithHostDevices, oci::WithDefaultUnixDevices, oci::WithAllDevicesAllowed,
      oci::WithParentCgroupDevices, oci::WithNamespacedCgroup, oci::WithSeccompUnconfined,
      oci::WithPrivileged, oci::WithRootFSReadonly, oci::WithoutRunMount, oci::WithHostHostsFile,
      oci::WithHostResolvconf, oci::WithHostLocaltime, oci::WithWriteableSysfs,
      oci::WithWriteableCgroupfs, oci::WithDefaultPathEnv, oci::WithTTY, oci::WithNoNewPrivileges,
      oci::WithNewPrivileges, seccomp::WithDefaultProfile);
  ExpectBothWays<remotes::docker::schema1::ConvertOpt>(remotes::docker::schema1::UseDockerSchema2);
  ExpectBothWays<supervisor::DaemonOpt>(supervisor::WithInheritedLog, supervisor::WithCRIDisabled,
                                        supervisor::WithRestartDisabled,
                                        supervisor::WithoutAdoption, supervisor::WithCleanup);
  ExpectBothWays<transfer::archive::ExportOpt>(transfer::archive::WithAllPlatforms,
                                               transfer::archive::WithSkipCompatibilityManifest,
                                               transfer::archive::WithSkipNonDistributableBlobs);
  ExpectBothWays<transfer::archive::ImportOpt>(transfer::archive::WithForceCompression);
  ExpectBothWays<transfer::image::StoreOpt>(transfer::image::WithAllMetadata);
  ExpectBothWays<transfer::registry::Opt>(transfer::registry::WithHTTPDebug,
                                          transfer::registry::WithHTTPTrace);
}

TEST(Dialect, WithArguments) {
  EXPECT_NE(
      Take<Opt>({WithDefaultNamespace("a"), WithCallObserver(nullptr), WithDefaultRuntime("a"),
                 WithDefaultSandboxer("a"), WithDefaultPlatform(nullptr),
                 WithDialOpts({WithBlock(), WithMaxBackoff(absl::Seconds(1)),
                               WithTransportCredentials(nullptr), WithChannelArguments({})}),
                 WithExtraDialOpts({}),
                 WithCallOpts({MaxCallRecvMsgSize(1), MaxCallSendMsgSize(1)}),
                 WithServices({WithContentStore(nullptr), WithImageStore(nullptr),
                               WithContainerStore(nullptr), WithNamespaceService(nullptr),
                               WithSnapshotters({}), WithTaskService(nullptr),
                               WithDiffService(nullptr), WithEventService(nullptr),
                               WithLeasesService(nullptr), WithIntrospectionService(nullptr),
                               WithSandboxStore(nullptr), WithSandboxController("a", nullptr),
                               WithTransferService(nullptr), WithMountManager(nullptr)}),
                 WithTimeout(absl::Seconds(1))}),
      0U);
  EXPECT_NE(Take<NewContainerOpt>(
                {WithRuntime("a"), WithSandbox("a"), WithImageName("a"), WithContainerLabels({}),
                 WithAdditionalContainerLabels({}), WithSnapshotter("a"), WithSnapshot("a"),
                 WithContainerExtension("a", typeurl::Any{}),
                 WithNewSpec({oci::WithTTY, oci::WithTTY(), oci::WithTTYSize(1, 1)}), WithNewSpec(),
                 WithSpec({})}),
            0U);
  EXPECT_NE(Take<NewTaskOpt>({WithRootFS({}), WithRuntimePath("a"), WithTaskAPIEndpoint("a", 1),
                              WithShimCgroup("a"), WithUIDOwner(1), WithGIDOwner(1),
                              WithRestoreImagePath("a"), WithRestoreWorkPath("a")}),
            0U);
  EXPECT_NE(Take<UpdateTaskOpt>({WithResources({}), WithAnnotations({})}), 0U);
  EXPECT_NE(Take<CheckpointTaskOpt>(
                {WithCheckpointName("a"), WithCheckpointImagePath("a"), WithCheckpointOptions({})}),
            0U);
  EXPECT_NE(Take<InstallOpt>({WithInstallPath("a")}), 0U);
  EXPECT_NE(Take<UsageOpt>({WithUsageManifestLimit(1)}), 0U);
  EXPECT_NE(Take<UnpackOpt>({WithUnpackApplyOpts({diff::WithSyncFs(true)}), WithLocalUnpack(),
                             WithUnpackApplier(nullptr), WithUnpackDuplicationSuppressor(nullptr),
                             WithUnpackLimiter(nullptr)}),
            0U);
  EXPECT_NE(Take<ImportOpt>({WithImageRefTranslator({}), WithImageLabels({}), WithDigestRef({}),
                             WithSkipDigestRef({}), WithIndexName("a"), WithAllPlatforms(true),
                             WithImportPlatform(nullptr), WithImportReferrers(nullptr)}),
            0U);
  EXPECT_NE(Take<NewSandboxOpt>({WithSandboxRuntime("a"), WithSandboxSpec({}),
                                 WithSandboxExtension("a", typeurl::Any{}), WithSandboxLabels({})}),
            0U);
  EXPECT_NE(
      Take<RemoteOpt>({WithPlatform("a"), WithPlatformMatcher(nullptr),
                       WithUnpackOpts({WithSnapshotterPlatformCheck}), WithPullSnapshotter("a"),
                       WithPullLabel("a", "b"), WithPullLabels({}), WithChildLabelMap({}),
                       WithResolver(nullptr), WithImageHandler({}), WithImageHandlerWrapper({}),
                       WithDownloadLimiter(nullptr), WithMaxConcurrentDownloads(1),
                       WithConcurrentLayerFetchBuffer(1), WithMaxConcurrentUploadedLayers(1),
                       WithReferrersProvider(nullptr), WithProgress({})}),
      0U);
  EXPECT_NE(Take<KillOpt>({WithKillExecID("a")}), 0U);
  EXPECT_NE(Take<archive::ApplyOpt>({archive::WithFilter({}), archive::WithConvertWhiteout({}),
                                     archive::WithParents({}), archive::WithUndescribed(nullptr),
                                     archive::WithMaxSize(1)}),
            0U);
  EXPECT_NE(Take<cio::Opt>(
                {cio::WithStreams({}, {}, {}), cio::WithFIFODir("a"), cio::WithFIFOOwner(0, 0)}),
            0U);
  EXPECT_NE(Take<content::Opt>({content::WithLabels({})}), 0U);
  EXPECT_NE(Take<content::WriterOpt>({content::WithRef("a"), content::WithDescriptor({})}), 0U);
  EXPECT_NE(Take<diff::Opt>({diff::WithMediaType("a"), diff::WithReference("a"),
                             diff::WithLabels({}), diff::WithSourceDateEpoch({})}),
            0U);
  EXPECT_NE(Take<diff::ApplyOpt>(
                {diff::WithPayloads({}), diff::WithSyncFs(true), diff::WithProgress({})}),
            0U);
  EXPECT_NE(Take<display::PrintOpt>({display::WithFormat({})}), 0U);
  EXPECT_NE(Take<events::SubscribeOpt>({events::WithBackoff(absl::Seconds(1), absl::Seconds(2)),
                                        events::WithQueueSize(1)}),
            0U);
  EXPECT_NE(Take<images::DeleteOpt>({images::DeleteTarget({})}), 0U);
  EXPECT_NE(
      Take<images::archive::ExportOpt>(
          {images::archive::WithPlatform(nullptr), images::archive::WithImage(nullptr, "a"),
           images::archive::WithImages({}), images::archive::WithManifest({}),
           images::archive::WithBlobFilter({}), images::archive::WithReferrersProvider(nullptr),
           images::archive::WithSkipMissing(nullptr)}),
      0U);
  EXPECT_NE(
      Take<images::converter::Opt>(
          {images::converter::WithLayerConvertFunc({}), images::converter::WithDockerToOCI(true),
           images::converter::WithOCIToDocker(true), images::converter::WithPlatform(nullptr),
           images::converter::WithIndexConvertFunc({}), images::converter::WithUpdateManifest({})}),
      0U);
  EXPECT_NE(Take<images::usage::Opt>({images::usage::WithManifestLimit(nullptr, 1),
                                      images::usage::WithSnapshotters({})}),
            0U);
  EXPECT_NE(Take<leases::Opt>({leases::WithID("a"), leases::WithExpiration(absl::Hours(1)),
                               leases::WithLabel("a", "b"), leases::WithLabels({})}),
            0U);
  EXPECT_NE(Take<mount::ActivateOpt>({mount::WithLabels({}), mount::WithAllowMountType("a")}), 0U);
  EXPECT_NE(Take<oci::SpecOpt>({oci::Compose({oci::WithTTY}),
                                oci::WithDefaultSpecForPlatform("linux/amd64"),
                                oci::WithSpecFromBytes("{}"),
                                oci::WithSpecFromFile("a"),
                                oci::WithAnnotations({}),
                                oci::WithImageConfig(std::shared_ptr<const oci::Image>()),
                                oci::WithImageConfigArgs(std::shared_ptr<const oci::Image>(), {}),
                                oci::WithMemoryLimit(1),
                                oci::WithMemorySwap(1),
                                oci::WithPidsLimit(1),
                                oci::WithBlockIO({}),
                                oci::WithCPUShares(1),
                                oci::WithCPUs("0"),
                                oci::WithCPUsMems("0"),
                                oci::WithCPUCFS(1, 1),
                                oci::WithCPUBurst(1),
                                oci::WithCPURT(1, 1),
                                oci::WithRdt("a", "b", "c"),
                                oci::WithRootFSPath("a"),
                                oci::WithMounts({}),
                                oci::WithoutMounts({}),
                                oci::WithDevShmSize(1),
                                oci::WithUser("a"),
                                oci::WithUIDGID(0, 0),
                                oci::WithUserID(0),
                                oci::WithUsername("a"),
                                oci::WithAdditionalGIDs("a"),
                                oci::WithAppendAdditionalGroups({}),
                                oci::WithUmask(0),
                                oci::WithCapabilities({}),
                                oci::WithAddedCapabilities({}),
                                oci::WithDroppedCapabilities({}),
                                oci::WithAmbientCapabilities({}),
                                oci::WithDevices("a", "b", "rwm"),
                                oci::WithLinuxDevice("a", "rwm"),
                                oci::WithLinuxDeviceFollowSymlinks("a", "rwm"),
                                oci::WithLinuxDevices({}),
                                oci::WithProcessArgs({}),
                                oci::WithProcessCwd("/"),
                                oci::WithEnv({}),
                                oci::WithEnvFile("a"),
                                oci::WithTTYSize(1, 1),
                                oci::WithRlimit({}),
                                oci::WithSelinuxLabel("a"),
                                oci::WithApparmorProfile("a"),
                                oci::WithHostname("a"),
                                oci::WithDomainname("a"),
                                oci::WithHostNamespace({}),
                                oci::WithLinuxNamespace({}),
                                oci::WithUserNamespace({}, {}),
                                oci::WithCgroup("a"),
                                oci::WithMaskedPaths({}),
                                oci::WithReadonlyPaths({}),
                                seccomp::WithProfile("a"),
                                apparmor::WithProfile("a"),
                                apparmor::WithDefaultProfile("a"),
                                cdi::WithCDIDevices({}),
                                nvidia::WithGPUs({})}),
            0U);
  EXPECT_NE(Take<nvidia::Opt>({nvidia::WithDevices({}), nvidia::WithDeviceUUIDs({}),
                               nvidia::WithAllDevices, nvidia::WithAllCapabilities(),
                               nvidia::WithCapabilities({}), nvidia::WithRequiredCUDAVersion(1, 2),
                               nvidia::WithOCIHookPath("a"), nvidia::WithLookupOCIHookPath("a"),
                               nvidia::WithNoCgroups}),
            0U);
  EXPECT_NE(Take<remotes::FetchByDigestOpt>({remotes::WithMediaType("a")}), 0U);
  EXPECT_NE(Take<remotes::FetchReferrersOpt>({remotes::WithReferrerArtifactTypes({}),
                                              remotes::WithReferrerQueryFilter("a", "b")}),
            0U);
  EXPECT_NE(Take<remotes::docker::AuthorizerOpt>(
                {remotes::docker::WithAuthClient(nullptr), remotes::docker::WithAuthCreds({}),
                 remotes::docker::WithAuthHeader({}), remotes::docker::WithFetchRefreshToken({})}),
            0U);
  EXPECT_NE(Take<remotes::docker::RegistryOpt>(
                {remotes::docker::WithPlainHTTP({}), remotes::docker::WithAuthorizer(nullptr),
                 remotes::docker::WithHostTranslator({}), remotes::docker::WithClient(nullptr)}),
            0U);
  EXPECT_NE(Take<sandbox::CreateOpt>({sandbox::WithRootFS({}), sandbox::WithOptions({}),
                                      sandbox::WithNetNSPath("a"), sandbox::WithAnnotations({})}),
            0U);
  EXPECT_NE(Take<sandbox::StopOpt>({sandbox::WithTimeout(absl::Seconds(1))}), 0U);
  EXPECT_NE(
      Take<snapshots::Opt>({snapshots::WithLabels({}), snapshots::WithParent("a"),
                            WithRemapperLabels(0, 0, 0, 0, 1), WithUserNSRemapperLabels({}, {})}),
      0U);
  EXPECT_NE(Take<supervisor::DaemonOpt>(
                {supervisor::WithBinDir("a"), supervisor::WithAddress("a"),
                 supervisor::WithEnv("a", "b"), supervisor::WithLogLevel("a"),
                 supervisor::WithLogFormat("a"), supervisor::WithLogFile("a"),
                 supervisor::WithOOMScore(1), supervisor::WithDisabledPlugins({}),
                 supervisor::WithConfig("a"), supervisor::WithStartupTimeout(absl::Seconds(1)),
                 supervisor::WithShutdownTimeout(absl::Seconds(1)),
                 supervisor::WithRestartBackoff(absl::Seconds(1), absl::Seconds(2)),
                 supervisor::WithParentDeathSignal(9)}),
            0U);
  EXPECT_NE(Take<transfer::Opt>({transfer::WithProgress({})}), 0U);
  EXPECT_NE(Take<transfer::ImageResolverOpt>({transfer::WithDownloadLimiter(nullptr),
                                              transfer::WithMaxConcurrentDownloads(1),
                                              transfer::WithConcurrentLayerFetchBuffer(1)}),
            0U);
  EXPECT_NE(Take<transfer::archive::ExportOpt>({transfer::archive::WithPlatform({})}), 0U);
  EXPECT_NE(Take<transfer::image::StoreOpt>(
                {transfer::image::WithImageLabels({}), transfer::image::WithPlatforms({}),
                 transfer::image::WithManifestLimit(1), transfer::image::WithNamedPrefix("a", true),
                 transfer::image::WithDigestRef("a", true, true),
                 transfer::image::WithExtraReference("a"), transfer::image::WithUnpack({}, "a")}),
            0U);
  EXPECT_NE(
      Take<transfer::registry::Opt>(
          {transfer::registry::WithHeaders({}), transfer::registry::WithCredentials(nullptr),
           transfer::registry::WithHostDir("a"), transfer::registry::WithDefaultScheme("http"),
           transfer::registry::WithClientStream(nullptr)}),
      0U);
  EXPECT_NE(Take<unpack::UnpackerOpt>({unpack::WithUnpackPlatform({}), unpack::WithLimiter(nullptr),
                                       unpack::WithDuplicationSuppressor(nullptr),
                                       unpack::WithUnpackLimiter(nullptr)}),
            0U);
}

// Go's names for the types.
TEST(Dialect, GoNames) {
  EXPECT_EQ(Take<NewContainerOpts>({WithSnapshotter("a")}), 1U);
  EXPECT_EQ(Take<oci::SpecOpts>({oci::WithTTY}), 1U);
  EXPECT_EQ(Take<transfer::ImageResolverOption>({transfer::WithMaxConcurrentDownloads(1)}), 1U);
}

// What an option changes.
TEST(Dialect, Applied) {
  leases::Lease lease;
  EXPECT_TRUE(leases::WithRandomID(lease).ok());
  EXPECT_FALSE(lease.id.empty());
  oci::Spec spec;
  EXPECT_TRUE(oci::WithTTY(Context::Background(), nullptr, nullptr, spec).ok());
  ASSERT_TRUE(spec.process.has_value());
  EXPECT_TRUE(spec.process->terminal);
}

}  // namespace
}  // namespace containerd
