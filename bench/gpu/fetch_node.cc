#include "bench/gpu/fetch_node.h"

#include "bench/figures.h"
#include "bench/process_use.h"
#include "gpu/connector_factory.h"
#include "gpu/strided_copy.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

namespace kvp2p::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::uint8_t kPoison = 0xA5;
constexpr base::Duration kMatchPatience = 10s;
constexpr base::Duration kFetchPatience = 60s;
constexpr std::size_t kStoreSpareBytes = 64u << 20;

base::TimePoint in(base::Duration time) { return std::chrono::steady_clock::now() + time; }

/// Blocks are spread over the memory as in an engine that has run for a while: neighbours are not next to each other.
std::vector<Slot> scattered_slots(std::uint32_t count, std::uint32_t seed) {
  std::vector<Slot> slots(count);
  for (Slot slot = 0; slot < count; ++slot) slots[slot] = slot;
  std::shuffle(slots.begin(), slots.end(), std::minstd_rand(seed));
  return slots;
}

/// Calls call(block) for every block, on all cores.
template <class Call>
void for_each_block(std::uint32_t blocks, Call call) {
  const unsigned count = std::clamp(std::thread::hardware_concurrency(), 1u, 16u);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < count; ++t) {
    threads.emplace_back([=] {
      for (std::uint32_t block = t; block < blocks; block += count) call(block);
    });
  }
  for (auto& thread : threads) thread.join();
}

NodeConfig node_config(const FetchNodeConfig& config) {
  NodeConfig node;
  node.config_dir = config.config_dir;
  node.ephemeral_identity = true;
  node.cluster_key = config.cluster_key;
  node.mdns = false;
  node.listen_addresses = {*multiformats::Multiaddr::from_text("/ip4/127.0.0.1/tcp/0")};
  node.store_bytes_max = (config.store ? config.shape.bytes() : 0) + kStoreSpareBytes;
  node.device = config.device;
  if (config.device == "cuda") node.gpu = config.gpu;
  node.direct = config.direct;
  if (config.data_connections_max) node.data_connections_max = *config.data_connections_max;
  if (config.network_threads) node.network_threads = *config.network_threads;
  if (!config.security.empty()) node.securities = {config.security == "tls" ? "/tls/1.0.0" : "/noise"};
  node.peer_access = config.peer_access;
  return node;
}

/// What the engine's memory holds.
FetchShape shape_in_memory(const FetchNodeConfig& config) {
  FetchShape shape = config.shape;
  if (config.engine_blocks > 0) shape.blocks = std::min(shape.blocks, config.engine_blocks);
  return shape;
}

std::unique_ptr<BenchMemory> memory_of(const FetchNodeConfig& config) {
  const auto device = value_or_exit(choose_device(DeviceChoice{config.device, config.gpu}), "device");
  return make_bench_memory(device.cuda, shape_in_memory(config).bytes(), config.direct);
}

std::string describe_difference(FetchNode::Sample at, const std::vector<std::uint8_t>& got,
                                const std::vector<std::uint8_t>& wanted) {
  const auto place = std::mismatch(got.begin(), got.end(), wanted.begin()).first - got.begin();
  return "block " + std::to_string(at.block) + " layer " + std::to_string(at.layer) + " byte " + std::to_string(place) +
         " of " + std::to_string(got.size()) + ": " + std::to_string(got[place]) + ", not " +
         std::to_string(wanted[place]);
}

std::size_t count_entries(const char* folder) {
  std::size_t count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; at != end; at.increment(error)) ++count;
  return count;
}

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * 4096;
}

}  // namespace

FetchNode::FetchNode(const FetchNodeConfig& config)
    : shape_(config.shape),
      layout_(shape_in_memory(config).layout()),
      memory_(memory_of(config)),
      slots_(scattered_slots(layout_.engine_blocks, static_cast<std::uint32_t>(::getpid()))) {
  NodeConfig node = node_config(config);
  staging_bytes_ = node.staging_slot_bytes * node.staging_slots;
  node_ = value_or_exit(Node::start(std::move(node)), "cannot start a node");
  region_ = value_or_exit(node_->core().register_region(memory_->region(), layout_), "register_region");
  fingerprint_ = node_->core().register_model(shape_.spec());
}

FetchNode::~FetchNode() {
  if (node_) node_->stop();
}

std::string FetchNode::address() const { return node_->addresses().at(0).to_text(); }

base::Result<> FetchNode::connect(const std::string& address) {
  auto parsed = multiformats::Multiaddr::from_text(address);
  if (!parsed) return parsed.error();
  return node_->connect(*parsed, kMatchPatience);
}

base::MutableBytes FetchNode::bytes() {
  const std::size_t size = shape_.format().block_bytes() * layout_.engine_blocks;
  if (std::uint8_t* host = memory_->host()) return {host, size};
  mirror_.resize(size);
  return mirror_;
}

void FetchNode::read_back() {
  if (memory_->host() == nullptr) memory_->read(0, bytes());
}

void FetchNode::write_through() {
  if (memory_->host() == nullptr) memory_->write(0, bytes());
}

