#include "libp2p/protocols/gossipsub/rpc.h"
#include "multiformats/varint.h"

#include <cstdlib>

namespace {

using namespace libp2p::gossipsub;

base::ConstBytes without_length(base::ConstBytes frame) {
  const auto length = multiformats::read_uvarint(frame);
  if (!length || length->value != frame.size() - length->size) std::abort();
  return frame.subspan(length->size);
}

std::size_t ids_of(const Control& control) {
  std::size_t count = control.iwant.size() + control.idontwant.size();
  for (const Ihave& ihave : control.ihave) count += ihave.ids.size();
  return count;
}

void check_bounds(const Rpc& rpc) {
  if (rpc.subscriptions.size() > kRpcSubscriptionsMax || rpc.publish.size() > kRpcMessagesMax) std::abort();
  const Control& control = rpc.control;
  if (control.graft.size() > kRpcControlsMax || control.prune.size() > kRpcControlsMax) std::abort();
  if (control.ihave.size() > kRpcControlsMax || ids_of(control) > 3 * kRpcIdsMax) std::abort();
  for (const Prune& prune : control.prune) {
    if (prune.peers.size() > kPrunePeersMax) std::abort();
  }
}

/// What is written of a control message is read as the same.
void check_control(Control control) {
  for (Prune& prune : control.prune) {
    // Ours are within what the varint writer takes.
    if (prune.backoff_s && *prune.backoff_s > multiformats::kUvarintMax) prune.backoff_s.reset();
  }
  Control again;
  for (const base::Bytes& frame : serialise_control(control)) {
    auto part = parse_rpc(without_length(frame));
    if (!part) std::abort();
    again.graft.insert(again.graft.end(), part->control.graft.begin(), part->control.graft.end());
    for (auto& each : part->control.prune) again.prune.push_back(std::move(each));
    for (auto& each : part->control.ihave) again.ihave.push_back(std::move(each));
    again.iwant.insert(again.iwant.end(), part->control.iwant.begin(), part->control.iwant.end());
    again.idontwant.insert(again.idontwant.end(), part->control.idontwant.begin(), part->control.idontwant.end());
  }
  if (again.graft != control.graft || again.prune.size() != control.prune.size()) std::abort();
  if (ids_of(again) != ids_of(control) || again.iwant != control.iwant) std::abort();
}

}  // namespace

// Whatever is parsed stays within its bounds, and control messages and messages survive being written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto rpc = parse_rpc({data, size});
  if (!rpc) return 0;
  check_bounds(*rpc);
  check_control(rpc->control);
  for (const RawMessage& raw : rpc->publish) {
    const auto view = view_of(raw);
    if (!view) continue;
    const auto message = make_message(raw, *view, default_message_id(*view));
    auto again = parse_rpc(without_length(*message->frame));
    if (!again || again->publish.size() != 1) std::abort();
    const auto same = view_of(again->publish[0]);
    if (!same || same->from != view->from || same->seqno != view->seqno || same->topic != view->topic) std::abort();
    if (base::as_text(message->data) != base::as_text(view->data)) std::abort();
    (void)verify_message(raw, view->from);
  }
  return 0;
}
