// SPDX-License-Identifier: Apache-2.0
//
// ctr events
#include <iostream>
#include <memory>
#include <variant>

#include "commands.h"
#include "output.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

absl::Status ShowEvents(const Context& ctx, Client& client, const Args& args) {
  const std::unique_ptr<events::Subscription> subscription = client.Subscribe(ctx, args.All());
  for (;;) {
    absl::StatusOr<events::Item> item = subscription->Next(ctx);
    if (!item.ok()) return item.status();
    const auto* envelope = std::get_if<events::Envelope>(&*item);
    if (envelope == nullptr) continue;
    absl::StatusOr<std::string> text = MessageJSON(envelope->event);
    if (!text.ok()) {
      Warn(Explain(text.status()));
      continue;
    }
    std::cout << TimeText(envelope->timestamp) << " " << envelope->ns << " " << envelope->topic
              << " " << *text << "\n"
              << std::flush;
  }
}

}  // namespace

Command EventsCommand() {
  return {"events,event", "Display containerd events", "[<filter>, ...]", {}, ShowEvents};
}

}  // namespace ctr
