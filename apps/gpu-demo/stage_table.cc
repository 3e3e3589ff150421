#include "apps/gpu-demo/stage_table.h"

#include <cstdio>

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

std::string format_stages(const std::vector<StageRow>& rows) {
  std::string text = formatted("%-34s %12s %12s %10s\n", "stage", "time", "bytes", "rate");
  for (const StageRow& row : rows) {
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
