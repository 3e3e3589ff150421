#include "tests/interop/peer/reply.h"

#include "libp2p/core/error.h"

#include <iostream>

namespace interop {

namespace {

/// The kinds of failure that a case may expect; all others are told by their message alone.
std::string error_kind(const base::Error& error) {
  if (error == libp2p::Error::kPeerIdMismatch) return "peer_id_mismatch";
  if (error == libp2p::Error::kProtocolNotSupported) return "protocol_not_supported";
  if (error == libp2p::Error::kRefused) return "refused";
  return "other";
}

}  // namespace

void print(const ordered_json& line) { std::cout << line.dump() << std::endl; }

void print_reply(const std::string& command, const Reply& reply) {
  ordered_json line{{"reply", command}, {"ok", reply.has_value()}};
  if (reply) {
    line.update(reply->json);
  } else {
    line["error"] = error_kind(reply.error());
    line["message"] = reply.error().message();
  }
  print(line);
}

}  // namespace interop
