#include "libp2p/dns/address_names.h"

#include "libp2p/core/error.h"

#include <algorithm>
#include <deque>

namespace libp2p {

namespace {

using multiformats::AddrProtocol;
using multiformats::Multiaddr;

constexpr std::string_view kRecordPrefix = "dnsaddr=";
constexpr std::string_view kSubdomain = "_dnsaddr.";

IpFamily family_of(AddrProtocol protocol) {
  return protocol == AddrProtocol::kDns4   ? IpFamily::kIp4
         : protocol == AddrProtocol::kDns6 ? IpFamily::kIp6
                                           : IpFamily::kAny;
}

bool ends_with(const Multiaddr& address, const Multiaddr& end) {
  const auto all = address.components();
  const auto wanted = end.components();
  return all.size() >= wanted.size() && std::equal(wanted.rbegin(), wanted.rend(), all.rbegin());
}

/// The look-ups for one address, one after the other.
struct NameWalk {
  struct Step {
    Multiaddr address;
    std::size_t depth;
  };

  explicit NameWalk(Multiaddr address) { waiting.push_back({std::move(address), 0}); }

  /// Keeps what needs no look-up, and looks up the rest later.
  void add(Multiaddr address, std::size_t depth) {
    if (!begins_with_name(address)) {
      if (found.size() < kNamedAddressesMax) found.push_back(std::move(address));
    } else if (depth <= kNameDepthMax && lookups + waiting.size() < kNameLookupsMax) {
      waiting.push_back({std::move(address), depth});
    }
  }
  void fail(const base::Error& error) {
    if (!failure) failure = error;
  }

  std::deque<Step> waiting;
  std::vector<Multiaddr> found;
  std::size_t lookups = 0;
  std::optional<base::Error> failure;
};

base::Task<> look_up_host(Resolver& resolver, NameWalk& walk, NameWalk::Step step, std::stop_token stop) {
  const auto name = step.address.components().front();
  auto addresses = co_await resolver.resolve_addresses(name.value_text(), family_of(name.protocol), stop);
  if (!addresses) co_return walk.fail(addresses.error());
  const Multiaddr rest = step.address.without_first();
  for (const auto& each : *addresses) {
    const std::string text = (each.is_v4() ? "/ip4/" : "/ip6/") + each.to_string();
    const auto ip = Multiaddr::from_text(text);
    const auto whole = ip ? ip->encapsulate(rest) : ip;
    if (whole) walk.add(*whole, step.depth);
  }
}

base::Task<> look_up_dnsaddr(Resolver& resolver, NameWalk& walk, NameWalk::Step step, std::stop_token stop) {
  const std::string name = std::string(kSubdomain) + step.address.components().front().value_text();
  auto texts = co_await resolver.resolve_texts(name, stop);
  if (!texts) co_return walk.fail(texts.error());
  const Multiaddr rest = step.address.without_first();
  for (const std::string& text : *texts) {
    const auto address = parse_dnsaddr_record(text);
    if (address && ends_with(*address, rest)) walk.add(*address, step.depth + 1);
  }
}

}  // namespace

bool begins_with_name(const Multiaddr& address) {
  if (address.empty()) return false;
  switch (address.components().front().protocol) {
    case AddrProtocol::kDns:
    case AddrProtocol::kDns4:
    case AddrProtocol::kDns6:
    case AddrProtocol::kDnsaddr:
      return true;
    default:
      return false;
  }
}

std::optional<Multiaddr> parse_dnsaddr_record(std::string_view text) {
  if (!text.starts_with(kRecordPrefix)) return std::nullopt;
  auto address = Multiaddr::from_text(text.substr(kRecordPrefix.size()));
  if (!address) return std::nullopt;
  return std::move(*address);
}

base::Task<base::Result<std::vector<Multiaddr>>> resolve_names(Resolver& resolver, Multiaddr address,
                                                               std::stop_token stop) {
  NameWalk walk(std::move(address));
  while (!walk.waiting.empty() && !stop.stop_requested()) {
    NameWalk::Step step = std::move(walk.waiting.front());
    walk.waiting.pop_front();
    ++walk.lookups;
    const bool is_host = step.address.components().front().protocol != AddrProtocol::kDnsaddr;
    base::Task<> look_up = is_host ? look_up_host(resolver, walk, std::move(step), stop)
                                   : look_up_dnsaddr(resolver, walk, std::move(step), stop);
    co_await std::move(look_up);
  }
  if (stop.stop_requested()) co_return Error::kClosing;
  if (!walk.found.empty()) co_return std::move(walk.found);
  co_return walk.failure.value_or(Error::kNameNotFound);
}

}  // namespace libp2p
