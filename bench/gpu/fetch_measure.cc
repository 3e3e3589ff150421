#include "base/child_process.h"
#include "bench/figures.h"
#include "bench/gpu/fetch_roles.h"

#include <algorithm>
#include <iostream>

namespace kvp2p::bench {

namespace {

constexpr std::uint64_t kVersion = 1;
constexpr int kPlainCopyRounds = 20;
/// Fetches before anything is measured: the first ones open the peer's memory, which the look-up then knows.
constexpr int kWarmUpsMax = 200;
constexpr double kWarmUpSecondsMax = 5;
constexpr int kWarmUpsAfter = 3;

double percentile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

/// The producer: another process, or another node of this one.
class Producer {
 public:
  explicit Producer(const FetchOptions& options) {
    if (options.one_process) {
      start_here(options);
    } else {
      start_process(options);
    }
  }
  const std::string& address() const { return address_; }
  const std::string& device() const { return device_; }
  /// For measure_copy_alone(); null if this is its process.
  const nlohmann::json& shared() const { return shared_; }
  /// Ends it; its core's counters. Null if this is its process.
  nlohmann::json end() {
    if (!child_) return nullptr;
    child_->terminate();
    return read_event("stats").value("counters", nlohmann::json());
  }

 private:
  static FetchNodeConfig config_of(const FetchOptions& options) {
    FetchNodeConfig config = options.node;
    config.config_dir += "/producer";
    if (options.peer_gpu >= 0) config.gpu = options.peer_gpu;
    if (!options.peer_order.empty()) config.shape.order = options.peer_order;
    config.store = options.put;
    config.direct = true;  // the one side that turns it off is the consumer
    return config;
  }

  void start_here(const FetchOptions& options) {
    node_ = std::make_unique<FetchNode>(config_of(options));
    node_->fill(kVersion);
    options.put ? node_->put(kVersion) : node_->offer(kVersion);
    address_ = node_->address();
    device_ = node_->node().device_description();
  }

  void start_process(const FetchOptions& options) {
    const FetchNodeConfig config = config_of(options);
    std::vector<std::string> arguments = {"--role=serve",
                                          "--shape=" + config.shape.name,
                                          "--order=" + config.shape.order,
                                          "--device=" + config.device,
                                          "--gpu=" + std::to_string(config.gpu),
                                          "--cluster-key=" + config.cluster_key,
                                          "--config-dir=" + config.config_dir};
    if (options.put) arguments.push_back("--put");
    if (auto child = base::ChildProcess::start_self(arguments)) child_.emplace(std::move(*child));
    const nlohmann::json event = read_event("serving");
    address_ = event.value("address", "");
    device_ = event.value("device", "");
    shared_ = event.at("shared");
  }

  nlohmann::json read_event(const char* name) {
    while (auto line = child_ ? child_->read_line() : std::nullopt) {
      auto event = nlohmann::json::parse(*line, nullptr, false);
      if (event.is_object() && event.value("event", "") == name) return event;
    }
    fail("producer", std::string("its process ended before it said ") + name);
  }

  std::unique_ptr<FetchNode> node_;
  std::optional<base::ChildProcess> child_;
  std::string address_, device_;
  nlohmann::json shared_;
};

struct Series {
  std::vector<FetchOutcome> fetches;

