// SPDX-License-Identifier: Apache-2.0
//
// One FIFO: made if missing, checked to be one, opened without ever blocking.
#ifndef CONTAINERD_SRC_CIO_FIFO_H_
#define CONTAINERD_SRC_CIO_FIFO_H_

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/cio/cio.h"

#include "fd.h"
#include "src/base/fd.h"
#include "src/base/mutex.h"

namespace containerd::cio::internal {

// A handle on the file, which stays the same if the path is replaced meanwhile.
class Fifo {
 public:
  // Makes the FIFO (mode 0700) if nothing is there. ErrFailedPrecondition if something else is,
  // also a symbolic link.
  static absl::StatusOr<Fifo> Open(std::string path,
                                   const std::optional<std::pair<uid_t, gid_t>>& owner);

  const std::string& path() const { return path_; }

  // The reading end. Reads give 0 and poll nothing until the first writer comes.
  absl::StatusOr<base::Fd> OpenReader() const;

  // The writing end, also when nobody has the FIFO open for reading yet: who opens it then waits
  // for what is written, and does not take the other writers' end for the end of all.
  absl::StatusOr<base::Fd> OpenWriter() const;

  // Whether somebody has the reading end of what OpenWriter gave.
  static bool HasReader(int writer);

 private:
  absl::StatusOr<base::Fd> TryOpenWriter() const;

  std::string path_;
  base::Fd handle_;
};

// The reading end of an output's FIFO; errors name the output.
absl::StatusOr<base::Fd> OpenOutput(std::string path,
                                    const std::optional<std::pair<uid_t, gid_t>>& owner,
                                    std::string_view name);

// Removes a set's FIFOs, once; again if that failed.
class CloseOnce {
 public:
  absl::Status Close(const FIFOSet& fifos);

 private:
  base::Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace containerd::cio::internal

#endif  // CONTAINERD_SRC_CIO_FIFO_H_
