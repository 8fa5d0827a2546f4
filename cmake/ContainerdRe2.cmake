# SPDX-License-Identifier: Apache-2.0
# The target re2::re2. gRPC's package config makes it too, where RE2 has no package config, by a dozen
# calls of pkg-config, each of which takes seconds where RE2 is built on abseil: so it is made before
# that is read. Also installed, for our own package config.
if(NOT TARGET re2::re2)
  find_package(re2 CONFIG QUIET)
endif()
if(NOT TARGET re2::re2)
  find_library(CONTAINERD_RE2_LIBRARY re2)
  find_path(CONTAINERD_RE2_INCLUDE_DIR re2/re2.h)
  mark_as_advanced(CONTAINERD_RE2_LIBRARY CONTAINERD_RE2_INCLUDE_DIR)
  # An archive does not say what it is built on.
  if(CONTAINERD_RE2_INCLUDE_DIR AND CONTAINERD_RE2_LIBRARY MATCHES "\\.so$")
    add_library(re2::re2 UNKNOWN IMPORTED)
    set_target_properties(re2::re2 PROPERTIES IMPORTED_LOCATION "${CONTAINERD_RE2_LIBRARY}"
                                              INTERFACE_INCLUDE_DIRECTORIES "${CONTAINERD_RE2_INCLUDE_DIR}")
  endif()
endif()
if(TARGET re2::re2)
  set(re2_FOUND TRUE)
endif()
