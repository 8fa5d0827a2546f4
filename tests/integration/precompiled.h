// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_TESTS_INTEGRATION_PRECOMPILED_H_
#define CONTAINERD_TESTS_INTEGRATION_PRECOMPILED_H_

// What nearly every integration test includes, compiled once. The build alone includes this file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"

#include "tests/integration/harness.h"

#endif  // CONTAINERD_TESTS_INTEGRATION_PRECOMPILED_H_
