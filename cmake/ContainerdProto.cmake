# SPDX-License-Identifier: Apache-2.0
# Compiles proto/ into pkg_proto, and proto/runtime/v1 into pkg_cri_proto: messages of every .proto, and
# gRPC stubs and mocks of those that have services. What it generates is included by its place in proto/, as in
#   #include "containerd/services/content/v1/content.grpc.pb.h"
#   #include "containerd/services/content/v1/content_mock.grpc.pb.h"   // tests only
#
# CONTAINERD_PROTO_INCLUDE_DIR is the root of the generated headers, for those who install them.
#
# With CONTAINERD_PROTO_PACKAGE=own, `own` becomes the last part of each package and the first of each
# path: own/containerd/types/mount.proto defines containerd.types.own.Mount. The library's sources stay
# as they are: C++ has `own` as an inline namespace, and own/ is on their include path. On the wire are
# containerd's names, in gRPC's paths and in type URLs alike.

set(CONTAINERD_PROTO_SOURCE_DIR "${PROJECT_SOURCE_DIR}/proto")
set(CONTAINERD_PROTO_INCLUDE_DIR "${PROJECT_BINARY_DIR}/proto")
# Services of others that have a descriptor of this library's own.
set(_wire_names containerd.wire.Health=grpc.health.v1.Health)

file(
  GLOB_RECURSE _protos CONFIGURE_DEPENDS
  RELATIVE "${CONTAINERD_PROTO_SOURCE_DIR}"
  "${CONTAINERD_PROTO_SOURCE_DIR}/*.proto")
# A file that gains its first service has to gain outputs too.
foreach(_proto IN LISTS _protos)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CONTAINERD_PROTO_SOURCE_DIR}/${_proto}")
endforeach()

set(_proto_path "${CONTAINERD_PROTO_SOURCE_DIR}")
set(_proto_include_dirs "${CONTAINERD_PROTO_INCLUDE_DIR}")
if(CONTAINERD_PROTO_PACKAGE)
  if(NOT CONTAINERD_PROTO_PACKAGE MATCHES "^[a-z][a-z0-9_]*$")
    message(FATAL_ERROR "CONTAINERD_PROTO_PACKAGE: \"${CONTAINERD_PROTO_PACKAGE}\" is no single lower-case name")
  endif()
  set(_proto_path "${PROJECT_BINARY_DIR}/proto_package")
  list(APPEND _proto_include_dirs "${CONTAINERD_PROTO_INCLUDE_DIR}/${CONTAINERD_PROTO_PACKAGE}")
  set(_packages "")
  foreach(_proto IN LISTS _protos)
    file(STRINGS "${CONTAINERD_PROTO_SOURCE_DIR}/${_proto}" _line REGEX "^package ")
    string(REGEX MATCH "^package ([a-z0-9_.]+)" _ "${_line}")
    list(APPEND _packages "${CMAKE_MATCH_1}")
  endforeach()
  list(REMOVE_DUPLICATES _packages)
  foreach(_proto IN LISTS _protos)
    file(READ "${CONTAINERD_PROTO_SOURCE_DIR}/${_proto}" _text)
    string(REGEX REPLACE "\npackage ([^;]+);" "\npackage \\1.${CONTAINERD_PROTO_PACKAGE};" _text "${_text}")
    foreach(_import IN LISTS _protos)
      string(REPLACE "import \"${_import}\"" "import \"${CONTAINERD_PROTO_PACKAGE}/${_import}\"" _text "${_text}")
    endforeach()
    # References are by full name, and a type's begins with a capital letter.
    foreach(_package IN LISTS _packages)
      string(REPLACE "." "\\." _pattern "${_package}")
      string(REGEX REPLACE "([ (<])${_pattern}\\.([A-Z])" "\\1${_package}.${CONTAINERD_PROTO_PACKAGE}.\\2" _text
                           "${_text}")
    endforeach()
    set(_file "${_proto_path}/${CONTAINERD_PROTO_PACKAGE}/${_proto}")
    set(_old "")
    if(EXISTS "${_file}")
      file(READ "${_file}" _old)
    endif()
    if(NOT _old STREQUAL _text)
      file(WRITE "${_file}" "${_text}")
    endif()
  endforeach()
  list(TRANSFORM _protos PREPEND "${CONTAINERD_PROTO_PACKAGE}/")
  # It is typeurl that knows what messages are called on the wire.
  target_compile_definitions(pkg_typeurl PRIVATE CONTAINERD_PROTO_PACKAGE="${CONTAINERD_PROTO_PACKAGE}")
endif()

