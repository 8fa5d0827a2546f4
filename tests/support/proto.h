// SPDX-License-Identifier: Apache-2.0
//
// For tests of gRPC proxies against the mocks that are generated beside each service.
#ifndef CONTAINERD_TESTS_SUPPORT_PROTO_H_
#define CONTAINERD_TESTS_SUPPORT_PROTO_H_

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <grpcpp/support/status.h>
#include <grpcpp/test/mock_stream.h>

namespace containerd::testing {

// A message from protobuf's text format.
template <typename Message>
Message Proto(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

// Every field of the message, and no other, is as `text` says.
MATCHER_P(EqualsProto, text, "equals " + std::string(text)) {
  const auto want = Proto<std::decay_t<decltype(arg)>>(text);
  google::protobuf::util::MessageDifferencer differ;
  const google::protobuf::LogSilencer silencer;  // of the types in an Any that it does not know
  std::string differences;
  differ.ReportDifferencesToString(&differences);
  const bool equal = differ.Compare(want, arg);
  *result_listener << differences;
  return equal;
}

// Answers a mocked unary call.
template <typename Response>
auto Answer(const std::string& text = "") {
  return ::testing::DoAll(::testing::SetArgPointee<2>(Proto<Response>(text)),
                          ::testing::Return(grpc::Status::OK));
}

inline auto Fail(grpc::StatusCode code, const std::string& message) {
  return ::testing::Return(grpc::Status(code, message));
}

// Answers a mocked server-streaming call (the method named ...Raw).
template <typename Response>
grpc::ClientReaderInterface<Response>* Stream(const std::vector<std::string>& texts,
                                              const grpc::Status& end = grpc::Status::OK) {
  auto* reader = new ::testing::NiceMock<grpc::testing::MockClientReader<Response>>;
  {
    const ::testing::InSequence in_order;
    for (const std::string& text : texts) {
      EXPECT_CALL(*reader, Read)
          .WillOnce(::testing::DoAll(::testing::SetArgPointee<0>(Proto<Response>(text)),
                                     ::testing::Return(true)));
    }
    EXPECT_CALL(*reader, Read).WillRepeatedly(::testing::Return(false));
  }
  EXPECT_CALL(*reader, Finish).WillOnce(::testing::Return(end));
  return reader;
}

// The names of the message's fields that are not set, at any depth: what a test that means to cover
// every field has left out.
inline void FindUnset(const google::protobuf::Message& message, const std::string& prefix,
                      std::set<std::string>* unset) {
  if (message.GetDescriptor()->full_name().rfind("google.protobuf.", 0) == 0) return;
  const google::protobuf::Reflection* reflection = message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = message.GetDescriptor()->field(i);
    const std::string name = prefix + field->name();
    if (field->is_repeated()) {
      if (reflection->FieldSize(message, field) == 0) unset->insert(name);
    } else if (!reflection->HasField(message, field)) {
      unset->insert(name);
    }
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (field->is_map()) continue;
    if (!field->is_repeated()) {
      if (reflection->HasField(message, field)) {
        FindUnset(reflection->GetMessage(message, field), name + ".", unset);
      }
      continue;
    }
    for (int k = 0; k < reflection->FieldSize(message, field); ++k) {
      FindUnset(reflection->GetRepeatedMessage(message, field, k), name + ".", unset);
    }
  }
}

template <typename Message>
std::set<std::string> Unset(const std::string& text) {
  std::set<std::string> unset;
  FindUnset(Proto<Message>(text), "", &unset);
  return unset;
}

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_SUPPORT_PROTO_H_
