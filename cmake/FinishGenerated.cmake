# SPDX-License-Identifier: Apache-2.0
# cmake -DFILES=a.pb.h,a.pb.cc [-DPACKAGE=name] [-DWIRE_NAMES=service=service,...] -P FinishGenerated.cmake
#
# What protoc's output needs besides:
#
# - Older releases name a field's getter after the field even where C++20 made the name a keyword (as in
#   `requires`). It gets an underscore at its end, as protoc itself does for the keywords that it knows.
# - Enumerators that <csignal> has as macros: the header puts those aside as long as it lasts.
# - With PACKAGE, the last part of each package (see CONTAINERD_PROTO_PACKAGE): its namespace becomes an
#   inline one, so that sources need not name it, and gRPC's paths lose it.
# - WIRE_NAMES are services that are called by another name than that of their descriptor.
string(REPLACE "," ";" FILES "${FILES}")
string(REPLACE "," ";" WIRE_NAMES "${WIRE_NAMES}")
foreach(file IN LISTS FILES)
  file(READ "${file}" text)
  string(REGEX REPLACE "([^A-Za-z0-9_])(requires|concept|co_await|co_return|co_yield|consteval|constinit|char8_t)\\("
                       "\\1\\2_(" text "${text}")
  string(REGEX MATCH "\nenum Signal : int {\n[^}]*}" signals "${text}")
  if(signals)
    string(REGEX MATCHALL "SIG[A-Z0-9]+" signals "${signals}")
    set(aside "")
    set(back "")
    foreach(signal IN LISTS signals)
      string(APPEND aside "#pragma push_macro(\"${signal}\")\n#undef ${signal}\n")
      string(APPEND back "#pragma pop_macro(\"${signal}\")\n")
    endforeach()
    string(REPLACE "\nenum Signal : int {" "\n${aside}enum Signal : int {" text "${text}")
    string(APPEND text "${back}")
  endif()
  if(PACKAGE)
    string(REPLACE "\nnamespace ${PACKAGE} {" "\ninline namespace ${PACKAGE} {" text "${text}")
  endif()
  # Only gRPC's: a .pb.cc has names in its serialized descriptor, where they stay.
  if(file MATCHES "\\.grpc\\.pb\\.(h|cc)$")
    if(PACKAGE)
      string(REPLACE ".${PACKAGE}." "." text "${text}")
    endif()
    foreach(pair IN LISTS WIRE_NAMES)
      string(REGEX MATCH "^([^=]+)=(.+)$" _ "${pair}")
      set(name "${CMAKE_MATCH_1}")
      set(wire_name "${CMAKE_MATCH_2}")
      string(REPLACE "\"/${name}/" "\"/${wire_name}/" text "${text}")
      string(REPLACE "\"${name}\"" "\"${wire_name}\"" text "${text}")
    endforeach()
  endif()
  file(WRITE "${file}" "${text}")
endforeach()
