// SPDX-License-Identifier: Apache-2.0
//
// Package content: the content store, where blobs lie under their digests.
//
//   std::shared_ptr<content::Store> store = client.ContentStore();
//   absl::Status s = content::WriteBlob(ctx, *store, "my-config", "{}", desc);   // helpers.h
//   absl::StatusOr<std::string> blob = content::ReadBlob(ctx, *store, desc);
//
// A blob comes into being in two steps. A Writer fills an ingestion, which has a name, its "ref",
// and which stays when the writer goes, so that another writer can resume it. Commit then turns the
// ingestion into content. Provider and Manager show only content, IngestManager only ingestions.
//
// Stores are safe to use from several threads. A ReaderAt is too; a Writer belongs to one thread at
// a time. The gRPC proxy of a daemon's store is in this header.
//
// Source: core/content/content.go.
#ifndef CONTAINERD_CONTENT_CONTENT_H_
#define CONTAINERD_CONTENT_CONTENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/digest/digest.h"
#include "containerd/export/export.h"
#include "containerd/io/io.h"
#include "containerd/labels/labels.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/option/option.h"
#include "containerd/option/pairs.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::content {

// What the store knows about a blob.
struct Info {
  std::string digest{};
  std::int64_t size = 0;  // Bytes.
  absl::Time created_at = absl::InfinitePast();
  absl::Time updated_at = absl::InfinitePast();
  Labels labels{};

  friend bool operator==(const Info&, const Info&) = default;
};

// How far an ingestion is.
struct Status {
  std::string ref{};
  std::int64_t offset = 0;  // Bytes that the store has.
  std::int64_t total = 0;   // Bytes that are expected; 0 if unknown.
  std::string expected{};   // Digest that is expected; empty if unknown.
  absl::Time started_at = absl::InfinitePast();
  absl::Time updated_at = absl::InfinitePast();

  friend bool operator==(const Status&, const Status&) = default;
};

// Changes the labels that content gets when it is committed.
using Opt = option::Option<Info&>;

CONTAINERD_EXPORT Opt WithLabels(Labels labels);

// Filled by WriterOpts' options for Ingester::Writer.
struct WriterOpts {
  std::string ref{};
  ocispec::Descriptor desc{};
};

using WriterOpt = option::Option<WriterOpts&>;

// The name of the ingestion. Required by the daemon.
CONTAINERD_EXPORT WriterOpt WithRef(std::string ref);

// What is going to be written, as far as known: size 0 and an empty digest mean unknown.
CONTAINERD_EXPORT WriterOpt WithDescriptor(ocispec::Descriptor desc);

// Reads one blob at any place. Destroying it releases it.
class CONTAINERD_EXPORT ReaderAt {
 public:
  ReaderAt() = default;
  ReaderAt(const ReaderAt&) = delete;
  ReaderAt& operator=(const ReaderAt&) = delete;
  virtual ~ReaderAt() = default;

  // Fills `buf` with the bytes from `offset` on and returns how many those are; fewer than
  // buf.size() only at the end of the blob.
  virtual absl::StatusOr<std::size_t> ReadAt(const Context& ctx, std::span<char> buf,
                                             std::int64_t offset) = 0;

  // Bytes of the whole blob.
  virtual std::int64_t Size() const = 0;

  // A reader of the whole blob that is better at reading in order than repeated ReadAt, or nullptr
  // if this implementation has none; it may outlive this object. Callers use
  // content::NewReader (helpers.h).
  virtual std::unique_ptr<io::Reader> Reader() { return nullptr; }
};

// Reads content. Source: content.Provider.
class CONTAINERD_EXPORT Provider {
 public:
  virtual ~Provider() = default;

  // Only desc.digest is required. ErrNotFound if there is no such content.
  virtual absl::StatusOr<std::unique_ptr<content::ReaderAt>> ReaderAt(
      const Context& ctx, const ocispec::Descriptor& desc) = 0;
};

// What is known of content. Source: content.InfoProvider.
class CONTAINERD_EXPORT InfoProvider {
 public:
  virtual ~InfoProvider() = default;

  // ErrNotFound if there is no such content.
  virtual absl::StatusOr<content::Info> Info(const Context& ctx, const digest::Digest& dgst) = 0;
};

class InfoReaderProvider : public virtual InfoProvider, public virtual Provider {};

// Finds what refers to content from outside: signatures, attestations and the like.
class CONTAINERD_EXPORT ReferrersProvider {
 public:
  virtual ~ReferrersProvider() = default;

  // Descriptors of the manifests that have `desc` as their subject; none is not an error.
  virtual absl::StatusOr<std::vector<ocispec::Descriptor>> Referrers(
      const Context& ctx, const ocispec::Descriptor& desc) = 0;
};

// Called for each blob; an error ends the walk and is its result.
using WalkFunc = std::function<absl::Status(const Info&)>;

