// SPDX-License-Identifier: Apache-2.0
#include "containerd/display/display.h"

#include <cstddef>
#include <unistd.h>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/handlers.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/ocispec/json.h"
#include "containerd/option/option.h"
#include "containerd/platforms/platforms.h"

#include "src/base/options.h"
#include "src/gojson/internal/codec.h"
#include "src/gojson/internal/indent.h"

namespace containerd::display {
namespace {

std::string Escaped(std::string_view text) {
  return absl::Utf8SafeCEscape(absl::string_view(text.data(), text.size()));
}

std::string Time(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%E*S +0000 UTC", time, absl::UTCTimeZone());
}

class Tree {
 public:
  Tree(const Context& ctx, const PrintOptions& options, content::InfoReaderProvider& store)
      : ctx_(ctx), options_(options), store_(store) {}

  void Line(std::string_view text) { text_ += fmt::format("{}\n", text); }

  // `prefix` stands before the descriptor, `child_prefix` before what it leads to.
  absl::Status Add(const ocispec::Descriptor& desc, std::string_view prefix,
                   const std::string& child_prefix, int depth = 0) {
    const TreeFormat& format = options_.format;
    std::string drop = child_prefix + format.middle_drop;
    std::string below = child_prefix + format.skip_line;
    AddName(desc, prefix);
    if (depth > images::kMaxWalkDepth) {
      return errdefs::InvalidArgument(
          fmt::format("\"{}\": indexes within more than {} others", desc.digest, depth));
    }
    if (desc.platform.has_value() && !desc.platform->architecture.empty()) {
      Line(fmt::format("{} Platform: {}", below, Escaped(platforms::Format(*desc.platform))));
    }
    absl::StatusOr<std::string> blob = content::ReadBlob(ctx_, store_, desc);
    if (errdefs::IsNotFound(blob.status())) {
      Line(fmt::format("{} Content does not exist locally, skipping",
                       child_prefix + format.last_drop));
      return absl::OkStatus();
    }
    if (!blob.ok()) return blob.status();
    if (absl::Status s = AddContent(desc, below); !s.ok()) return s;

    absl::StatusOr<images::Descriptors> children = images::Children(ctx_, store_, desc);
    if (!children.ok()) return children.status();
    for (std::size_t i = 0; i < children->size(); ++i) {
      if (i + 1 == children->size()) {
        drop = child_prefix + format.last_drop;
        below = child_prefix + format.spacer;
      }
      const ocispec::Descriptor& child = children->at(i);
      absl::Status s;
      if (images::IsIndexType(desc.media_type)) {
        s = Add(child, drop, below, depth + 1);
      } else {
        AddName(child, drop);
        // The first child of a manifest is the config.
        if (i == 0) s = AddContent(child, below);
      }
      if (!s.ok()) return s;
    }
    return absl::OkStatus();
  }

  absl::Status Print() {
    if (options_.writer != nullptr) return options_.writer->Write(ctx_, text_);
    return io::FileWriter(STDOUT_FILENO).Write(ctx_, text_);
  }

 private:
  void AddName(const ocispec::Descriptor& desc, std::string_view prefix) {
    Line(fmt::format("{}{} @{} ({} bytes)", prefix, Escaped(desc.media_type), Escaped(desc.digest),
                     desc.size));
  }

  absl::Status AddContent(const ocispec::Descriptor& desc, const std::string& prefix) {
    if (!options_.verbose) return absl::OkStatus();
    absl::StatusOr<content::Info> info = store_.Info(ctx_, desc.digest);
    if (!info.ok()) return info.status();
    if (!info->labels.empty()) {
      Line(fmt::format("{}┌────────Labels─────────", prefix));
      for (const auto& [key, value] : info->labels) {
        Line(fmt::format("{}│\"{}\": \"{}\"", prefix, Escaped(key), Escaped(value)));
      }
      Line(fmt::format("{}└───────────────────────", prefix));
    }
    if (!desc.media_type.ends_with("json")) return absl::OkStatus();
    absl::StatusOr<std::string> blob = content::ReadBlob(ctx_, store_, desc);
    if (!blob.ok()) return blob.status();
    // Compact JSON has its control characters escaped.
    absl::StatusOr<gojson::RawMessage> json = gojson::Unmarshal<gojson::RawMessage>(*blob);
    const std::string bar = fmt::format("{}│", prefix);
    Line(fmt::format("{}┌────────Content────────", prefix));
    Line(fmt::format("{}{}", bar, json.ok() ? gojson::Indent(json->text, bar) : Escaped(*blob)));
    Line(fmt::format("{}└───────────────────────", prefix));
    return absl::OkStatus();
  }

  const Context& ctx_;
  const PrintOptions& options_;
  content::InfoReaderProvider& store_;
  std::string text_;
};

}  // namespace

TreeFormat LineTreeFormat() {
  return {.middle_drop = "├── ", .last_drop = "└── ", .skip_line = "│   ", .spacer = "    "};
}

constinit const option::Plain<PrintOpt> Verbose([](PrintOptions& options) {
  options.verbose = true;
});

PrintOpt WithWriter(io::Writer& writer) {
  return [&writer](PrintOptions& options) { options.writer = &writer; };
}

PrintOpt WithFormat(TreeFormat format) {
  return [format = std::move(format)](PrintOptions& options) { options.format = format; };
}

ImageTreePrinter::ImageTreePrinter(const std::vector<PrintOpt>& opts) {
  options_.error = base::Apply(opts, options_);
}

absl::Status ImageTreePrinter::PrintImageTree(const Context& ctx, const images::Image& image,
                                              content::InfoReaderProvider& store) const {
  if (!options_.error.ok()) return options_.error;
  Tree tree(ctx, options_, store);
  const std::string& below = options_.format.skip_line;
  tree.Line(Escaped(image.name));
  tree.Line(fmt::format("{} Created: {}", below, Time(image.created_at)));
  tree.Line(fmt::format("{} Updated: {}", below, Time(image.updated_at)));
  for (const auto& [key, value] : image.labels) {
    tree.Line(fmt::format("{} Label \"{}\": \"{}\"", below, Escaped(key), Escaped(value)));
  }
  if (absl::Status s = tree.Add(image.target, options_.format.last_drop, options_.format.spacer);
      !s.ok()) {
    return s;
  }
  return tree.Print();
}

absl::Status ImageTreePrinter::PrintManifestTree(const Context& ctx,
                                                 const ocispec::Descriptor& desc,
                                                 content::InfoReaderProvider& store) const {
  if (!options_.error.ok()) return options_.error;
  Tree tree(ctx, options_, store);
  if (absl::Status s = tree.Add(desc, options_.format.last_drop, options_.format.spacer); !s.ok()) {
    return s;
  }
  return tree.Print();
}

}  // namespace containerd::display
