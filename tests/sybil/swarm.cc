#include "tests/sybil/swarm.h"

#include "exchange/exchange_error.h"
#include "gpu/testing/engine_memory.h"

#include <boost/asio/post.hpp>

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <random>

namespace kvp2p::sybil {

namespace {

using namespace std::chrono_literals;

constexpr base::Duration kRedialPause = 2s;
constexpr base::Duration kFloodPause = 10ms;
/// Each time.
constexpr std::size_t kFloodLookups = 4;
constexpr std::size_t kFloodLookupKeys = 4096;
constexpr std::size_t kFloodAnnounced = 4096;
constexpr std::size_t kStagingSlots = 4;
constexpr std::size_t kStagingSlotBytes = 64u << 10;
constexpr std::uint64_t kClaimedRate = 1'000'000'000;

BlockKey random_key(std::mt19937_64& random) {
  BlockKey key;
  for (std::size_t i = 0; i < 32; i += 8) base::store_le64(&key.bytes[i], random());
  return key;
}

/// What a peer holds, or says that it does.
class Blocks final : public LocalBlocks {
 public:
  Blocks(const Wares& wares, Character character, std::atomic<std::uint64_t>& reads)
      : wares_(wares), character_(character), reads_(reads) {
    junk_.assign(wares_.format.block_bytes(), 0x5a);
    junk_leaves_.resize(wares_.format.leaf_count());
    compute_leaves(junk_, wares_.format.head_slice_bytes(), junk_leaves_);
  }

  LookupAnswer lookup(const multiformats::PeerId&, const LookupRequest& request) override {
    LookupAnswer answer;
    answer.blocks.resize(request.keys.size());
    if (character_ == Character::kLiar || character_ == Character::kFlooder) return answer;
    for (std::size_t i = 0; i < request.keys.size(); ++i) {
      const auto at = wares_.blocks.find(request.keys[i]);
      answer.blocks[i].present = at != wares_.blocks.end() || character_ != Character::kHonest;
      // Of what nobody has the root is as good as any.
      answer.blocks[i].root = root_of(at != wares_.blocks.end() ? at->second.leaves : other_leaves());
    }
    answer.lease.epoch = 1;
    answer.lease.id = ++last_lease_;
    answer.lease_time = request.lease_time;
    answer.expected_bytes_per_second = character_ == Character::kHonest ? 0 : kClaimedRate;
    leases_[answer.lease.id] = request.keys;
    return answer;
  }

  base::Task<base::Result<SliceRead>> read(multiformats::PeerId, LeaseToken lease, std::uint32_t first,
                                           std::uint32_t count, std::uint32_t layer, std::uint32_t head_begin,
                                           std::uint32_t head_end) override {
    const auto leased = leases_.find(lease.id);
    if (leased == leases_.end()) co_return ExchangeError::kLeaseUnknown;
    reads_ += count;
    if (character_ == Character::kRefuser) co_return ExchangeError::kBlockGone;
    SliceRead read;
    for (std::uint32_t i = first; i < first + count; ++i) {
      if (i >= leased->second.size()) co_return ExchangeError::kBadRequest;
      add(read, leased->second[i], layer, head_begin, head_end);
    }
    co_return read;
  }

  void release(const multiformats::PeerId&, const LeaseToken& lease) override { leases_.erase(lease.id); }
  void release_all(const multiformats::PeerId&) override { leases_.clear(); }
  std::vector<bool> wants(const multiformats::PeerId&, const LookupRequest& offered) override {
    return std::vector<bool>(offered.keys.size());
  }
  bool store(const multiformats::PeerId&, const Fingerprint&, const BlockKey&, const ObjectFormat&, base::ConstBytes,
             std::vector<ContentDigest>) override {
    return false;
  }
  std::vector<Held> snapshot(std::size_t keys_max) override {
    Held held{fingerprint_of(wares_.model), wares_.format, {}};
    for (const auto& prompt : wares_.prompts) {
      const std::size_t count = character_ == Character::kHonest ? wares_.honest_blocks : prompt.size();
      for (std::size_t i = 0; i < count && held.keys.size() < keys_max; ++i) held.keys.push_back(prompt[i]);
    }
    return {held};
  }

