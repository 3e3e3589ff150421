#include "libp2p/discovery/mdns/mdns_protocol.h"

#include "libp2p/core/error.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace libp2p::mdns {

namespace {

using boost::asio::ip::address;
using multiformats::AddrProtocol;
using multiformats::Multiaddr;
using multiformats::PeerId;

constexpr std::string_view kServicesName = "_services._dns-sd._udp.local";
constexpr std::string_view kHostDomain = "p2p.local";
constexpr std::string_view kAddressPrefix = "dnsaddr=";
/// SRV's port where no address has one; readers of libp2p take ports from the TXT record.
constexpr std::uint16_t kDefaultPort = 4001;
constexpr std::uint8_t kAskedDetails = kAskedSrv | kAskedTxt | kAskedAddresses;

DnsRecord make_record(DnsName name, decltype(DnsRecord::data) data, bool unique) {
  DnsRecord record;
  record.name = std::move(name);
  record.cache_flush = unique;
  record.ttl_s = kTtlS;
  record.data = std::move(data);
  return record;
}

DnsRecord make_address_record(const DnsName& host, const address& ip) {
  if (ip.is_v4()) return make_record(host, DnsA{ip.to_v4().to_bytes()}, true);
  return make_record(host, DnsAaaa{ip.to_v6().to_bytes()}, true);
}

bool asks_for(const DnsQuestion& question, DnsType type) {
  return question.type == type || question.type == DnsType::kAny;
}

/// Adds the peers and addresses of a TXT record's strings to `peers`.
void read_strings(const DnsTxt& txt, const PeerId& self, std::vector<DiscoveredPeer>& peers) {
  for (const std::string& text : txt.strings) {
    if (!text.starts_with(kAddressPrefix)) continue;
    const auto address = Multiaddr::from_text(std::string_view(text).substr(kAddressPrefix.size()));
    if (!address) continue;
    const auto id = address->peer_id();
    const Multiaddr plain = address->without_peer();
    if (!id || *id == self || plain.empty()) continue;
    auto peer = std::find_if(peers.begin(), peers.end(), [&](const DiscoveredPeer& p) { return p.peer == *id; });
    if (peer == peers.end()) {
      if (peers.size() == kPeersPerPacketMax) continue;
      peer = peers.insert(peer, {*id, {}});
    }
    const bool known = std::find(peer->addresses.begin(), peer->addresses.end(), plain) != peer->addresses.end();
    if (!known && peer->addresses.size() < kAddressesPerPeerMax) peer->addresses.push_back(plain);
  }
}

}  // namespace

struct MdnsProtocol::Records {
  std::optional<DnsRecord> txt;
  std::optional<DnsRecord> srv;
  std::vector<DnsRecord> addresses;
};

std::string make_peer_name() {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";  // 32 of them: no remainder
  std::array<std::uint8_t, kPeerNameChars> bytes;
  base::random_bytes(bytes);
  std::string name;
  for (std::uint8_t byte : bytes) name += kAlphabet[byte % kAlphabet.size()];
  return name;
}

MdnsProtocol::MdnsProtocol(PeerId self, std::string_view service, std::string peer_name)
    : self_(self),
      service_(DnsName::from_text(service)),
      instance_(service_.child(peer_name)),
      host_(DnsName::from_text(kHostDomain).child(peer_name)) {}

base::Bytes MdnsProtocol::make_query() const {
  DnsMessage message;
  message.questions.push_back({service_, DnsType::kPtr, kDnsClassIn, false});
  return serialise_dns_message(message);
}

MdnsProtocol::Records MdnsProtocol::make_records(std::span<const Multiaddr> addresses) const {
  // Room for every name and fixed field, generously; the strings and addresses share what is left.
  constexpr std::size_t kFixedBytes = 1024;
  constexpr std::size_t kAddressRecordBytes = 128;
  std::size_t room = kAnswerMaxBytes - kFixedBytes;
  DnsTxt txt;
  DnsSrv srv{0, 0, kDefaultPort, host_};
  std::vector<address> ips;
  Records records;
  for (const Multiaddr& plain : addresses) {
    const auto with_peer = plain.with_peer(self_);
    if (!with_peer) continue;
    std::string text = std::string(kAddressPrefix) + with_peer->to_text();
    if (text.size() > kDnsStringMaxBytes || text.size() + 1 + kAddressRecordBytes > room) continue;
    room -= text.size() + 1 + kAddressRecordBytes;
    const auto endpoint = plain.tcp_endpoint();
    if (endpoint && std::find(ips.begin(), ips.end(), endpoint->address) == ips.end()) {
      if (ips.empty()) srv.port = endpoint->port;
      ips.push_back(endpoint->address);
      records.addresses.push_back(make_address_record(host_, endpoint->address));
    }
    txt.strings.push_back(std::move(text));
  }
  if (txt.strings.empty()) return {};
  records.txt = make_record(instance_, std::move(txt), true);
  records.srv = make_record(instance_, std::move(srv), true);
  return records;
}

