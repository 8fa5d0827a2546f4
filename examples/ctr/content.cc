// SPDX-License-Identifier: Apache-2.0
//
// ctr content: the store. Others of its commands have files of their own.
#include <iostream>
#include <memory>
#include <unistd.h>

#include <absl/time/clock.h>

#include "commands.h"
#include "output.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

absl::Status GetContent(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<digest::Digest> digest = digest::Parse(args.Get(0));
  if (!digest.ok()) return digest.status();
  ocispec::Descriptor desc;
  desc.digest = digest->String();
  absl::StatusOr<std::unique_ptr<content::ReaderAt>> blob =
      client.ContentStore()->ReaderAt(ctx, desc);
  if (!blob.ok()) return blob.status();
  const std::unique_ptr<io::Reader> reader = content::NewReader(**blob);
  io::FileWriter out(STDOUT_FILENO);
  return io::Copy(ctx, out, *reader).status();
}

absl::Status IngestContent(const Context& ctx, Client& client, const Args& args) {
  if (args.Get(0).empty()) {
    return Refused("must specify a transaction reference");
  }
  ocispec::Descriptor desc;
  desc.size = args.Int("expected-size");
  if (args.IsSet("expected-digest")) {
    absl::StatusOr<digest::Digest> digest = digest::Parse(args.Text("expected-digest"));
    if (!digest.ok()) return digest.status();
    desc.digest = digest->String();
  }
  io::FileReader in(STDIN_FILENO);
  return content::WriteBlob(ctx, *client.ContentStore(), args.Get(0), in, desc);
}

absl::Status ListIngests(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<std::vector<content::Status>> all =
      client.ContentStore()->ListStatuses(ctx, args.All());
  if (!all.ok()) return all.status();
  Table table(1, 1, '\t');
  table.Row({"REF", "SIZE", "AGE", ""});
  for (const content::Status& ingest : *all) {
    table.Row({ingest.ref, DecimalSize(ingest.offset),
               HumanDuration(absl::Now() - ingest.started_at), ""});
  }
  table.Print();
  return absl::OkStatus();
}

absl::Status ListContent(const Context& ctx, Client& client, const Args& args) {
  Table table(1, 1, '\t');
  table.Row({"DIGEST", "SIZE", "AGE", "LABELS"});
  absl::Status s = client.ContentStore()->Walk(
      ctx,
      [&](const content::Info& info) {
        if (args.Bool("quiet")) {
          std::cout << info.digest << "\n";
        } else {
          table.Row({info.digest, DecimalSize(info.size),
                     HumanDuration(absl::Now() - info.created_at), JoinLabels(info.labels, "-")});
        }
        return absl::OkStatus();
      },
      args.All());
  if (!args.Bool("quiet")) table.Print();
  return s;
}

// An empty value clears a label; without labels those that there are are printed.
absl::Status LabelContent(const Context& ctx, Client& client, const Args& args) {
  absl::StatusOr<digest::Digest> digest = digest::Parse(args.Get(0));
  if (!digest.ok()) return digest.status();
  content::Info info;
  info.digest = digest->String();
  std::vector<std::string> paths;
  for (const auto& [key, value] : ParseLabels(args.From(1))) {
    paths.push_back("labels." + key);
    if (!value.empty()) info.labels[key] = value;
  }
  const std::shared_ptr<content::Store> store = client.ContentStore();
  absl::StatusOr<content::Info> now =
      paths.empty() ? store->Info(ctx, *digest) : store->Update(ctx, info, paths);
  if (!now.ok()) return now.status();
  std::cout << JoinLabels(now->labels) << "\n";
  return absl::OkStatus();
}

absl::Status RemoveBlob(const Context& ctx, Client& client, const Args&, const std::string& name) {
  absl::StatusOr<digest::Digest> digest = digest::Parse(name);
  if (!digest.ok()) return digest.status();
  absl::Status s = client.ContentStore()->Delete(ctx, *digest);
  if (s.ok()) std::cout << name << "\n";
  return errdefs::IsNotFound(s) ? absl::OkStatus() : s;
}

absl::Status RemoveContent(const Context& ctx, Client& client, const Args& args) {
  return ForEach(args, "blob", RemoveBlob, ctx, client);
}

}  // namespace

Command ContentCommand() {
  Command group{"content", "Manage content"};
  group.commands = {
      {"active",
       "Display active transfers",
       "[flags] [<regexp>]",
       {{"timeout,t", "Total timeout", Kind::kDuration, "0s", "CONTAINERD_FETCH_TIMEOUT"},
        {"root", "Without effect, as in containerd's ctr", Kind::kText, "/tmp/content"}},
       ListIngests},
      {"delete,del,remove,rm",
       "Permanently delete one or more blobs",
       "[<digest>, ...]",
       {},
       RemoveContent},
      EditCommand(),
      FetchCommand(),
      FetchObjectCommand(),
      FetchBlobCommand(),
      {"get", "Get the data for an object", "<digest>", {}, GetContent},
      {"ingest",
       "Accept content into the store",
       "[flags] <key>",
       {{"expected-size", "Validate against provided size", Kind::kInt, "0"},
        {"expected-digest", "Verify content against expected digest", Kind::kText}},
       IngestContent},
      {"list,ls",
       "List all blobs in the store",
       "[flags] [<filter>, ...]",
       {{"quiet,q", "Print only the blob digest"}},
       ListContent},
      PushObjectCommand(),
      {"label", "Add labels to content", "<digest> [<label>=<value> ...]", {}, LabelContent},
      PruneCommand(),
  };
  return group;
}

}  // namespace ctr
