// SPDX-License-Identifier: Apache-2.0
//
// A program with a toml++ and a nlohmann-json of its own, of another version: the same names, laid
// out in another way. It uses the library beside them, and neither notices the other.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdlib.h>
#include <string>
#include <string_view>

#include "containerd/context/context.h"
#include "containerd/remotes/docker/config.h"
#include "containerd/specs/json.h"

#define OWN __attribute__((visibility("default")))

namespace {
int calls = 0;
}  // namespace

namespace toml {
inline namespace v3 {

struct OWN source_region {
  source_region();
  ~source_region();
  long position[7] = {};
};
source_region::source_region() { ++calls; }
source_region::~source_region() { ++calls; }

class OWN key {
 public:
  key(std::string_view text, source_region&& where);
  ~key();

 private:
  char text_[3];
};
key::key(std::string_view text, source_region&&) : text_{text[0], 0, 0} { ++calls; }
key::~key() { ++calls; }

class OWN node {
 public:
  node();
  virtual ~node();
  virtual int other() { return 1; }
};
node::node() { ++calls; }
node::~node() { ++calls; }

class OWN table : public node {
 public:
  table();
  ~table() override;
};
table::table() { ++calls; }
table::~table() { ++calls; }

class OWN array : public node {
 public:
  array();
  ~array() override;
};
array::array() { ++calls; }
array::~array() { ++calls; }

namespace impl {
OWN bool is_whitespace(char32_t) {
  ++calls;
  return true;
}
OWN bool is_ascii_letter(char32_t) {
  ++calls;
  return false;
}
OWN bool is_decimal_digit(char32_t) {
  ++calls;
  return false;
}
struct OWN utf8_decoder {
  utf8_decoder();
  void operator()(unsigned char);
};
utf8_decoder::utf8_decoder() { ++calls; }
void utf8_decoder::operator()(unsigned char) { ++calls; }
struct OWN parse_key_buffer {
  parse_key_buffer();
  ~parse_key_buffer();
  void clear();
};
parse_key_buffer::parse_key_buffer() { ++calls; }
parse_key_buffer::~parse_key_buffer() { ++calls; }
void parse_key_buffer::clear() { ++calls; }
}  // namespace impl

}  // namespace v3
}  // namespace toml

namespace nlohmann {
class OWN json {
 public:
  explicit json(int first);
  ~json();
  int value[5];
};
json::json(int first) : value{first} { ++calls; }
json::~json() { ++calls; }
namespace detail {
struct OWN input_stream_adapter {
  int get_character();
};
int input_stream_adapter::get_character() {
  ++calls;
  return 0;
}
}  // namespace detail
}  // namespace nlohmann

namespace {

// Whether the library reads a hosts.toml as it says.
bool ReadsHosts(const std::string& root) {
  namespace config = containerd::remotes::docker::config;
  std::filesystem::create_directories(root + "/registry.example");
  std::ofstream(root + "/registry.example/hosts.toml") << R"(
server = "https://upstream.example"
[host."http://mirror.example:5000"]
  capabilities = ["pull"]
  [host."http://mirror.example:5000".header]
    x-custom = ["a", "b"]
)";
  const auto hosts =
      config::ConfigureHosts(containerd::Context::Background(),
                             {.host_dir = config::HostDirFromRoot(root)})("registry.example");
  return hosts.ok() && hosts->size() == 2 && hosts->front().host == "mirror.example:5000" &&
         hosts->front().scheme == "http" && hosts->back().host == "upstream.example";
}

bool ReadsSpec() {
  const auto spec = containerd::specs::Unmarshal<containerd::specs::Spec>(
      R"({"ociVersion":"1.1.0","hostname":"web","process":{"cwd":"/","args":["sh"]}})");
  return spec.ok() && spec->hostname == "web" &&
         containerd::specs::Marshal(*spec).find(R"("args":["sh"])") != std::string::npos;
}

}  // namespace

int main() {
  char root[] = "/tmp/consumer-XXXXXX";
  if (::mkdtemp(root) == nullptr) return 1;
  {
    const toml::key key("k", {});
    const toml::table table;
    const nlohmann::json json(1);
  }
  const int own = calls;
  const bool hosts = ReadsHosts(root);
  const bool spec = ReadsSpec();
  std::filesystem::remove_all(root);
  if (own == 0 || !hosts || !spec) {
    std::cerr << "own calls: " << own << ", hosts: " << hosts << ", spec: " << spec << "\n";
    return 1;
  }
  if (calls != own) {
    std::cerr << "the library called " << calls - own << " of the program's functions\n";
    return 1;
  }
  std::cout << "apart\n";
  return 0;
}
