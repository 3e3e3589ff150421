// The models that this node's engines have registered, so that a difference can be named.
#pragma once

#include "kv/model_spec.h"
#include "kv/object_format.h"

#include <string>
#include <unordered_map>

namespace kvp2p {

/// Registered models that are remembered; further ones work, but their fields cannot be named.
inline constexpr std::size_t kModelsMax = 256;
/// Bytes of a text that names differences.
inline constexpr std::size_t kReasonBytesMax = 512;

/// Not thread-safe: node thread only.
class ModelRegistry {
 public:
  void add(const Fingerprint& fingerprint, ModelFields fields);
  bool knows(const Fingerprint& fingerprint) const { return models_.contains(fingerprint); }
  /// Empty if the model is not known.
  ModelFields fields_of(const Fingerprint& fingerprint) const;
  /// In which fields a model that is asked for differs from the one here that is most like it: "model differs in
  /// kv_element (here f32, asked bf16)". Bounded by kReasonBytesMax.
  std::string why_unknown(const ModelFields& asked) const;

 private:
  std::unordered_map<Fingerprint, ModelFields> models_;
};

/// "(here …, asked …)" for two formats that differ; empty if `held` can serve `asked`.
std::string format_difference(const ObjectFormat& held, const ObjectFormat& asked);

}  // namespace kvp2p
