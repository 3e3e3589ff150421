#include "libp2p/protocols/dcutr/hole_puncher.h"

#include "libp2p/protocols/dcutr/hole_puncher_impl.h"

namespace libp2p::dcutr {

HolePuncher::HolePuncher(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

HolePuncher::~HolePuncher() = default;

std::unique_ptr<HolePuncher> HolePuncher::create(const base::Executor& executor, base::Clock& clock, Host& host,
                                                 HolePuncherConfig config) {
  auto impl = std::make_shared<Impl>(executor, clock, host, std::move(config));
  impl->start();
  return std::unique_ptr<HolePuncher>(new HolePuncher(std::move(impl)));
}

HolePuncherStats HolePuncher::stats() const { return impl_->stats(); }

base::Task<> HolePuncher::close() { return Impl::close(impl_); }

}  // namespace libp2p::dcutr
