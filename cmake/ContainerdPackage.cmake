# SPDX-License-Identifier: Apache-2.0
# One call a package. A package is a path, the Go package's own: src/<path>/*.cc becomes the static
# target pkg_<path>, whose objects its component's libraries collect, and tests/unit/<path>/*_test.cc
# the executable test_<path>; slashes of the path become underscores in targets.

set(CONTAINERD_COMPONENTS core registry cdi supervisor libcontainerd cri cri-client)
foreach(_component IN LISTS CONTAINERD_COMPONENTS)
  set_property(GLOBAL PROPERTY CONTAINERD_PACKAGES_${_component} "")
endforeach()

# containerd_package(<path> LAYER n [COMPONENT component] [DEPS package...] [LIBS target...]
#                    [TEST_DEPS package...] [TEST_DATA])
#
# The component is core if none is named. DEPS are the packages that its files include, no more and no
# less, which tests/check_layers.py checks with the LAYER; TEST_DEPS what its unit tests link besides:
# packages, and support/<name> for what they include of tests/support. TEST_DATA tells them where
# tests/data is.
function(containerd_package path)
  cmake_parse_arguments(arg "TEST_DATA" "LAYER;COMPONENT" "DEPS;LIBS;TEST_DEPS" ${ARGN})
  if(NOT arg_COMPONENT)
    set(arg_COMPONENT core)
  endif()
  set_property(GLOBAL PROPERTY CONTAINERD_COMPONENT_OF_${path} ${arg_COMPONENT})
  string(REPLACE "/" "_" name "${path}")
  foreach(list IN ITEMS arg_DEPS arg_TEST_DEPS)
    list(TRANSFORM ${list} REPLACE "/" "_")
    list(TRANSFORM ${list} PREPEND pkg_)
  endforeach()

  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${path}/*.cc")
  set(scope PUBLIC)
  if(sources)
    add_library(pkg_${name} STATIC ${sources})
    target_link_libraries(pkg_${name} PRIVATE containerd_warnings)
    target_compile_options(pkg_${name} PRIVATE ${containerd_sanitize_library})
    # What leaves the shared libraries says so: containerd/export/export.h.
    set_target_properties(pkg_${name} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
    # gcc would have each exported class export the types of its private members, too.
    target_compile_options(pkg_${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-attributes>)
    # For what packages share without showing it to users: #include "src/...".
    target_include_directories(pkg_${name} PRIVATE "${PROJECT_SOURCE_DIR}")
    set_property(GLOBAL APPEND PROPERTY CONTAINERD_PACKAGES_${arg_COMPONENT} pkg_${name})
  else()
    add_library(pkg_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(pkg_${name} ${scope} $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
  target_link_libraries(pkg_${name} ${scope} ${arg_DEPS} ${arg_LIBS} absl::statusor absl::status
                                                absl::strings absl::cord absl::time absl::span fmt::fmt)

  if(CONTAINERD_BUILD_TESTS)
    file(GLOB tests CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/unit/${path}/*_test.cc")
    if(tests)
      add_executable(test_${name} ${tests})
      target_link_libraries(test_${name} PRIVATE pkg_${name} ${arg_TEST_DEPS} containerd_warnings GTest::gmock
                                                 GTest::gtest GTest::gtest_main)
      # For a package's own internals, and for tests/support.
      target_include_directories(test_${name} PRIVATE "${PROJECT_SOURCE_DIR}")
      if(arg_TEST_DATA)
        target_compile_definitions(test_${name} PRIVATE CONTAINERD_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
      endif()
      add_test(NAME unit.${name} COMMAND test_${name})
      set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 300)
    endif()
  endif()
endfunction()

# containerd_test_support(<name> DEPS package...): tests/support/<name>.cc and what that links, for
# TEST_DEPS. One library a file, so that a package's test builds no package that it does not need.
function(containerd_test_support name)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  list(TRANSFORM arg_DEPS REPLACE "/" "_")
  list(TRANSFORM arg_DEPS PREPEND pkg_)
  add_library(pkg_support_${name} STATIC "${PROJECT_SOURCE_DIR}/tests/support/${name}.cc")
  target_include_directories(pkg_support_${name} PUBLIC "${PROJECT_SOURCE_DIR}")
  target_link_libraries(pkg_support_${name} PUBLIC ${arg_DEPS} PRIVATE containerd_warnings)
endfunction()

# Every package that has objects, in <out>.
function(containerd_all_packages out)
  set(result "")
  foreach(component IN LISTS CONTAINERD_COMPONENTS)
    get_property(packages GLOBAL PROPERTY CONTAINERD_PACKAGES_${component})
    list(APPEND result ${packages})
  endforeach()
  set(${out} "${result}" PARENT_SCOPE)
endfunction()
