#include "cache/fetch_schedule.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <random>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using Piece = FetchSchedule::Piece;

constexpr std::size_t kSlice = 64u << 10;
constexpr std::uint32_t kLayers = 32;

FetchSchedule::Source source(std::size_t blocks, double rate, bool measured = true, std::uint32_t version = 1) {
  FetchSchedule::Source source;
  source.versions.assign(blocks, version);
  source.bytes_per_second = rate;
  source.measured = measured;
  source.round_trip = 100us;
  return source;
}

void want_all(FetchSchedule& schedule, std::size_t blocks, std::uint32_t layers = kLayers) {
  for (std::size_t block = 0; block < blocks; ++block) {
    for (std::uint32_t layer = 0; layer < layers; ++layer) schedule.want(layer, block);
  }
}

std::vector<Piece> hand_out(FetchSchedule& schedule, base::TimePoint now = {}) {
  std::vector<Piece> pieces;
  while (auto piece = schedule.next(now)) pieces.push_back(*piece);
  return pieces;
}

/// Sources that bring what they are asked for at their own rates, one slice after the other, in simulated time.
class Simulation {
 public:
  struct Peer {
    double bytes_per_second = 0;
    double rate_later = 0;  // from `later` on, if it is not 0
    base::Duration later = 0s;
    std::vector<Piece> queue = {};
    std::size_t sent_cells = 0;
    base::TimePoint next_at{};
    std::size_t bytes = 0;
    bool dead = false;
  };

  Simulation(FetchSchedule& schedule, std::vector<Peer> peers) : schedule_(schedule), peers_(std::move(peers)) {}

  /// Called before each event.
  std::function<void(Simulation&)> on_event;

  base::Duration run() {
    for (int events = 0; events < 10'000'000; ++events) {
      ask();
      if (on_event) on_event(*this);
      Peer* first = nullptr;
      for (Peer& peer : peers_) {
        if (peer.queue.empty() || peer.dead) continue;
        if (first == nullptr || peer.next_at < first->next_at) first = &peer;
      }
      if (first == nullptr) break;
      now_ = std::max(now_, first->next_at);
      send(*first);
      sweep();
    }
    return now_ - base::TimePoint{};
  }
  void kill(std::size_t number) {
    Peer& peer = peers_[number];
    if (std::exchange(peer.dead, true)) return;
    schedule_.exclude(number);
    for (const Piece& piece : std::exchange(peer.queue, {})) schedule_.end_piece(piece.id);
  }
  std::vector<Peer>& peers() { return peers_; }
  base::TimePoint now() const { return now_; }
  std::size_t bytes_twice = 0;
  std::size_t hedges = 0;

 private:
  double rate_of(const Peer& peer) const {
    return peer.rate_later > 0 && now_ >= base::TimePoint{} + peer.later ? peer.rate_later : peer.bytes_per_second;
  }
  base::Duration slice_time(const Peer& peer) const {
    return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(kSlice / rate_of(peer)));
  }
  void enqueue(const Piece& piece) {
    Peer& peer = peers_[piece.source];
    if (peer.queue.empty()) {
      peer.next_at = now_ + 100us + slice_time(peer);
      peer.sent_cells = 0;
    }
    peer.queue.push_back(piece);
  }
  void ask() {
    for (;;) {
      if (auto piece = schedule_.next(now_)) {
        enqueue(*piece);
      } else if (auto moved = schedule_.move_piece(now_)) {
        drop(*moved);
      } else if (auto hedge = schedule_.hedge(now_)) {
        ++hedges;
        enqueue(*hedge);
      } else {
        return;
      }
    }
  }
  void send(Peer& peer) {
    const Piece piece = peer.queue.front();
    const std::size_t width = piece.end - piece.first;
    const std::uint32_t layer = piece.layers[peer.sent_cells / width];
    const std::size_t block = piece.first + peer.sent_cells % width;
    bytes_twice += schedule_.is_here(layer, block) ? kSlice : 0;
    schedule_.arrived(layer, block);
    schedule_.note_bytes(piece.id, kSlice, now_);
    peer.bytes += kSlice;
    if (++peer.sent_cells == width * piece.layers.size()) {
      peer.queue.erase(peer.queue.begin());
      peer.sent_cells = 0;
      EXPECT_FALSE(schedule_.end_piece(piece.id));
    }
    peer.next_at = now_ + slice_time(peer);
  }
  void drop(std::uint64_t id) {
    for (Peer& peer : peers_) {
      if (!peer.queue.empty() && peer.queue.front().id == id) peer.sent_cells = 0;
      std::erase_if(peer.queue, [id](const Piece& piece) { return piece.id == id; });
    }
  }
  void sweep() {
    while (const auto id = schedule_.superseded_piece()) {
      drop(*id);
      schedule_.end_piece(*id);
    }
  }

  FetchSchedule& schedule_;
  std::vector<Peer> peers_;
  base::TimePoint now_{};
};

