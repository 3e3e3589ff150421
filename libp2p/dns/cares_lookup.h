// One look-up by c-ares, run by Asio. Only for cares_resolver.cc.
#pragma once

#include "base/result.h"
#include "base/signal.h"
#include "base/task.h"

#include <ares.h>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <map>
#include <memory>
#include <stop_token>
#include <string>

namespace libp2p {

/// Has a channel of its own, so that ending it ends the look-up, and each one reads the system's configuration anew.
/// c-ares keeps its own time, so its timer is Asio's. Not thread-safe.
class CaresLookup {
 public:
  explicit CaresLookup(const base::Executor& executor);
  CaresLookup(const CaresLookup&) = delete;
  CaresLookup& operator=(const CaresLookup&) = delete;
  /// Ends it: callbacks that are still due are called with ARES_EDESTRUCTION.
  ~CaresLookup();

  /// The status of c-ares. REQUIRES: called once, before anything else, and successfully.
  int open(const std::string& servers);
  /// For ares_query() and the like; call update() after any.
  ares_channel channel() { return channel_; }
  /// Waits for what the calls on the channel have begun.
  void update();

  /// Called by the callback of the query.
  void finish(int status);
  /// Waits for finish(), or until stopped. The caller keeps the look-up alive.
  base::Task<base::Result<>> wait(std::stop_token stop);

 private:
  struct Socket {
    boost::asio::posix::stream_descriptor descriptor;
    bool wants_read = false;
    bool wants_write = false;
    bool reading = false;
    bool writing = false;
  };

  static void on_socket_state(void* self, ares_socket_t socket, int readable, int writable);
  void set_interest(ares_socket_t socket, bool readable, bool writable);
  void wait_for_sockets();
  void wait_for_timer();

  base::Executor executor_;
  ares_channel channel_ = nullptr;
  std::map<ares_socket_t, std::shared_ptr<Socket>> sockets_;
  boost::asio::steady_timer timer_;
  base::Signal ended_;
  int status_ = ARES_SUCCESS;
  bool finished_ = false;
  /// Tells a handler that is queued already that this is gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace libp2p
