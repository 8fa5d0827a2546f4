// SPDX-License-Identifier: Apache-2.0
//
// What stands in the parts of an archive: the fields of header blocks, PAX records, and the maps of
// sparse files.
#ifndef CONTAINERD_SRC_TAR_PARSE_H_
#define CONTAINERD_SRC_TAR_PARSE_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/time/time.h>

#include "containerd/tar/tar.h"

#include "format.h"

namespace containerd::tar {

std::string_view Raw(std::span<const char> block, Field field);

// Up to the first NUL.
std::string Text(std::span<const char> block, Field field);

// Base 8, padded with spaces and NULs; nothing is 0.
bool ParseOctal(std::string_view text, std::int64_t& out);

// GNU's big-endian two's complement behind a set bit, or octal.
bool ParseNumber(std::string_view raw, std::int64_t& out);

// Source: strconv.ParseInt in base 10.
bool ParseDecimal(std::string_view text, std::int64_t& out);

// "<seconds>[.<fraction>]"; digits beyond nanoseconds are dropped.
bool ParsePaxTime(std::string_view text, absl::Time& out);

// Records "<length> <key>=<value>\n", the length being that of the whole record. The repeated
// records of a sparse map in format 0.0 become the one of format 0.1.
bool ParsePax(std::string_view text, std::map<std::string, std::string>& records);

// Adds the regions of an old GNU sparse map: pairs of numbers, up to an empty one.
bool ParseSparseFields(std::string_view fields, std::vector<SparseRegion>& regions);

// The same for numbers in base 10 with `separator` between them.
bool ParseSparseText(std::string_view text, char separator, std::vector<SparseRegion>& regions);

// Whether the regions are in order, apart, and within `size` bytes.
bool ValidSparseMap(std::span<const SparseRegion> regions, std::int64_t size);

}  // namespace containerd::tar

#endif  // CONTAINERD_SRC_TAR_PARSE_H_
