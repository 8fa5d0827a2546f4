// SPDX-License-Identifier: Apache-2.0
#include "clean_namespace.h"

#include <csignal>
#include <filesystem>
#include <set>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>
#include <grpcpp/grpcpp.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/services/containers/v1/containers.grpc.pb.h"
#include "containerd/services/content/v1/content.grpc.pb.h"
#include "containerd/services/images/v1/images.grpc.pb.h"
#include "containerd/services/introspection/v1/introspection.grpc.pb.h"
#include "containerd/services/leases/v1/leases.grpc.pb.h"
#include "containerd/services/namespaces/v1/namespaces.grpc.pb.h"
#include "containerd/services/sandbox/v1/sandbox.grpc.pb.h"
#include "containerd/services/snapshots/v1/snapshots.grpc.pb.h"
#include "containerd/services/tasks/v1/tasks.grpc.pb.h"

namespace containerd::testing {
namespace {

namespace sv = ::containerd::services;

class Cleaner {
 public:
  Cleaner(std::shared_ptr<grpc::Channel> channel, std::string ns)
      : channel_(std::move(channel)), ns_(std::move(ns)) {}

  absl::Status Run() {
    EndTasks();
    DeleteContainers();
    DeleteSandboxes();
    DeleteImages();
    DeleteLeases();
    CollectGarbage();
    RemoveSnapshots();
    DeleteContent();
    DeleteNamespace();
    return result_;
  }

 private:
  // Makes a call; a failure becomes part of the result, unless what was to go is gone, or the
  // daemon has no such service.
  template <typename Stub, typename Method, typename Request, typename Response>
  bool Call(Stub& stub, Method method, const Request& request, Response* response,
            std::string_view what, absl::Duration timeout = absl::Seconds(30)) {
    grpc::ClientContext context;
    Prepare(context, timeout);
    return Check((stub.*method)(&context, request, response), what);
  }

  bool Check(const grpc::Status& status, std::string_view what) {
    if (status.ok()) return true;
    if (status.error_code() != grpc::StatusCode::NOT_FOUND &&
        status.error_code() != grpc::StatusCode::UNIMPLEMENTED) {
      result_.Update(errdefs::Annotate(
          errdefs::ToNative(static_cast<int>(status.error_code()), status.error_message()), what));
    }
    return false;
  }

  void Prepare(grpc::ClientContext& context, absl::Duration timeout = absl::Seconds(30)) const {
    context.AddMetadata("containerd-namespace", ns_);
    context.set_wait_for_ready(true);
    context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  }

  void EndTasks() {
    namespace pb = sv::tasks::v1;
    const auto stub = pb::Tasks::NewStub(channel_);
    pb::ListTasksResponse list;
    // The namespace itself may not exist.
    if (!Call(*stub, &pb::Tasks::Stub::List, pb::ListTasksRequest(), &list, "listing tasks"))
      return;
    for (const auto& task : list.tasks()) {
      const std::string what = fmt::format("task {}", task.id());
      google::protobuf::Empty empty;
      {
        // Frozen processes do not die; most tasks are not, and answer with an error.
        grpc::ClientContext context;
        Prepare(context);
        pb::ResumeTaskRequest request;
        request.set_container_id(task.id());
        stub->Resume(&context, request, &empty);
      }
      {
        grpc::ClientContext context;
        Prepare(context);
        pb::KillRequest request;
        request.set_container_id(task.id());
        request.set_signal(SIGKILL);
        request.set_all(true);
        stub->Kill(&context, request, &empty);  // fails for one that has ended
      }
      {
        grpc::ClientContext context;
        Prepare(context, absl::Seconds(10));
        pb::WaitRequest request;
        request.set_container_id(task.id());
        pb::WaitResponse response;
        stub->Wait(&context, request, &response);  // does not end for one never started
      }
      pb::DeleteTaskRequest request;
      request.set_container_id(task.id());
      pb::DeleteResponse response;
      Call(*stub, &pb::Tasks::Stub::Delete, request, &response, what);
    }
  }

