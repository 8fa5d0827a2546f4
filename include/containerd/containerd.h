// SPDX-License-Identifier: Apache-2.0
//
// Everything that a program which runs containers needs: the client, all services of the daemon and
// their values, events, specs and registries. Include single headers instead where compile time
// matters. Not in it are the rest of the library's packages, the supervisor, and what drags
// generated headers in: containerd/stubs.h and containerd/typeurl/proto.h.
//
// What holds for all of it:
//
// Callbacks. Options, handlers, filters and walks run on the thread that called for them, or on one
// that works for that call, and may call the library and block. So may continuations of futures
// (future/future.h) and callbacks of subscriptions, which run on an Executor's threads
// (future/executor.h). Four kinds must be quick, as others wait for them: sinks, sources and
// bodies of HTTP requests (on the reactor's thread), sinks of the log and observers of calls
// (anywhere), and callbacks of a context's end (where it is cancelled). A call that would block the
// reactor's thread or one of gRPC's fails at once, with ErrFailedPrecondition.
//
// Exceptions. The library throws none. One that leaves a callback, of whatever kind, or what a
// program implements of the library's interfaces and an operation uses (a resolver, an io::Reader,
// a snapshotter, an Applier, a cio::IO, …), becomes the error of the operation that called it,
// ErrInternal with what() in it, and the operation ends in order: what it would remove after
// another error is removed. Where there is no operation it is logged: continuations of Then,
// callbacks of a context's end, the last callback of a subscription, sinks of the log, and what is
// done to clean up.
//
// Signals. All threads that the library starts, or has gRPC start, block all signals but those that
// report faults (SIGSEGV and its like) or serve profilers (SIGPROF). Programs that a thread starts
// get none of that.
//
// fork. A forked child may exec; it may also destroy what it inherited, which touches nothing of
// the parent's. Whatever else it does with that fails with ErrFailedPrecondition. It cannot make a
// client either, unless it was forked before the first one was made: gRPC, which has threads, does
// not survive a fork. Packages that do not talk to a daemon work in it.
#ifndef CONTAINERD_CONTAINERD_H_
#define CONTAINERD_CONTAINERD_H_

#include "containerd/checkpoint.h"                   // IWYU pragma: export
#include "containerd/cio/cio.h"                      // IWYU pragma: export
#include "containerd/cio/streams.h"                  // IWYU pragma: export
#include "containerd/client.h"                       // IWYU pragma: export
#include "containerd/client_opts.h"                  // IWYU pragma: export
#include "containerd/console/console.h"              // IWYU pragma: export
#include "containerd/container.h"                    // IWYU pragma: export
#include "containerd/container_opts.h"               // IWYU pragma: export
#include "containerd/containers/containers.h"        // IWYU pragma: export
#include "containerd/content/content.h"              // IWYU pragma: export
#include "containerd/content/helpers.h"              // IWYU pragma: export
#include "containerd/context/context.h"              // IWYU pragma: export
#include "containerd/diff/diff.h"                    // IWYU pragma: export
#include "containerd/errdefs/errdefs.h"              // IWYU pragma: export
#include "containerd/events/events.h"                // IWYU pragma: export
#include "containerd/events/typed.h"                 // IWYU pragma: export
#include "containerd/forward.h"                      // IWYU pragma: export
#include "containerd/future/async.h"                 // IWYU pragma: export
#include "containerd/future/coroutine.h"             // IWYU pragma: export
#include "containerd/future/future.h"                // IWYU pragma: export
#include "containerd/future/thread_pool.h"           // IWYU pragma: export
#include "containerd/health/health.h"                // IWYU pragma: export
#include "containerd/image.h"                        // IWYU pragma: export
#include "containerd/images/archive.h"               // IWYU pragma: export
#include "containerd/images/store.h"                 // IWYU pragma: export
#include "containerd/import.h"                       // IWYU pragma: export
#include "containerd/install.h"                      // IWYU pragma: export
#include "containerd/introspection/introspection.h"  // IWYU pragma: export
#include "containerd/io/io.h"                        // IWYU pragma: export
#include "containerd/leases/leases.h"                // IWYU pragma: export
#include "containerd/log/log.h"                      // IWYU pragma: export
#include "containerd/mount/manager.h"                // IWYU pragma: export
#include "containerd/mount/mount.h"                  // IWYU pragma: export
#include "containerd/namespaces/namespaces.h"        // IWYU pragma: export
#include "containerd/namespaces/store.h"             // IWYU pragma: export
#include "containerd/oci/oci.h"                      // IWYU pragma: export
#include "containerd/platforms/platforms.h"          // IWYU pragma: export
#include "containerd/process.h"                      // IWYU pragma: export
#include "containerd/remote_opts.h"                  // IWYU pragma: export
#include "containerd/remotes/docker/authorizer.h"    // IWYU pragma: export
#include "containerd/remotes/docker/config.h"        // IWYU pragma: export
#include "containerd/remotes/docker/resolver.h"      // IWYU pragma: export
#include "containerd/sandbox.h"                      // IWYU pragma: export
#include "containerd/sandbox/sandbox.h"              // IWYU pragma: export
#include "containerd/services.h"                     // IWYU pragma: export
#include "containerd/signals.h"                      // IWYU pragma: export
#include "containerd/snapshots/snapshots.h"          // IWYU pragma: export
#include "containerd/snapshotter_opts.h"             // IWYU pragma: export
#include "containerd/specs/json.h"                   // IWYU pragma: export
#include "containerd/specs/spec.h"                   // IWYU pragma: export
#include "containerd/streaming/streaming.h"          // IWYU pragma: export
#include "containerd/task.h"                         // IWYU pragma: export
#include "containerd/task_opts.h"                    // IWYU pragma: export
#include "containerd/tasks/tasks.h"                  // IWYU pragma: export
#include "containerd/tracing/call_observer.h"        // IWYU pragma: export
#include "containerd/tracing/trace_context.h"        // IWYU pragma: export
#include "containerd/transfer/archive.h"             // IWYU pragma: export
#include "containerd/transfer/image.h"               // IWYU pragma: export
#include "containerd/transfer/registry.h"            // IWYU pragma: export
#include "containerd/transfer/transfer.h"            // IWYU pragma: export
#include "containerd/typeurl/typeurl.h"              // IWYU pragma: export
#include "containerd/version/version.h"              // IWYU pragma: export

#endif  // CONTAINERD_CONTAINERD_H_
