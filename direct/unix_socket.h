// Unix sockets in Linux's abstract namespace that carry messages with descriptors beside them.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"

#include <sys/types.h>

#include <string>
#include <vector>

namespace kvp2p::direct {

/// Non-blocking, closed on exec, SOCK_SEQPACKET: one send, one receive. The error is the system's.
base::Result<base::UniqueFd> listen_at(const std::string& name, int backlog);
base::Result<base::UniqueFd> connect_to(const std::string& name);
/// Empty: nobody waits.
base::UniqueFd accept_one(int listener);

/// The user that the process at the other end ran as when it connected or listened; nothing if unknown.
base::Result<uid_t> peer_user(int fd);

enum class SendOutcome { kSent, kWouldBlock, kTooManyInFlight, kBroken };
/// `descriptors` stay the caller's.
SendOutcome send_packet(int fd, base::ConstBytes bytes, const std::vector<int>& descriptors);

struct Packet {
  base::Bytes bytes;
  std::vector<base::UniqueFd> descriptors;
};
enum class ReceiveOutcome { kPacket, kNothing, kEnd };
/// kEnd also for what is longer than a message may be, or has more descriptors: they are closed.
ReceiveOutcome receive_packet(int fd, Packet& packet);

/// Whether the other end has closed its socket or has ended. Does not wait. Any thread.
bool is_hung_up(int fd);

}  // namespace kvp2p::direct
