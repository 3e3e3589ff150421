// Leaves blocks with a peer.
#pragma once

#include "exchange/exchange.h"
#include "exchange/mailboxes.h"
#include "exchange/node_context.h"
#include "exchange/session_link.h"

#include <vector>

namespace kvp2p {

/// Offers, then sends what is wanted; how many blocks the peer has stored. `keep` keeps link and mailboxes alive.
base::Task<base::Result<std::size_t>> put_blocks(std::shared_ptr<NodeContext> context, SessionLink& link,
                                                 Mailboxes& mailboxes, LookupRequest description,
                                                 std::vector<Exchange::PutBlock> blocks, base::TimePoint deadline,
                                                 std::shared_ptr<void> keep);

}  // namespace kvp2p
