// Any packet is heard or is an error, within the bounds of what one packet may tell; a message that can be read, and
// whose types we write, is the same after it has been written and read again.
#include "libp2p/discovery/mdns/mdns_protocol.h"

#include <algorithm>
#include <cstdlib>

namespace {

using namespace libp2p::mdns;

bool writable(const std::vector<DnsRecord>& records) {
  return std::none_of(records.begin(), records.end(),
                      [](const DnsRecord& r) { return std::holds_alternative<DnsOther>(r.data); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MdnsProtocol protocol({}, kServiceName, "ourname");
  const base::ConstBytes packet(data, size);
  const auto heard = protocol.read(packet);
  if (heard) {
    if (heard->peers.size() > kPeersPerPacketMax) std::abort();
    for (const DiscoveredPeer& peer : heard->peers) {
      if (peer.addresses.empty() || peer.addresses.size() > kAddressesPerPeerMax) std::abort();
      for (const auto& address : peer.addresses) (void)address_heard_from(address, {"eth0", false});
    }
  }
  const auto message = parse_dns_message(packet);
  if (!message || !writable(message->answers) || !writable(message->authorities) || !writable(message->additionals)) {
    return 0;
  }
  const base::Bytes written = serialise_dns_message(*message);
  if (written.size() > kDnsMessageMaxBytes) return 0;  // names were compressed
  const auto again = parse_dns_message(written);
  if (!again || serialise_dns_message(*again) != written) std::abort();
  return 0;
}
