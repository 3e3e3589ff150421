// What one control message makes a session do.
#pragma once

#include "exchange/session.h"

namespace kvp2p {

/// Whether messages of that number come without having been asked for; credit goes with what is.
bool is_unasked(std::uint64_t number);

/// Made for one message. A request of a peer that is not authorised is refused, whatever it is, but for ping; an answer
/// that nobody waits for is dropped.
class Dispatcher {
 public:
  Dispatcher(Session& session, std::uint64_t id) : session_(session), id_(id) {}

  /// False: the peer broke the protocol.
  bool dispatch(wire::Body body);
  /// It is not looked at: busy, where an answer is awaited.
  void turn_away(std::uint64_t number);
  /// The envelope was readable, the rest was not.
  void refuse_bad(std::uint64_t number, base::Error error);

 private:
  bool on(wire::Lookup& m);
  bool on(wire::Get& m);
  bool on(wire::Credit& m);
  bool on(wire::Cancel& m);
  bool on(wire::Streams& m);
  bool on(wire::Lost& m);
  bool on(wire::Counts& m);
  bool on(wire::Put& m);
  bool on(wire::Announce& m);
  bool on(wire::Stats& m);
  bool on(wire::Release& m);
  bool on(wire::Ping& m);
  bool on(wire::DirectOpen& m);

  bool on(wire::LookupAnswer& m);
  bool on(wire::Gone& m);
  bool on(wire::GetEnd& m);
  bool on(wire::CountsAnswer& m);
  bool on(wire::Busy& m);
  bool on(wire::ErrorMessage& m);
  bool on(wire::PutAnswer& m);
  bool on(wire::PutEnd& m);
  bool on(wire::Pong& m);
  bool on(wire::StatsAnswer& m);
  bool on(wire::DirectTicket& m);

  // These have no place after hello, or not on a control stream.
  bool on(wire::Hello&) { return false; }
  bool on(wire::HelloProof&) { return false; }
  bool on(wire::HelloResult&) { return false; }
  bool on(wire::StreamOpen&) { return false; }
  bool on(wire::FrameHeader&) { return false; }

  void refuse();
  /// The cluster file does not let the peer `what`.
  bool refuse_right(const char* what);
  template <class T>
  bool deliver(T& m);

  Session& session_;
  std::uint64_t id_;
};

}  // namespace kvp2p