/// Blocks of all peers alike, all wanted; how much longer than bytes over the sum of the rates it took.
struct Outcome {
  double ratio = 0;
  double twice = 0;  // bytes that came twice, as a part of all
  std::size_t hedges = 0;
};
Outcome simulate(std::size_t blocks, const std::vector<double>& rates, bool measured,
                 std::vector<std::uint32_t> versions = {}) {
  FetchSchedule schedule(blocks, kLayers, kSlice, {});
  std::vector<Simulation::Peer> peers;
  double all = 0;
  for (std::size_t i = 0; i < rates.size(); ++i) {
    schedule.add_source(source(blocks, measured ? rates[i] : 1e9, measured, versions.empty() ? 1 : versions[i]));
    peers.emplace_back().bytes_per_second = rates[i];
    all += rates[i];
  }
  want_all(schedule, blocks);
  Simulation simulation(schedule, peers);
  const double took = std::chrono::duration<double>(simulation.run()).count();
  const double bytes = static_cast<double>(blocks * kLayers * kSlice);
  for (std::size_t block = 0; block < blocks; ++block) EXPECT_TRUE(schedule.is_complete(block));
  return {took / (bytes / all), static_cast<double>(simulation.bytes_twice) / bytes, simulation.hedges};
}

TEST(FetchScheduleTest, OneSourceIsAskedForEverythingAtOnce) {
  FetchSchedule schedule(100, kLayers, kSlice, {});
  schedule.add_source(source(100, 1e9, false));
  want_all(schedule, 100);
  const auto pieces = hand_out(schedule);
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_EQ(pieces[0].first, 0u);
  EXPECT_EQ(pieces[0].end, 100u);
  EXPECT_EQ(pieces[0].layers.size(), kLayers);
}

TEST(FetchScheduleTest, OneSourceIsAskedInPiecesWhileOthersMayCome) {
  FetchSchedule schedule(100, kLayers, kSlice, {});
  schedule.add_source(source(100, 1e9));
  schedule.expect_sources(1);
  want_all(schedule, 100);
  const auto pieces = hand_out(schedule);
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_EQ(pieces[0].layers.front(), 0u);
  EXPECT_LT(pieces[0].layers.size(), kLayers);
  schedule.expect_sources(0);
  ASSERT_FALSE(schedule.end_piece(pieces[0].id) && schedule.next({}) == std::nullopt);
}

TEST(FetchScheduleTest, WhatOneHoldsAloneIsAskedForFirst) {
  FetchSchedule schedule(40, kLayers, kSlice, {});
  auto whole = source(40, 2e9);
  auto part = source(40, 1e9);
  for (std::size_t block = 30; block < 40; ++block) part.versions[block] = 0;
  schedule.add_source(whole);
  schedule.add_source(part);
  want_all(schedule, 40);
  const auto first = schedule.next({});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->source, 0u);
  EXPECT_EQ(first->first, 30u);
  EXPECT_EQ(first->end, 40u);
  EXPECT_EQ(first->layers.size(), kLayers);
}

TEST(FetchScheduleTest, FirstLayersOfAllBlocksComeFirst) {
  FetchSchedule schedule(128, kLayers, kSlice, {});
  schedule.add_source(source(128, 1e9));
  schedule.add_source(source(128, 1e9));
  want_all(schedule, 128);
  for (const Piece& piece : hand_out(schedule)) EXPECT_EQ(piece.end - piece.first, 128u);
}

