// The table of multiaddr protocols and their values. Only for multiaddr.cc.
#pragma once

#include "multiformats/multiaddr.h"

namespace multiformats {

enum class AddrValueKind {
  kNone,
  kIp4,
  kIp6,
  kPort,
  kName,  ///< printable ASCII without a slash
  kPath,  ///< begins with a slash and takes the rest of the address
  kPeer,
  kCerthash,  ///< a multihash, in text as a multibase
};

struct AddrProtocolInfo {
  std::string_view name;
  AddrProtocol protocol;
  AddrValueKind kind;

  /// Bytes of the value, or none where a length precedes it.
  std::optional<std::size_t> fixed_size() const;
};

/// None for what the table does not have.
const AddrProtocolInfo* find_protocol(std::uint64_t code);
const AddrProtocolInfo* find_protocol(std::string_view name);

/// Success if `value` may stand in an address, else why not.
base::Result<> check_value(AddrValueKind kind, base::ConstBytes value);
/// The binary value of a text; it passes check_value().
base::Result<base::Bytes> value_from_text(AddrValueKind kind, std::string_view text);
/// REQUIRES: `value` passes check_value().
std::string value_to_text(AddrValueKind kind, base::ConstBytes value);

}  // namespace multiformats
