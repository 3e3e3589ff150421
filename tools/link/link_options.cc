#include "tools/link/link_options.h"

#include <charconv>
#include <initializer_list>
#include <utility>

namespace kvp2p::link {

namespace {

constexpr double kRateMax = 1e12;
constexpr double kSecondsMax = 86'400;
constexpr double kBytesMax = double(1ull << 50);

struct Unit {
  std::string_view name;
  double factor;
};

/// A number and one of the units, times its factor.
std::optional<double> parse(std::string_view text, std::initializer_list<Unit> units, double most) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc()) return std::nullopt;
  const std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : units) {
    const double value = number * unit.factor;
    if (unit.name == name && value >= 0 && value <= most) return value;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_rate(std::string_view text) {
  const auto rate = parse(text, {{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}}, kRateMax);
  if (!rate || *rate < 1) return std::nullopt;
  return static_cast<std::uint64_t>(*rate);
}

std::optional<base::Duration> parse_duration(std::string_view text) {
  if (text == "0") return base::Duration{};
  const auto seconds = parse(text, {{"s", 1}, {"ms", 1e-3}, {"us", 1e-6}}, kSecondsMax);
  if (!seconds) return std::nullopt;
  return std::chrono::round<base::Duration>(std::chrono::duration<double>(*seconds));
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  const auto bytes = parse(
      text, {{"", 1}, {"KiB", double(1u << 10)}, {"MiB", double(1u << 20)}, {"GiB", double(1u << 30)}}, kBytesMax);
  if (!bytes) return std::nullopt;
  return static_cast<std::uint64_t>(*bytes);
}

std::optional<double> parse_probability(std::string_view text) { return parse(text, {{"", 1}, {"%", 0.01}}, 1); }

std::optional<Outage> parse_outage(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto duration = parse_duration(text.substr(colon + 1));
  if (!duration) return std::nullopt;
  const std::string_view when = text.substr(0, colon);
  Outage outage{.at = parse_duration(when), .at_bytes = 0, .duration = *duration};
  if (outage.at) return outage;
  const auto bytes = parse_bytes(when);
  if (!bytes) return std::nullopt;
  outage.at_bytes = *bytes;
  return outage;
}

}  // namespace kvp2p::link
