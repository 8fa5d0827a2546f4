# SPDX-License-Identifier: Apache-2.0
# Compiles proto/ into pkg_proto: messages of every .proto, and gRPC stubs and mocks of those that
# have services. What it generates is included by its place in proto/, as in
#   #include "containerd/services/content/v1/content.grpc.pb.h"
#   #include "containerd/services/content/v1/content_mock.grpc.pb.h"   // tests only
#
# CONTAINERD_PROTO_INCLUDE_DIR is the root of the generated headers, for those who install them.

set(CONTAINERD_PROTO_SOURCE_DIR "${PROJECT_SOURCE_DIR}/proto")
set(CONTAINERD_PROTO_INCLUDE_DIR "${PROJECT_BINARY_DIR}/proto")

# Adds to the list <out> the sources generated from <proto>, a path below proto/.
function(_containerd_proto_sources out proto)
  string(REGEX REPLACE "\\.proto$" "" stem "${proto}")
  set(base "${CONTAINERD_PROTO_INCLUDE_DIR}/${stem}")
  set(outputs "${base}.pb.cc" "${base}.pb.h")
  set(grpc_args "")

  # A file that gains its first service has to gain outputs too.
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CONTAINERD_PROTO_SOURCE_DIR}/${proto}")
  file(STRINGS "${CONTAINERD_PROTO_SOURCE_DIR}/${proto}" services REGEX "^service ")
  if(services)
    # In protoc's order: Ninja wants the depfile to begin with the first output.
    list(PREPEND outputs "${base}.grpc.pb.cc" "${base}.grpc.pb.h")
    list(APPEND outputs "${base}_mock.grpc.pb.h")
    set(grpc_args "--plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>"
                  "--grpc_out=generate_mock_code=true:${CONTAINERD_PROTO_INCLUDE_DIR}")
  endif()

  set(escape "")
  file(STRINGS "${CONTAINERD_PROTO_SOURCE_DIR}/${proto}" keywords
       REGEX " (requires|concept|co_await|co_return|co_yield|consteval|constinit|char8_t) = ")
  if(keywords)
    set(escape COMMAND "${CMAKE_COMMAND}" "-DFILES=${base}.pb.h,${base}.pb.cc" -P
               "${PROJECT_SOURCE_DIR}/cmake/EscapeKeywords.cmake")
  endif()

  # protoc names the imports in the depfile, so that an edit regenerates what it touches only.
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND
      protobuf::protoc "--proto_path=${CONTAINERD_PROTO_SOURCE_DIR}" "--proto_path=${Protobuf_INCLUDE_DIRS}"
      "--cpp_out=${CONTAINERD_PROTO_INCLUDE_DIR}" "--dependency_out=${base}.d" ${grpc_args}
      "${CONTAINERD_PROTO_SOURCE_DIR}/${proto}"
    ${escape}
    DEPENDS "${CONTAINERD_PROTO_SOURCE_DIR}/${proto}" protobuf::protoc gRPC::grpc_cpp_plugin
    DEPFILE "${base}.d"
    COMMENT "Generating from ${proto}"
    VERBATIM)
  set(${out} ${${out}} ${outputs} PARENT_SCOPE)
endfunction()

file(MAKE_DIRECTORY "${CONTAINERD_PROTO_INCLUDE_DIR}")
file(
  GLOB_RECURSE _protos CONFIGURE_DEPENDS
  RELATIVE "${CONTAINERD_PROTO_SOURCE_DIR}"
  "${CONTAINERD_PROTO_SOURCE_DIR}/*.proto")
set(_proto_sources "")
foreach(_proto IN LISTS _protos)
  _containerd_proto_sources(_proto_sources "${_proto}")
endforeach()

# What protoc writes is compiled a dozen files at once: most of the time of such a file goes into gRPC's
# headers. Two names of each .pb.cc are at file scope, and get a number.
set(_units "")
set(_proto_ccs ${_proto_sources})
list(FILTER _proto_ccs INCLUDE REGEX "\\.cc$")
# Those with services first: they are the slow ones, and land in few units.
set(_grpc_ccs ${_proto_ccs})
list(FILTER _grpc_ccs INCLUDE REGEX "\\.grpc\\.pb\\.cc$")
list(FILTER _proto_ccs EXCLUDE REGEX "\\.grpc\\.pb\\.cc$")
foreach(_kind IN ITEMS grpc proto)
  set(_text "")
  set(_count 0)
  set(_unit 0)
  list(LENGTH _${_kind}_ccs _left)
  foreach(_cc IN LISTS _${_kind}_ccs)
    string(APPEND _text "#define schemas schemas_${_count}\n#define file_default_instances instances_${_count}\n"
                        "#include \"${_cc}\"\n#undef schemas\n#undef file_default_instances\n")
    math(EXPR _count "${_count} + 1")
    math(EXPR _left "${_left} - 1")
    math(EXPR _full "${_count} % 12")
    if(_full EQUAL 0 OR _left EQUAL 0)
      set(_file "${PROJECT_BINARY_DIR}/proto_units/${_kind}_${_unit}.cc")
      file(GENERATE OUTPUT "${_file}" CONTENT "${_text}")
      list(APPEND _units "${_file}")
      set(_text "")
      math(EXPR _unit "${_unit} + 1")
    endif()
  endforeach()
endforeach()
set_source_files_properties(${_proto_sources} PROPERTIES HEADER_FILE_ONLY ON)

add_library(pkg_proto STATIC ${_units} ${_proto_sources})
# These are units already.
set_target_properties(pkg_proto PROPERTIES UNITY_BUILD OFF)
target_include_directories(pkg_proto SYSTEM PUBLIC $<BUILD_INTERFACE:${CONTAINERD_PROTO_INCLUDE_DIR}>)
target_link_libraries(pkg_proto PUBLIC gRPC::grpc++ protobuf::libprotobuf)
# Generated code is not ours to warn about or to step through.
target_compile_options(pkg_proto PRIVATE -w -g0)
set_property(GLOBAL APPEND PROPERTY CONTAINERD_PACKAGES_core pkg_proto)

if(CONTAINERD_BUILD_TESTS)
  add_executable(test_proto "${PROJECT_SOURCE_DIR}/tests/unit/proto/descriptors_test.cc")
  # The whole archive, so that every file is in the generated pool without being named.
  target_link_libraries(test_proto PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,pkg_proto> containerd_warnings GTest::gmock
                                           GTest::gtest GTest::gtest_main)
  target_compile_definitions(test_proto PRIVATE CONTAINERD_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data"
                                                CONTAINERD_PROTO_DIR="${CONTAINERD_PROTO_SOURCE_DIR}")
  add_test(NAME unit.proto COMMAND test_proto)
  set_tests_properties(unit.proto PROPERTIES LABELS unit TIMEOUT 300)
endif()