# Adds to the list <out> the sources generated from <proto>, a path below _proto_path.
function(_containerd_proto_sources out proto)
  string(REGEX REPLACE "\\.proto$" "" stem "${proto}")
  set(base "${CONTAINERD_PROTO_INCLUDE_DIR}/${stem}")
  set(outputs "${base}.pb.cc" "${base}.pb.h")
  set(grpc_args "")

  file(STRINGS "${_proto_path}/${proto}" services REGEX "^service ")
  if(services)
    # In protoc's order: Ninja wants the depfile to begin with the first output.
    list(PREPEND outputs "${base}.grpc.pb.cc" "${base}.grpc.pb.h")
    list(APPEND outputs "${base}_mock.grpc.pb.h")
    set(grpc_args "--plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>"
                  "--grpc_out=generate_mock_code=true:${CONTAINERD_PROTO_INCLUDE_DIR}")
  endif()

  set(finish "")
  set(script "")
  file(STRINGS "${_proto_path}/${proto}" keywords
       REGEX " (requires|concept|co_await|co_return|co_yield|consteval|constinit|char8_t|SIG[A-Z0-9]+) = ")
  if(keywords OR CONTAINERD_PROTO_PACKAGE OR (services AND proto MATCHES "containerd/wire/"))
    set(script "${PROJECT_SOURCE_DIR}/cmake/FinishGenerated.cmake")
    list(JOIN outputs "," files)
    list(JOIN _wire_names "," wire_names)
    set(finish COMMAND "${CMAKE_COMMAND}" "-DFILES=${files}" "-DPACKAGE=${CONTAINERD_PROTO_PACKAGE}"
               "-DWIRE_NAMES=${wire_names}" -P "${script}")
  endif()

  # protoc names the imports in the depfile, so that an edit regenerates what it touches only.
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND
      protobuf::protoc "--proto_path=${_proto_path}" "--proto_path=${Protobuf_INCLUDE_DIRS}"
      "--cpp_out=${CONTAINERD_PROTO_INCLUDE_DIR}" "--dependency_out=${base}.d" ${grpc_args}
      "${_proto_path}/${proto}"
    ${finish}
    DEPENDS "${_proto_path}/${proto}" protobuf::protoc gRPC::grpc_cpp_plugin ${script}
    DEPFILE "${base}.d"
    COMMENT "Generating from ${proto}"
    VERBATIM)
  set(${out} ${${out}} ${outputs} PARENT_SCOPE)
endfunction()

# Adds the library <target>, a part of <component>, of these protos, paths below _proto_path.
#
# What protoc writes is compiled a dozen files at once: most of the time of such a file goes into gRPC's
# headers. Two names of each .pb.cc are at file scope, and get a number.
function(_containerd_proto_library target component)
  set(sources "")
  foreach(proto IN LISTS ARGN)
    _containerd_proto_sources(sources "${proto}")
  endforeach()
  string(REGEX REPLACE "^pkg_" "" unit_dir "${target}_units")
  set(units "")
  set(proto_ccs ${sources})
  list(FILTER proto_ccs INCLUDE REGEX "\\.cc$")
  # Those with services first: they are the slow ones, and land in few units.
  set(grpc_ccs ${proto_ccs})
  list(FILTER grpc_ccs INCLUDE REGEX "\\.grpc\\.pb\\.cc$")
  list(FILTER proto_ccs EXCLUDE REGEX "\\.grpc\\.pb\\.cc$")
  foreach(kind IN ITEMS grpc proto)
    set(text "")
    set(count 0)
    set(unit 0)
    list(LENGTH ${kind}_ccs left)
    foreach(cc IN LISTS ${kind}_ccs)
      string(APPEND text "#define schemas schemas_${count}\n#define file_default_instances instances_${count}\n"
                         "#include \"${cc}\"\n#undef schemas\n#undef file_default_instances\n")
      math(EXPR count "${count} + 1")
      math(EXPR left "${left} - 1")
      math(EXPR full "${count} % 12")
      if(full EQUAL 0 OR left EQUAL 0)
        set(file "${PROJECT_BINARY_DIR}/${unit_dir}/${kind}_${unit}.cc")
        file(GENERATE OUTPUT "${file}" CONTENT "${text}")
        list(APPEND units "${file}")
        set(text "")
        math(EXPR unit "${unit} + 1")
      endif()
    endforeach()
  endforeach()
  set_source_files_properties(${sources} PROPERTIES HEADER_FILE_ONLY ON)

  # With default visibility: users ask for raw stubs.
  add_library(${target} STATIC ${units} ${sources})
  # These are units already.
  set_target_properties(${target} PROPERTIES UNITY_BUILD OFF)
  target_include_directories(${target} SYSTEM PUBLIC "$<BUILD_INTERFACE:${_proto_include_dirs}>")
  target_link_libraries(${target} PUBLIC gRPC::grpc++ protobuf::libprotobuf)
  # Generated code is not ours to warn about or to step through. For size, it compiles in three quarters
  # of the time and is a third smaller.
  target_compile_options(${target} PRIVATE -w -g0 $<$<CONFIG:Release>:-Os>)
  set_property(GLOBAL APPEND PROPERTY CONTAINERD_PACKAGES_${component} ${target})
endfunction()

file(MAKE_DIRECTORY "${CONTAINERD_PROTO_INCLUDE_DIR}")
# CRI's messages are apart, so that a program which has its own can do without.
set(_cri_protos ${_protos})
list(FILTER _cri_protos INCLUDE REGEX "(^|/)runtime/v1/[a-z]+\\.proto$")
list(FILTER _cri_protos EXCLUDE REGEX "containerd/")
set(_core_protos ${_protos})
list(REMOVE_ITEM _core_protos ${_cri_protos})
_containerd_proto_library(pkg_proto core ${_core_protos})
_containerd_proto_library(pkg_cri_proto cri-client ${_cri_protos})

if(CONTAINERD_BUILD_TESTS)
  add_executable(test_proto "${PROJECT_SOURCE_DIR}/tests/unit/proto/descriptors_test.cc")
  # The whole archive, so that every file is in the generated pool without being named.
  target_link_libraries(test_proto PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,pkg_proto,pkg_cri_proto>" containerd_warnings
                                           GTest::gmock GTest::gtest GTest::gtest_main)
  target_compile_definitions(test_proto PRIVATE CONTAINERD_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data"
                                                CONTAINERD_PROTO_DIR="${_proto_path}"
                                                CONTAINERD_PROTO_PACKAGE="${CONTAINERD_PROTO_PACKAGE}")
  add_test(NAME unit.proto COMMAND test_proto)
  set_tests_properties(unit.proto PROPERTIES LABELS unit TIMEOUT 300)
endif()
