// Agreeing on a protocol over a fresh stream: multistream-select 1.0.0 (libp2p/specs connections/README.md).
//
// Neither side reads past its last line: what follows belongs to the protocol agreed on. On an error the stream is of
// no further use, and the caller resets it; the caller also bounds the time (see ScopedDeadline).
#pragma once

#include "base/result.h"
#include "base/task.h"
#include "libp2p/core/stream.h"

#include <string>
#include <vector>

namespace libp2p {

/// Lines that a dialler may send before one of them must have been a proposal that is served.
inline constexpr std::size_t kMultistreamProposalsMax = 64;

/// Proposes `protocols` in this order and returns the first that the other side serves;
/// Error::kProtocolNotSupported if it serves none. The header and the first proposal leave in one write, because
/// listeners may wait for the header before they say anything. `stream` outlives the task.
/// REQUIRES: protocols is not empty, and is_multistream_protocol() holds for each.
base::Task<base::Result<std::string>> negotiate_outbound(Stream& stream, std::vector<std::string> protocols);

/// Answers the dialler's proposals and returns the first that is in `supported`. Error::kProtocolNotSupported after
/// kMultistreamProposalsMax others. `stream` outlives the task.
/// REQUIRES: is_multistream_protocol() holds for each of `supported`.
base::Task<base::Result<std::string>> negotiate_inbound(Stream& stream, std::vector<std::string> supported);

/// The dialler's first bytes: header and proposal.
base::Bytes encode_proposal(const std::string& protocol);
/// Reads the answer to encode_proposal(): Error::kProtocolNotSupported if it is no. `stream` outlives the task.
base::Task<base::Result<>> read_agreement(Stream& stream, std::string protocol);

}  // namespace libp2p
