// SPDX-License-Identifier: Apache-2.0
//
// What tests of daemons' conformance stand on; see store_conformance.h.
#ifndef CONTAINERD_TESTS_SUPPORT_CONFORMANCE_H_
#define CONTAINERD_TESTS_SUPPORT_CONFORMANCE_H_

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "containerd/client.h"
#include "containerd/context/context.h"
#include "containerd/testing/status.h"

#ifndef ASSERT_OK
#define ASSERT_OK(expression) ASSERT_THAT(expression, ::containerd::testing::IsOk())
#define EXPECT_OK(expression) EXPECT_THAT(expression, ::containerd::testing::IsOk())
#endif

namespace containerd::testing {

// What is tested: a client of it, in an empty namespace that goes with this.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual std::shared_ptr<Client> client() = 0;
  virtual const Context& ctx() = 0;
  // One that it has.
  virtual std::string snapshotter() = 0;
};

class Conformance : public ::testing::TestWithParam<std::unique_ptr<Subject> (*)()> {
 protected:
  const Context& ctx() const { return subject_->ctx(); }
  std::string SnapshotterName() const { return subject_->snapshotter(); }

  const std::unique_ptr<Subject> subject_ = GetParam()();
  const std::shared_ptr<Client> client_ = subject_->client();
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_SUPPORT_CONFORMANCE_H_
