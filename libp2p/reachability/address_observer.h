// Listens to what identify tells of how peers see us (observed_addresses.h).
#pragma once

#include "libp2p/host/host.h"
#include "libp2p/reachability/observed_addresses.h"

#include <functional>
#include <memory>
#include <vector>

namespace libp2p {

/// Not thread-safe: lives on the host's executor; `clock` and `host` outlive it.
class AddressObserver {
 public:
  /// `changed` is called when confirmed() may have changed.
  AddressObserver(base::Clock& clock, Host& host, std::size_t observers_min = kObserversMin,
                  std::function<void()> changed = nullptr);
  AddressObserver(const AddressObserver&) = delete;
  AddressObserver& operator=(const AddressObserver&) = delete;

  std::vector<multiformats::Multiaddr> confirmed() const { return state_->observed.confirmed(clock_.now()); }
  std::vector<multiformats::Multiaddr> candidates() const { return state_->observed.candidates(clock_.now()); }

 private:
  struct State {
    ObservedAddresses observed;
    std::function<void()> changed;
  };
  static void identified(State& state, base::Clock& clock, const Host& host, const Connection& connection);

  base::Clock& clock_;
  std::shared_ptr<State> state_;  // the host's events outlive us
};

}  // namespace libp2p
