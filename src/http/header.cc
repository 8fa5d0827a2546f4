// SPDX-License-Identifier: Apache-2.0
#include "containerd/http/header.h"

#include "chars.h"

namespace containerd::http {

std::string CanonicalHeaderKey(std::string_view name) {
  std::string out(name);
  bool upper = true;
  for (char& c : out) {
    if (!IsTokenChar(c)) return std::string(name);
    if (upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (!upper && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    upper = c == '-';
  }
  return out;
}

void Header::Add(std::string_view name, std::string_view value) {
  fields_[CanonicalHeaderKey(name)].emplace_back(value);
}

void Header::Set(std::string_view name, std::string_view value) {
  fields_[CanonicalHeaderKey(name)] = {std::string(value)};
}

void Header::Del(std::string_view name) { fields_.erase(CanonicalHeaderKey(name)); }

bool Header::Has(std::string_view name) const { return fields_.contains(CanonicalHeaderKey(name)); }

std::string Header::Get(std::string_view name) const {
  const auto it = fields_.find(CanonicalHeaderKey(name));
  return it == fields_.end() || it->second.empty() ? std::string() : it->second.front();
}

std::vector<std::string> Header::Values(std::string_view name) const {
  const auto it = fields_.find(CanonicalHeaderKey(name));
  return it == fields_.end() ? std::vector<std::string>() : it->second;
}

void Header::Merge(const Header& other) {
  for (const auto& [name, values] : other.fields_) {
    std::vector<std::string>& mine = fields_[name];
    mine.insert(mine.end(), values.begin(), values.end());
  }
}

}  // namespace containerd::http
