# SPDX-License-Identifier: Apache-2.0
# The integration tests: every tests/integration/*.cc in one executable, which starts a daemon of its
# own (tests/integration/harness.h). tests/run.sh runs it for each daemon of the lab.

if(NOT TARGET pkg_client)
  return()
endif()
file(GLOB _integration_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/integration/*.cc")
get_property(_packages GLOBAL PROPERTY CONTAINERD_PACKAGES)
get_property(_extra_packages GLOBAL PROPERTY CONTAINERD_EXTRA_PACKAGES)
add_executable(integration_tests ${_integration_sources})
target_link_libraries(integration_tests PRIVATE ${_packages} ${_extra_packages} containerd_warnings GTest::gmock
                                                GTest::gtest)
target_compile_definitions(
  integration_tests PRIVATE CONTAINERD_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                            CONTAINERD_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
