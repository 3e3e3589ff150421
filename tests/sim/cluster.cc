#include "tests/sim/cluster.h"

#include "libp2p/testing/process_usage.h"

#include <algorithm>
#include <cmath>

namespace kvp2p::sim {

namespace {

/// What a node that has gone was asked or has asked for has ended by then.
constexpr base::Duration kGraveTime = std::chrono::seconds(90);
/// In a divided network a look-up asks several who are not there, and for where they are the DHT, a minute each.
constexpr base::Duration kLookUpMax = std::chrono::minutes(5);
/// Of the ways in a node is told so many.
constexpr std::size_t kWaysInTold = 3;

void take_most(Accounts& most, Accounts& all, const Accounts& one) {
  const auto take = [&](std::size_t Accounts::*member) {
    most.*member = std::max(most.*member, one.*member);
    all.*member += one.*member;
  };
  for (auto member : {&Accounts::connections, &Accounts::streams, &Accounts::index_pairs, &Accounts::gossip_peers,
                      &Accounts::gossip_queued_bytes, &Accounts::gossip_seen, &Accounts::gossip_cached_bytes,
                      &Accounts::table_peers, &Accounts::provider_records}) {
    take(member);
  }
}

}  // namespace

double LookupTally::time_ms(double part) const {
  if (times.empty()) return 0;
  auto sorted = times;
  std::ranges::sort(sorted);
  const auto at = static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1));
  return std::chrono::duration<double, std::milli>(sorted[at]).count();
}

Cluster::Cluster(const ClusterConfig& config)
    : config_(config),
      world_(config.seed),
      network_(world_, config.network),
      surroundings_{world_, network_, signatures_, config.marks, [this] { return ways_in(); }} {}

Cluster::~Cluster() {
  set_churn(false);
  if (network_.is_partitioned()) network_.heal();
  while (!nodes_.empty()) remove_node(nodes_.size() - 1);
  const auto all_closed = [this] {
    return std::ranges::all_of(graves_, [](const Grave& grave) { return *grave.closed; });
  };
  world_.run_until(all_closed, kGraveTime);
  assert(all_closed());
  world_.run_for(kGraveTime);
  graves_.clear();
}

// Who is there.

SimNode& Cluster::add_node() {
  // The model that fewest serve: the first of them.
  const std::size_t models = std::max<std::size_t>(1, config_.nodes / config_.nodes_per_model);
  std::vector<std::size_t> served(models);
  for (const auto& node : nodes_) ++served[node->model()];
  const auto model = static_cast<ModelNumber>(std::ranges::min_element(served) - served.begin());
  nodes_.push_back(std::make_shared<SimNode>(surroundings_, model));
  SimNode& node = *nodes_.back();
  numbers_[node.id()] = node.number();
  world_.trace().note('n', world_.now(), node.number(), model, node.id().as_bytes());
  node.start();
  return node;
}

base::Task<> Cluster::close_node(std::shared_ptr<SimNode> node, bool& closed) {
  co_await node->close();
  closed = true;
}

void Cluster::remove_node(std::size_t place) {
  bury();
  auto node = std::move(nodes_[place]);
  nodes_[place] = std::move(nodes_.back());
  nodes_.pop_back();
  numbers_.erase(node->id());
  // Machines that fail, processes that are killed, and those that end as they should.
  const double chance = world_.chance();
  if (chance < 0.3) {
    network_.remove_node(node->number(), true);
  } else if (chance < 0.6) {
    network_.remove_node(node->number(), false);
  } else {
    world_.trace().note('e', world_.now(), node->number(), 0);
  }
  graves_.push_back({node, std::make_shared<bool>(false), world_.now()});
  base::spawn(world_.executor(), close_node(node, *graves_.back().closed));
}

void Cluster::bury() {
  std::erase_if(graves_, [this](const Grave& grave) {
    if (!*grave.closed || world_.now() - grave.since < kGraveTime) return false;
    network_.remove_node(grave.node->number(), true);
    return true;
  });
}

