// SPDX-License-Identifier: Apache-2.0
//
// Blobs to and from the daemon's content store. What is written is made beforehand, what is read is
// dropped.
#include "containerd/content/content.h"

#include <memory>
#include <random>

#include "containerd/content/helpers.h"
#include "containerd/digest/digest.h"
#include "containerd/io/io.h"
#include "containerd/leases/leases.h"

#include "bench.h"

namespace bench {
namespace {

using namespace containerd;  // NOLINT(google-build-using-namespace)

// The same bytes on both sides would not matter; that they are no zeroes does.
std::string Noise(int mib) {
  std::string noise(static_cast<std::size_t>(mib) << 20, '\0');
  std::mt19937_64 random(42);
  for (std::size_t i = 0; i + 8 <= noise.size(); i += 8) {
    const std::uint64_t value = random();
    noise.replace(i, 8, reinterpret_cast<const char*>(&value), 8);
  }
  return noise;
}

// Hands out a string again and again without a copy of its own.
class NoiseReader final : public io::Reader {
 public:
  explicit NoiseReader(const std::string& data) : data_(data) {}
  absl::StatusOr<std::size_t> Read(const Context&, std::span<char> buf) override {
    const std::size_t n = std::min(buf.size(), data_.size() - at_);
    data_.copy(buf.data(), n, at_);
    at_ += n;
    return n;
  }

 private:
  const std::string& data_;
  std::size_t at_ = 0;
};

ocispec::Descriptor DescriptorOf(const std::string& blob) {
  ocispec::Descriptor desc;
  desc.media_type = "application/octet-stream";
  desc.digest = digest::FromString(blob).String();
  desc.size = static_cast<std::int64_t>(blob.size());
  return desc;
}

Result Write(const Args& args) {
  const Context ctx = args.ctx();
  Client client = Connect(args);
  const int mib = args.GetInt("mib", 256);
  const std::string blob = Noise(mib);
  const ocispec::Descriptor desc = DescriptorOf(blob);
  const auto store = client.ContentStore();
  const leases::LeaseGuard lease = Check(client.WithLease(ctx));
  NoiseReader reader(blob);
  const Meter meter;
  Check(content::WriteBlob(lease.context(), *store, "bench", reader, desc));
  const Result result = meter.Stop(mib);
  Check(store->Delete(ctx, digest::Digest(desc.digest)));
  return result;
}

Result Read(const Args& args) {
  const Context ctx = args.ctx();
  Client client = Connect(args);
  const int mib = args.GetInt("mib", 256);
  const auto store = client.ContentStore();
  const leases::LeaseGuard lease = Check(client.WithLease(ctx));
  ocispec::Descriptor desc;
  {
    const std::string blob = Noise(mib);
    desc = DescriptorOf(blob);
    NoiseReader reader(blob);
    Check(content::WriteBlob(lease.context(), *store, "bench", reader, desc));
  }
  const Meter meter;
  const auto reader = content::NewReader(Check(store->ReaderAt(ctx, desc)));
  Dropped dropped;
  Check(io::Copy(ctx, dropped, *reader));
  const Result result = meter.Stop(mib);
  if (dropped.bytes != static_cast<std::size_t>(desc.size)) Die(absl::InternalError("short"));
  Check(store->Delete(ctx, digest::Digest(desc.digest)));
  return result;
}

}  // namespace

Workloads Content() { return {{"write", Write}, {"read", Read}}; }

}  // namespace bench
