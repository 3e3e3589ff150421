#include "apps/gpu-demo/report.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace kvp2p::demo {

nlohmann::json to_json(const ConsumerResult& r) {
  return {{"prompt_tokens", r.prompt_tokens},
          {"fetched_tokens", r.fetched_tokens},
          {"computed_tokens", r.computed_tokens},
          {"restarts", r.restarts},
          {"reason", r.reason},
          {"bytes_fetched", r.bytes_fetched},
          {"bytes_direct", r.bytes_direct},
          {"wire_bytes", r.wire_bytes},
          {"path", r.path},
          {"decision", r.decision},
          {"match_ms", r.match_ms},
          {"network_ms", r.network_ms},
          {"deserialise_ms", r.deserialise_ms},
          {"verify_ms", r.verify_ms},
          {"scatter_ms", r.scatter_ms},
          {"direct_ms", r.direct_ms},
          {"total_ms", r.total_ms},
          {"prefill_ms", r.prefill_ms},
          {"recompute_ms", r.recompute_ms},
          {"generated", r.generated},
          {"text", r.text},
          {"verified", r.verified},
          {"matches_local", r.matches_local},
          {"kv_verified", r.kv_verified},
          {"kv_matches_local", r.kv_matches_local},
          {"codec", r.codec}};
}

ConsumerResult consumer_result_from_json(const nlohmann::json& json) {
  ConsumerResult r;
  r.prompt_tokens = json.at("prompt_tokens");
  r.fetched_tokens = json.at("fetched_tokens");
  r.computed_tokens = json.at("computed_tokens");
  r.restarts = json.at("restarts");
  r.reason = json.at("reason");
  r.bytes_fetched = json.at("bytes_fetched");
  r.bytes_direct = json.at("bytes_direct");
  r.wire_bytes = json.at("wire_bytes");
  r.path = json.at("path");
  r.decision = json.at("decision");
  r.match_ms = json.at("match_ms");
  r.network_ms = json.at("network_ms");
  r.deserialise_ms = json.at("deserialise_ms");
  r.verify_ms = json.at("verify_ms");
  r.scatter_ms = json.at("scatter_ms");
  r.direct_ms = json.at("direct_ms");
  r.total_ms = json.at("total_ms");
  r.prefill_ms = json.at("prefill_ms");
  r.recompute_ms = json.at("recompute_ms");
  r.generated = json.at("generated").get<std::vector<std::uint32_t>>();
  r.text = json.at("text");
  r.verified = json.at("verified");
  r.matches_local = json.at("matches_local");
  r.kv_verified = json.at("kv_verified");
  r.kv_matches_local = json.at("kv_matches_local");
  r.codec = json.at("codec");
  return r;
}

void Reporter::event(const std::string& name, const nlohmann::json& fields, const std::string& sentence) const {
  if (json_) {
    nlohmann::json line = fields;
    line["event"] = name;
    std::printf("%s\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  } else if (!sentence.empty()) {
    std::printf("%s\n", sentence.c_str());
  }
  std::fflush(stdout);
}

}  // namespace kvp2p::demo
