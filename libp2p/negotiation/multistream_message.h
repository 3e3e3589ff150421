// The lines of multistream-select 1.0.0 (libp2p/specs connections/README.md, multiformats/multistream-select).
// Pure functions.
//
// On the wire a line is an unsigned varint length, the text, and a newline that the length counts.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <span>
#include <string>
#include <string_view>

namespace libp2p {

/// The first line of either side.
inline constexpr std::string_view kMultistreamHeader = "/multistream/1.0.0";
/// Bound on a line, newline counted: what go and js refuse to exceed.
inline constexpr std::size_t kMultistreamLineMaxBytes = 1024;
/// The length of the longest line takes two bytes.
inline constexpr std::size_t kMultistreamPrefixMaxBytes = 2;

struct MultistreamMessage {
  enum class Kind {
    kHeader,        ///< /multistream/1.0.0
    kProtocol,      ///< a proposal, or its echo
    kNotAvailable,  ///< na
    kList,          ///< ls
  };
  Kind kind = Kind::kNotAvailable;
  std::string protocol;  ///< with kProtocol only

  friend bool operator==(const MultistreamMessage&, const MultistreamMessage&) = default;
};

/// Whether `id` can be negotiated: it begins with '/', holds no newline and fits into a line.
bool is_multistream_protocol(std::string_view id);

/// REQUIRES: is_multistream_protocol(message.protocol) for kProtocol.
void append_multistream_message(base::Bytes& to, const MultistreamMessage& message);

/// The answer to ls: one line that holds a line for each protocol. It may be longer than kMultistreamLineMaxBytes.
void append_multistream_list(base::Bytes& to, std::span<const std::string> protocols);

/// Reads a line's length from the bytes that it begins with. Errors: multiformats' kIncomplete if one more byte
/// settles it, else Error::kMessageTooLong or Error::kMalformedMessage.
base::Result<std::size_t> parse_multistream_length(base::ConstBytes prefix);

/// Reads what follows the length, newline included: Error::kMalformedMessage for anything else.
base::Result<MultistreamMessage> parse_multistream_message(base::ConstBytes line);

}  // namespace libp2p
