// SPDX-License-Identifier: Apache-2.0
//
// Package display: images drawn as trees, for people at a terminal.
//
//   display::ImageTreePrinter printer({display::Verbose()});
//   absl::Status s = printer.PrintImageTree(ctx, image, *store);
//
//   docker.io/library/alpine:3.19
//   │    Created: 2026-11-21 12:00:00 +0000 UTC
//   │    Updated: 2026-11-21 12:00:00 +0000 UTC
//   └── application/vnd.oci.image.index.v1+json @sha256:… (1853 bytes)
//       ├── application/vnd.oci.image.manifest.v1+json @sha256:… (528 bytes)
//       …
//
// Source: pkg/display.
#ifndef CONTAINERD_DISPLAY_DISPLAY_H_
#define CONTAINERD_DISPLAY_DISPLAY_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/images/store.h"
#include "containerd/io/io.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/option/option.h"

namespace containerd::display {

// What stands before an element of a tree. All are equally wide. Source: display.TreeFormat.
struct TreeFormat {
  std::string middle_drop{};  // An element that others follow.
  std::string last_drop{};    // The last one.
  std::string skip_line{};    // A line of an element that others follow.
  std::string spacer{};       // A line of the last one.
};

// With lines, as "├── ". Source: display.LineTreeFormat.
CONTAINERD_EXPORT TreeFormat LineTreeFormat();

// What the options set.
struct PrintOptions {
  bool verbose = false;
  io::Writer* writer = nullptr;  // Standard output.
  TreeFormat format = LineTreeFormat();
  absl::Status error{};  // of an option: what is made with these options returns it
};

using PrintOpt = option::Option<PrintOptions&>;

// Shows labels, and documents as a whole.
CONTAINERD_EXPORT extern const option::Plain<PrintOpt> Verbose;

// Where to print; by default to standard output. It outlives the printer.
CONTAINERD_EXPORT PrintOpt WithWriter(io::Writer& writer);

CONTAINERD_EXPORT PrintOpt WithFormat(TreeFormat format);

// What comes from content is escaped, so that it can neither move the cursor nor pretend to be
// something else. May be used from several threads if its writer may. Source:
// display.ImageTreePrinter.
class CONTAINERD_EXPORT ImageTreePrinter {
 public:
  explicit ImageTreePrinter(const std::vector<PrintOpt>& opts = {});

  // Prints an image and all that it leads to; content that the store lacks is said to be missing.
  // Source: ImageTreePrinter.PrintImageTree.
  absl::Status PrintImageTree(const Context& ctx, const images::Image& image,
                              content::InfoReaderProvider& store) const;

  // The same of a manifest or index. Source: ImageTreePrinter.PrintManifestTree.
  absl::Status PrintManifestTree(const Context& ctx, const ocispec::Descriptor& desc,
                                 content::InfoReaderProvider& store) const;

 private:
  PrintOptions options_;
};

// Source: display.NewImageTreePrinter.
inline ImageTreePrinter NewImageTreePrinter(const std::vector<PrintOpt>& opts = {}) {
  return ImageTreePrinter(opts);
}

}  // namespace containerd::display

#endif  // CONTAINERD_DISPLAY_DISPLAY_H_