  template <class Get>
  double median_us(Get get) const {
    std::vector<double> values;
    for (const auto& fetch : fetches) values.push_back(get(fetch));
    return median(values) * 1e6;
  }
  double total_us(double part) const {
    std::vector<double> values;
    for (const auto& fetch : fetches) values.push_back(fetch.total());
    return percentile(values, part) * 1e6;
  }
};

double seconds(base::Duration time) { return std::chrono::duration<double>(time).count(); }

/// Medians of where the transfer itself says its time went, in microseconds.
nlohmann::json stages(const Series& series) {
  const auto stage = [&](auto get) {
    return series.median_us([&](const FetchOutcome& fetch) { return seconds(get(fetch.report)); });
  };
  return {{"match", stage([](const TransferReport& r) { return r.match; })},
          {"network", stage([](const TransferReport& r) { return r.network; })},
          {"deserialise", stage([](const TransferReport& r) { return r.deserialise; })},
          {"verify", stage([](const TransferReport& r) { return r.verify; })},
          {"direct", stage([](const TransferReport& r) { return r.direct; })},
          {"scatter", stage([](const TransferReport& r) { return r.scatter; })},
          {"total", stage([](const TransferReport& r) { return r.total; })}};
}

/// Until the path wanted is taken, or it is clear that it is not. Ends the program if nothing can be fetched.
FetchOutcome warm_up(FetchNode& consumer, bool direct) {
  FetchOutcome last;
  double spent = 0;
  int left = kWarmUpsAfter;
  for (int i = 0; i < kWarmUpsMax && spent < kWarmUpSecondsMax && left > 0; ++i) {
    last = consumer.fetch(kVersion);
    spent += last.total();
    if (last.good && path_of(last).direct == direct) --left;
  }
  if (!last.good) fail("fetch", last.matched == 0 ? "nothing matched: " + last.reason : last.reason);
  return last;
}

Series measure(FetchNode& consumer, const FetchOptions& options) {
  Series series;
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(options.seconds);
  for (int round = 0; round < options.rounds; ++round) {
    if (round >= 3 && std::chrono::steady_clock::now() >= until) break;
    series.fetches.push_back(consumer.fetch(kVersion));
    if (!series.fetches.back().good) fail("fetch", series.fetches.back().reason);
  }
  return series;
}

/// Every byte, once, with other bytes there before; ends the program if one is wrong.
void check_all(FetchNode& consumer) {
  consumer.poison();
  const FetchOutcome fetch = consumer.fetch(kVersion);
  if (!fetch.good) fail("fetch", fetch.reason);
  if (const std::string wrong = consumer.check(kVersion); !wrong.empty()) fail("WRONG BYTES", wrong);
}

nlohmann::json figure_of(const Series& series, const FetchNodeConfig& config, const FetchOptions& options) {
  const PathTaken path = path_of(series.fetches.back());
  return {{"shape", config.shape.name},
          {"bytes", config.shape.bytes()},
          {"blocks", config.shape.blocks},
          {"order", config.shape.order},
          {"peer_order", options.peer_order.empty() ? config.shape.order : options.peer_order},
          {"direct_wanted", config.direct},
          {"source", options.put ? "store" : "offer"},
          {"processes", options.one_process ? 1 : 2},
          {"path", path.path},
          {"path_reason", path.reason},
          {"direct", path.direct},
          {"checked_bytes", config.shape.bytes()},
          {"fetches", series.fetches.size()},
          {"total_us", series.total_us(0.5)},
          {"total_us_p10", series.total_us(0.1)},
          {"total_us_p90", series.total_us(0.9)},
          {"match_us", series.median_us([](const FetchOutcome& f) { return f.match_s; })},
          {"copy_us", series.median_us([](const FetchOutcome& f) { return f.copy_s; })},
          {"release_us", series.median_us([](const FetchOutcome& f) { return f.release_s; })},
          {"stages_us", stages(series)}};
}

/// Means over all the fetches that were made.
void add_stages_at_the_producer(nlohmann::json& figure, const nlohmann::json& counters, std::size_t fetches) {
  if (counters.is_null() || fetches == 0) return;
  for (const auto& [stage, counter] : {std::pair("gather", "serve_gather_ns"), std::pair("digest", "serve_digest_ns"),
                                       std::pair("send", "serialise_ns")}) {
    figure["producer_us"][stage] = counters.value(counter, 0.0) / 1e3 / static_cast<double>(fetches);
  }
}

}  // namespace

int run_measure(FetchOptions options) {
  Producer producer(options);
  FetchNodeConfig config = options.node;
  config.config_dir += "/consumer";
  FetchNode consumer(config);
  if (auto connected = consumer.connect(producer.address()); !connected) {
    fail("connect", connected.error().message());
  }
  warm_up(consumer, config.direct && !options.put);
  check_all(consumer);
  if (options.wait_go) {
    print_event("ready", {});
    std::string line;
    std::getline(std::cin, line);
  }
  const int source_gpu = options.peer_gpu == config.gpu ? -1 : options.peer_gpu;
  const PlainCopy plain = consumer.memory().measure_copy(config.shape.bytes(), kPlainCopyRounds, source_gpu);
  const Series series = measure(consumer, options);
  const std::size_t fetches = consumer.fetches();
  nlohmann::json figure = figure_of(series, config, options);
  figure["backend"] = consumer.node().device_description();
  figure["producer_backend"] = producer.device();
  figure["plain_copy_events_us"] = plain.events_s * 1e6;
  figure["plain_copy_wall_us"] = plain.wall_s * 1e6;
  figure["plain_copy"] = plain.what;
  // Last: it overwrites what was fetched.
  if (figure["direct"] && !producer.shared().is_null()) {
    FetchShape from = config.shape;
    if (!options.peer_order.empty()) from.order = options.peer_order;
    const auto alone = consumer.measure_copy_alone(producer.shared(), from.layout(), kPlainCopyRounds);
    if (alone) figure["copy_alone_events_us"] = *alone * 1e6;
    const auto contiguous = consumer.measure_contiguous_copy(producer.shared(), kPlainCopyRounds);
    if (contiguous) figure["copy_contiguous_events_us"] = *contiguous * 1e6;
  }
  add_stages_at_the_producer(figure, producer.end(), fetches);
  print_event("figure", figure);
  return 0;
}

}  // namespace kvp2p::bench
