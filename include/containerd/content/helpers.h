// SPDX-License-Identifier: Apache-2.0
//
// What is built from a content store's operations: whole blobs in one call, and copies that resume.
//
//   io::FileReader layer(fd);
//   absl::Status s = content::WriteBlob(ctx, *store, "layer-" + desc.digest, layer, desc);
//
// Source: core/content/helpers.go.
#ifndef CONTAINERD_CONTENT_HELPERS_H_
#define CONTAINERD_CONTENT_HELPERS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/digest/digest.h"
#include "containerd/export/export.h"
#include "containerd/io/io.h"
#include "containerd/ocispec/descriptor.h"

namespace containerd::content {

// The error of a writer whose store has lost bytes that it had confirmed, for example because the
// ingestion was aborted while the daemon restarted. The caller asks the writer for its Status and
// goes on from that offset. Of class ErrAborted, "writer has been reset: <why>".
CONTAINERD_EXPORT absl::Status ErrReset(std::string_view why = "");
CONTAINERD_EXPORT bool IsErrReset(const absl::Status& status);

// Most bytes that ReadBlob reads unless told otherwise.
inline constexpr std::int64_t kMaxReadBlobSize = std::int64_t{64} << 20;

// The whole blob: the descriptor's embedded data if it has the descriptor's digest and size, else
// what the provider has. Not for layers. ErrFailedPrecondition if desc.size is not 0 and not the
// blob's size, ErrResourceExhausted if the blob is larger than `max_size` bytes; memory is taken
// only after both checks.
CONTAINERD_EXPORT absl::StatusOr<std::string> ReadBlob(const Context& ctx, Provider& provider,
                                                       const ocispec::Descriptor& desc,
                                                       std::int64_t max_size = kMaxReadBlobSize);

// Writes content of known digest and size (0 and empty: unknown) in one go. If the store has it
// already, `reader` is not read. Resumes an ingestion of that ref that was cut off.
CONTAINERD_EXPORT absl::Status WriteBlob(const Context& ctx, Ingester& ingester,
                                         std::string_view ref, io::Reader& reader,
                                         const ocispec::Descriptor& desc,
                                         const std::vector<Opt>& opts = {});
CONTAINERD_EXPORT absl::Status WriteBlob(const Context& ctx, Ingester& ingester,
                                         std::string_view ref, std::string_view data,
                                         const ocispec::Descriptor& desc,
                                         const std::vector<Opt>& opts = {});

// Ingester::Writer, waiting while another writer has the ref. When `ctx` ends first the error is
// the one about the lock. A store that cannot be reached is not waited for.
CONTAINERD_EXPORT absl::StatusOr<std::unique_ptr<Writer>> OpenWriter(
    const Context& ctx, Ingester& ingester, const std::vector<WriterOpt>& opts);

// Copies from `reader` to the end of it, and commits. If the ingestion has bytes already, that many
// are skipped in `reader`, which stands at its start: by Seek where it can, else by reading. After
// a reset (ErrReset) it goes on from the store's offset, which needs a reader that can seek unless
// the offset is ahead. Content that exists already is no error. `size` 0 and an empty `expected`
// mean unknown. ErrDataLoss if the reader ends before `size` bytes, ErrFailedPrecondition if it has
// more.
CONTAINERD_EXPORT absl::Status Copy(const Context& ctx, Writer& writer, io::Reader& reader,
                                    std::int64_t size, const digest::Digest& expected,
                                    const std::vector<Opt>& opts = {});

// Copies the `n` bytes of `reader` that begin at the writer's offset. Does not commit.
CONTAINERD_EXPORT absl::Status CopyReaderAt(const Context& ctx, Writer& writer, ReaderAt& reader,
                                            std::int64_t n);

// Copies from `reader`, skipping what the ingestion has already as Copy does, and returns the count
// of bytes copied. Does not commit.
CONTAINERD_EXPORT absl::StatusOr<std::int64_t> CopyReader(const Context& ctx, Writer& writer,
                                                          io::Reader& reader);

// Whether Info gives anything but ErrNotFound; other errors are returned.
CONTAINERD_EXPORT absl::StatusOr<bool> Exists(const Context& ctx, InfoProvider& provider,
                                              const ocispec::Descriptor& desc);

// Reads a blob from start to end in one request; it can seek. The first form borrows `reader`,
// which has to outlive the result, the second takes it over.
CONTAINERD_EXPORT std::unique_ptr<io::Reader> NewReader(ReaderAt& reader);
CONTAINERD_EXPORT std::unique_ptr<io::Reader> NewReader(std::unique_ptr<ReaderAt> reader);

// A reader of the blob, or of the descriptor's embedded data if it has the descriptor's digest and
// size; it can seek.
CONTAINERD_EXPORT absl::StatusOr<std::unique_ptr<io::Reader>> BlobReadSeeker(
    const Context& ctx, Provider& provider, const ocispec::Descriptor& desc);

}  // namespace containerd::content

#endif  // CONTAINERD_CONTENT_HELPERS_H_
