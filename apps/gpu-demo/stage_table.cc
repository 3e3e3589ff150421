#include "apps/gpu-demo/stage_table.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace kvp2p::demo {

namespace {

template <class... Arguments>
std::string formatted(const char* format, Arguments... arguments) {
  char text[160];
  std::snprintf(text, sizeof text, format, arguments...);
  return text;
}

}  // namespace

std::string format_bytes(std::size_t bytes) {
  const auto count = static_cast<double>(bytes);
  if (bytes >= 1'000'000'000) return formatted("%.2f GB", count / 1e9);
  if (bytes >= 1'000'000) return formatted("%.1f MB", count / 1e6);
  if (bytes >= 1'000) return formatted("%.1f kB", count / 1e3);
  return formatted("%zu B", bytes);
}

StageRow direct_row(const ConsumerResult& result) {
  return {"Direct copy (same host)", result.direct_ms, result.bytes_direct, result.bytes_direct == 0};
}

StageRow staged_row(std::string name, std::optional<double> milliseconds, std::size_t bytes) {
  return {std::move(name), milliseconds, bytes, bytes == 0};
}

StageRow network_row(const ConsumerResult& result, std::size_t staged) {
  return staged_row(result.wire_bytes < staged ? "Network transfer, compressed" : "Network transfer", result.network_ms,
                    result.wire_bytes);
}

StageRow verify_row(const ConsumerResult& result, std::size_t staged) {
  return staged_row(result.wire_bytes < staged ? "Decompress, check digests" : "Check digests", result.verify_ms,
                    staged);
}

std::vector<StageRow> consumer_rows(const ConsumerResult& result, bool gpu_memory) {
  const std::size_t staged = result.bytes_fetched - std::min(result.bytes_direct, result.bytes_fetched);
  return {{"Match (look-up at peers)", result.match_ms},
          direct_row(result),
          network_row(result, staged),
          staged_row("libp2p -> staging deserialise", result.deserialise_ms, staged),
          verify_row(result, staged),
          staged_row(gpu_memory ? "Pinned -> GPU (H2D)" : "Staging -> engine (H2D)", result.scatter_ms, staged),
          {"Total P2P transfer", result.total_ms, result.bytes_fetched}};
}

std::string verdict_of(const ConsumerResult& result) {
  if (result.codec != "none" && !result.matches_local) {
    return "output differs from a run with the cache off, as it may with --codec=" + result.codec;
  }
  if (result.codec != "none") return "output equals a run with the cache off";
  if (!result.matches_local) return "OUTPUT DIFFERS from a run with the cache off";
  if (!result.kv_verified) return "output equals a run with the cache off";
  return result.kv_matches_local ? "output and KV equal those of a run with the cache off"
                                 : "KV DIFFERS from that of a run with the cache off";
}

std::string format_stages(const std::vector<StageRow>& rows) {
  std::string text = formatted("%-34s %12s %12s %10s\n", "stage", "time", "bytes", "rate");
  for (const StageRow& row : rows) {
    if (row.is_unused) {
      text += formatted("%-34s %12s\n", row.name.c_str(), "not used");
      continue;
    }
    const std::string time = row.milliseconds ? formatted("%.2f ms", *row.milliseconds) : "not known";
    const std::string bytes = row.bytes ? format_bytes(row.bytes) : "";
    std::string rate;
    if (row.bytes && row.milliseconds && *row.milliseconds > 0) {
      rate = formatted("%.2f GB/s", static_cast<double>(row.bytes) / (*row.milliseconds * 1e6));
    }
    text += formatted("%-34s %12s %12s %10s\n", row.name.c_str(), time.c_str(), bytes.c_str(), rate.c_str());
  }
  return text;
}

}  // namespace kvp2p::demo
