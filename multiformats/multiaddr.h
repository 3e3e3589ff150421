// Composable addresses (multiformats/multiaddr), such as /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW….
//
// Components are read by the table in multiaddr_protocols.cc. An address with a protocol that the table does not have
// is an error (kUnknownProtocol) of that address alone: who reads a list of addresses leaves it out and goes on.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "multiformats/peer_id.h"

#include <boost/asio/ip/address.hpp>

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace multiformats {

inline constexpr std::size_t kMultiaddrBytesMax = 1024;
inline constexpr std::size_t kMultiaddrTextMax = 4096;
inline constexpr std::size_t kMultiaddrComponentsMax = 32;

/// Codes of multiformats/multicodec for the protocols that are read.
enum class AddrProtocol : std::uint32_t {
  kIp4 = 0x04,
  kTcp = 0x06,
  kIp6 = 0x29,
  kIp6Zone = 0x2a,
  kDns = 0x35,
  kDns4 = 0x36,
  kDns6 = 0x37,
  kDnsaddr = 0x38,
  kUdp = 0x0111,
  kWebRtcDirect = 0x0118,
  kWebRtc = 0x0119,
  kP2pCircuit = 0x0122,
  kUnix = 0x0190,
  kP2p = 0x01a5,
  kHttps = 0x01bb,
  kTls = 0x01c0,
  kSni = 0x01c1,
  kNoise = 0x01c6,
  kQuic = 0x01cc,
  kQuicV1 = 0x01cd,
  kWebTransport = 0x01d1,
  kCerthash = 0x01d2,
  kWs = 0x01dd,
  kWss = 0x01de,
  kHttp = 0x01e0,
  kPlaintextV2 = 0x706c61,
};

struct AddrComponent {
  AddrProtocol protocol;
  base::Bytes value;  ///< binary, without the length; empty for a protocol that has no value

  /// The value as text (`192.0.2.7`, `4001`), empty for a protocol that has none.
  std::string value_text() const;
  friend bool operator==(const AddrComponent&, const AddrComponent&) = default;
};

/// Where to open a TCP connection.
struct TcpEndpoint {
  boost::asio::ip::address address;
  std::uint16_t port = 0;
  std::string
      zone;  ///< IPv6 zone of a link-local address, else empty; a numeric one is set as the address's scope id too
};

/// A value. Always well-formed and within the bounds; an empty one has no components.
class Multiaddr {
 public:
  Multiaddr() = default;

  static base::Result<Multiaddr> from_text(std::string_view text);
  static base::Result<Multiaddr> from_bytes(base::ConstBytes bytes);
  /// /ip4|ip6/…/tcp/port. An IPv6 address's scope id becomes a numeric ip6zone.
  static Multiaddr from_ip_tcp(const boost::asio::ip::address& address, std::uint16_t port);

  bool empty() const { return bytes_.empty(); }
  const base::Bytes& to_bytes() const { return bytes_; }
  std::string to_text() const;
  std::vector<AddrComponent> components() const;
  /// Whether any component is of this protocol.
  bool has(AddrProtocol protocol) const;

  /// The peer at the end of the address: its last component, if that is /p2p/….
  std::optional<PeerId> peer_id() const;
  /// The address without the /p2p/… that it ends in, if it does.
  Multiaddr without_peer() const;
  /// What follows the first component. REQUIRES: not empty.
  Multiaddr without_first() const;
  /// The address ending in /p2p/peer; another peer at its end is replaced. kTooLong or kTooManyComponents.
  base::Result<Multiaddr> with_peer(const PeerId& peer) const;
  /// This address followed by `inner`. kTooLong or kTooManyComponents.
  base::Result<Multiaddr> encapsulate(const Multiaddr& inner) const;

  /// The endpoint of an address that is plain TCP over IP: /ip4/…/tcp/… or [/ip6zone/…]/ip6/…/tcp/…, with or without
  /// /p2p/… after it. None for all others (names, websockets, relays).
  std::optional<TcpEndpoint> tcp_endpoint() const;

  /// Order of the binary forms.
  friend bool operator==(const Multiaddr&, const Multiaddr&) = default;
  friend std::strong_ordering operator<=>(const Multiaddr& a, const Multiaddr& b);

 private:
  explicit Multiaddr(base::Bytes bytes) : bytes_(std::move(bytes)) {}

  base::Bytes bytes_;
};

}  // namespace multiformats

template <>
struct std::hash<multiformats::Multiaddr> {
  std::size_t operator()(const multiformats::Multiaddr& address) const noexcept;
};