 private:
  std::span<const ContentDigest> other_leaves() const { return std::span(junk_leaves_).first(junk_leaves_.size()); }

  void add(SliceRead& read, const BlockKey& key, std::uint32_t layer, std::uint32_t head_begin,
           std::uint32_t head_end) const {
    const std::size_t head = wares_.format.head_slice_bytes();
    const std::size_t skipped = std::size_t{layer} * wares_.format.shard.heads() + head_begin;
    const std::size_t heads = head_end - head_begin;
    const auto at = wares_.blocks.find(key);
    const bool is_good = character_ == Character::kHonest && at != wares_.blocks.end();
    const base::ConstBytes bytes = is_good ? base::ConstBytes(at->second.bytes) : base::ConstBytes(junk_);
    // A forger's leaves are those of its bytes. What nobody has cannot be told from what somebody has: of that, too,
    // neither hostile character sends what fits the root.
    const auto& leaves =
        character_ == Character::kForger || at == wares_.blocks.end() ? junk_leaves_ : at->second.leaves;
    read.parts.push_back(bytes.subspan(skipped * head, heads * head));
    for (std::size_t i = skipped; i < skipped + heads; ++i) {
      ContentDigest leaf = leaves[i];
      if (character_ == Character::kJunker) leaf.bytes[0] ^= 1;
      read.leaves.push_back(leaf);
    }
  }

  const Wares& wares_;
  const Character character_;
  std::atomic<std::uint64_t>& reads_;
  base::Bytes junk_;
  std::vector<ContentDigest> junk_leaves_;
  std::map<std::uint64_t, std::vector<BlockKey>> leases_;
  std::uint64_t last_lease_ = 0;
};

}  // namespace

Wares make_wares(const Fingerprint& fingerprint, const ModelFields& model, const ObjectFormat& format,
                 std::size_t prompts, std::size_t blocks, std::size_t honest_blocks) {
  Wares wares{model, format, {}, honest_blocks, {}};
  for (std::size_t prompt = 0; prompt < prompts; ++prompt) {
    const std::vector<TokenId> tokens(blocks * 16, static_cast<TokenId>(prompt));
    wares.prompts.push_back(keys_from_tokens(fingerprint, tokens));
    for (std::size_t i = 0; i < honest_blocks; ++i) {
      const BlockKey& key = wares.prompts.back()[i];
      Wares::Block block{{}, std::vector<ContentDigest>(format.leaf_count())};
      for (std::uint32_t layer = 0; layer < format.shard.layers(); ++layer) {
        const auto slice = testing::slice_content(key, layer, format);
        block.bytes.insert(block.bytes.end(), slice.begin(), slice.end());
      }
      compute_leaves(block.bytes, format.head_slice_bytes(), block.leaves);
      wares.blocks.emplace(key, std::move(block));
    }
  }
  return wares;
}

/// On the swarm's thread.
class SwarmPeer {
 public:
  SwarmPeer(Swarm& swarm, std::uint64_t seed)
      : swarm_(swarm), random_(seed), blocks_(swarm.wares_, swarm.config_.character, swarm.reads_) {
    auto& io = swarm_.io_;
    libp2p::HostConfig host{.key = multiformats::PrivateKey::generate()};
    host_ = libp2p::Host::create(io.get_executor(), swarm_.clock_, std::move(host));
    std::shared_ptr<std::uint8_t[]> memory(new std::uint8_t[kStagingSlots * kStagingSlotBytes]);
    auto staging = StagingPool::create(std::move(memory), kStagingSlotBytes, kStagingSlots);
    ExchangeConfig config;
    config.cluster_key = swarm_.config_.cluster_key;
    config.frame_bytes_max = kStagingSlotBytes;
    exchange_ = Exchange::create(io.get_executor(), swarm_.clock_, *host_, std::move(staging), blocks_, index_,
                                 std::move(config));
    host_->on_disconnected([this](const auto&) {
      if (!swarm_.stopping_) ++swarm_.cut_off_;
    });
  }

