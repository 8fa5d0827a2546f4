// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "containerd/errdefs/errdefs.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

// A line for each field; those of the arguments come last, each behind its length, as they may
// contain anything.
std::string Write(const Record& record) {
  std::ostringstream out;
  out << record.image << '\n'
      << record.policy << '\n'
      << record.state.stopped << ' ' << record.state.begun << ' ' << record.state.ended << ' '
      << record.state.exit_code << ' ' << record.state.restarts << ' ' << record.removed << ' '
      << record.generation << ' ' << record.args.size() << '\n';
  for (const std::string& arg : record.args) out << arg.size() << ' ' << arg << '\n';
  return out.str();
}

bool Read(std::istream& in, Record& record) {
  std::size_t count = 0;
  std::getline(in, record.image);
  std::getline(in, record.policy);
  in >> record.state.stopped >> record.state.begun >> record.state.ended >>
      record.state.exit_code >> record.state.restarts >> record.removed >> record.generation >>
      count;
  for (std::size_t i = 0; i < count && in; ++i) {
    std::size_t size = 0;
    in >> size;
    in.get();
    if (!in || size > (1U << 20)) return false;
    std::string arg(size, '\0');
    in.read(arg.data(), static_cast<std::streamsize>(size));
    record.args.push_back(std::move(arg));
  }
  return static_cast<bool>(in);
}

}  // namespace

absl::StatusOr<std::vector<Record>> Store::Load() const {
  std::error_code err;
  fs::create_directories(dir_, err);
  std::vector<Record> records;
  for (fs::directory_iterator entry(dir_, err), end; !err && entry != end; entry.increment(err)) {
    Record record{.name = entry->path().filename()};
    if (record.name.starts_with('.')) continue;  // not complete
    std::ifstream in(entry->path(), std::ios::binary);
    if (!Read(in, record)) {
      return containerd::errdefs::DataLoss("damaged record " + entry->path().string());
    }
    records.push_back(std::move(record));
  }
  if (err) return containerd::errdefs::FromErrno(err.value(), "reading " + dir_);
  return records;
}

absl::Status Store::Save(const Record& record) const {
  const std::string draft = PathOf("." + record.name);
  std::ofstream out(draft, std::ios::binary | std::ios::trunc);
  out << Write(record);
  out.close();
  std::error_code err;
  if (out) fs::rename(draft, PathOf(record.name), err);
  if (out && !err) return absl::OkStatus();
  return containerd::errdefs::FromErrno(err ? err.value() : EIO, "writing " + draft);
}

void Store::Forget(const std::string& name) const {
  std::error_code err;
  fs::remove(PathOf(name), err);
}

}  // namespace engine
