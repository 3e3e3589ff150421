// What a libp2p node says and hears by multicast DNS (libp2p/specs discovery/mdns.md): packets in, packets out, no
// sockets and no clock. Where the spec leaves room, this is what go, rust and js all read: an answer without a
// question, one peer in it, PTR as the answer, one TXT record with every string, SRV and addresses as additionals.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "libp2p/discovery/mdns/dns_message.h"
#include "multiformats/multiaddr.h"
#include "multiformats/peer_id.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace libp2p::mdns {

inline constexpr std::string_view kServiceName = "_p2p._udp.local";
/// Bound on what we send: rust's receive buffer.
inline constexpr std::size_t kAnswerMaxBytes = 4096;
/// How long others may keep what we say. Our own queries, which we answer too, refresh it more often.
inline constexpr std::uint32_t kTtlS = 120;
inline constexpr std::size_t kPeerNameChars = 32;
/// Bounds on what one packet can tell.
inline constexpr std::size_t kPeersPerPacketMax = 16;
inline constexpr std::size_t kAddressesPerPeerMax = 32;

/// Somebody's words about themselves, not proven: the peer id is checked when the addresses are dialled.
struct DiscoveredPeer {
  multiformats::PeerId peer;
  std::vector<multiformats::Multiaddr> addresses;  ///< without /p2p; not empty
};

/// What a query asks of us. Bits, so that queries that wait for an answer can be joined.
enum Asked : std::uint8_t {
  kAskedNothing = 0,
  kAskedPeer = 1,      ///< all peers of the service: the full answer
  kAskedServices = 2,  ///< all services (RFC 6763 section 9)
  kAskedSrv = 4,       ///< single records of ours, as many tools ask
  kAskedTxt = 8,
  kAskedAddresses = 16,
};

struct Heard {
  std::uint8_t asked = kAskedNothing;
  std::vector<DiscoveredPeer> peers;
};

/// A random name for a peer, lower-case letters and digits. It says nothing about who that is.
std::string make_peer_name();

/// A value; not thread-safe, as it need not be: no state changes.
class MdnsProtocol {
 public:
  /// REQUIRES: `service` is a name of labels joined by dots, `peer_name` one label.
  MdnsProtocol(multiformats::PeerId self, std::string_view service, std::string peer_name);

  /// Asks for all peers.
  base::Bytes make_query() const;

  /// The packets that answer `asked`, each at most kAnswerMaxBytes: of the addresses, in their order, as many as fit.
  /// None about this peer if there is no address to give. `addresses` are announced as they are, with `/p2p/<self>`.
  std::vector<base::Bytes> make_answers(std::uint8_t asked, std::span<const multiformats::Multiaddr> addresses) const;

  /// Error::kMalformedMessage or kMessageTooLong for what is no DNS message. A query may ask something of us; an answer
  /// may tell of peers, never of ourselves. All else says nothing. Addresses that cannot be read are left out.
  base::Result<Heard> read(base::ConstBytes packet) const;

 private:
  struct Records;
  Records make_records(std::span<const multiformats::Multiaddr> addresses) const;
  std::uint8_t asked_by(const DnsQuestion& question) const;
  std::vector<DiscoveredPeer> peers_in(const DnsMessage& message) const;

  multiformats::PeerId self_;
  DnsName service_;
  DnsName instance_;  ///< <peer name>.<service>
  DnsName host_;      ///< <peer name>.p2p.local
};

/// The addresses to announce on an interface that has `own` as its addresses (without zones): TCP on one of them, never
/// an unspecified one. IPv6 zones are taken off: they mean nothing to others.
std::vector<multiformats::Multiaddr> addresses_for_interface(std::span<const multiformats::Multiaddr> all,
                                                             std::span<const boost::asio::ip::address> own);

/// Where a packet came from.
struct Origin {
  std::string_view interface;
  bool this_machine = false;  ///< the sender's address is one of ours
};

/// What an address that was heard is called here: a link-local one gets the interface as its zone. Nothing for an
/// unspecified address, one that brings a zone of another host, and another machine's loopback (js announces it).
std::optional<multiformats::Multiaddr> address_heard_from(const multiformats::Multiaddr& address, const Origin& origin);

}  // namespace libp2p::mdns
