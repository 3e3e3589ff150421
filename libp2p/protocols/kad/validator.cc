#include "libp2p/protocols/kad/validator.h"

#include "multiformats/keys.h"
#include "multiformats/peer_id.h"

namespace libp2p::kad {

std::string_view namespace_of(base::ConstBytes key) {
  const std::string_view text = base::as_text(key);
  if (text.empty() || text.front() != '/') return {};
  const std::size_t end = text.find('/', 1);
  return end == std::string_view::npos ? std::string_view() : text.substr(1, end - 1);
}

const Validator* find_validator(const Validators& validators, base::ConstBytes key) {
  const auto found = validators.find(namespace_of(key));
  return found == validators.end() ? nullptr : &found->second;
}

Validator public_key_validator() {
  return {[](base::ConstBytes key, base::ConstBytes value) {
    constexpr std::string_view kPrefix = "/pk/";
    if (!base::as_text(key).starts_with(kPrefix)) return false;
    const auto peer = multiformats::PeerId::from_bytes(key.subspan(kPrefix.size()));
    const auto public_key = multiformats::PublicKey::from_protobuf(value);
    return peer && public_key && peer->matches(*public_key);
  }};
}

}  // namespace libp2p::kad
