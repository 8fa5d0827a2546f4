# SPDX-License-Identifier: Apache-2.0
# What tests share, and tests of no single package.

containerd_test_support(fake_registry DEPS digest ocispec support/test_server)
containerd_test_support(fake_snapshotter DEPS context errdefs mount snapshots)
containerd_test_support(memory_store DEPS content context digest errdefs filters ocispec)
containerd_test_support(test_server DEPS http)

# The names of the public headers against the Go client's.
add_executable(test_parity "${PROJECT_SOURCE_DIR}/tests/parity/parity_test.cc")
target_link_libraries(test_parity PRIVATE containerd_warnings GTest::gtest GTest::gtest_main)
target_compile_definitions(test_parity PRIVATE CONTAINERD_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                                               CONTAINERD_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
add_test(NAME unit.parity COMMAND test_parity)
set_tests_properties(unit.parity PROPERTIES LABELS unit TIMEOUT 300)

# What tests/interop/spec_differential/run.sh compares with the Go client.
add_executable(spec_differential "${PROJECT_SOURCE_DIR}/tests/interop/spec_differential/spec_differential.cc")
target_link_libraries(spec_differential PRIVATE pkg_support_memory_store pkg_apparmor pkg_cdi pkg_filters pkg_oci
                                                pkg_seccomp containerd_warnings
                                                nlohmann_json::nlohmann_json)

# What tests/interop/cri/run.sh compares with Go.
add_executable(cri_answers "${PROJECT_SOURCE_DIR}/tests/interop/cri/cri_answers.cc")
target_link_libraries(cri_answers PRIVATE pkg_cri pkg_client_remote containerd_warnings)

# What tests/interop/layer/run.sh has others read.
add_executable(layer "${PROJECT_SOURCE_DIR}/tests/interop/layer/layer.cc")
target_link_libraries(layer PRIVATE pkg_archive containerd_warnings)

# The integration tests: every tests/integration/*.cc in one executable, which starts a daemon of its
# own (tests/integration/harness.h). tests/run.sh runs it for each daemon of the lab.
file(GLOB _integration_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/integration/*.cc")
containerd_all_packages(_packages)
add_executable(integration_tests ${_integration_sources})
target_link_libraries(integration_tests PRIVATE pkg_testing_mocks pkg_support_fake_registry
                                                pkg_testing_daemon_test pkg_testing_registry_test ${_packages}
                                                containerd_warnings GTest::gmock
                                                GTest::gtest)
set_target_properties(integration_tests PROPERTIES UNITY_BUILD OFF)
# Four fifths of the time that one of these files takes are the headers that all of them include.
target_precompile_headers(integration_tests PRIVATE "${PROJECT_SOURCE_DIR}/tests/integration/precompiled.h")
target_compile_options(integration_tests PRIVATE $<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>)
set_target_properties(integration_tests PROPERTIES CXX_COMPILER_LAUNCHER "${CONTAINERD_PRECOMPILED_LAUNCHER}")
target_compile_definitions(integration_tests PRIVATE CONTAINERD_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
if(TARGET engine)
  add_dependencies(integration_tests engine)
  set_source_files_properties(
    "${PROJECT_SOURCE_DIR}/tests/integration/libcontainerd_engine_test.cc"
    PROPERTIES COMPILE_DEFINITIONS CONTAINERD_ENGINE="$<TARGET_FILE:engine>")
endif()
set_property(SOURCE "${PROJECT_SOURCE_DIR}/tests/integration/examples_test.cc"
             PROPERTY COMPILE_DEFINITIONS CONTAINERD_EXAMPLES="${PROJECT_BINARY_DIR}/examples")
set_property(SOURCE "${PROJECT_SOURCE_DIR}/tests/integration/ctr_test.cc"
                    "${PROJECT_SOURCE_DIR}/tests/integration/ctr_containers_test.cc"
                    "${PROJECT_SOURCE_DIR}/tests/integration/ctr_images_test.cc"
                    "${PROJECT_SOURCE_DIR}/tests/integration/ctr_tasks_test.cc"
             PROPERTY COMPILE_DEFINITIONS CONTAINERD_EXAMPLES="${PROJECT_BINARY_DIR}/examples")
list(TRANSFORM CONTAINERD_SMALL_EXAMPLES PREPEND example_ OUTPUT_VARIABLE _examples)
foreach(_example IN LISTS _examples ITEMS example_ctr example_unit_test first quickstart raw_stubs)
  if(TARGET ${_example})
    add_dependencies(integration_tests ${_example})
  endif()
endforeach()
