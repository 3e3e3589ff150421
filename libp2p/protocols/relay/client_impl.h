// The relay client's I/O: reservations, circuits that are asked for, and circuits that come in.
#pragma once

#include "libp2p/host/task_group.h"
#include "libp2p/protocols/relay/circuit_address.h"
#include "libp2p/protocols/relay/client.h"
#include "libp2p/protocols/relay/relay_message.h"
#include "libp2p/protocols/relay/relay_slot.h"

#include <random>
#include <stop_token>

namespace libp2p::relay {

/// Shared with its coroutines, its transport and listeners.
class Client::Impl : public std::enable_shared_from_this<Impl> {
 public:
  using Self = std::shared_ptr<Impl>;

  Impl(const base::Executor& executor, base::Clock& clock, Host& host, ClientConfig config);

  /// What cannot be done in the constructor: hands itself to the host.
  void start();
  std::vector<RelayState> relays() const;
  void on_changed(std::function<void()> call) { changed_calls_.push_back(std::move(call)); }
  static base::Task<> close(Self self);

  /// What the transport does.
  static base::Task<base::Result<RawConnection>> dial(Self self, multiformats::Multiaddr address,
                                                      base::Duration timeout, std::stop_token stop);
  /// Begins to listen. kUnsupportedAddress, kTooManyConnections (kRelaysMax), kClosing.
  base::Result<RelaySlotPtr> add(const multiformats::Multiaddr& address);
  void remove(const RelaySlotPtr& slot) noexcept;

 private:
  using ConnectionPtr = std::shared_ptr<Connection>;
  using StreamPtr = std::unique_ptr<Stream>;

  /// A connection to a relay that somebody waits for.
  struct Reaching;
  static base::Task<> reach(Self self, CircuitAddress where, std::shared_ptr<Reaching> reaching);
  static base::Task<base::Result<ConnectionPtr>> reach_by(Self self, CircuitAddress where, base::TimePoint deadline,
                                                          std::stop_token stop);

  /// Asks the relay, over a stream of its own that is returned with the answer.
  struct Answer {
    StreamPtr stream;
    HopMessage message;
  };
  static base::Task<base::Result<Answer>> ask(Self self, ConnectionPtr relay, HopMessage request,
                                              base::TimePoint deadline, std::stop_token stop);

  // Reservations.
  static base::Task<> keep_reservation(Self self, RelaySlotPtr slot);
  /// How long it is good for.
  static base::Task<base::Result<base::Duration>> reserve(Self self, RelaySlotPtr slot);
  base::Result<base::Duration> take(RelaySlot& slot, const Connection& relay, const HopMessage& granted);
  void drop(RelaySlot& slot, const base::Error& why);
  /// Waits; returns early when the slot is closed or its relay lost.
  static base::Task<> wait(Self self, RelaySlotPtr slot, base::Duration time);
  base::Duration jittered(base::Duration time);
  void tell_changed();

  // Circuits that come in.
  static base::Task<> serve_stop(Self self, ConnectionPtr relay, StreamPtr stream);
  RelaySlotPtr slot_of(const multiformats::PeerId& relay) const;
  void disconnected(const Connection& connection);

  base::Executor executor_;
  base::Clock& clock_;
  Host& host_;
  ClientConfig config_;
  TaskGroup tasks_;
  std::mt19937_64 random_;
  std::vector<RelaySlotPtr> slots_;
  std::vector<std::function<void()>> changed_calls_;
  std::stop_source stop_;
  bool closed_ = false;
};

}  // namespace libp2p::relay
