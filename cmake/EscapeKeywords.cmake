# SPDX-License-Identifier: Apache-2.0
# cmake -DFILES=a.pb.h,a.pb.cc -P EscapeKeywords.cmake
#
# Older releases of protoc name a field's getter after the field even where C++20 made the name a
# keyword (as in `requires`). Renames that getter with an underscore at its end, as protoc itself does
# for the keywords that it knows.
string(REPLACE "," ";" FILES "${FILES}")
foreach(file IN LISTS FILES)
  file(READ "${file}" text)
  string(REGEX REPLACE "([^A-Za-z0-9_])(requires|concept|co_await|co_return|co_yield|consteval|constinit|char8_t)\\("
                       "\\1\\2_(" text "${text}")
  file(WRITE "${file}" "${text}")
endforeach()
