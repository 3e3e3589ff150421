// Whether a value may be stored under a key, and which of several is the best (libp2p/specs kad-dht/README.md, "Entry
// validation"). By namespace: that of the key `/pk/…` is `pk`.
#pragma once

#include "base/bytes.h"

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace libp2p::kad {

/// Pure functions; they are called with whatever peers send.
struct Validator {
  std::function<bool(base::ConstBytes key, base::ConstBytes value)> is_valid;
  /// The index of the best of several valid values, at least one. Absent where any will do, as where only one can be
  /// valid.
  std::function<std::size_t(base::ConstBytes key, std::span<const base::Bytes> values)> best = nullptr;
};

/// By namespace.
using Validators = std::map<std::string, Validator, std::less<>>;

/// Of a key `/namespace/…`; empty if it is not one.
std::string_view namespace_of(base::ConstBytes key);

/// The one for `key`; null if there is none.
const Validator* find_validator(const Validators& validators, base::ConstBytes key);

/// For the namespace `pk`: the value is the public key of the peer whose id follows in the key.
Validator public_key_validator();

}  // namespace libp2p::kad
