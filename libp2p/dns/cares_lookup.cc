#include "libp2p/dns/cares_lookup.h"

#include "libp2p/core/error.h"
#include "libp2p/dns/cares_resolver.h"

#include <algorithm>

namespace libp2p {

namespace asio = boost::asio;

namespace {

/// c-ares wants to be told of time-outs; it never asks for longer than this.
constexpr timeval kTimerMax{1, 0};

/// Once for the process; c-ares counts on it.
bool initialise_library() {
  static const bool done = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
  return done;
}

base::Result<> to_result(int status) {
  switch (status) {
    case ARES_SUCCESS:
      return {};
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
    case ARES_EBADNAME:
      return Error::kNameNotFound;
    case ARES_ETIMEOUT:
      return Error::kTimeout;
    default:
      return Error::kNameLookupFailed;
  }
}

}  // namespace

CaresLookup::CaresLookup(const base::Executor& executor) : executor_(executor), timer_(executor), ended_(executor) {}

CaresLookup::~CaresLookup() {
  if (channel_ != nullptr) ares_destroy(channel_);
}

int CaresLookup::open(const std::string& servers) {
  if (!initialise_library()) return ARES_ENOTINITIALIZED;
  ares_options options{};
  options.timeout = kNameServerTimeout_ms;
  options.tries = kNameServerTries;
  char lookups[] = "fb";  // the hosts file, then name servers
  options.lookups = lookups;
  options.sock_state_cb = &CaresLookup::on_socket_state;
  options.sock_state_cb_data = this;
  const int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
  const int status = ares_init_options(&channel_, &options, mask);
  if (status != ARES_SUCCESS || servers.empty()) return status;
  return ares_set_servers_ports_csv(channel_, servers.c_str());
}

void CaresLookup::on_socket_state(void* self, ares_socket_t socket, int readable, int writable) {
  static_cast<CaresLookup*>(self)->set_interest(socket, readable != 0, writable != 0);
}

void CaresLookup::set_interest(ares_socket_t socket, bool readable, bool writable) {
  const auto found = sockets_.find(socket);
  if (!readable && !writable) {
    if (found == sockets_.end()) return;
    found->second->descriptor.release();  // c-ares closes it
    sockets_.erase(found);
    return;
  }
  auto& entry = sockets_[socket];
  if (!entry) entry = std::make_shared<Socket>(Socket{asio::posix::stream_descriptor(executor_, socket)});
  entry->wants_read = readable;
  entry->wants_write = writable;
}

void CaresLookup::update() {
  wait_for_sockets();
  wait_for_timer();
}

void CaresLookup::wait_for_sockets() {
  const auto wait_for = [this](ares_socket_t number, const std::shared_ptr<Socket>& socket, bool to_read) {
    bool& waiting = to_read ? socket->reading : socket->writing;
    if (waiting || !(to_read ? socket->wants_read : socket->wants_write)) return;
    waiting = true;
    const auto event = to_read ? asio::posix::descriptor_base::wait_read : asio::posix::descriptor_base::wait_write;
    socket->descriptor.async_wait(event, [this, number, socket, to_read,
                                          alive = std::weak_ptr<bool>(alive_)](const boost::system::error_code& error) {
      if (error || alive.expired()) return;
      (to_read ? socket->reading : socket->writing) = false;
      if (!socket->descriptor.is_open()) return;  // closed meanwhile; the number may be another's by now
      ares_process_fd(channel_, to_read ? number : ARES_SOCKET_BAD, to_read ? ARES_SOCKET_BAD : number);
      update();
    });
  };
  for (const auto& [number, socket] : sockets_) {
    wait_for(number, socket, true);
    wait_for(number, socket, false);
  }
}

void CaresLookup::wait_for_timer() {
  if (finished_) {
    timer_.cancel();
    return;
  }
  timeval longest = kTimerMax;
  timeval wanted{};
  const timeval* next = ares_timeout(channel_, &longest, &wanted);
  timer_.expires_after(std::chrono::seconds(next->tv_sec) + std::chrono::microseconds(next->tv_usec));
  timer_.async_wait([this, alive = std::weak_ptr<bool>(alive_)](const boost::system::error_code& error) {
    if (error || alive.expired()) return;
    ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    update();
  });
}

void CaresLookup::finish(int status) {
  if (finished_) return;
  finished_ = true;
  status_ = status;
  ended_.notify_all();
}

base::Task<base::Result<>> CaresLookup::wait(std::stop_token stop) {
  const std::stop_callback on_stop(stop, [this] { ended_.notify_all(); });
  while (!finished_ && !stop.stop_requested()) co_await ended_.wait();
  if (!finished_) co_return Error::kClosing;
  co_return to_result(status_);
}

}  // namespace libp2p
