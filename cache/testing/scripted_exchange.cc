#include "cache/testing/scripted_exchange.h"

#include "exchange/exchange_error.h"
#include "gpu/testing/engine_memory.h"

#include <cassert>
#include <cstring>

namespace kvp2p::testing {

multiformats::PeerId new_peer_id() {
  return multiformats::PeerId::from_public_key(multiformats::PrivateKey::generate().public_key());
}

ScriptedExchange::ScriptedExchange(const base::Executor& executor, base::Clock& clock,
                                   std::shared_ptr<StagingPool> staging)
    : clock_(clock), staging_(std::move(staging)), silent_changed_(executor) {}

std::vector<KvPeer> ScriptedExchange::peers() const {
  std::vector<KvPeer> peers;
  for (const auto& [id, script] : scripts) peers.push_back(*peer(id));
  return peers;
}

std::optional<KvPeer> ScriptedExchange::peer(const multiformats::PeerId& id) const {
  const auto script = scripts.find(id);
  if (script == scripts.end()) return std::nullopt;
  KvPeer peer;
  peer.id = id;
  peer.epoch = script->second.epoch;
  return peer;
}

namespace {

/// Leaves of one layer.
std::vector<ContentDigest> leaves_of(const BlockKey& key, std::uint32_t layer, const ObjectFormat& format) {
  const auto slice = slice_content(key, layer, format);
  std::vector<ContentDigest> leaves(format.shard.heads());
  compute_leaves(slice, format.head_slice_bytes(), leaves);
  return leaves;
}

ContentDigest root_of_key(const BlockKey& key, const ObjectFormat& format) {
  std::vector<ContentDigest> all;
  for (std::uint32_t layer = 0; layer < format.shard.layers(); ++layer) {
    const auto leaves = leaves_of(key, layer, format);
    all.insert(all.end(), leaves.begin(), leaves.end());
  }
  return root_of(all);
}

}  // namespace

base::Task<base::Result<LookupAnswer>> ScriptedExchange::lookup(multiformats::PeerId peer, LookupRequest request,
                                                                base::TimePoint deadline) {
  ++lookups;
  if (scripts[peer].silent) {
    bool due = false;
    auto timer = clock_.call_at(deadline, [&due, this] {
      due = true;
      silent_changed_.notify_all();
    });
    while (scripts[peer].silent && !due) co_await silent_changed_.wait();
    if (due) co_return ExchangeError::kTimeout;
  }
  const Peer script = scripts[peer];
  if (!script.lookup_outcome) co_return script.lookup_outcome.error();
  LookupAnswer answer;
  answer.reason = script.reason;
  answer.expected_bytes_per_second = script.rate;
  bool any = false;
  for (const BlockKey& key : request.keys) {
    FoundBlock found;
    found.present = script.keys.contains(key);
    found.tier = script.tier;
    if (found.present && script.roots) found.root = root_of_key(key, request.format);
    if (found.root && script.other_roots) found.root->bytes[0] ^= 1;
    any = any || found.present;
    answer.blocks.push_back(found);
  }
  if (any) {
    answer.lease.id = ++last_lease_;
    answer.lease_time = request.lease_time;
    leased_keys_[answer.lease.id] = request.keys;
    live_leases.insert(answer.lease.id);
  }
  if (on_answer) on_answer(peer, request, answer);
  co_return answer;
}

class ScriptedExchange::ScriptedFetch final : public Fetch {
 public:
  explicit ScriptedFetch(FetchCall& call) : call_(call) {}
  ~ScriptedFetch() override { call_.sink = nullptr; }

 private:
  FetchCall& call_;
};

std::unique_ptr<Fetch> ScriptedExchange::fetch(FetchRequest request, FetchSink& sink, base::TimePoint) {
  auto& call = fetches.emplace_back(std::make_unique<FetchCall>());
  call->keys = leased_keys_[request.lease.id];
  call->request = std::move(request);
  call->sink = &sink;
  return std::make_unique<ScriptedFetch>(*call);
}

void ScriptedExchange::send(FetchCall& fetch, std::uint32_t layer, std::uint32_t first, std::uint32_t count,
                            const std::function<void(ReceivedFrame&)>& spoil) {
  send_layers(fetch, layer, 1, first, count, spoil);
}

void ScriptedExchange::send_layers(FetchCall& fetch, std::uint32_t layer, std::uint32_t layers, std::uint32_t first,
                                   std::uint32_t count, const std::function<void(ReceivedFrame&)>& spoil) {
  if (fetch.sink == nullptr) return;
  const ObjectFormat& format = fetch.request.format;
  ReceivedFrame frame;
  frame.layer = layer;
  frame.layers = layers;
  frame.first_block = first;
  frame.blocks = count;
  auto lease = staging_->try_lease();
  assert(lease);
  frame.staging = std::move(*lease);
  frame.payload = frame.staging.bytes().first(layers * count * format.layer_slice_bytes());
  for (std::uint32_t i = 0; i < layers * count; ++i) {
    const BlockKey& key = fetch.keys[first + i % count];
    const std::uint32_t held_layer = layer + i / count - format.shard.layer_begin;
    const auto slice = slice_content(key, held_layer, format);
    std::memcpy(frame.payload.data() + i * slice.size(), slice.data(), slice.size());
    const auto leaves = leaves_of(key, held_layer, format);
    frame.leaves.insert(frame.leaves.end(), leaves.begin(), leaves.end());
  }
  if (spoil) spoil(frame);
  fetch.sink->on_frame(std::move(frame));
}

void ScriptedExchange::send_all(FetchCall& fetch) {
  for (const std::uint32_t layer : fetch.request.layers) {
    send(fetch, layer, fetch.request.first_block, fetch.request.blocks);
  }
  end(fetch, {});
}

void ScriptedExchange::end(FetchCall& fetch, base::Result<> outcome) {
  if (FetchSink* sink = std::exchange(fetch.sink, nullptr)) sink->on_end(outcome);
}

void ScriptedExchange::answer_silent() {
  for (auto& [id, script] : scripts) script.silent = false;
  silent_changed_.notify_all();
}

void ScriptedExchange::release(const multiformats::PeerId&, const LeaseToken& lease) { live_leases.erase(lease.id); }

base::Task<base::Result<std::size_t>> ScriptedExchange::put(multiformats::PeerId, LookupRequest, std::vector<PutBlock>,
                                                            base::TimePoint) {
  co_return ExchangeError::kNotConnected;
}

base::Task<base::Result<base::Duration>> ScriptedExchange::ping(multiformats::PeerId, base::TimePoint) {
  co_return ExchangeError::kNotConnected;
}

base::Task<base::Result<std::vector<std::pair<std::string, std::uint64_t>>>> ScriptedExchange::remote_stats(
    multiformats::PeerId, base::TimePoint) {
  co_return ExchangeError::kNotConnected;
}

base::Task<> ScriptedExchange::close() { co_return; }

}  // namespace kvp2p::testing
