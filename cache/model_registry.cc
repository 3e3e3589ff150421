#include "cache/model_registry.h"

namespace kvp2p {

void ModelRegistry::add(const Fingerprint& fingerprint, ModelFields fields) {
  if (models_.size() >= kModelsMax) return;
  models_.emplace(fingerprint, std::move(fields));
}

ModelFields ModelRegistry::fields_of(const Fingerprint& fingerprint) const {
  auto found = models_.find(fingerprint);
  return found == models_.end() ? ModelFields{} : found->second;
}

namespace {

std::string text_or_absent(const std::string& value) { return value.empty() ? "nothing" : value; }

std::string here_and_asked(const std::string& name, const std::string& here, const std::string& asked) {
  return name + " (here " + text_or_absent(here) + ", asked " + text_or_absent(asked) + ")";
}

}  // namespace

std::string ModelRegistry::why_unknown(const ModelFields& asked) const {
  if (models_.empty()) return "no model is registered here";
  std::vector<FieldDifference> fewest;
  bool first = true;
  for (const auto& [fingerprint, fields] : models_) {
    auto found = differences(fields, asked);
    if (first || found.size() < fewest.size()) fewest = std::move(found);
    first = false;
  }
  if (fewest.empty()) return "model differs in its fingerprint, but in no field that was told";
  std::string text = "model differs in ";
  for (std::size_t i = 0; i < fewest.size(); ++i) {
    if (i > 0) text += ", ";
    text += here_and_asked(fewest[i].name, fewest[i].ours, fewest[i].theirs);
  }
  if (text.size() > kReasonBytesMax) text.resize(kReasonBytesMax);
  return text;
}

std::string format_difference(const ObjectFormat& held, const ObjectFormat& asked) {
  if (held.element != asked.element) {
    return here_and_asked("element type", std::string(name_of(held.element)), std::string(name_of(asked.element)));
  }
  if (held.planes != asked.planes) {
    return here_and_asked("planes", std::to_string(held.planes), std::to_string(asked.planes));
  }
  if (held.head_dim != asked.head_dim) {
    return here_and_asked("head_dim", std::to_string(held.head_dim), std::to_string(asked.head_dim));
  }
  if (held.codec != asked.codec) {
    return here_and_asked("codec", std::string(name_of(held.codec)), std::string(name_of(asked.codec)));
  }
  if (held.digest != asked.digest) return "digest algorithm differs";
  if (!held.shard.covers(asked.shard)) return here_and_asked("shard", held.shard.to_text(), asked.shard.to_text());
  return {};
}

}  // namespace kvp2p
