// Names to addresses.
#pragma once

#include "base/result.h"
#include "base/task.h"

#include <boost/asio/ip/address.hpp>

#include <stop_token>
#include <string>
#include <vector>

namespace libp2p {

enum class IpFamily { kAny, kIp4, kIp6 };

/// Not thread-safe: lives on its executor. Error::kNameNotFound if the name does not exist or has no such record,
/// Error::kTimeout if no name server answers, Error::kClosing once stopped, else Error::kNameLookupFailed. What comes
/// back is somebody else's word: nothing to trust, but bounded.
class Resolver {
 public:
  virtual ~Resolver() = default;
  /// The addresses of a host; at least one.
  virtual base::Task<base::Result<std::vector<boost::asio::ip::address>>> resolve_addresses(std::string name,
                                                                                            IpFamily family,
                                                                                            std::stop_token stop) = 0;
  /// The TXT records of a name, the strings of each joined; any bytes.
  virtual base::Task<base::Result<std::vector<std::string>>> resolve_texts(std::string name, std::stop_token stop) = 0;
};

}  // namespace libp2p