TEST(FetchScheduleTest, LayersOfTwoComputationsAreNeverMixed) {
  FetchSchedule schedule(64, kLayers, kSlice, {});
  schedule.add_source(source(64, 1e9, true, 1));
  schedule.add_source(source(64, 1e9, true, 2));
  want_all(schedule, 64);
  std::map<std::size_t, std::size_t> source_of;
  std::vector<Piece> pieces = hand_out(schedule);
  while (!pieces.empty()) {
    const Piece piece = pieces.front();
    pieces.erase(pieces.begin());
    EXPECT_EQ(piece.layers.size(), kLayers);
    for (std::size_t block = piece.first; block < piece.end; ++block) {
      EXPECT_TRUE(source_of.emplace(block, piece.source).second);
      for (std::uint32_t layer = 0; layer < kLayers; ++layer) schedule.arrived(layer, block);
    }
    schedule.end_piece(piece.id);
    for (const Piece& more : hand_out(schedule)) pieces.push_back(more);
  }
  EXPECT_EQ(source_of.size(), 64u);
}

TEST(FetchScheduleTest, BegunBlockIsNotCompletedByAnotherComputation) {
  FetchSchedule schedule(4, 2, kSlice, {});
  schedule.add_source(source(4, 2e9, true, 1));
  want_all(schedule, 4, 2);
  const auto piece = schedule.next({});
  ASSERT_TRUE(piece);
  schedule.arrived(0, 2);
  schedule.exclude(0);
  EXPECT_TRUE(schedule.end_piece(piece->id));
  schedule.add_source(source(4, 1e9, true, 2));
  EXPECT_EQ(schedule.first_orphan(), 2u);
  schedule.limit(2);
  EXPECT_FALSE(schedule.first_orphan());
  const auto rest = schedule.next({});
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->end, 2u);
}

TEST(FetchScheduleTest, FailedSourcesPiecesGoToTheOthers) {
  FetchSchedule schedule(64, kLayers, kSlice, {});
  schedule.add_source(source(64, 1e9));
  schedule.add_source(source(64, 1e9));
  want_all(schedule, 64);
  Simulation simulation(schedule, {{.bytes_per_second = 1e9}, {.bytes_per_second = 1e9}});
  simulation.on_event = [](Simulation& s) {
    if (s.now() > base::TimePoint{} + 20ms) s.kill(1);
  };
  simulation.run();
  for (std::size_t block = 0; block < 64; ++block) ASSERT_TRUE(schedule.is_complete(block));
  EXPECT_GT(simulation.peers()[1].bytes, 0u);
}

TEST(FetchScheduleTest, ManySourcesTakeAsLongAsTheirRatesTogether) {
  for (const bool measured : {true, false}) {
    EXPECT_LT(simulate(128, {1e9, 1e9}, measured).ratio, 1.15);
    EXPECT_LT(simulate(128, {1e9, 1e9, 1e9, 1e9}, measured).ratio, 1.2);
    EXPECT_LT(simulate(256, {4e9, 1e9, 5e8}, measured).ratio, 1.15);
    EXPECT_LT(simulate(256, {1e9, 1e9, 1e9, 1e7}, measured).ratio, 1.2);
    EXPECT_LT(simulate(256, {3e9, 2e9, 1e9}, measured, {1, 2, 3}).ratio, 1.2) << "three computations";
  }
}

TEST(FetchScheduleTest, SourceThatGetsSlowerGivesItsPartToTheOthers) {
  FetchSchedule schedule(256, kLayers, kSlice, {});
  schedule.add_source(source(256, 1e9));
  schedule.add_source(source(256, 1e9));
  want_all(schedule, 256);
  Simulation simulation(schedule,
                        {{.bytes_per_second = 1e9}, {.bytes_per_second = 1e9, .rate_later = 1e6, .later = 50ms}});
  const double took = std::chrono::duration<double>(simulation.run()).count();
  const double bytes = 256.0 * kLayers * kSlice;
  EXPECT_LT(took, 1.3 * bytes / 1e9) << "little longer than the one alone";
  EXPECT_LE(static_cast<double>(simulation.bytes_twice), bytes / 10 + (4 << 20));
}

TEST(FetchScheduleTest, NobodyIsAskedTwiceWhereAllKeepTheirRates) {
  EXPECT_EQ(simulate(256, {1e9, 1e9, 1e9}, true).hedges, 0u);
  EXPECT_EQ(simulate(256, {1e9, 1e9, 1e9}, true).twice, 0.0);
}