void FetchNode::fill_blocks(std::uint64_t version, std::uint32_t first, std::uint32_t count) {
  std::uint8_t* region = bytes().data();
  for_each_block(count, [&](std::uint32_t i) {
    std::vector<std::uint8_t> wire(layout_.format.layer_slice_bytes());
    for (std::uint32_t layer = 0; layer < shape_.layers; ++layer) {
      fill_slice(version, first + i, layer, wire);
      scatter_slice(make_slice_plan(layout_, layer), wire.data(), region, slots_[i]);
    }
  });
  write_through();
}

void FetchNode::fill(std::uint64_t version) { fill_blocks(version, 0, shape_.blocks); }

void FetchNode::poison() {
  const auto all = bytes();
  std::fill(all.begin(), all.end(), kPoison);
  write_through();
}

std::string FetchNode::check(std::uint64_t version) {
  read_back();
  const std::uint8_t* region = bytes().data();
  std::vector<std::string> wrong(shape_.blocks);
  for_each_block(shape_.blocks, [&](std::uint32_t block) {
    std::vector<std::uint8_t> got(layout_.format.layer_slice_bytes()), wanted(got.size());
    for (std::uint32_t layer = 0; layer < shape_.layers; ++layer) {
      gather_slice(make_slice_plan(layout_, layer), region, slots_[block], got.data());
      fill_slice(version, block, layer, wanted);
      if (got == wanted) continue;
      wrong[block] = describe_difference({block, layer}, got, wanted);
      return;
    }
  });
  for (auto& text : wrong) {
    if (!text.empty()) return text;
  }
  return "";
}

// Samples ------------------------------------------------------------------------------------------------------------

/// A slice is one piece of the engine's memory in wire order, and a plane of it in the others: call(offset, bytes).
template <class Call>
void FetchNode::for_slice_pieces(Sample sample, Call&& call) const {
  const std::size_t piece = layout_.block_stride;
  const LayerBase& base = layout_.layers[sample.layer];
  call(base.k + slots_[sample.block] * piece, piece);
  if (shape_.order != "wire") call(base.v + slots_[sample.block] * piece, piece);
}

void FetchNode::poison(Sample sample) {
  const std::vector<std::uint8_t> piece(layout_.block_stride, kPoison);
  for_slice_pieces(sample, [&](std::size_t offset, std::size_t) { memory_->write(offset, piece); });
}

bool FetchNode::is_poisoned(Sample sample) {
  bool all = true;
  for_slice_pieces(sample, [&](std::size_t offset, std::size_t size) {
    std::vector<std::uint8_t> piece(size);
    memory_->read(offset, piece);
    all = all && std::all_of(piece.begin(), piece.end(), [](std::uint8_t byte) { return byte == kPoison; });
  });
  return all;
}

std::string FetchNode::check(std::uint64_t version, Sample sample) {
  const auto all = bytes();
  if (memory_->host() == nullptr)
    for_slice_pieces(sample,
                     [&](std::size_t offset, std::size_t size) { memory_->read(offset, all.subspan(offset, size)); });
  std::vector<std::uint8_t> got(layout_.format.layer_slice_bytes()), wanted(got.size());
  gather_slice(make_slice_plan(layout_, sample.layer), all.data(), slots_[sample.block], got.data());
  fill_slice(version, sample.block, sample.layer, wanted);
  return got == wanted ? "" : describe_difference(sample, got, wanted);
}

// The calls ----------------------------------------------------------------------------------------------------------

PutRequest FetchNode::request_of(std::uint64_t version) const {
  PutRequest request;
  request.fingerprint = fingerprint_;
  request.keys = keys_from_tokens(fingerprint_, shape_.tokens(version));
  request.region = region_;
  request.slots = slots_;
  request.priority = Priority::kHigh;
  return request;
}

void FetchNode::offer(std::uint64_t version) {
  offer_ = value_or_exit(node_->core().offer(request_of(version)), "offer");
}

void FetchNode::put(std::uint64_t version) { put(request_of(version)); }

void FetchNode::put(PutRequest request) {
  KvCore& core = node_->core();
  const std::size_t blocks = request.keys.size();
  const PutId put = value_or_exit(core.put(std::move(request)), "put");
  auto published = core.wait_published(put, in(kFetchPatience));
  if (!published) fail("publish", published.error().message());
  const PutReport report = value_or_exit(core.put_report(put), "put_report");
  if (report.blocks_published != blocks) fail("publish", "blocks were dropped");
  core.release(put);
}

void FetchNode::put_in_parts(std::uint64_t version) {
  const PutRequest whole = request_of(version);
  for (std::uint32_t first = 0; first < shape_.blocks; first += layout_.engine_blocks) {
    const std::uint32_t count = std::min(layout_.engine_blocks, shape_.blocks - first);
    fill_blocks(version, first, count);
    PutRequest part = whole;
    part.keys.assign(whole.keys.begin() + first, whole.keys.begin() + first + count);
    part.slots.resize(count);
    put(std::move(part));
  }
}

