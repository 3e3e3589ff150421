#include "libp2p/host/refused_securities.h"

namespace libp2p {

std::size_t RefusedSecurities::first_to_try(const std::string& place) const {
  const auto found = first_.find(place);
  return found == first_.end() ? 0 : found->second;
}

void RefusedSecurities::on_refused(const std::string& place, std::size_t security) {
  const bool is_new = first_.insert_or_assign(place, security + 1).second;
  if (!is_new) return;
  order_.push_back(place);
  if (order_.size() <= kRefusedPlacesMax) return;
  first_.erase(order_.front());
  order_.pop_front();
}

}  // namespace libp2p