  void DeleteContainers() {
    namespace pb = sv::containers::v1;
    const auto stub = pb::Containers::NewStub(channel_);
    pb::ListContainersResponse list;
    if (!Call(*stub, &pb::Containers::Stub::List, pb::ListContainersRequest(), &list,
              "listing containers")) {
      return;
    }
    for (const auto& container : list.containers()) {
      pb::DeleteContainerRequest request;
      request.set_id(container.id());
      google::protobuf::Empty empty;
      Call(*stub, &pb::Containers::Stub::Delete, request, &empty,
           fmt::format("container {}", container.id()));
    }
  }

  void DeleteSandboxes() {
    namespace pb = sv::sandbox::v1;
    const auto stub = pb::Store::NewStub(channel_);
    pb::StoreListResponse list;
    if (!Call(*stub, &pb::Store::Stub::List, pb::StoreListRequest(), &list, "listing sandboxes")) {
      return;
    }
    for (const auto& sandbox : list.list()) {
      pb::StoreDeleteRequest request;
      request.set_sandbox_id(sandbox.sandbox_id());
      pb::StoreDeleteResponse response;
      Call(*stub, &pb::Store::Stub::Delete, request, &response,
           fmt::format("sandbox {}", sandbox.sandbox_id()));
    }
  }

  void DeleteImages() {
    namespace pb = sv::images::v1;
    const auto stub = pb::Images::NewStub(channel_);
    pb::ListImagesResponse list;
    if (!Call(*stub, &pb::Images::Stub::List, pb::ListImagesRequest(), &list, "listing images")) {
      return;
    }
    for (const auto& image : list.images()) {
      pb::DeleteImageRequest request;
      request.set_name(image.name());
      google::protobuf::Empty empty;
      Call(*stub, &pb::Images::Stub::Delete, request, &empty,
           fmt::format("image {}", image.name()));
    }
  }

  void DeleteLeases() {
    namespace pb = sv::leases::v1;
    const auto stub = pb::Leases::NewStub(channel_);
    pb::ListResponse list;
    if (!Call(*stub, &pb::Leases::Stub::List, pb::ListRequest(), &list, "listing leases")) return;
    for (const auto& lease : list.leases()) {
      pb::DeleteRequest request;
      request.set_id(lease.id());
      google::protobuf::Empty empty;
      Call(*stub, &pb::Leases::Stub::Delete, request, &empty, fmt::format("lease {}", lease.id()));
    }
  }

  // Lets the daemon's collector take what nothing holds any more, and waits for it: deleting a
  // lease does so when asked to. Left to itself it might come while snapshots are being removed
  // here, and a snapshot that lost its child to the collector can't be removed by a client.
  void CollectGarbage() {
    namespace pb = sv::leases::v1;
    const auto stub = pb::Leases::NewStub(channel_);
    pb::CreateRequest create;
    create.set_id("collect-garbage");
    pb::CreateResponse created;
    if (!Call(*stub, &pb::Leases::Stub::Create, create, &created, "making a lease")) return;
    pb::DeleteRequest request;
    request.set_id(create.id());
    request.set_sync(true);
    google::protobuf::Empty empty;
    Call(*stub, &pb::Leases::Stub::Delete, request, &empty, "collecting garbage");
  }

  void RemoveSnapshots() {
    const auto snapshotters = LoadedPlugins(channel_, "io.containerd.snapshotter.v1");
    result_.Update(snapshotters.status());
    if (!snapshotters.ok()) return;
    for (const std::string& snapshotter : *snapshotters) {
      // Each round removes those that no other one stands on.
      while (RemoveLeafSnapshots(snapshotter)) {
      }
    }
  }

