#include "cache/shard_match.h"

#include "exchange/exchange.h"

#include <boost/asio/post.hpp>

namespace kvp2p {

PeerLease::PeerLease(base::Executor executor, std::shared_ptr<ExchangeLink> link, multiformats::PeerId peer,
                     LeaseToken token)
    : executor_(std::move(executor)), link_(std::move(link)), peer_(peer), token_(token) {}

PeerLease::~PeerLease() {
  boost::asio::post(executor_, [link = std::move(link_), peer = peer_, token = token_] {
    if (link->exchange != nullptr) link->exchange->release(peer, token);
  });
}

}  // namespace kvp2p