std::vector<base::Bytes> MdnsProtocol::make_answers(std::uint8_t asked, std::span<const Multiaddr> addresses) const {
  std::vector<base::Bytes> packets;
  const auto add = [&packets](DnsMessage& message) {
    message.is_response = true;
    message.is_authoritative = true;
    packets.push_back(serialise_dns_message(message));
    assert(packets.back().size() <= kAnswerMaxBytes);
  };
  Records records = make_records(addresses);
  if (!records.txt) return packets;
  DnsMessage message;
  if (asked & kAskedPeer) {
    message.answers.push_back(make_record(service_, DnsPtr{instance_}, false));
    message.additionals = {*records.txt, *records.srv};
    message.additionals.insert(message.additionals.end(), records.addresses.begin(), records.addresses.end());
    add(message);
  } else if (asked & kAskedDetails) {
    if (asked & kAskedTxt) message.answers.push_back(*records.txt);
    if (asked & kAskedSrv) message.answers.push_back(*records.srv);
    if (asked & kAskedAddresses)
      message.answers.insert(message.answers.end(), records.addresses.begin(), records.addresses.end());
    add(message);
  }
  if (asked & kAskedServices) {
    DnsMessage services;
    services.answers.push_back(make_record(DnsName::from_text(kServicesName), DnsPtr{service_}, false));
    add(services);
  }
  return packets;
}

std::uint8_t MdnsProtocol::asked_by(const DnsQuestion& question) const {
  if (question.dns_class != kDnsClassIn && question.dns_class != kDnsClassAny) return kAskedNothing;
  std::uint8_t asked = kAskedNothing;
  if (question.name == service_ && asks_for(question, DnsType::kPtr)) asked |= kAskedPeer;
  if (question.name == DnsName::from_text(kServicesName) && asks_for(question, DnsType::kPtr)) asked |= kAskedServices;
  if (question.name == instance_ && asks_for(question, DnsType::kSrv)) asked |= kAskedSrv;
  if (question.name == instance_ && asks_for(question, DnsType::kTxt)) asked |= kAskedTxt;
  if (question.name == host_ && (asks_for(question, DnsType::kA) || asks_for(question, DnsType::kAaaa))) {
    asked |= kAskedAddresses;
  }
  return asked;
}

std::vector<DiscoveredPeer> MdnsProtocol::peers_in(const DnsMessage& message) const {
  // Everywhere, as js sends TXT among the answers, and joined by the PTR record's target, as rust's names are outside
  // the service.
  std::vector<const DnsRecord*> records;
  for (const auto* section : {&message.answers, &message.additionals}) {
    for (const DnsRecord& record : *section) {
      if (record.dns_class == kDnsClassIn && record.ttl_s > 0) records.push_back(&record);  // 0: it says goodbye
    }
  }
  std::vector<DiscoveredPeer> peers;
  std::size_t names = 0;
  for (const DnsRecord* answer : records) {
    const auto* ptr = std::get_if<DnsPtr>(&answer->data);
    if (!ptr || !(answer->name == service_) || ptr->target == instance_) continue;
    if (++names > kPeersPerPacketMax) break;
    for (const DnsRecord* record : records) {
      const auto* txt = std::get_if<DnsTxt>(&record->data);
      if (txt && record->name == ptr->target) read_strings(*txt, self_, peers);
    }
  }
  return peers;
}

base::Result<Heard> MdnsProtocol::read(base::ConstBytes packet) const {
  const auto message = parse_dns_message(packet);
  if (!message) return message.error();
  Heard heard;
  if (message->opcode != 0 || message->rcode != 0) return heard;  // RFC 6762 section 18.3 and 18.11: ignored
  if (message->is_response) {
    heard.peers = peers_in(*message);
  } else {
    for (const DnsQuestion& question : message->questions) heard.asked |= asked_by(question);
  }
  return heard;
}

std::vector<Multiaddr> addresses_for_interface(std::span<const Multiaddr> all, std::span<const address> own) {
  std::vector<Multiaddr> announced;
  for (const Multiaddr& candidate : all) {
    const auto endpoint = candidate.tcp_endpoint();
    if (!endpoint) continue;
    address ip = endpoint->address;
    if (ip.is_v6()) ip = boost::asio::ip::address_v6(ip.to_v6().to_bytes());  // without its zone
    if (ip.is_unspecified() || std::find(own.begin(), own.end(), ip) == own.end()) continue;
    Multiaddr plain = Multiaddr::from_ip_tcp(ip, endpoint->port);
    if (std::find(announced.begin(), announced.end(), plain) == announced.end()) announced.push_back(std::move(plain));
  }
  return announced;
}

std::optional<Multiaddr> address_heard_from(const Multiaddr& heard, const Origin& origin) {
  if (heard.has(AddrProtocol::kIp6Zone)) return std::nullopt;
  const auto endpoint = heard.tcp_endpoint();
  if (!endpoint) return heard;
  if (endpoint->address.is_unspecified()) return std::nullopt;
  if (endpoint->address.is_loopback() && !origin.this_machine) return std::nullopt;
  if (!endpoint->address.is_v6() || !endpoint->address.to_v6().is_link_local()) return heard;
  const auto zone = Multiaddr::from_text("/ip6zone/" + std::string(origin.interface));
  if (!zone) return std::nullopt;
  const auto zoned = zone->encapsulate(heard);
  if (!zoned) return std::nullopt;
  return *zoned;
}

}  // namespace libp2p::mdns
