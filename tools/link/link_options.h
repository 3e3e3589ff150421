// Numbers with units, as people write them on a command line.
#pragma once

#include "tools/link/outage.h"

#include <optional>
#include <string_view>

namespace kvp2p::link {

// Nothing: it is not of that form, or too large.

/// "1gbit", "2.5gbit", "100mbit", "64kbit", "9600bit": bits a second, at most 1 Tbit/s, not 0.
std::optional<std::uint64_t> parse_rate(std::string_view text);
/// "20ms", "5s", "1.5ms", "100us", "0": at most a day.
std::optional<base::Duration> parse_duration(std::string_view text);
/// "65536", "64KiB", "4MiB", "1GiB".
std::optional<std::uint64_t> parse_bytes(std::string_view text);
/// "0.01", "1%": from 0 to 1.
std::optional<double> parse_probability(std::string_view text);
/// "2s:5s": after two seconds, for five; "32MiB:5s": once 32 MiB have gone through.
std::optional<Outage> parse_outage(std::string_view text);

}  // namespace kvp2p::link
