// SPDX-License-Identifier: Apache-2.0
#include "src/rpc/internal/call.h"

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <absl/time/time.h>
#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpc/grpc.h>
#include <grpc/slice.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/support/async_unary_call.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/tracing/trace_context.h"

#include "src/base/escape.h"
#include "src/base/mutex.h"
#include "src/base/utf8.h"

namespace containerd::rpc {
namespace {

constexpr char kNamespaceHeader[] = "containerd-namespace";
constexpr char kLeaseHeader[] = "containerd-lease";

// gRPC aborts the process when a call starts with metadata that is not a legal header, so all of
// it is checked first.
absl::Status AddHeader(grpc::ClientContext* grpc_ctx, std::string_view what, const std::string& key,
                       const std::string& value) {
  const grpc_slice key_slice = grpc_slice_from_static_buffer(key.data(), key.size());
  const grpc_slice value_slice = grpc_slice_from_static_buffer(value.data(), value.size());
  const bool legal = grpc_header_key_is_legal(key_slice) != 0 &&
                     (grpc_is_binary_header(key_slice) != 0 ||
                      grpc_header_nonbin_value_is_legal(value_slice) != 0);
  if (!legal) {
    return errdefs::InvalidArgument(
        fmt::format("{} \"{}\" cannot be sent: not a legal header (key \"{}\")", what, value, key));
  }
  grpc_ctx->AddMetadata(key, value);
  return absl::OkStatus();
}

absl::Status AddTrace(grpc::ClientContext* grpc_ctx, const tracing::TraceContext& trace) {
  absl::Status s = AddHeader(grpc_ctx, "trace", tracing::kTraceparent, trace.traceparent);
  if (!s.ok() || trace.tracestate.empty()) return s;
  return AddHeader(grpc_ctx, "trace", tracing::kTracestate, trace.tracestate);
}

absl::Status NotUTF8(std::string_view path, std::string_view text) {
  return errdefs::InvalidArgument(
      fmt::format("{} {} cannot be sent: it is not UTF-8", path, base::Quote(text)));
}

// `path` leads to the message, and ends in a dot unless it is empty.
absl::Status CheckTextAt(const google::protobuf::Message& message, const std::string& path) {
  using google::protobuf::FieldDescriptor;
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool text = field->type() == FieldDescriptor::TYPE_STRING;
    if (!text && field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const std::string name = path + field->name();
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      absl::Status s;
      if (text) {
        std::string scratch;
        const std::string& value =
            field->is_repeated()
                ? reflection.GetRepeatedStringReference(message, field, i, &scratch)
                : reflection.GetStringReference(message, field, &scratch);
        if (!base::IsValidUTF8(value)) s = NotUTF8(name, value);
      } else {
        s = CheckTextAt(field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                             : reflection.GetMessage(message, field),
                        name + ".");
      }
      if (!s.ok()) return s;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckText(const google::protobuf::Message& message) {
  return CheckTextAt(message, "");
}

absl::Status FromGrpc(const grpc::Status& status) {
  absl::Status native =
      errdefs::ToNative(static_cast<int>(status.error_code()), status.error_message());
  // What every newcomer forgets, and the daemon cannot know how to mend.
  if (errdefs::IsFailedPrecondition(native) &&
      errdefs::Message(native).ends_with("namespace is required")) {
    return errdefs::FailedPrecondition(
        fmt::format("{} (WithNamespace names one for a context, WithDefaultNamespace for a client)",
                    errdefs::Message(native)));
  }
  return native;
}

absl::Status Prepare(const Context& ctx, const Connection* conn, const CallOptions& options,
                     grpc::ClientContext* grpc_ctx) {
  if (absl::Status err = ctx.Err(); !err.ok()) return err;
  if (conn != nullptr) {
    if (absl::Status s = conn->CheckProcess(); !s.ok()) return s;
  }
  if (ctx.Deadline() != absl::InfiniteFuture()) {
    grpc_ctx->set_deadline(absl::ToChronoTime(ctx.Deadline()));
  }
  grpc_ctx->set_wait_for_ready(options.wait_for_ready);

  std::string ns = ctx.Namespace().value_or("");
  if (ns.empty() && conn != nullptr) ns = conn->default_namespace();
  if (!ns.empty()) {
    if (absl::Status s = AddHeader(grpc_ctx, "namespace", kNamespaceHeader, ns); !s.ok()) return s;
  }
  if (const auto lease = ctx.Lease(); lease.has_value() && !lease->empty()) {
    if (absl::Status s = AddHeader(grpc_ctx, "lease", kLeaseHeader, *lease); !s.ok()) return s;
  }
  const tracing::TraceContext trace = tracing::TraceContextOf(ctx);
  if (!trace.traceparent.empty()) {
    if (absl::Status s = AddTrace(grpc_ctx, trace); !s.ok()) return s;
  }
  for (const auto& [key, value] : ctx.Metadata()) {
    const bool replaced = key == tracing::kTraceparent || key == tracing::kTracestate;
    if (replaced && !trace.traceparent.empty()) continue;
    if (absl::Status s = AddHeader(grpc_ctx, "metadata", key, value); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status NoChannel() {
  return errdefs::Unavailable("no grpc connection available: it was closed");
}

absl::Status CallPath(const Context& ctx, const std::shared_ptr<Connection>& conn,
                      const std::string& path, const google::protobuf::Message& request,
                      google::protobuf::Message* response, const CallOptions& options) {
  if (absl::Status s = conn->CheckProcess(); !s.ok()) return s;
  const std::shared_ptr<grpc::Channel> channel = conn->channel();
  if (channel == nullptr) return NoChannel();
  CallState call(conn);
  const auto name = [&path] { return std::string_view(path); };
  if (absl::Status s = call.Prepare(ctx, options, tracing::CallKind::kUnary, name); !s.ok()) {
    return s;
  }
  call.Sent(request);
  const grpc::Status status =
      conn->call_queue().Call(*channel, path, call.grpc_context(), request, response);
  if (status.ok()) call.Received(*response);
  return call.Result(status);
}

absl::Status UnderWay::Begin(const Context& ctx, const CallOptions& options, tracing::CallKind kind,
                             absl::FunctionRef<std::string_view()> method) {
  if (absl::Status s = call.CheckProcess(); !s.ok()) return s;
  channel = call.conn()->channel();
  if (channel == nullptr) return NoChannel();
  absl::Status s = call.Prepare(ctx, options, kind, method);
  if (s.ok()) {
    absl::StatusOr<CallQueue::Use> begun = call.conn()->call_queue().Begin();
    if (begun.ok()) {
      use = *std::move(begun);
      return s;
    }
    s = begun.status();
    call.Fail(s);
  }
  call.Tell();
  return s;
}

void UnderWay::Finish() {
  use.Reset();
  call.Finish();
}

namespace {

// A call from its start to the end of `done`.
struct AsyncCall {
  explicit AsyncCall(const std::shared_ptr<Connection>& conn) : under_way(conn) {}

  void Ended(bool readable) {
    std::shared_ptr<AsyncCall> keep;
    absl::Status result;
    std::function<void(absl::Status)> done_fn;
    {
      const base::MutexLock lock(mu);
      keep = std::move(self);
      // The status is that of the call, whatever came with it.
      if (!readable && status.ok()) {
        status = {grpc::StatusCode::INTERNAL, "the answer is not a message of that kind"};
      }
      result = under_way.call.Result(status);
      if (result.ok()) under_way.call.Received(*response);
      done_fn = std::move(done);
    }
    under_way.call.Tell();
    done_fn(std::move(result));
    done_fn = nullptr;  // with all that it captured, before Close may go on
    reader.reset();
    under_way.Finish();
  }

  UnderWay under_way;
  std::unique_ptr<grpc::ClientAsyncResponseReader<google::protobuf::MessageLite>> reader;
  CallQueue::Tag ended;
  base::Mutex mu;                   // orders what the starter writes before what the callback reads
  std::shared_ptr<AsyncCall> self;  // while it is under way
  google::protobuf::Message* response = nullptr;
  grpc::Status status;
  std::function<void(absl::Status)> done;
};

}  // namespace

void CallPathAsync(const Context& ctx, const std::shared_ptr<Connection>& conn,
                   const std::string& path, const google::protobuf::Message& request,
                   google::protobuf::Message* response, std::function<void(absl::Status)> done,
                   const CallOptions& options) {
  using google::protobuf::MessageLite;
  if (request.ByteSizeLong() > std::numeric_limits<int>::max()) {  // gRPC would end the process
    return done(errdefs::Internal("a message of more than 2 GiB"));
  }
  const auto call = std::make_shared<AsyncCall>(conn);
  const auto name = [&path] { return std::string_view(path); };
  absl::Status s = call->under_way.Begin(ctx, options, tracing::CallKind::kUnary, name);
  if (!s.ok()) return done(std::move(s));
  call->under_way.call.Sent(request);
  const threads::SignalsBlocked blocked;  // gRPC may start threads with the first call
  const grpc::internal::RpcMethod method(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
  const base::MutexLock lock(call->mu);
  call->self = call;
  call->response = response;
  call->done = std::move(done);
  call->ended.done = [raw = call.get()](bool readable) { raw->Ended(readable); };
  call->reader.reset(
      grpc::internal::ClientAsyncResponseReaderHelper::Create<MessageLite, MessageLite>(
          call->under_way.channel.get(), call->under_way.use.queue(), method,
          call->under_way.call.grpc_context(), request));
  call->reader->StartCall();
  call->reader->Finish(response, &call->status, call->ended.Armed());
}

absl::Status CallState::Prepare(const Context& ctx, const CallOptions& options,
                                tracing::CallKind kind,
                                absl::FunctionRef<std::string_view()> method) {
  if (!Forked()) {
    observed_ = tracing::Observation::Begin(ctx, conn_->observer(), [&] {
      return tracing::Call{.kind = kind, .method = method(), .ns = conn_->default_namespace()};
    });
  }
  absl::Status prepared = rpc::Prepare(observed_ != nullptr ? observed_->context() : ctx,
                                       conn_.get(), options, grpc_context_.get());
  if (!prepared.ok()) {
    if (observed_ != nullptr) observed_->Ended(prepared);
    return prepared;
  }
  ctx_ = ctx;
  on_cancel_ = ctx.OnCancel([this] { Cancel(); });
  on_close_ = conn_->closing().OnCancel([this] { Cancel(); });
  return absl::OkStatus();
}

void CallState::Cancel() {
  if (Forked()) return;
  base::MutexLock lock(mu_);
  if (grpc_context_) grpc_context_->TryCancel();
}

void CallState::Finish() {
  if (Forked()) {
    static_cast<void>(grpc_context_.release());  // the parent's call goes on
    if (observed_ != nullptr) observed_->Abandon();
    return;
  }
  // Unregisters first, and without the lock, because the callbacks take it.
  on_cancel_.Reset();
  on_close_.Reset();
  {
    base::MutexLock lock(mu_);
    grpc_context_ = nullptr;
  }
  Tell();
  activity_.reset();
}

absl::Status CallState::Result(const grpc::Status& status) const {
  const bool closed = status.error_code() == grpc::StatusCode::CANCELLED && conn_->closing().Done();
  absl::Status result =
      closed ? errdefs::Canceled("the client connection is closing") : FromGrpc(status);
  if (observed_ != nullptr) observed_->Ended(result);
  return result;
}

}  // namespace containerd::rpc
