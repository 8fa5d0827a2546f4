// SPDX-License-Identifier: Apache-2.0
//
// Every enum of the public headers has a ToString, which tests/check_enums.py sees to; these are
// its values.
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "containerd/archive/diff.h"
#include "containerd/cio/cio.h"
#include "containerd/compression/compression.h"
#include "containerd/cri/status.h"
#include "containerd/cri/types.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/health/health.h"
#include "containerd/http/http.h"
#include "containerd/libcontainerd/types.h"
#include "containerd/log/log.h"
#include "containerd/remote_opts.h"
#include "containerd/remotes/docker/auth.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/tasks/tasks.h"
#include "containerd/tracing/call_observer.h"

namespace containerd {
namespace {

constexpr int kNone = 99;

template <typename Enum>
void Expect(const std::vector<std::pair<Enum, std::string_view>>& names,
            std::string_view otherwise) {
  for (const auto& [value, name] : names) EXPECT_EQ(ToString(value), name);
  EXPECT_EQ(ToString(static_cast<Enum>(kNone)), otherwise);
}

TEST(ToString, OfEveryEnum) {
  Expect<archive::ChangeKind>({{archive::ChangeKind::kUnmodified, "unmodified"},
                               {archive::ChangeKind::kAdd, "add"},
                               {archive::ChangeKind::kModify, "modify"},
                               {archive::ChangeKind::kDelete, "delete"}},
                              "");
  Expect<cio::DrainResult>({{cio::DrainResult::kEOF, "EOF"},
                            {cio::DrainResult::kQuiet, "quiet"},
                            {cio::DrainResult::kCanceled, "canceled"}},
                           "unknown");
  Expect<compression::Compression>({{compression::Compression::kUncompressed, "uncompressed"},
                                    {compression::Compression::kGzip, "gzip"},
                                    {compression::Compression::kZstd, "zstd"},
                                    {compression::Compression::kUnknown, "unknown"}},
                                   "unknown");
  Expect<health::ServingStatus>({{health::ServingStatus::kUnknown, "UNKNOWN"},
                                 {health::ServingStatus::kServing, "SERVING"},
                                 {health::ServingStatus::kNotServing, "NOT_SERVING"},
                                 {health::ServingStatus::kServiceUnknown, "SERVICE_UNKNOWN"}},
                                "UNKNOWN");
  Expect<log::Level>({{log::Level::kDebug, "debug"},
                      {log::Level::kInfo, "info"},
                      {log::Level::kWarn, "warning"},
                      {log::Level::kError, "error"}},
                     "unknown");
  EXPECT_EQ(errdefs::ToString(errdefs::Class::ErrNotFound), "not found");
  EXPECT_EQ(errdefs::ToString(errdefs::Class::Canceled), "context canceled");
  Expect<http::ErrorKind>({{http::ErrorKind::kOther, "other"},
                           {http::ErrorKind::kUnexpectedEOF, "unexpected EOF"},
                           {http::ErrorKind::kTimeout, "timeout"},
                           {http::ErrorKind::kHandshakeTimeout, "TLS handshake timeout"},
                           {http::ErrorKind::kConnectionRefused, "connection refused"},
                           {http::ErrorKind::kNotTLS, "server gave no TLS answer"},
                           {http::ErrorKind::kCertificate, "certificate refused"}},
                          "other");
  Expect<BlobState>({{BlobState::kWaiting, "waiting"},
                     {BlobState::kTransferring, "transferring"},
                     {BlobState::kDone, "done"},
                     {BlobState::kExists, "exists"},
                     {BlobState::kUnpacking, "unpacking"},
                     {BlobState::kUnpacked, "unpacked"},
                     {BlobState::kFailed, "failed"}},
                    "unknown");
  using remotes::docker::auth::AuthenticationScheme;
  Expect<AuthenticationScheme>({{AuthenticationScheme::BasicAuth, "Basic"},
                                {AuthenticationScheme::DigestAuth, "Digest"},
                                {AuthenticationScheme::BearerAuth, "Bearer"}},
                               "unknown");
  Expect<snapshots::Kind>({{snapshots::Kind::kUnknown, "Unknown"},
                           {snapshots::Kind::kView, "View"},
                           {snapshots::Kind::kActive, "Active"},
                           {snapshots::Kind::kCommitted, "Committed"}},
                          "Unknown");
  Expect<tasks::Status>({{tasks::Status::kUnknown, "unknown"},
                         {tasks::Status::kCreated, "created"},
                         {tasks::Status::kRunning, "running"},
                         {tasks::Status::kStopped, "stopped"},
                         {tasks::Status::kPaused, "paused"},
                         {tasks::Status::kPausing, "pausing"}},
                        "unknown");
  Expect<tracing::CallKind>({{tracing::CallKind::kUnary, "unary"},
                             {tracing::CallKind::kServerStream, "server stream"},
                             {tracing::CallKind::kBidiStream, "bidi stream"},
                             {tracing::CallKind::kHTTP, "HTTP"}},
                            "unknown");
}

TEST(ToString, OfCRIAsItsProtocolHasThem) {
  Expect<cri::NamespaceMode>({{cri::NamespaceMode::kPod, "POD"},
                              {cri::NamespaceMode::kContainer, "CONTAINER"},
                              {cri::NamespaceMode::kNode, "NODE"},
                              {cri::NamespaceMode::kTarget, "TARGET"}},
                             "");
  Expect<cri::Protocol>(
      {{cri::Protocol::kTCP, "TCP"}, {cri::Protocol::kUDP, "UDP"}, {cri::Protocol::kSCTP, "SCTP"}},
      "");
  Expect<cri::MountPropagation>(
      {{cri::MountPropagation::kPrivate, "PROPAGATION_PRIVATE"},
       {cri::MountPropagation::kHostToContainer, "PROPAGATION_HOST_TO_CONTAINER"},
       {cri::MountPropagation::kBidirectional, "PROPAGATION_BIDIRECTIONAL"}},
      "");
  Expect<cri::ContainerState>({{cri::ContainerState::kCreated, "CONTAINER_CREATED"},
                               {cri::ContainerState::kRunning, "CONTAINER_RUNNING"},
                               {cri::ContainerState::kExited, "CONTAINER_EXITED"},
                               {cri::ContainerState::kUnknown, "CONTAINER_UNKNOWN"}},
                              "");
  Expect<cri::SandboxState>({{cri::SandboxState::kReady, "SANDBOX_READY"},
                             {cri::SandboxState::kNotReady, "SANDBOX_NOTREADY"},
                             {cri::SandboxState::kUnknown, "SANDBOX_UNKNOWN"}},
                            "");
}

TEST(ToString, OfTheEngines) {
  using libcontainerd::EventType;
  Expect<EventType>({{EventType::kUnknown, "unknown"},
                     {EventType::kExit, "exit"},
                     {EventType::kOOM, "oom"},
                     {EventType::kCreate, "create"},
                     {EventType::kStart, "start"},
                     {EventType::kExecAdded, "exec-added"},
                     {EventType::kExecStarted, "exec-started"},
                     {EventType::kPaused, "paused"},
                     {EventType::kResumed, "resumed"}},
                    "unknown");
  using StatsKind = libcontainerd::Stats::Kind;
  Expect<StatsKind>({{StatsKind::kCgroupV1, "cgroups v1"},
                     {StatsKind::kCgroupV2, "cgroups v2"},
                     {StatsKind::kOther, "other"}},
                    "unknown");
}

// The older names.
TEST(ToString, IsAlsoString) {
  EXPECT_EQ(snapshots::String(snapshots::Kind::kView), "View");
  EXPECT_EQ(health::String(health::ServingStatus::kServing), "SERVING");
  EXPECT_EQ(cri::CRIContainerStateToString(cri::ContainerState::kRunning), "CONTAINER_RUNNING");
}

}  // namespace
}  // namespace containerd
