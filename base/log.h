// Logging: spdlog, one logger for the process, to standard error.
//
//     LOG_INFO("listening on {}", address);
//
// Never on the hot path. What a peer can provoke is logged once a peer, not once a message.
#pragma once

#include <spdlog/spdlog.h>

#include <string_view>

// What is not logged is not put into words, either.
#define LOG_DEBUG(...) (::spdlog::should_log(::spdlog::level::debug) ? ::spdlog::debug(__VA_ARGS__) : void())
#define LOG_INFO(...) ::spdlog::info(__VA_ARGS__)
#define LOG_WARN(...) ::spdlog::warn(__VA_ARGS__)
#define LOG_ERROR(...) ::spdlog::error(__VA_ARGS__)

namespace base {

/// Sends the log to standard error with times and levels; `level` is debug, info, warn, error or off.
/// Returns false, changing nothing, for another word.
bool set_up_logging(std::string_view level);

}  // namespace base
