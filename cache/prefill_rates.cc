#include "cache/prefill_rates.h"

#include <algorithm>

namespace kvp2p {

namespace {

/// What a measurement counts for when the next one has come.
constexpr double kFading = 0.9;
/// How far measurements must differ before they tell the two parts of the time apart.
constexpr double kSpreadMin = 1e-3;

}  // namespace

void PrefillFit::add(std::size_t tokens, std::size_t context, base::Duration time) {
  if (tokens < kPrefillTokensMin || time <= base::Duration::zero()) return;
  const auto t = static_cast<double>(tokens);
  const double p = PrefillRate::pairs(tokens, context);
  const double s = std::chrono::duration<double>(time).count();
  for (double* sum : {&tt_, &tp_, &pp_, &ts_, &ps_}) *sum *= kFading;
  tt_ += t * t;
  tp_ += t * p;
  pp_ += p * p;
  ts_ += t * s;
  ps_ += p * s;
}

std::optional<PrefillRate> PrefillFit::rate() const {
  if (tt_ == 0) return std::nullopt;
  PrefillRate rate;
  const double spread = tt_ * pp_ - tp_ * tp_;
  if (spread > kSpreadMin * tt_ * pp_) {
    rate.seconds_per_token = (ts_ * pp_ - ps_ * tp_) / spread;
    rate.seconds_per_pair = (ps_ * tt_ - ts_ * tp_) / spread;
    if (rate.seconds_per_token >= 0 && rate.seconds_per_pair >= 0) return rate;
    if (rate.seconds_per_token < 0) return PrefillRate{0, ps_ / pp_};
  }
  return PrefillRate{ts_ / tt_, 0};
}

void PrefillRates::report(const Fingerprint& model, std::size_t tokens, std::size_t context, base::Duration time) {
  std::lock_guard lock(mutex_);
  if (models_.size() >= kPrefillModelsMax && !models_.contains(model)) models_.clear();
  models_[model].add(tokens, context, time);
}

std::optional<PrefillRate> PrefillRates::get(const Fingerprint& model) const {
  std::lock_guard lock(mutex_);
  const auto at = models_.find(model);
  return at == models_.end() ? std::nullopt : at->second.rate();
}

}  // namespace kvp2p