TEST(FetchScheduleTest, HedgesAreBoundedAndOncePerPiece) {
  FetchSchedule schedule(16, 2, kSlice, {.piece_bytes_min = 4 * kSlice, .hedge_percent = 10});
  schedule.add_source(source(16, 1e6));
  want_all(schedule, 16, 2);
  const auto slow = schedule.next({});
  ASSERT_TRUE(slow);
  EXPECT_FALSE(schedule.may_become_late());
  schedule.add_source(source(16, 1e9));
  EXPECT_TRUE(schedule.may_become_late());
  const base::TimePoint later = base::TimePoint{} + 10s;
  EXPECT_FALSE(schedule.hedge(later)) << "more than the bound";
  schedule.note_bytes(slow->id, 28 * kSlice, base::TimePoint{} + 1ms);
  for (std::size_t i = 0; i < 28; ++i) schedule.arrived(i / 16, i % 16);
  const auto hedge = schedule.hedge(later);
  ASSERT_TRUE(hedge);
  EXPECT_EQ(hedge->source, 1u);
  EXPECT_EQ(hedge->hedge_of, slow->id);
  EXPECT_EQ(hedge->layers, (std::vector<std::uint32_t>{1}));
  EXPECT_FALSE(schedule.hedge(later + 10s));
  for (std::size_t i = 28; i < 32; ++i) schedule.arrived(i / 16, i % 16);
  EXPECT_EQ(schedule.superseded_piece(), slow->id);
  schedule.end_piece(slow->id);
  EXPECT_FALSE(schedule.end_piece(hedge->id));
}

TEST(FetchScheduleTest, RandomSourcesThatComeFailAndForgetNeverLoseOrInventABlock) {
  std::mt19937 random(4);
  for (int round = 0; round < 300; ++round) {
    const std::size_t blocks = 1 + random() % 40;
    const std::uint32_t layers = 1 + random() % 4;
    FetchSchedule schedule(blocks, layers, kSlice, {.piece_bytes_min = (1 + random() % 8) * kSlice});
    std::vector<std::vector<std::uint32_t>> versions;
    const auto add = [&] {
      auto one = source(blocks, 1e6 * (1 + random() % 1000), random() % 2 == 0);
      for (auto& version : one.versions) version = random() % 3;
      versions.push_back(one.versions);
      schedule.add_source(one);
    };
    add();
    add();
    want_all(schedule, blocks, layers);
    std::vector<std::uint32_t> begun(blocks, 0);
    std::vector<Piece> under_way;
    base::TimePoint now{};
    for (int step = 0; step < 200; ++step) {
      now += 1ms;
      for (const Piece& piece : hand_out(schedule, now)) under_way.push_back(piece);
      if (const auto hedge = schedule.hedge(now)) under_way.push_back(*hedge);
      if (random() % 40 == 0 && schedule.sources() < 6) add();
      if (under_way.empty()) {
        if (const auto orphan = schedule.first_orphan()) schedule.limit(*orphan);
        // Of a source that has just come.
        for (const Piece& piece : hand_out(schedule, now)) under_way.push_back(piece);
        ASSERT_FALSE(schedule.anything_wanted() && !schedule.first_orphan() && under_way.empty());
        if (!schedule.anything_wanted() && under_way.empty()) break;
        continue;
      }
      const std::size_t at = random() % under_way.size();
      const Piece piece = under_way[at];
      const bool fails = random() % 8 == 0;
      for (std::size_t block = piece.first; block < piece.end; ++block) {
        ASSERT_NE(versions[piece.source][block], 0u) << "asked for what it does not have";
        for (const std::uint32_t layer : piece.layers) {
          if (fails && random() % 2 == 0) continue;
          if (schedule.is_here(layer, block)) continue;
          ASSERT_TRUE(begun[block] == 0 || begun[block] == versions[piece.source][block]);
          begun[block] = versions[piece.source][block];
          schedule.arrived(layer, block);
          schedule.note_bytes(piece.id, kSlice, now);
        }
      }
      if (fails) schedule.exclude(piece.source);
      schedule.end_piece(piece.id);
      under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
}

}  // namespace
}  // namespace kvp2p