void Cluster::grow(base::Duration over) {
  const std::size_t missing = config_.nodes - std::min(config_.nodes, nodes_.size());
  for (std::size_t i = 0; i < missing; ++i) {
    add_node();
    world_.run_for(over / static_cast<base::Duration::rep>(missing));
  }
}

void Cluster::set_churn(bool on) {
  churn_timer_.reset();
  break_timer_.reset();
  if (!on) return;
  schedule_churn();
  schedule_breaks();
}

void Cluster::schedule_churn() {
  const double per_hour = config_.replaced_per_hour * static_cast<double>(config_.nodes);
  if (per_hour <= 0 || config_.nodes <= config_.ways_in) return;
  const auto mean = std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(3600 / per_hour));
  churn_timer_ = world_.clock().call_at(world_.now() + world_.wait_of(mean), [this] {
    remove_node(config_.ways_in + world_.pick(nodes_.size() - config_.ways_in));
    add_node();
    ++replaced_;
    schedule_churn();
  });
}

void Cluster::schedule_breaks() {
  const auto mean = config_.break_period / static_cast<base::Duration::rep>(config_.nodes);
  break_timer_ = world_.clock().call_at(world_.now() + world_.wait_of(mean), [this] {
    network_.break_connection(nodes_[world_.pick(nodes_.size())]->number());
    schedule_breaks();
  });
}

void Cluster::run_for(base::Duration time) { world_.run_for(time); }

std::vector<multiformats::Multiaddr> Cluster::ways_in() {
  std::vector<multiformats::Multiaddr> ways;
  const std::size_t all = std::min(config_.ways_in, nodes_.size());
  const std::size_t first = all == 0 ? 0 : world_.pick(all);
  for (std::size_t i = 0; i < std::min(all, kWaysInTold); ++i) {
    const SimNode& node = *nodes_[(first + i) % all];
    ways.push_back(*Network::address_of(node.number()).with_peer(node.id()));
  }
  return ways;
}

// What goes wrong.

void Cluster::partition(unsigned share_of_thousand) {
  // By number and not by place: those that join later are on a side, too.
  const std::uint64_t salt = world_.random()();
  network_.partition([=](NodeNumber node) {
    const std::uint64_t mixed = (node + salt) * 0x9e3779b97f4a7c15;
    return (mixed >> 32) % 1000 < share_of_thousand ? 1 : 0;
  });
}

void Cluster::heal() { network_.heal(); }

// Look-ups.

std::optional<PromptNumber> Cluster::findable_prompt(const SimNode& asker, base::Duration held_for) {
  std::vector<PromptNumber> prompts;
  for (const auto& node : nodes_) {
    if (node->model() != asker.model() || node.get() == &asker) continue;
    for (PromptNumber prompt : node->prompts()) {
      if (world_.now() - *node->holds_since(prompt) >= held_for) prompts.push_back(prompt);
    }
  }
  if (prompts.empty()) return std::nullopt;
  return prompts[world_.pick(prompts.size())];
}

bool Cluster::is_held(PromptNumber prompt, const SimNode& besides) const {
  return std::ranges::any_of(nodes_, [&](const auto& node) {
    return node.get() != &besides && node->model() == besides.model() && node->holds_since(prompt);
  });
}

base::Task<> Cluster::look_for_blocks(std::shared_ptr<SimNode> asker, PromptNumber prompt) {
  auto answer = co_await asker->look_up(prompt);
  --looking_up_;
  // Who looks, or whoever held it, may have gone meanwhile: then it cannot be found.
  if (!answer.found && (!is_there(*asker) || !is_held(prompt, *asker))) {
    --tallies_.blocks.count;
    co_return;
  }
  tallies_.blocks.found += answer.found ? 1 : 0;
  tallies_.blocks.asked += answer.asked;
  if (answer.found) tallies_.blocks.times.push_back(answer.time);
}