bool FetchNode::revoke(base::Duration patience) {
  if (!offer_) return true;
  KvCore& core = node_->core();
  core.revoke(*offer_);
  const bool unleased = core.wait_unleased(*offer_, in(patience)).has_value();
  core.release(*offer_);
  offer_.reset();
  return unleased;
}

void FetchNode::show(ReaderState state) {
  if (board_ != nullptr) board_->state = static_cast<std::uint64_t>(state);
}

void FetchNode::match(FetchOutcome& outcome, MatchId& match, std::vector<BlockKey> keys) {
  KvCore& core = node_->core();
  match = core.match({fingerprint_, std::move(keys), {shape_.format()}, in(kMatchPatience)});
  auto found = core.wait_match(match, in(kMatchPatience));
  outcome.reason = found ? found->reason : found.error().message();
  outcome.matched = found ? found->blocks : 0;
}

void FetchNode::get(FetchOutcome& outcome, MatchId match, std::optional<TransferId>& transfer, double cancel_after_s) {
  KvCore& core = node_->core();
  GetRequest get;
  get.match = match;
  get.region = region_;
  get.slots = slots_;
  get.deadline = in(kFetchPatience);
  auto started = core.get(get);
  if (!started) {
    outcome.reason = started.error().message();
    return;
  }
  transfer = *started;
  if (cancel_after_s >= 0) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(cancel_after_s);
    // Microseconds count here: sleeping would wake up too late.
    while (std::chrono::steady_clock::now() < until) {
    }
    // A copy that is under way may still end well: cancel() waits for it, and it counts as cancelled all the same.
    const auto before = core.transfer_status(*transfer);
    outcome.cancelled = before && !before->done;
    core.cancel(*transfer);
  }
  auto status = core.wait_transfer(*transfer, in(kFetchPatience));
  outcome.good = status && status->done && status->good_blocks == shape_.blocks;
  outcome.reason = status ? status->reason : status.error().message();
}

FetchOutcome FetchNode::fetch(std::uint64_t version, double cancel_after_s) {
  KvCore& core = node_->core();
  FetchOutcome outcome;
  auto keys = keys_from_tokens(fingerprint_, shape_.tokens(version));
  std::optional<TransferId> transfer;
  MatchId match_id{};
  ++fetches_;
  if (board_ != nullptr) ++board_->fetches;
  show(ReaderState::kLooksUp);
  outcome.match_s = seconds_of([&] { match(outcome, match_id, std::move(keys)); });
  if (outcome.matched == shape_.blocks) {
    show(ReaderState::kCopies);
    outcome.copy_s = seconds_of([&] { get(outcome, match_id, transfer, cancel_after_s); });
  }
  show(ReaderState::kIdle);
  outcome.release_s = seconds_of([&] {
    if (transfer) {
      if (auto report = core.transfer_report(*transfer)) outcome.report = std::move(*report);
      core.release(*transfer);
    }
    core.release(match_id);
  });
  return outcome;
}

FetchOutcome FetchNode::match_only(std::uint64_t version) {
  FetchOutcome outcome;
  MatchId match_id{};
  match(outcome, match_id, keys_from_tokens(fingerprint_, shape_.tokens(version)));
  node_->core().release(match_id);
  return outcome;
}

std::optional<double> FetchNode::measure_copy_alone(const nlohmann::json& shared, const LayoutDesc& from, int rounds) {
  const std::vector<Slot> from_slots = scattered_slots(shape_.blocks, 1);
  std::vector<IndexPair> pairs;
  for (std::size_t i = 0; i < slots_.size(); ++i) pairs.push_back({from_slots[i], slots_[i]});
  return memory_->measure_paged_copy(shared, from, layout_, pairs, rounds);
}

std::optional<double> FetchNode::measure_contiguous_copy(const nlohmann::json& shared, int rounds) {
  FetchShape wire = shape_;
  wire.order = "wire";
  std::vector<IndexPair> pairs;
  for (Slot slot = 0; slot < wire.blocks; ++slot) pairs.push_back({slot, slot});
  return memory_->measure_paged_copy(shared, wire.layout(), wire.layout(), pairs, rounds);
}

nlohmann::json FetchNode::stats() {
  nlohmann::json counters;
  for (const auto& [name, value] : node_->core().stats().counters) counters[name] = value;
  nlohmann::json stats = {{"fds", count_entries("/proc/self/fd")},
                          {"resident_bytes", resident_bytes()},
                          {"peak_bytes", peak_bytes()},
                          {"staging_bytes", staging_bytes_},
                          {"cpu_s", cpu_seconds()},
                          {"counters", counters}};
  if (const auto used = memory_->device_bytes_used()) stats["device_bytes_used"] = *used;
  return stats;
}

PathTaken path_of(const FetchOutcome& outcome) {
  const TransferReport& report = outcome.report;
  if (report.path.empty()) return {"local store", "", false};
  const std::string staged = "staged: ";
  if (report.path.starts_with(staged)) return {"staged", report.path.substr(staged.size()), false};
  // A fetch that went both ways counts as neither.
  return {report.path, "", report.bytes_direct > 0 && report.bytes_from_peers == 0};
}

}  // namespace kvp2p::bench
