// DNS messages as multicast DNS uses them (RFC 1035 section 4, RFC 6762 section 18, RFC 2782). Pure functions.
//
// Names in what is received may be compressed; what we write is not, since every reader understands that.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <array>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace libp2p::mdns {

/// Bounds. A message may be as long as RFC 6762 section 17 allows.
inline constexpr std::size_t kDnsMessageMaxBytes = 9000;
inline constexpr std::size_t kDnsLabelMaxBytes = 63;
inline constexpr std::size_t kDnsNameMaxBytes = 255;  ///< on the wire, with length bytes and the root
inline constexpr std::size_t kDnsPointersMax = 16;    ///< that one name may follow; each leads further back
inline constexpr std::size_t kDnsEntriesMax = 256;    ///< questions and records of a message, together
inline constexpr std::size_t kDnsStringMaxBytes = 255;

/// A domain name, as its labels. Letters compare without case (ASCII).
struct DnsName {
  std::vector<std::string> labels;

  /// Splits at each dot. REQUIRES: no label is empty or over kDnsLabelMaxBytes; a dot at the end is none.
  static DnsName from_text(std::string_view text);
  /// `label` before this name.
  DnsName child(std::string_view label) const;
  std::string to_text() const;
  friend bool operator==(const DnsName& a, const DnsName& b);
};

enum class DnsType : std::uint16_t { kA = 1, kPtr = 12, kTxt = 16, kAaaa = 28, kSrv = 33, kAny = 255 };
inline constexpr std::uint16_t kDnsClassIn = 1;
inline constexpr std::uint16_t kDnsClassAny = 255;

struct DnsQuestion {
  DnsName name;
  DnsType type = DnsType::kPtr;
  std::uint16_t dns_class = kDnsClassIn;
  bool unicast_response = false;  ///< the class's top bit (RFC 6762 section 18.12)
};

struct DnsA {
  std::array<std::uint8_t, 4> address{};
};
struct DnsAaaa {
  std::array<std::uint8_t, 16> address{};
};
struct DnsPtr {
  DnsName target;
};
struct DnsTxt {
  std::vector<std::string> strings;
};
struct DnsSrv {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  DnsName target;
};
/// A record of a type that is not read.
struct DnsOther {
  DnsType type{};
};

struct DnsRecord {
  DnsName name;
  std::uint16_t dns_class = kDnsClassIn;
  bool cache_flush = false;  ///< the class's top bit (RFC 6762 section 18.13)
  std::uint32_t ttl_s = 0;
  std::variant<DnsA, DnsAaaa, DnsPtr, DnsTxt, DnsSrv, DnsOther> data;
};

struct DnsMessage {
  std::uint16_t id = 0;
  bool is_response = false;
  bool is_authoritative = false;
  std::uint8_t opcode = 0;
  std::uint8_t rcode = 0;
  std::vector<DnsQuestion> questions;
  std::vector<DnsRecord> answers;
  std::vector<DnsRecord> authorities;
  std::vector<DnsRecord> additionals;
};

/// Error::kMessageTooLong over a bound, else Error::kMalformedMessage. Bytes behind the last record are ignored.
base::Result<DnsMessage> parse_dns_message(base::ConstBytes bytes);

/// REQUIRES: names and strings within their bounds; no DnsOther. The result may exceed kDnsMessageMaxBytes.
base::Bytes serialise_dns_message(const DnsMessage& message);

}  // namespace libp2p::mdns
