// What a source's conduct counts for, whoever asked it: a transfer, or a trial.
#pragma once

#include "cache/shard_match.h"

namespace kvp2p {

// Node thread only.

/// Whether the peer did not want to bring it; else it is slow, gone or busy.
bool is_refusal(const base::Result<>& outcome);
/// More than half of what was to be expected of it has come.
bool has_proved_good(const CacheContext& context, const PeerAnswer& answer);

// Nothing, where the node is stopping.

void note_good_block(CacheContext& context, const PeerAnswer& answer);
void note_wrong_bytes(CacheContext& context, const PeerAnswer& answer);
/// The peer does not bring a block, by its number in the match, that it has leased. False: it may well be right.
bool note_refusal(CacheContext& context, const PeerAnswer& answer, std::size_t block);

}  // namespace kvp2p
