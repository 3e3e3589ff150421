// Multiaddrs from peers, binary and text: what is accepted has one binary form and survives both.
#include "multiformats/multiaddr.h"

#include <cstdlib>

using multiformats::Multiaddr;

namespace {

void require(bool ok) {
  if (!ok) std::abort();
}

void check(const Multiaddr& address) {
  require(!address.empty() && address.to_bytes().size() <= multiformats::kMultiaddrBytesMax);
  require(Multiaddr::from_bytes(address.to_bytes()).value() == address);
  const std::string text = address.to_text();
  // Text may be longer than what is read, never different.
  if (text.size() <= multiformats::kMultiaddrTextMax) require(Multiaddr::from_text(text).value() == address);
  for (char c : text) require(c >= 0x20 && c < 0x7f);
  for (const auto& component : address.components()) component.value_text();
  const Multiaddr bare = address.without_peer();
  if (const auto peer = address.peer_id()) require(address.with_peer(*peer).value() == address);
  if (const auto endpoint = address.tcp_endpoint()) require(bare.has(multiformats::AddrProtocol::kTcp));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ConstBytes bytes(data, size);
  if (const auto address = Multiaddr::from_bytes(bytes)) {
    require(address->to_bytes() == base::to_bytes(bytes));
    check(*address);
  }
  if (const auto address = Multiaddr::from_text(base::as_text(bytes))) check(*address);
  return 0;
}
