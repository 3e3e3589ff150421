#include "kv/model_spec.h"

#include "kv/sha256.h"

#include <algorithm>

namespace kvp2p {

namespace {

constexpr std::string_view kFingerprintDomain = "kv-cache-p2p fingerprint v1\n";

// A text over the bound (a long list of layer types) stands as its digest: a field must fit the wire.
std::string bounded(std::string text) {
  if (text.size() <= kModelFieldBytesMax) return text;
  Sha256 hash;
  hash.start({});
  hash.add(base::as_bytes(text));
  return "sha256:" + base::to_hex(hash.finish());
}

const std::string* find(const ModelFields& fields, const std::string& name) {
  const auto field = std::ranges::find(fields, name, &ModelFields::value_type::first);
  return field == fields.end() ? nullptr : &field->second;
}

}  // namespace

ModelFields ModelSpec::fields() const {
  // The order and the names are hashed: docs/keys.md.
  ModelFields fields = {
      {"weights_digest", weights_digest},
      {"architecture", architecture},
      {"layers", std::to_string(layers)},
      {"kv_heads", std::to_string(kv_heads)},
      {"head_dim", std::to_string(head_dim)},
      {"planes", std::to_string(planes)},
      {"layer_types", layer_types},
      {"sliding_window", std::to_string(sliding_window)},
      {"mla_ranks", mla_ranks},
      {"rope", rope},
      {"quantisation", quantisation},
      {"kv_element", std::string(name_of(kv_element))},
      {"kv_scales", kv_scales},
      {"numeric_policy", numeric_policy},
  };
  for (auto& [name, text] : fields) text = bounded(std::move(text));
  return fields;
}

Fingerprint fingerprint_of(const ModelFields& fields) {
  Sha256 hash;
  hash.start(kFingerprintDomain);
  hash.add_le32(static_cast<std::uint32_t>(fields.size()));
  for (const auto& [name, text] : fields) {
    hash.add_text(name);
    hash.add_text(text);
  }
  return {hash.finish()};
}

std::vector<FieldDifference> differences(const ModelFields& ours, const ModelFields& theirs) {
  std::vector<FieldDifference> rows;
  for (const auto& [name, text] : ours) {
    const std::string* other = find(theirs, name);
    if (!other || *other != text) rows.push_back({name, text, other ? *other : std::string()});
    if (rows.size() == kModelFieldsMax) return rows;
  }
  for (const auto& [name, text] : theirs) {
    if (!find(ours, name)) rows.push_back({name, {}, text});
    if (rows.size() == kModelFieldsMax) return rows;
  }
  return rows;
}

}  // namespace kvp2p
