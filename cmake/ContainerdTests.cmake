# SPDX-License-Identifier: Apache-2.0
# Tests of no single package.

# The names of the public headers against the Go client's.
add_executable(test_parity "${PROJECT_SOURCE_DIR}/tests/parity/parity_test.cc")
target_link_libraries(test_parity PRIVATE containerd_warnings GTest::gtest GTest::gtest_main)
target_compile_definitions(test_parity PRIVATE CONTAINERD_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                                               CONTAINERD_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
add_test(NAME unit.parity COMMAND test_parity)
set_tests_properties(unit.parity PROPERTIES LABELS unit TIMEOUT 300)

# What the compiler says of what is no option.
add_test(NAME unit.check_options COMMAND "${PROJECT_SOURCE_DIR}/tests/check_options.sh" "${CMAKE_CXX_COMPILER}")
set_tests_properties(unit.check_options PROPERTIES LABELS unit TIMEOUT 300)

# What tests/interop/spec_differential/run.sh compares with the Go client.
add_executable(spec_differential "${PROJECT_SOURCE_DIR}/tests/interop/spec_differential/spec_differential.cc")
target_include_directories(spec_differential PRIVATE "${PROJECT_SOURCE_DIR}")
target_link_libraries(spec_differential PRIVATE pkg_apparmor pkg_cdi pkg_filters pkg_oci pkg_seccomp containerd_warnings
                                                nlohmann_json::nlohmann_json)

# The integration tests: every tests/integration/*.cc in one executable, which starts a daemon of its
# own (tests/integration/harness.h). tests/run.sh runs it for each daemon of the lab.
file(GLOB _integration_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/integration/*.cc")
containerd_all_packages(_packages)
add_executable(integration_tests ${_integration_sources})
target_link_libraries(integration_tests PRIVATE ${_packages} containerd_warnings GTest::gmock
                                                GTest::gtest)
set_target_properties(integration_tests PROPERTIES UNITY_BUILD OFF)
# For what unit tests have too: #include "tests/unit/...".
target_include_directories(integration_tests PRIVATE "${PROJECT_SOURCE_DIR}")
target_compile_definitions(
  integration_tests PRIVATE CONTAINERD_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                            CONTAINERD_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
