# SPDX-License-Identifier: Apache-2.0
# What every target is compiled with: the language, warnings, sanitizers, ccache and the linker.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# Where the sources lie is not in what is built, so that it is the same for everybody.
add_compile_options("-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # It takes no file with a precompiled header unless it is told that no macro and no time matters there.
  set(_ccache "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros)
  # What was compiled in one clone serves another, but for precompiled headers: those name their files.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${_ccache} "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1
                                  "${CCACHE_PROGRAM}")
  set(CONTAINERD_PRECOMPILED_LAUNCHER ${_ccache} "${CCACHE_PROGRAM}")
endif()

find_program(LLD_PROGRAM ld.lld)
# lld knows clang's sanitizers only.
if(LLD_PROGRAM AND (CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR NOT (CONTAINERD_SANITIZE OR CONTAINERD_SANITIZE_LIBRARY)))
  add_link_options(-fuse-ld=lld)
endif()

# Debug info enough for stack traces; full info triples the size of gRPC-heavy objects.
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

add_library(containerd_warnings INTERFACE)
target_compile_options(
  containerd_warnings
  INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor
            -Wold-style-cast -Woverloaded-virtual
            # What gcc 12 says of assignments to std::string when it optimises is wrong (its bug 105651), and
            # an `if` before one of GoogleTest's checks needs no braces.
            $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-dangling-else -Wno-missing-field-initializers>
            # What clang has of its own: locks, and what a struct initializer may leave out, for both.
            $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety -Wno-missing-field-initializers>
            $<$<BOOL:${CONTAINERD_WERROR}>:-Werror>)

if(NOT CONTAINERD_SANITIZE)
  # With optimisation gcc 12 finds it in its own <streambuf>.
  target_compile_options(containerd_warnings INTERFACE $<$<AND:$<CONFIG:Debug>,$<CXX_COMPILER_ID:GNU>>:-Wnull-dereference>)
endif()

# Sanitizers for the library alone: the tests of its packages link their runtime, and compile faster
# without them.
set(containerd_sanitize_library "")
if(CONTAINERD_SANITIZE_LIBRARY AND NOT CONTAINERD_SANITIZE)
  # The check of virtual tables probes memory through a pipe, and so fails where no descriptor is left.
  set(containerd_sanitize_library -fsanitize=${CONTAINERD_SANITIZE_LIBRARY} -fno-sanitize=vptr
                                  -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${CONTAINERD_SANITIZE_LIBRARY})
endif()

if(CONTAINERD_SANITIZE)
  add_compile_options(-fsanitize=${CONTAINERD_SANITIZE} -fno-omit-frame-pointer -O1)
  add_link_options(-fsanitize=${CONTAINERD_SANITIZE})
  if(CONTAINERD_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize=vptr -fno-sanitize-recover=undefined)
  endif()
  if(CONTAINERD_SANITIZE MATCHES "thread")
    # With that macro protobuf's classes have members that those of Debian's library have not. The
    # standard library still has to know.
    add_compile_options(-U__SANITIZE_THREAD__ -D_GLIBCXX_TSAN=1 -DCONTAINERD_SANITIZE_THREAD)
  endif()
endif()