  base::Task<> connect() {
    auto connected = co_await host_->connect(swarm_.node_);
    if (connected && !std::exchange(has_come_, true)) ++swarm_.came_;
  }
  base::Task<> stay() {
    ++swarm_.running_;
    base::TimePoint redial = swarm_.clock_.now() + kRedialPause;
    while (!swarm_.stopping_) {
      if (host_->connections().empty() && swarm_.clock_.now() >= redial) {
        co_await connect();
        redial = swarm_.clock_.now() + kRedialPause;
      }
      if (swarm_.config_.character == Character::kFlooder) flood();
      const base::Duration pause = swarm_.config_.character == Character::kFlooder ? kFloodPause : 100ms;
      co_await base::sleep_for(swarm_.clock_, pause);
    }
    --swarm_.running_;
  }
  base::Task<> close() {
    co_await exchange_->close();
    co_await host_->close();
  }

 private:
  void flood() {
    for (const KvPeer& peer : exchange_->peers()) {
      const Fingerprint fingerprint = fingerprint_of(swarm_.wares_.model);
      for (std::size_t i = 0; i < kFloodAnnounced; ++i) {
        exchange_->announce_stored(fingerprint, swarm_.wares_.format, random_key(random_));
      }
      for (std::size_t i = 0; i < kFloodLookups && asking_ < 64; ++i)
        base::spawn(swarm_.io_.get_executor(), ask(peer.id));
    }
  }
  base::Task<> ask(multiformats::PeerId peer) {
    ++asking_;
    ++swarm_.running_;
    LookupRequest request;
    request.fingerprint = fingerprint_of(swarm_.wares_.model);
    request.model_fields = swarm_.wares_.model;
    request.format = swarm_.wares_.format;
    request.keys.resize(kFloodLookupKeys);
    request.lease_time = 1s;
    (void)co_await exchange_->lookup(std::move(peer), std::move(request), swarm_.clock_.now() + 1s);
    --swarm_.running_;
    --asking_;
  }

  Swarm& swarm_;
  std::mt19937_64 random_;
  Blocks blocks_;
  BlockIndex index_;
  std::unique_ptr<libp2p::Host> host_;
  std::unique_ptr<Exchange> exchange_;
  bool has_come_ = false;
  std::size_t asking_ = 0;
};

Swarm::Swarm(const Wares& wares, const SwarmConfig& config, multiformats::Multiaddr node)
    : wares_(wares), config_(config), node_(std::move(node)), thread_([this] { run(); }) {}

Swarm::~Swarm() {
  boost::asio::post(io_, [this] { base::spawn(io_.get_executor(), stop()); });
  thread_.join();
}

void Swarm::run() {
  // Of this thread alone (setpriority(2), "C library/kernel differences").
  if (config_.niceness != 0) setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), config_.niceness);
  base::spawn(io_.get_executor(), start());
  io_.run();
  peers_.clear();
}

base::Task<> Swarm::start() {
  ++running_;
  for (std::size_t i = 0; i < config_.peers && !stopping_; ++i) {
    peers_.push_back(std::make_unique<SwarmPeer>(*this, i));
    co_await peers_.back()->connect();
    base::spawn(io_.get_executor(), peers_.back()->stay());
  }
  --running_;
}

base::Task<> Swarm::stop() {
  stopping_ = true;
  for (const auto& peer : peers_) co_await peer->close();
  while (running_ > 0) co_await base::sleep_for(clock_, 10ms);
  work_.reset();
}

}  // namespace kvp2p::sybil
