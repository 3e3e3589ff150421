#include "libp2p/host/dialler.h"

#include "base/log.h"
#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"
#include "libp2p/dns/address_names.h"
#include "libp2p/host/dial_race.h"

#include <algorithm>

namespace libp2p {

namespace {

/// Whether this may mean that the other side does not speak the security protocol proposed. Its answer is lost where it
/// resets the connection because of what came behind the proposal; in a private network that looks as if it were not
/// in it.
bool may_be_refusal(const base::Error& error) {
  return error == Error::kProtocolNotSupported || error == Error::kReset || error == Error::kUnexpectedEof ||
         error == Error::kNotInPrivateNetwork;
}

}  // namespace

Dialler::Dialler(const base::Executor& executor, base::Clock& clock, TaskGroup tasks,
                 std::vector<std::unique_ptr<Transport>> transports, std::unique_ptr<Resolver> resolver,
                 ConnectionUpgrader& upgrader, std::shared_ptr<const ConnectionGate> gate, std::size_t attempts_max)
    : executor_(executor),
      clock_(clock),
      tasks_(std::move(tasks)),
      transports_(std::move(transports)),
      resolver_(std::move(resolver)),
      upgrader_(upgrader),
      gate_(std::move(gate)),
      places_(executor, clock, attempts_max) {}

base::Task<Dialler::Result> Dialler::dial(DialRequest request) {
  request.addresses.resize(std::min(request.addresses.size(), kDialAddressesMax));
  Addresses addresses = allowed(request, request.addresses);
  if (addresses.empty() && !request.addresses.empty()) co_return Error::kDialBackoff;
  const base::TimePoint deadline = clock_.now() + request.timeout;
  Manner manner{request.expected, request.kind, request.from_listen_port, request.punch, deadline};
  DialRace::Attempt one = [this, manner](multiformats::Multiaddr address, std::stop_token stop) {
    return attempt(manner, std::move(address), std::move(stop));
  };
  // A hole is open for a moment: there is no time to try one address after the other.
  const base::Duration delay = request.punch ? base::Duration() : kDialAttemptDelay;
  auto race = std::make_shared<DialRace>(executor_, clock_, tasks_, std::move(one), delay);
  const auto names = std::stable_partition(addresses.begin(), addresses.end(), [this](const auto& each) {
    return resolver_ == nullptr || !begins_with_name(each);
  });
  for (auto name = names; name != addresses.end(); ++name) {
    race->add_later(look_up(request, *name, deadline, race->stop_token()));
  }
  addresses.erase(names, addresses.end());
  race->add(addresses);
  auto connection = co_await race->run(deadline, request.stop);
  co_return connection;
}

Dialler::Addresses Dialler::allowed(const DialRequest& request, const Addresses& addresses) const {
  if (request.ignores_backoff) return addresses;
  const auto peer = request.expected.value_or(multiformats::PeerId());
  Addresses result;
  std::ranges::copy_if(addresses, std::back_inserter(result),
                       [&](const auto& each) { return backoff_.allows(peer, each.without_peer(), clock_.now()); });
  return result;
}

base::Task<base::Result<Dialler::Addresses>> Dialler::look_up(DialRequest request, multiformats::Multiaddr address,
                                                              base::TimePoint deadline, std::stop_token stop) {
  std::stop_source out_of_time;
  ScopedDeadline time_limit(clock_, deadline, [&out_of_time] { out_of_time.request_stop(); });
  const std::stop_callback on_stop(stop, [&out_of_time] { out_of_time.request_stop(); });
  std::stop_token either = out_of_time.get_token();
  auto found = co_await resolve_names(*resolver_, address, either);
  if (found) co_return allowed(request, *found);
  if (stop.stop_requested()) co_return Error::kClosing;
  const base::Error failure = time_limit.expired() ? make_error_code(Error::kTimeout) : found.error();
  LOG_DEBUG("looking up {} failed: {}", address.to_text(), failure.message());
  backoff_.on_failure(request.expected.value_or(multiformats::PeerId()), address.without_peer(), clock_.now());
  co_return failure;
}

base::Task<Dialler::Result> Dialler::attempt(Manner manner, multiformats::Multiaddr address, std::stop_token stop) {
  const auto named = address.peer_id();
  if (named && manner.expected && *named != *manner.expected) co_return Error::kPeerIdMismatch;
  if (named) manner.expected = named;
  address = address.without_peer();
  Transport* transport = transport_for(address);
  if (transport == nullptr) co_return Error::kUnsupportedAddress;
  if (!gate_->admits(address)) co_return Error::kDenied;
  if (!address.has(multiformats::AddrProtocol::kP2pCircuit)) {
    auto place = co_await places_.enter(manner.deadline, stop);
    if (!place) co_return place.error();
    co_return co_await attempt_in_place(std::move(manner), *transport, std::move(address), std::move(stop));
  }
  // A relay must be told whom to connect to. It is dialled for that in a place of its own: had each circuit one too,
  // all places might be taken by circuits that wait for their relays.
  if (!manner.expected) co_return Error::kUnsupportedAddress;
  const auto whole = address.with_peer(*manner.expected);
  if (!whole) co_return Error::kUnsupportedAddress;
  co_return co_await attempt_in_place(std::move(manner), *transport, *whole, std::move(stop));
}

base::Task<Dialler::Result> Dialler::attempt_in_place(Manner manner, Transport& transport,
                                                      multiformats::Multiaddr address, std::stop_token stop) {
  const auto peer = manner.expected.value_or(multiformats::PeerId());
  base::Task<Result> dialling = manner.punch ? punch_and_upgrade(manner, transport, address, stop)
                                             : dial_and_upgrade(manner, transport, address, stop);
  auto connection = co_await std::move(dialling);
  if (connection) {
    backoff_.on_success(peer, address.without_peer());
  } else if (!stop.stop_requested()) {
    LOG_DEBUG("dialling {} failed: {}", address.to_text(), connection.error().message());
    // A peer that knows no data connections is there, and may be dialled for an ordinary one. That a hole cannot be
    // punched says nothing of other ways to dial.
    const bool is_refusal = manner.kind == ConnectionKind::kData && connection.error() == Error::kProtocolNotSupported;
    if (!is_refusal && !manner.punch) backoff_.on_failure(peer, address.without_peer(), clock_.now());
  }
  co_return connection;
}

base::Task<base::Result<RawConnection>> Dialler::dial_raw(const Manner& manner, Transport& transport,
                                                          multiformats::Multiaddr address, base::Duration timeout,
                                                          std::stop_token stop) {
  if (manner.from_listen_port || manner.punch) {
    return transport.dial_from_listen_port(std::move(address), timeout, std::move(stop));
  }
  return transport.dial(std::move(address), timeout, std::move(stop));
}

base::Task<Dialler::Result> Dialler::dial_and_upgrade(Manner manner, Transport& transport,
                                                      multiformats::Multiaddr address, std::stop_token stop) {
  const std::string place = address.to_text();
  for (std::size_t security = refused_.first_to_try(place);; ++security) {
    auto raw = co_await dial_raw(manner, transport, address, manner.deadline - clock_.now(), stop);
    if (!raw) co_return raw.error();
    auto connection = co_await upgrader_.upgrade_outbound(std::move(*raw), manner.expected, manner.deadline, stop,
                                                          security, manner.kind);
    // Of a data connection it may be that which is refused, and nothing is learned of the security protocol.
    if (manner.kind == ConnectionKind::kMuxed) {
      if (connection && security > 0) refused_.on_refused(place, security - 1);
      // Whoever is there now may speak what was refused before.
      if (!connection) refused_.forget(place);
    }
    const bool tries_next = !connection && may_be_refusal(connection.error());
    if (!tries_next || security + 1 >= upgrader_.security_count()) co_return connection;
  }
}

base::Task<Dialler::Result> Dialler::punch_and_upgrade(Manner manner, Transport& transport,
                                                       multiformats::Multiaddr address, std::stop_token stop) {
  auto raw = co_await dial_raw(manner, transport, address, manner.deadline - clock_.now(), stop);
  if (!raw) co_return raw.error();
  if (manner.punch == PunchRole::kDialler) {
    const std::string place = address.to_text();
    const std::size_t security = refused_.first_to_try(place);
    auto connection = co_await upgrader_.upgrade_outbound(std::move(*raw), manner.expected, manner.deadline, stop,
                                                          security, manner.kind);
    if (connection || !may_be_refusal(connection.error())) co_return connection;
    if (security + 1 < upgrader_.security_count()) {
      refused_.on_refused(place, security);
    } else {
      refused_.forget(place);
    }
    co_return connection;
  }
  auto connection = co_await upgrader_.upgrade_inbound(std::move(*raw), manner.deadline, stop);
  if (connection && manner.expected && connection->remote_peer != *manner.expected) {
    connection->abort();
    co_return Error::kPeerIdMismatch;
  }
  if (connection && connection->kind() != manner.kind) {
    connection->abort();
    co_return Error::kProtocolViolation;
  }
  co_return connection;
}

base::Result<std::unique_ptr<Listener>> Dialler::listen(const multiformats::Multiaddr& address) {
  Transport* transport = transport_for(address);
  if (transport == nullptr) return Error::kUnsupportedAddress;
  return transport->listen(address);
}

Transport* Dialler::transport_for(const multiformats::Multiaddr& address) const {
  const auto found = std::find_if(transports_.begin(), transports_.end(),
                                  [&address](const auto& each) { return each->can_dial(address); });
  return found == transports_.end() ? nullptr : found->get();
}

}  // namespace libp2p