// Changes, lists and deletes content. Source: content.Manager.
class CONTAINERD_EXPORT Manager : public virtual InfoProvider {
 public:
  // Replaces the labels, or with `fieldpaths` ("labels", "labels.<key>") only those named. Returns
  // the new info.
  virtual absl::StatusOr<content::Info> Update(const Context& ctx, const content::Info& info,
                                               const std::vector<std::string>& fieldpaths = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void Update(const Context&, const content::Info&, option::BracedTexts<N, M>) = delete;

  // Calls `fn`, on this thread, for each blob that one of `filters` selects; all if there are none.
  // `fn` may call the store.
  virtual absl::Status Walk(const Context& ctx, const WalkFunc& fn,
                            const std::vector<std::string>& filters = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void Walk(const Context&, const WalkFunc&, option::BracedTexts<N, M>) = delete;

  // ErrNotFound if there is no such content.
  virtual absl::Status Delete(const Context& ctx, const digest::Digest& dgst) = 0;
};

// Ingestions that have begun and are not committed. Source: content.IngestManager.
class CONTAINERD_EXPORT IngestManager {
 public:
  virtual ~IngestManager() = default;

  // ErrNotFound if there is no such ingestion.
  virtual absl::StatusOr<content::Status> Status(const Context& ctx, std::string_view ref) = 0;

  // The ingestions that one of `filters` selects by their ref (`ref==layer-1`); all if there are
  // none. Go's documentation calls them regular expressions, which no store takes them for.
  virtual absl::StatusOr<std::vector<content::Status>> ListStatuses(
      const Context& ctx, const std::vector<std::string>& filters = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void ListStatuses(const Context&, option::BracedTexts<N, M>) = delete;

  // Drops the ingestion and what was written to it.
  virtual absl::Status Abort(const Context& ctx, std::string_view ref) = 0;
};

// Writes to an ingestion, which is locked to this writer while it lives. Destroying the writer does
// not abort the ingestion: what was written remains (and what is still under way gets there), for
// another writer to resume or IngestManager::Abort to drop.
class CONTAINERD_EXPORT Writer : public io::Writer {
 public:
  // Appends. It may return before the store has the bytes; an error of the store then comes from a
  // later call, at the latest from Status, Commit or Close, all of which wait for the store.
  // An error for which IsErrReset holds (helpers.h) says that the store lost bytes: ask Status from
  // where to go on. content::Copy does all that.
  absl::Status Write(const Context& ctx, std::string_view data) override = 0;

  // Turns the ingestion into content and closes the writer, also on error. A size of 0 and an empty
  // digest mean unknown. ErrFailedPrecondition, naming both, if size or digest are others than
  // those given; the ingestion then stays. ErrAlreadyExists if the store has that content; the
  // ingestion is then gone.
  virtual absl::Status Commit(const Context& ctx, std::int64_t size, const digest::Digest& expected,
                              const std::vector<Opt>& opts = {}) = 0;

  // The digest of what the store is known to have; exact after Status and Commit. May be empty
  // before the first of them.
  virtual digest::Digest Digest() const = 0;

  virtual absl::StatusOr<content::Status> Status(const Context& ctx) = 0;

  // Sets the offset at which the next Write appends. Stores know 0 and the current offset only;
  // ErrInvalidArgument for others.
  virtual absl::Status Truncate(const Context& ctx, std::int64_t size) = 0;

  // Waits until the store has all that was written, and unlocks the ingestion. Destroying the
  // writer does the same without waiting and without telling of errors. After the first call, and
  // after Commit, it does nothing.
  virtual absl::Status Close(const Context& ctx) = 0;
};

// Takes new content. Source: content.Ingester.
class CONTAINERD_EXPORT Ingester {
 public:
  virtual ~Ingester() = default;

  // Starts an ingestion, or resumes the one of that ref. `ctx` bounds the life of the writer, as in
  // Go: when it is cancelled or its deadline passes, the writer fails. ErrUnavailable if another
  // writer has the ref (content::OpenWriter waits for it); ErrAlreadyExists if the descriptor's
  // digest is that of content in the store.
  virtual absl::StatusOr<std::unique_ptr<content::Writer>> Writer(
      const Context& ctx, const std::vector<WriterOpt>& opts) = 0;
};

class Store : public virtual InfoReaderProvider,
              public virtual Manager,
              public virtual IngestManager,
              public virtual Ingester {};

// The daemon's content store, over gRPC.
//
// Its writers pipeline: Write sends without waiting for the answers to what was sent before, with
// at most 2 MiB unanswered of all writers together, and Status, Commit and Close wait for all of
// them. When the connection is lost, the call that notices waits up to a minute for the daemon,
// asks it for its offset, and sends again what the daemon does not have; its own context and the
// writer's bound that. The caller notices only if the daemon lost what it had confirmed: ErrReset.
//
// Source: core/content/proxy.NewContentStore.
CONTAINERD_EXPORT std::shared_ptr<Store> NewContentStore(std::shared_ptr<rpc::Connection> conn);

}  // namespace containerd::content

#endif  // CONTAINERD_CONTENT_CONTENT_H_
