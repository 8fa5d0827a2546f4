// SPDX-License-Identifier: Apache-2.0
//
// ctr content edit: a new blob of an old one, by way of an editor.
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <memory>
#include <unistd.h>

#include <absl/cleanup/cleanup.h>
#include <absl/strings/str_cat.h>

#include "commands.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

// Lets the user change the file.
absl::Status CallEditor(const std::string& editor, const std::string& path) {
  const std::string line = absl::StrCat(editor, " ", path);
  const int status = std::system(line.c_str());  // NOLINT(cert-env33-c,concurrency-mt-unsafe)
  if (status == 0) return absl::OkStatus();
  return errdefs::Aborted(absl::StrCat("the editor failed: ", line));
}

// The digest of what the file holds now.
absl::StatusOr<digest::Digest> StoreFile(const Context& ctx, content::Store& store,
                                         const std::string& ref, const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errdefs::FromErrno(errno, "cannot open " + path);
  const absl::Cleanup close_file = [fd] { close(fd); };
  io::FileReader reader(fd);
  absl::StatusOr<std::unique_ptr<content::Writer>> writer =
      store.Writer(ctx, {content::WithRef(ref)});
  if (!writer.ok()) return writer.status();
  // What an edit that was cut off has left.
  absl::Status s = (*writer)->Truncate(ctx, 0);
  if (s.ok()) s = io::Copy(ctx, **writer, reader).status();
  if (s.ok()) s = (*writer)->Status(ctx).status();
  if (!s.ok()) return s;
  digest::Digest digest = (*writer)->Digest();
  s = (*writer)->Commit(ctx, 0, digest);
  // Nothing was changed, or it is what somebody else has stored.
  if (!s.ok() && !errdefs::IsAlreadyExists(s)) return s;
  return digest;
}

absl::Status EditContent(const Context& ctx, Client& client, const Args& args) {
  if (!args.Text("validate").empty()) {
    return errdefs::NotImplemented("validating the edit result not supported");
  }
  absl::StatusOr<digest::Digest> before = digest::Parse(args.Get(0));
  if (!before.ok()) return before.status();
  const std::string editor = args.Text("editor");
  if (editor.empty()) return Refused("editor is required");
  const std::shared_ptr<content::Store> store = client.ContentStore();
  ocispec::Descriptor desc;
  desc.digest = before->String();
  absl::StatusOr<std::unique_ptr<content::ReaderAt>> blob = store->ReaderAt(ctx, desc);
  if (!blob.ok()) return blob.status();

  const char* dir = std::getenv("XDG_RUNTIME_DIR");  // NOLINT(concurrency-mt-unsafe)
  std::string path = absl::StrCat(
      dir != nullptr ? dir : std::filesystem::temp_directory_path().c_str(), "/edit-XXXXXX");
  const int fd = mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) return errdefs::FromErrno(errno, "cannot make " + path);
  const absl::Cleanup remove_file = [&path] { unlink(path.c_str()); };
  absl::Status s;
  {
    const absl::Cleanup close_file = [fd] { close(fd); };
    io::FileWriter file(fd);
    s = io::Copy(ctx, file, *content::NewReader(**blob)).status();
  }
  if (s.ok()) s = CallEditor(editor, path);
  if (!s.ok()) return s;
  // Opened anew: an editor may have put another file in its place.
  absl::StatusOr<digest::Digest> after = StoreFile(ctx, *store, "edit-" + desc.digest, path);
  if (!after.ok()) return after.status();
  std::cout << *after << "\n";
  return absl::OkStatus();
}

}  // namespace

Command EditCommand() {
  return {"edit",
          "Edit a blob and return a new digest",
          "[flags] <digest>",
          {{"validate", "Validate the result against a format, which is not supported yet",
            Kind::kText},
           {"editor", "Select editor (vim, emacs, etc.)", Kind::kText, "", "EDITOR"}},
          EditContent};
}

}  // namespace ctr
