# SPDX-License-Identifier: Apache-2.0
# One call a package: src/<name>/*.cc becomes the static target pkg_<name>, whose objects the
# installed libraries collect, and tests/unit/<name>/*_test.cc the executable test_<name>.

set_property(GLOBAL PROPERTY CONTAINERD_PACKAGES "")
set_property(GLOBAL PROPERTY CONTAINERD_EXTRA_PACKAGES "")

# containerd_package(<name> [EXTRA] [DEPS package...] [LIBS target...] [TEST_DEPS package...])
#
# EXTRA packages (layer 5) are not part of the client library; each is a target of its own.
function(containerd_package name)
  cmake_parse_arguments(arg "EXTRA" "" "DEPS;LIBS;TEST_DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${name}/*.cc")
  set(scope PUBLIC)
  if(sources)
    add_library(pkg_${name} STATIC ${sources})
    target_link_libraries(pkg_${name} PRIVATE containerd_warnings)
    if(arg_EXTRA)
      set_property(GLOBAL APPEND PROPERTY CONTAINERD_EXTRA_PACKAGES pkg_${name})
    else()
      set_property(GLOBAL APPEND PROPERTY CONTAINERD_PACKAGES pkg_${name})
    endif()
  else()
    add_library(pkg_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(pkg_${name} ${scope} $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
  list(TRANSFORM arg_DEPS PREPEND pkg_)
  target_link_libraries(pkg_${name} ${scope} ${arg_DEPS} ${arg_LIBS} absl::statusor absl::status
                                                absl::strings absl::cord absl::time absl::span fmt::fmt)

  if(CONTAINERD_BUILD_TESTS)
    file(GLOB tests CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/unit/${name}/*_test.cc")
    if(tests)
      add_executable(test_${name} ${tests})
      list(TRANSFORM arg_TEST_DEPS PREPEND pkg_)
      target_link_libraries(test_${name} PRIVATE pkg_${name} ${arg_TEST_DEPS} containerd_warnings GTest::gmock
                                                 GTest::gtest GTest::gtest_main)
      # For a package's own internals: #include "src/<name>/...".
      target_include_directories(test_${name} PRIVATE "${PROJECT_SOURCE_DIR}")
      target_compile_definitions(test_${name}
                                 PRIVATE CONTAINERD_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
      add_test(NAME unit.${name} COMMAND test_${name})
      set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 300)
    endif()
  endif()
endfunction()
