// Each message's fields with their numbers and bounds, once, for the encoder and the decoder (wire/codec.cc).
// Numbers ascend and are never reused.
#pragma once

#include "wire/limits.h"
#include "wire/messages.h"

#include <type_traits>

namespace kvp2p::wire {

/// M is T or const T.
template <class M, class T>
concept Of = std::is_same_v<std::remove_const_t<M>, T>;

template <class V>
void describe(V& v, Of<PeerLimits> auto& m) {
  v.number(1, m.keys_max, UINT32_MAX);
  v.number(2, m.requests_in_flight_max, UINT32_MAX);
  v.number(3, m.frame_bytes_max, UINT64_MAX);
  v.number(4, m.bytes_in_flight_max, UINT64_MAX);
}

template <class V>
void describe(V& v, Of<ShardRange> auto& m) {
  v.number(1, m.layer_begin, kLayersMax);
  v.number(2, m.layer_end, kLayersMax);
  v.number(3, m.head_begin, kHeadsMax);
  v.number(4, m.head_end, kHeadsMax);
}

template <class V>
void describe(V& v, Of<ObjectFormat> auto& m) {
  v.element(1, m.element);
  v.id(2, m.codec, Codec::kNone, Codec::kInt4);
  v.id(3, m.digest, DigestAlgorithm::kXxh3_128, DigestAlgorithm::kXxh3_128);
  v.number(4, m.planes, 2);
  v.number(5, m.head_dim, kHeadDimMax);
  v.nested(6, m.shard);
}

template <class V>
void describe(V& v, Of<Lease> auto& m) {
  v.number(1, m.epoch, UINT64_MAX);
  v.number(2, m.id, UINT64_MAX);
  v.fixed(3, m.mac);
}

template <class V>
void describe(V& v, Of<Hello> auto& m) {
  v.numbers(1, m.versions, kVersionsMax, UINT32_MAX);
  v.number(2, m.capabilities, UINT64_MAX);
  v.number(3, m.epoch, UINT64_MAX);
  v.nested(4, m.limits);
  v.fixed(5, m.nonce);
  v.text(6, m.agent, kAgentBytesMax);
  v.maybe_fixed(7, m.gossip);
}

template <class V>
void describe(V& v, Of<HelloProof> auto& m) {
  v.maybe_fixed(1, m.mac);
}

template <class V>
void describe(V& v, Of<HelloResult> auto& m) {
  v.boolean(1, m.authorised);
  v.maybe_fixed(2, m.session);
  v.text(3, m.reason, kTextBytesMax);
}

template <class V>
void describe(V& v, Of<Lookup> auto& m) {
  v.fixed(1, m.fingerprint.bytes);
  v.model_fields(2, m.model_fields);
  v.nested(3, m.format);
  v.keys(4, m.keys);
  v.number(5, m.lease_ms, kTimeMsMax);
}

template <class V>
void describe(V& v, Of<LookupAnswer> auto& m) {
  v.bits(1, m.present, kKeysMax);
  v.binary(2, m.tiers, kKeysMax);
  v.bits(3, m.has_root, kKeysMax);
  v.digests(4, m.roots, kKeysMax);
  v.nested(5, m.format);
  v.maybe_nested(6, m.lease);
  v.number(7, m.lease_ms, kTimeMsMax);
  v.number(8, m.expected_bytes_per_second, UINT64_MAX);
  v.text(9, m.reason, kTextBytesMax);
  v.bits(10, m.has_place, kKeysMax);
  v.places(11, m.places, kKeysMax);
}

template <class V>
void describe(V& v, Of<Get> auto& m) {
  v.nested(1, m.lease);
  v.nested(2, m.format);
  v.number(3, m.first_block, kKeysMax);
  v.number(4, m.blocks, kKeysMax);
  v.numbers(5, m.layers, kLayersMax, kLayersMax);
  v.number(6, m.head_begin, kHeadsMax);
  v.number(7, m.head_end, kHeadsMax);
  v.number(8, m.credit, kCreditMax);
  v.number(9, m.frame_bytes_max, kFramePayloadBytesMax);
  v.numbers(10, m.streams, kStreamsPerGetMax, UINT32_MAX);
  v.number(11, m.time_ms, kTimeMsMax);
  v.boolean(12, m.may_pack);
  v.boolean(13, m.may_join);
}

template <class V>
void describe(V& v, Of<Credit> auto& m) {
  v.number(1, m.frames, kCreditMax);
}

template <class V>
void describe(V& v, Of<BlockRange> auto& m) {
  v.number(1, m.first, kKeysMax);
  v.number(2, m.count, kKeysMax);
}

template <class V>
void describe(V& v, Of<Gone> auto& m) {
  v.list(1, m.ranges, kGoneRangesMax);
}

template <class V>
void describe(V& v, Of<GetEnd> auto& m) {
  v.number(1, m.frames, UINT32_MAX);
  v.number(2, m.losses, UINT32_MAX);
  v.numbers(3, m.streams, kStreamsPerGetMax, UINT32_MAX);
  v.numbers(4, m.counts, kStreamsPerGetMax, UINT32_MAX);
}

template <class V>
void describe(V&, Of<Cancel> auto&) {}

template <class V>
void describe(V& v, Of<Busy> auto& m) {
  v.number(1, m.retry_after_ms, kTimeMsMax);
}

template <class V>
void describe(V& v, Of<ErrorMessage> auto& m) {
  v.number(1, m.code, UINT32_MAX);
  v.text(2, m.reason, kTextBytesMax);
}

template <class V>
void describe(V& v, Of<Put> auto& m) {
  v.fixed(1, m.fingerprint.bytes);
  v.model_fields(2, m.model_fields);
  v.nested(3, m.format);
  v.keys(4, m.keys);
  v.number(5, m.time_ms, kTimeMsMax);
}

template <class V>
void describe(V& v, Of<PutAnswer> auto& m) {
  v.bits(1, m.wanted, kKeysMax);
  v.number(2, m.frame_bytes_max, kFramePayloadBytesMax);
}

template <class V>
void describe(V& v, Of<PutEnd> auto& m) {
  v.number(1, m.stored, kKeysMax);
}

template <class V>
void describe(V& v, Of<Announce> auto& m) {
  v.number(1, m.sequence, UINT64_MAX);
  v.boolean(2, m.cleared);
  v.fixed(3, m.fingerprint.bytes);
  v.maybe_nested(4, m.format);
  v.keys(5, m.stored);
  v.keys(6, m.evicted);
}

template <class V>
void describe(V&, Of<Ping> auto&) {}
template <class V>
void describe(V&, Of<Pong> auto&) {}
template <class V>
void describe(V&, Of<Stats> auto&) {}

template <class V>
void describe(V& v, Of<StatsAnswer> auto& m) {
  v.counters(1, m.counters);
}

template <class V>
void describe(V& v, Of<Release> auto& m) {
  v.nested(1, m.lease);
}

template <class V>
void describe(V& v, Of<StreamOpen> auto& m) {
  v.fixed(1, m.session);
  v.number(2, m.number, UINT32_MAX);
}

template <class V>
void describe(V& v, Of<FrameHeader> auto& m) {
  v.number(1, m.first_block, kKeysMax);
  v.number(2, m.blocks, kKeysMax);
  v.number(3, m.layer, kLayersMax);
  v.number(4, m.layers, kLayersMax);
  v.number(5, m.offset, kFramePayloadBytesMax);
  v.number(6, m.length, kFramePayloadBytesMax);
  v.digests(7, m.leaves, kFrameLeavesMax);
  v.number(8, m.packed, kFramePayloadBytesMax);
}

template <class V>
void describe(V&, Of<DirectOpen> auto&) {}

template <class V>
void describe(V& v, Of<DirectTicket> auto& m) {
  v.text(1, m.socket, kSocketNameBytesMax);
  v.fixed(2, m.nonce);
}

template <class V>
void describe(V& v, Of<Streams> auto& m) {
  v.numbers(1, m.streams, kStreamsPerGetMax, UINT32_MAX);
}

template <class V>
void describe(V& v, Of<Lost> auto& m) {
  v.number(1, m.stream, UINT32_MAX);
  v.number(2, m.frames, UINT32_MAX);
}

template <class V>
void describe(V&, Of<Counts> auto&) {}

template <class V>
void describe(V& v, Of<CountsAnswer> auto& m) {
  v.number(1, m.losses, UINT32_MAX);
  v.numbers(2, m.streams, kStreamsPerGetMax, UINT32_MAX);
  v.numbers(3, m.counts, kStreamsPerGetMax, UINT32_MAX);
}

}  // namespace kvp2p::wire
