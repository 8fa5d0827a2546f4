# SPDX-License-Identifier: Apache-2.0
# cmake -DFILES=a.pb.h,a.pb.cc -P EscapeKeywords.cmake
#
# protoc before 23 names accessors after fields even where C++20 made the name a keyword (as in
# `requires`). Appends the underscore that later releases append, so that both give one API.
string(REPLACE "," ";" FILES "${FILES}")
foreach(file IN LISTS FILES)
  file(READ "${file}" text)
  string(REGEX REPLACE "([^A-Za-z0-9_])(requires|concept|co_await|co_return|co_yield|consteval|constinit|char8_t)\\("
                       "\\1\\2_(" text "${text}")
  file(WRITE "${file}" "${text}")
endforeach()
