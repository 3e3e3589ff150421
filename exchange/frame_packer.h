// Frames packed without loss on their way (codec/byte_planes.h).
#pragma once

#include "exchange/local_blocks.h"
#include "exchange/node_context.h"
#include "gpu/staging_pool.h"

#include <memory>

namespace kvp2p {

/// The payload of a frame, packed. Nothing in it: it goes as it is.
struct PackedFrame {
  std::size_t bytes = 0;
  StagingLease staging;  // begins with them
};

/// Packs beside the node thread, into room of PackConfig's, for a format's elements. Nothing if there is no room at
/// once, half of it being left for others, or if what comes out would not be smaller. On the node thread; `read` stays
/// valid until it returns.
base::Task<PackedFrame> pack_frame(std::shared_ptr<NodeContext> context, const SliceRead& read, ObjectFormat format);

/// The other way, in place: `payload` is as long as what was packed, and its first `packed_bytes` are what came. False
/// if they are not what packing makes; then it holds anything. Any thread; each that calls it keeps a scratch of at
/// most the largest frame, wire::kFramePayloadBytesMax, and zstd's own state.
bool unpack_frame(base::MutableBytes payload, std::size_t packed_bytes, const ObjectFormat& format);

}  // namespace kvp2p
