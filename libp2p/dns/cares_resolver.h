// The system's name resolution, by c-ares: the hosts file, then the name servers of resolv.conf.
#pragma once

#include "libp2p/core/resolver.h"

#include <string>

namespace libp2p {

/// Of one answer; further ones are left out.
inline constexpr std::size_t kResolvedAddressesMax = 64;
inline constexpr std::size_t kResolvedTextsMax = 128;
/// The first wait for a name server; it doubles with each of the tries.
inline constexpr int kNameServerTimeout_ms = 1500;
inline constexpr int kNameServerTries = 3;

/// Not thread-safe. Destroy it, and its executor's context, only after its tasks have ended.
class CaresResolver final : public Resolver {
 public:
  /// `servers`, for tests, replaces the system's name servers: "address:port,…".
  explicit CaresResolver(base::Executor executor, std::string servers = {})
      : executor_(std::move(executor)), servers_(std::move(servers)) {}

  base::Task<base::Result<std::vector<boost::asio::ip::address>>> resolve_addresses(std::string name, IpFamily family,
                                                                                    std::stop_token stop) override;
  base::Task<base::Result<std::vector<std::string>>> resolve_texts(std::string name, std::stop_token stop) override;

 private:
  base::Executor executor_;
  std::string servers_;
};

}  // namespace libp2p