  // Whether there may be more.
  bool RemoveLeafSnapshots(const std::string& snapshotter) {
    namespace pb = sv::snapshots::v1;
    const auto stub = pb::Snapshots::NewStub(channel_);
    std::set<std::string> names;
    std::set<std::string> parents;
    {
      grpc::ClientContext context;
      Prepare(context);
      pb::ListSnapshotsRequest request;
      request.set_snapshotter(snapshotter);
      const auto reader = stub->List(&context, request);
      for (pb::ListSnapshotsResponse part; reader->Read(&part);) {
        for (const auto& info : part.info()) {
          names.insert(info.name());
          parents.insert(info.parent());
        }
      }
      if (!Check(reader->Finish(), fmt::format("listing snapshots of {}", snapshotter))) {
        return false;
      }
    }
    bool progress = false;
    for (const std::string& name : names) {
      if (parents.contains(name)) continue;
      pb::RemoveSnapshotRequest request;
      request.set_snapshotter(snapshotter);
      request.set_key(name);
      google::protobuf::Empty empty;
      progress |= Call(*stub, &pb::Snapshots::Stub::Remove, request, &empty,
                       fmt::format("snapshot {} of {}", name, snapshotter));
    }
    return progress;
  }

  void DeleteContent() {
    namespace pb = sv::content::v1;
    const auto stub = pb::Content::NewStub(channel_);
    pb::ListStatusesResponse statuses;
    Call(*stub, &pb::Content::Stub::ListStatuses, pb::ListStatusesRequest(), &statuses,
         "listing ingests");
    for (const auto& status : statuses.statuses()) {
      pb::AbortRequest request;
      request.set_ref(status.ref());
      google::protobuf::Empty empty;
      Call(*stub, &pb::Content::Stub::Abort, request, &empty,
           fmt::format("ingest {}", status.ref()));
    }
    std::vector<std::string> digests;
    grpc::ClientContext context;
    Prepare(context);
    const auto reader = stub->List(&context, pb::ListContentRequest());
    for (pb::ListContentResponse part; reader->Read(&part);) {
      for (const auto& info : part.info()) digests.push_back(info.digest());
    }
    Check(reader->Finish(), "listing content");
    for (const std::string& digest : digests) {
      pb::DeleteContentRequest request;
      request.set_digest(digest);
      google::protobuf::Empty empty;
      Call(*stub, &pb::Content::Stub::Delete, request, &empty, fmt::format("content {}", digest));
    }
  }

  void DeleteNamespace() {
    namespace pb = sv::namespaces::v1;
    const auto stub = pb::Namespaces::NewStub(channel_);
    pb::DeleteNamespaceRequest request;
    request.set_name(ns_);
    google::protobuf::Empty empty;
    Call(*stub, &pb::Namespaces::Stub::Delete, request, &empty, "the namespace");
    // Folders that the namespace's tasks leave behind, empty.
    rmdir(("/run/containerd/runc/" + ns_).c_str());
    std::error_code ec;
    for (const auto& hierarchy : std::filesystem::directory_iterator("/sys/fs/cgroup", ec)) {
      rmdir((hierarchy.path() / ns_).c_str());
    }
    rmdir(("/sys/fs/cgroup/" + ns_).c_str());
  }

  std::shared_ptr<grpc::Channel> channel_;
  std::string ns_;
  absl::Status result_;
};

}  // namespace

absl::Status CleanNamespace(const std::shared_ptr<grpc::Channel>& channel, const std::string& ns) {
  return Cleaner(channel, ns).Run();
}

absl::StatusOr<std::vector<std::string>> LoadedPlugins(
    const std::shared_ptr<grpc::Channel>& channel, const std::string& type) {
  namespace pb = sv::introspection::v1;
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
  pb::PluginsRequest request;
  request.add_filters("type==" + type);
  pb::PluginsResponse response;
  const grpc::Status status =
      pb::Introspection::NewStub(channel)->Plugins(&context, request, &response);
  if (!status.ok()) {
    return errdefs::Annotate(
        errdefs::ToNative(static_cast<int>(status.error_code()), status.error_message()),
        "listing plugins");
  }
  std::vector<std::string> out;
  for (const pb::Plugin& plugin : response.plugins()) {
    if (!plugin.has_init_err()) out.push_back(plugin.id());
  }
  return out;
}

}  // namespace containerd::testing
