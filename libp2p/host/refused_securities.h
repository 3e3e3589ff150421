// Remembers where a security protocol has been refused, so that the next dial begins with another.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>

namespace libp2p {

/// Places that are remembered; the oldest is forgotten for a new one.
inline constexpr std::size_t kRefusedPlacesMax = 1024;

/// Not thread-safe.
class RefusedSecurities {
 public:
  /// The number of the first protocol that is not known to be refused at `place`.
  std::size_t first_to_try(const std::string& place) const;
  void on_refused(const std::string& place, std::size_t security);
  void forget(const std::string& place) { first_.erase(place); }

  std::size_t size() const { return first_.size(); }

 private:
  std::unordered_map<std::string, std::size_t> first_;
  std::deque<std::string> order_;  ///< oldest first; may name places that are forgotten
};

}  // namespace libp2p