base::Task<> Cluster::look_for_providers(std::shared_ptr<SimNode> asker, ModelNumber model) {
  const base::TimePoint begin = world_.now();
  auto found = co_await asker->find_providers(model);
  --looking_up_;
  if (std::ranges::none_of(found, [this](const PeerEntry& peer) { return numbers_.contains(peer.id); })) {
    if (!is_there(*asker)) --tallies_.providers.count;
    co_return;
  }
  ++tallies_.providers.found;
  tallies_.providers.times.push_back(world_.now() - begin);
}

base::Task<> Cluster::look_for_peer(std::shared_ptr<SimNode> asker, std::shared_ptr<SimNode> wanted) {
  const base::TimePoint begin = world_.now();
  auto found = co_await asker->find_addresses(wanted->id());
  --looking_up_;
  if (!is_there(*wanted) || !is_there(*asker)) {
    --tallies_.peers.count;
  } else if (std::ranges::find(found, Network::address_of(wanted->number())) != found.end()) {
    ++tallies_.peers.found;
    tallies_.peers.times.push_back(world_.now() - begin);
  }
}

void Cluster::begin(LookupTally& tally, base::Task<> look_up) {
  ++tally.count;
  ++looking_up_;
  base::spawn(world_.executor(), std::move(look_up));
}

void Cluster::begin_block_look_up(const std::shared_ptr<SimNode>& asker, base::Duration held_for) {
  if (const auto prompt = findable_prompt(*asker, held_for)) begin(tallies_.blocks, look_for_blocks(asker, *prompt));
}

void Cluster::begin_dht_look_ups(const std::shared_ptr<SimNode>& asker, base::Duration held_for) {
  const auto model = nodes_[world_.pick(nodes_.size())]->model();
  begin(tallies_.providers, look_for_providers(asker, model));
  const auto& wanted = nodes_[world_.pick(nodes_.size())];
  if (wanted != asker && world_.now() - wanted->born() >= held_for) begin(tallies_.peers, look_for_peer(asker, wanted));
}

LookupTallies Cluster::look_up(const LookupCounts& counts, base::Duration over, base::Duration held_for) {
  assert(counts.dht <= counts.blocks);
  tallies_ = {};
  for (std::size_t i = 0, dht = 0; i < counts.blocks; ++i) {
    world_.run_for(over / static_cast<base::Duration::rep>(counts.blocks));
    // The same share of all that have begun.
    const bool in_dht = dht * counts.blocks < (i + 1) * counts.dht;
    dht += in_dht ? 1 : 0;
    const auto asker = nodes_[world_.pick(nodes_.size())];
    // One that has just joined knows nobody yet.
    if (world_.now() - asker->born() < held_for) continue;
    begin_block_look_up(asker, held_for);
    if (in_dht) begin_dht_look_ups(asker, held_for);
  }
  world_.run_until([this] { return looking_up_ == 0; }, kLookUpMax);
  assert(looking_up_ == 0);
  return std::exchange(tallies_, {});
}

Census Cluster::take_census() {
  Census census;
  census.nodes = nodes_.size();
  const auto before = std::exchange(bytes_at_census_, {});
  for (const auto& node : nodes_) {
    take_most(census.most, census.all, node->accounts());
    const Traffic& traffic = network_.traffic(node->number());
    const std::uint64_t bytes = traffic.bytes_sent + traffic.bytes_received;
    bytes_at_census_[node->number()] = bytes;
    const auto at = before.find(node->number());
    const auto since = at == before.end() ? node->born() : last_census_;
    const double seconds = std::chrono::duration<double>(world_.now() - since).count();
    // Of one that has just come what it costs to come says nothing about a second.
    if (seconds < 10) continue;
    const auto more = static_cast<double>(bytes - (at == before.end() ? 0 : at->second));
    census.bytes_per_s_most = std::max(census.bytes_per_s_most, more / seconds);
  }
  last_census_ = world_.now();
  census.heap_bytes_each = libp2p::testing::heap_bytes_in_use() / std::max<std::size_t>(1, nodes_.size());
  census.timers = world_.clock().pending();
  return census;
}

}  // namespace kvp2p::sim
