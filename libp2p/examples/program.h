// What the examples share: addresses on the command line, and a clean end at Ctrl-C.
#pragma once

#include "base/clock.h"
#include "base/signal.h"
#include "libp2p/host/host.h"
#include "multiformats/multiaddr.h"

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <cstdio>
#include <functional>
#include <string>

namespace examples {

/// Checks that an argument is a multiaddr.
inline CLI::Validator multiaddr() {
  return CLI::Validator(
      [](const std::string& text) {
        const auto address = multiformats::Multiaddr::from_text(text);
        return address ? std::string() : text + " is no address: " + address.error().message();
      },
      "MULTIADDR");
}

/// Listens and prints where, each address with our peer id; false, after a message, if that fails.
inline bool listen(libp2p::Host& host, const std::string& address) {
  const auto bound = host.listen(multiformats::Multiaddr::from_text(address).value());
  if (!bound) {
    std::fprintf(stderr, "cannot listen on %s: %s\n", address.c_str(), bound.error().message().c_str());
    return false;
  }
  for (const auto& each : host.addresses()) {
    std::printf("listening on %s/p2p/%s\n", each.to_text().c_str(), host.peer_id().to_text().c_str());
  }
  std::fflush(stdout);
  return true;
}

/// Ends a program in order: at Ctrl-C and SIGTERM it closes the host, so that whatever waits for the network fails. A
/// second Ctrl-C ends the process at once. Lives on the thread of `io`.
class Stop {
 public:
  /// `also` is called when the end is asked for.
  Stop(boost::asio::io_context& io, libp2p::Host& host, std::function<void()> also = {})
      : io_(io), host_(host), also_(std::move(also)), signals_(io, SIGINT, SIGTERM), changed_(io.get_executor()) {
    signals_.async_wait([this](const boost::system::error_code& cancelled, int) {
      if (!cancelled) request();
    });
  }

  bool requested() const { return requested_; }

  /// Asks for the end. The program has ended when the io_context has nothing left to run.
  void request() {
    if (std::exchange(requested_, true)) return;
    signals_.clear();
    signals_.cancel();
    base::spawn(io_.get_executor(), host_.close());
    if (also_) also_();
    changed_.notify_all();
  }

  /// Returns after `time`, or when the end is asked for.
  base::Task<> wait_for(base::Clock& clock, base::Duration time) {
    bool due = false;
    const auto timer = clock.call_at(clock.now() + time, [this, &due] {
      due = true;
      changed_.notify_all();
    });
    while (!due && !requested_) co_await changed_.wait();
  }

 private:
  boost::asio::io_context& io_;
  libp2p::Host& host_;
  std::function<void()> also_;
  boost::asio::signal_set signals_;
  base::Signal changed_;
  bool requested_ = false;
};

}  // namespace examples
