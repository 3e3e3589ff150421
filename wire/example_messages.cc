#include "wire/example_messages.h"

#include <algorithm>
#include <numeric>

namespace kvp2p::wire {

namespace {

/// 10 11 12 … for a first byte of 0x10: easy to find in a dump.
template <class T>
T counting(std::uint8_t first) {
  T bytes;
  std::iota(bytes.begin(), bytes.end(), first);
  return bytes;
}

BlockKey key(std::uint8_t first) { return {counting<std::array<std::uint8_t, 32>>(first)}; }
ContentDigest digest(std::uint8_t first) { return {counting<std::array<std::uint8_t, 16>>(first)}; }
Fingerprint fingerprint() { return {counting<std::array<std::uint8_t, 32>>(0x40)}; }

ObjectFormat format() {
  ObjectFormat f;
  f.element = ElementType::kBf16;
  f.planes = 2;
  f.head_dim = 64;
  f.shard = {0, 30, 0, 3};
  return f;
}

Lease lease() { return {0x1122334455667788, 5, counting<std::array<std::uint8_t, 16>>(0xa0)}; }
ModelFields model_fields() { return {{"architecture", "llama"}, {"kv_element", "bf16"}}; }

Hello hello() {
  return {{1},
          kCanServe | kCanTakePuts | kAnnounces | kDirect | kCounts | kPacks | kJoinsLayers,
          0x1122334455667788,
          {8192, 64, 1u << 20, 64u << 20},
          counting<Nonce>(0x80),
          "kv-cache-p2p/0.1.0",
          counting<GossipTag>(0xb0)};
}

LookupAnswer lookup_answer() {
  LookupAnswer m;
  m.present = {true, true, false};
  m.tiers = {2, 1};
  m.has_root = {true, false};
  m.has_place = {false, true};
  m.places = {{3, 0x11223344, 5}};
  m.roots = {digest(0x60)};
  m.format = format();
  m.lease = lease();
  m.lease_ms = 10'000;
  m.expected_bytes_per_second = 3'000'000'000;
  return m;
}

Get get() {
  Get m;
  m.lease = lease();
  m.format = format();
  m.blocks = 2;
  m.layers = {0, 1, 2};
  m.head_end = 3;
  m.credit = 8;
  m.frame_bytes_max = 1u << 20;
  m.streams = {1};
  m.time_ms = 2000;
  m.may_pack = true;
  m.may_join = true;
  return m;
}

}  // namespace

std::vector<Message> example_messages() {
  std::vector<Message> all;
  const auto add = [&all](std::uint64_t id, Body body) { all.push_back({id, std::move(body)}); };
  add(0, hello());
  add(0, HelloProof{counting<Mac>(0x20)});
  add(0, HelloResult{true, counting<SessionId>(0xc0), ""});
  add(1, Lookup{fingerprint(), model_fields(), format(), {key(0), key(1), key(2)}, 10'000});
  add(1, lookup_answer());
  add(2, get());
  add(2, Credit{4});
  add(2, Gone{{{1, 1}}});
  add(2, GetEnd{3, 1, {1, 7}, {1, 2}});
  add(2, Cancel{});
  add(2, Busy{250});
  add(2, ErrorMessage{static_cast<std::uint32_t>(ErrorCode::kLeaseUnknown), "the lease has ended"});
  add(3, Put{fingerprint(), model_fields(), format(), {key(0), key(1)}, 2000});
  add(3, PutAnswer{{true, false}, 1u << 20});
  add(3, PutEnd{1});
  add(0, Announce{7, false, fingerprint(), format(), {key(3)}, {key(0)}});
  add(4, Ping{});
  add(4, Pong{});
  add(5, Stats{});
  add(5, StatsAnswer{{{"lookups_served", 12}, {"bytes_sent", 1u << 30}}});
  add(0, Release{lease()});
  add(0, StreamOpen{counting<SessionId>(0xc0), 1});
  add(2,
      FrameHeader{0, 2, 1, 1, 0, 24'576, {digest(0), digest(1), digest(2), digest(3), digest(4), digest(5)}, 17'000});
  add(6, DirectOpen{});
  add(6, DirectTicket{"kv-cache-p2p-000102030405060708090a0b0c0d0e0f", counting<Nonce>(0x40)});
  add(2, Streams{{2, 7}});
  add(2, Lost{7, 2});
  add(2, Counts{});
  add(2, CountsAnswer{1, {1, 7}, {5, 2}});
  return all;
}

}  // namespace kvp2p::wire
