#include "gpu/testing/cuda_cases.h"

#include "base/sanitizers.h"
#include "gpu/cuda_connector.h"
#include "gpu/error.h"
#include "gpu/testing/engine_memory.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>
#include <thread>

namespace kvp2p::testing {

namespace {

/// Ends a case with what went wrong, if anything did.
#define KVP2P_TRY(expression) \
  if (std::string wrong = (expression); !wrong.empty()) return wrong

std::unique_ptr<GpuConnector> connector_of(int device) {
  auto made = make_cuda_connector(device, "test");
  if (!made) throw std::runtime_error("no connector: " + made.error().message());
  return std::move(*made);
}

/// Host memory of either kind, all poison.
std::shared_ptr<std::uint8_t[]> host_memory(GpuConnector& connector, std::size_t bytes, bool pinned) {
  std::shared_ptr<std::uint8_t[]> memory;
  if (pinned) {
    memory = *connector.allocate_host(bytes);
  } else {
    memory.reset(new std::uint8_t[bytes]);
  }
  std::memset(memory.get(), kPoison, bytes);
  return memory;
}

std::string check_slices(const DeviceMemory& memory, const std::vector<SliceCopy>& slices, const std::string& what) {
  for (const SliceCopy& slice : slices) {
    const auto wanted = memory.expected_slice(slice.layer, slice.slot);
    if (std::memcmp(slice.host, wanted.data(), wanted.size()) == 0) continue;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (slice.host[i] == wanted[i]) continue;
      return what + ", " + memory.name() + ": slot " + std::to_string(slice.slot) + " layer " +
             std::to_string(slice.layer) + " byte " + std::to_string(i) + " is " + std::to_string(slice.host[i]) +
             ", not " + std::to_string(wanted[i]);
    }
  }
  return {};
}

std::vector<Slot> shuffled_slots(const LayoutDesc& layout, std::mt19937& random) {
  std::vector<Slot> slots(layout.slots());
  std::iota(slots.begin(), slots.end(), 0u);
  std::shuffle(slots.begin(), slots.end(), random);
  return slots;
}

std::vector<IndexPair> pairs_of(std::uint32_t count) {
  std::vector<IndexPair> pairs;
  for (std::uint32_t i = 0; i < count; ++i) pairs.push_back({i, i});
  return pairs;
}

/// Gathers half of the slots out of one layout and scatters them into another; the rest stays as it was.
std::string round_trip(int device, GpuConnector& connector, const NamedLayout& a, const NamedLayout& b, bool pinned,
                       std::mt19937& random, std::size_t margin = 13) {
  DeviceMemory source(device, a, 7), target(device, b, 0);
  auto from = connector.register_region(source.memory(), source.layout());
  auto to = connector.register_region(target.memory(), target.layout());
  if (!from || !to) return a.name + ": cannot be registered";
  const std::string what = a.name + " to " + b.name + (pinned ? ", pinned" : ", pageable") + ", slice of " +
                           std::to_string(source.slice_bytes());
  auto slots = shuffled_slots(source.layout(), random);
  slots.resize((slots.size() + 1) / 2);
  const std::size_t bytes = slots.size() * source.layout().format.block_bytes();
  const auto host = host_memory(connector, bytes + 64, pinned);
  // Not aligned, and with a margin that must stay poison.
  const auto slices = slices_of(source.layout(), slots, host.get() + margin);
  auto gathered = start_gather(connector, *from, slices);
  KVP2P_TRY(failure_of(gathered, what + ": gather"));
  KVP2P_TRY(check_slices(source, slices, what));
  for (std::size_t i = 0; i < bytes + 64; ++i) {
    if ((i < margin || i >= bytes + margin) && host[i] != kPoison) return what + ": the margin was written to";
  }
  auto scattered = start_scatter(connector, *to, slices);
  KVP2P_TRY(failure_of(scattered, what + ": scatter"));
  for (const auto& slice : slices) target.expect_slice(slice.layer, slice.slot, slice.host);
  KVP2P_TRY(target.difference());
  connector.unregister_region(*from);
  connector.unregister_region(*to);
  return source.difference();
}

std::string all_layouts_round_trip(int device) {
  const auto connector = connector_of(device);
  std::mt19937 random(1);
  for (const bool pinned : {true, false}) {
    for (Shape shape : {Shape{}, Shape{.layers = 3, .heads = 8, .head_dim = 128, .element = ElementType::kBf16},
                        Shape{.heads = 5, .head_dim = 7, .engine_block_tokens = 64, .element = ElementType::kF8E4m3},
                        Shape{.heads = 1, .head_dim = 576, .element = ElementType::kBf16, .planes = 1}}) {
      for (const auto& a : {nhd(shape), hnd(shape), packed(shape), wire_order(shape)}) {
        KVP2P_TRY(round_trip(device, *connector, a, hnd(shape), pinned, random));
        KVP2P_TRY(round_trip(device, *connector, wire_order(shape), a, pinned, random));
      }
    }
    for (int i = 0; i < 20; ++i) {
      const Shape shape = random_shape(random);
      KVP2P_TRY(
          round_trip(device, *connector, random_layout(shape, random), random_layout(shape, random), pinned, random));
    }
  }
  return {};
}

std::string coded_regions_round_trip(int device) {
  const auto connector = connector_of(device);
  std::mt19937 random(3);
  for (const Codec codec : {Codec::kInt8, Codec::kFp8, Codec::kInt4}) {
    for (Shape shape : {Shape{.layers = 3, .heads = 8, .head_dim = 128, .element = ElementType::kBf16},
                        Shape{.heads = 5, .head_dim = 7, .engine_block_tokens = 64, .element = ElementType::kF32},
                        Shape{.heads = 1, .head_dim = 576, .element = ElementType::kF16, .planes = 1}}) {
      shape.codec = codec;
      for (const bool pinned : {true, false}) {
        KVP2P_TRY(round_trip(device, *connector, nhd(shape), hnd(shape), pinned, random));
        KVP2P_TRY(round_trip(device, *connector, hnd(shape), packed(shape), pinned, random, 16));
        KVP2P_TRY(round_trip(device, *connector, wire_order(shape), nhd(shape), pinned, random, 16));
      }
    }
  }
  return {};
}

/// Many at a time, so that one kernel makes several; of those that write the same, the last one counts.
std::string small_copies_asked_for_together(int device) {
  const auto connector = connector_of(device);
  const Shape shape{.layers = 3, .heads = 8, .head_dim = 128, .element = ElementType::kBf16};
  DeviceMemory memory(device, nhd(shape), 5);
  const auto region = connector->register_region(memory.memory(), memory.layout());
  if (!region) return "cannot be registered";
  const std::size_t slice = memory.slice_bytes();
  const std::uint32_t slots = memory.layout().slots();
  constexpr std::size_t kCopies = 300;
  const auto host = host_memory(*connector, kCopies * slice, true);
  std::mt19937 random(9);
  const auto pick = [&](std::uint32_t below) { return static_cast<std::uint32_t>(random() % below); };
  for (int round = 0; round < 4; ++round) {
    std::vector<Outcome> outcomes;
    for (std::size_t i = 0; i < kCopies; ++i) {
      std::uint8_t* const bytes = host.get() + i * slice;
      std::fill_n(bytes, slice, static_cast<std::uint8_t>(i + 1));
      const SliceCopy copy{pick(slots), pick(shape.layers), bytes};
      outcomes.push_back(start_scatter(*connector, *region, {copy}));
      memory.expect_slice(copy.layer, copy.slot, bytes);
    }
    for (auto& outcome : outcomes) KVP2P_TRY(failure_of(outcome, "scatter"));
    KVP2P_TRY(memory.difference());
    outcomes.clear();
    // Every third goes to the same place, and the last of those stays there.
    std::vector<SliceCopy> last;
    for (std::size_t i = 0; i < kCopies; ++i) {
      const SliceCopy copy{pick(slots), pick(shape.layers), host.get() + (i % 3 == 0 ? 0 : i) * slice};
      outcomes.push_back(start_gather(*connector, *region, {copy}));
      if (i % 3 == 0 && !last.empty()) last.erase(last.begin());
      last.insert(i % 3 == 0 ? last.begin() : last.end(), copy);
    }
    for (auto& outcome : outcomes) KVP2P_TRY(failure_of(outcome, "gather"));
    KVP2P_TRY(check_slices(memory, last, "gathers of one slice"));
  }
  connector->unregister_region(*region);
  return {};
}

/// The reference looks at each byte by itself, which a sanitizer makes dear: fewer rounds there, of every kind.
#if BASE_ADDRESS_SANITIZER || BASE_THREAD_SANITIZER
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

/// 16 MiB of slices of 64 KiB.
Shape large_shape() {
  return {.layers = 4, .heads = 8, .head_dim = 128, .engine_blocks = 64, .element = ElementType::kBf16};
}

/// More than the rings hold at once, from several regions, in both directions, contiguous and scattered.
std::string more_than_the_rings_hold(int device) {
  const auto connector = connector_of(device);
  for (const bool pinned : {true, false}) {
    for (const bool contiguous : {true, false}) {
      // These two take the rings of each kind.
      if (kSanitized && contiguous == pinned) continue;
      std::vector<std::unique_ptr<DeviceMemory>> memories;
      std::vector<RegionId> regions;
      std::vector<std::shared_ptr<std::uint8_t[]>> hosts;
      std::vector<std::vector<SliceCopy>> all;
      std::vector<Outcome> outcomes;
      std::mt19937 random(3);
      for (std::uint32_t i = 0; i < 6; ++i) {
        memories.push_back(
            std::make_unique<DeviceMemory>(device, i % 2 ? nhd(large_shape()) : wire_order(large_shape()), i + 1));
        regions.push_back(*connector->register_region(memories[i]->memory(), memories[i]->layout()));
        const auto& layout = memories[i]->layout();
        hosts.push_back(host_memory(*connector, layout.slots() * layout.format.block_bytes(), pinned));
        all.push_back(slices_of(layout, shuffled_slots(layout, random), hosts[i].get()));
        if (!contiguous) {
          // Each slice at a place of its own, none next to the one before.
          for (std::size_t s = 0; s < all[i].size(); ++s) {
            all[i][s].host = hosts[i].get() + (s * 37 % all[i].size()) * memories[i]->slice_bytes();
          }
        }
        outcomes.push_back(start_gather(*connector, regions[i], all[i]));
      }
      const std::string what = std::string(pinned ? "pinned" : "pageable") + (contiguous ? "" : ", scattered");
      for (std::size_t i = 0; i < outcomes.size(); ++i) KVP2P_TRY(failure_of(outcomes[i], what + ": gather"));
      for (std::size_t i = 0; i < all.size(); ++i) KVP2P_TRY(check_slices(*memories[i], all[i], what));
      // Each region gets its neighbour's bytes.
      outcomes.clear();
      for (std::size_t i = 0; i < all.size(); ++i) {
        auto slices = all[i];
        for (auto& slice : slices) slice.host += hosts[(i + 1) % 6].get() - hosts[i].get();
        outcomes.push_back(start_scatter(*connector, regions[i], slices));
        for (const auto& slice : slices) memories[i]->expect_slice(slice.layer, slice.slot, slice.host);
      }
      for (std::size_t i = 0; i < outcomes.size(); ++i) KVP2P_TRY(failure_of(outcomes[i], what + ": scatter"));
      for (const auto& memory : memories) KVP2P_TRY(memory->difference());
    }
  }
  return {};
}

/// Scatter, gather, scatter, gather of the same slots, asked for at once, small and large, also by the same host
/// memory.
std::string copies_of_a_region_keep_their_order(int device) {
  const auto connector = connector_of(device);
  for (const bool pinned : {true, false}) {
    for (Shape shape : {Shape{}, large_shape()}) {
      DeviceMemory memory(device, nhd(shape), 5);
      const RegionId region = *connector->register_region(memory.memory(), memory.layout());
      std::vector<Slot> slots(memory.layout().slots());
      std::iota(slots.begin(), slots.end(), 0u);
      const std::size_t bytes = slots.size() * memory.layout().format.block_bytes();
      std::vector<std::shared_ptr<std::uint8_t[]>> hosts;
      for (int i = 0; i < 6; ++i) hosts.push_back(host_memory(*connector, bytes, pinned));
      const auto slices = [&](int i) { return slices_of(memory.layout(), slots, hosts[i].get()); };
      std::memset(hosts[1].get(), 1, bytes);
      std::memset(hosts[3].get(), 3, bytes);
      std::vector<Outcome> outcomes;
      outcomes.push_back(start_gather(*connector, region, slices(0)));   // what was there
      outcomes.push_back(start_scatter(*connector, region, slices(1)));  // ones
      outcomes.push_back(start_gather(*connector, region, slices(2)));   // ones
      outcomes.push_back(start_scatter(*connector, region, slices(3)));  // threes
      outcomes.push_back(start_gather(*connector, region, slices(4)));   // threes
      outcomes.push_back(start_scatter(*connector, region, slices(2)));  // ones, from memory that a gather writes
      outcomes.push_back(start_gather(*connector, region, slices(5)));
      const std::string what = std::string(pinned ? "pinned " : "pageable ") + std::to_string(bytes);
      for (auto& outcome : outcomes) KVP2P_TRY(failure_of(outcome, what));
      KVP2P_TRY(check_slices(memory, slices(0), what + ": the first gather"));
      for (const auto& [host, value] : {std::pair{2, 1}, {4, 3}, {5, 1}}) {
        for (std::size_t i = 0; i < bytes; ++i) {
          if (hosts[host][i] == value) continue;
          return what + ": byte " + std::to_string(i) + " of copy " + std::to_string(host) + " is " +
                 std::to_string(hosts[host][i]) + ", not " + std::to_string(value);
        }
      }
    }
  }
  return {};
}

std::string host_events_hold_up_their_region_alone(int device) {
  const auto connector = connector_of(device);
  DeviceMemory held(device, nhd({}), 1), other(device, hnd({}), 2);
  const RegionId a = *connector->register_region(held.memory(), held.layout());
  const RegionId b = *connector->register_region(other.memory(), other.layout());
  const auto host = host_memory(*connector, 4 * held.layout().format.block_bytes(), true);
  const auto block = held.layout().format.block_bytes();
  auto event = std::make_shared<HostEvent>();
  auto first = start_gather(*connector, a, slices_of(held.layout(), {0}, host.get()), {event});
  auto second = start_gather(*connector, a, slices_of(held.layout(), {1}, host.get() + block));
  auto third = start_gather(*connector, b, slices_of(other.layout(), {2}, host.get() + 2 * block));
  KVP2P_TRY(failure_of(third, "the other region"));
  if (second.wait_for(std::chrono::seconds(0)) == std::future_status::ready) return "overtook a copy that waits";
  event->signal();
  KVP2P_TRY(failure_of(first, "the copy that waited"));
  KVP2P_TRY(failure_of(second, "the copy behind it"));
  KVP2P_TRY(check_slices(held, slices_of(held.layout(), {0, 1}, host.get()), "after the event"));
  // One that is never signalled.
  auto never = start_gather(*connector, a, slices_of(held.layout(), {0}, host.get()), {std::make_shared<HostEvent>()});
  connector->unregister_region(a);
  if (never.get().error() != GpuError::kUnknownRegion) return "an unregistered region's copy did not fail";
  auto late = start_gather(*connector, a, slices_of(held.layout(), {0}, host.get()));
  if (late.get().error() != GpuError::kUnknownRegion) return "a copy of an unregistered region did not fail";
  return {};
}

/// The bytes come onto the device behind a long queue of work; a gather must wait for them, and a stream for a scatter.
std::string device_events_and_streams_are_waited_for(int device) {
  const auto connector = connector_of(device);
  for (Shape shape : {Shape{}, large_shape()}) {
    DeviceMemory memory(device, nhd(shape), 0), ballast(device, nhd(large_shape()), 1);
    const RegionId region = *connector->register_region(memory.memory(), memory.layout());
    const std::size_t bytes = memory.memory().bytes, ballast_bytes = ballast.memory().bytes;
    const auto content = host_memory(*connector, bytes, true), out = host_memory(*connector, bytes, true);
    const auto heavy = host_memory(*connector, ballast_bytes, true);
    for (std::size_t i = 0; i < bytes; ++i) content[i] = static_cast<std::uint8_t>(i * 31 + i / 977);
    memory.expected().assign(content.get(), content.get() + bytes);
    auto stream = make_cuda_stream(device);
    auto event = make_cuda_event(device);
    if (!stream || !event) return "no stream or event";
    for (int i = 0; i < 20; ++i) kvc_copy(heavy.get(), ballast.memory().start, ballast_bytes, stream->get());
    kvc_copy(memory.memory().start, content.get(), bytes, stream->get());
    kvc_event_record(event->get(), stream->get());
    std::vector<Slot> slots(memory.layout().slots());
    std::iota(slots.begin(), slots.end(), 0u);
    const auto slices = slices_of(memory.layout(), slots, out.get());
    auto gathered = start_gather(*connector, region, slices, {nullptr, event->get()});
    KVP2P_TRY(failure_of(gathered, "gather behind an event"));
    KVP2P_TRY(check_slices(memory, slices, "gather behind an event"));

    std::memset(out.get(), 9, bytes);
    auto scattered = start_scatter(*connector, region, slices);
    if (auto waits = connector->stream_wait(region, stream->get()); !waits) return waits.error().message();
    kvc_copy(content.get(), memory.memory().start, bytes, stream->get());
    if (kvc_stream_synchronize(stream->get()) != KVC_OK) return "the stream failed";
    for (std::size_t i = 0; i < bytes; ++i) {
      if (content[i] != 9) return "stream_wait: byte " + std::to_string(i) + " was read before it was scattered";
    }
    KVP2P_TRY(failure_of(scattered, "scatter"));
  }
  return {};
}

/// The bytes come onto the device behind a long queue of work; who is told of the event finds them there.
std::string events_are_told_without_a_copy(int device) {
  const auto connector = connector_of(device);
  DeviceMemory memory(device, nhd({}), 0), ballast(device, nhd(large_shape()), 1);
  const RegionId region = *connector->register_region(memory.memory(), memory.layout());
  const std::size_t bytes = memory.memory().bytes, ballast_bytes = ballast.memory().bytes;
  const auto content = host_memory(*connector, bytes, true);
  const auto heavy = host_memory(*connector, ballast_bytes, true);
  for (std::size_t i = 0; i < bytes; ++i) content[i] = static_cast<std::uint8_t>(i * 31 + i / 977);
  memory.expected().assign(content.get(), content.get() + bytes);
  auto stream = make_cuda_stream(device);
  auto event = make_cuda_event(device);
  if (!stream || !event) return "no stream or event";
  const auto tell = [&](kvc_event what) {
    auto told = std::make_shared<std::promise<base::Result<>>>();
    auto outcome = told->get_future();
    connector->when_happened(region, what, [told](base::Result<> happened) { told->set_value(happened); });
    return outcome;
  };
  const auto queue_work = [&] {
    for (int i = 0; i < 20; ++i) kvc_copy(heavy.get(), ballast.memory().start, ballast_bytes, stream->get());
    kvc_copy(memory.memory().start, content.get(), bytes, stream->get());
    kvc_event_record(event->get(), stream->get());
  };
  queue_work();
  auto told = tell(event->get());
  // It was taken note of: what is recorded afterwards is another matter.
  kvc_event_record(event->get(), stream->get());
  KVP2P_TRY(failure_of(told, "the event"));
  KVP2P_TRY(memory.difference());
  auto at_once = tell(nullptr);
  KVP2P_TRY(failure_of(at_once, "no event"));

  queue_work();
  auto cut_off = tell(event->get());
  connector->unregister_region(region);
  const auto outcome = cut_off.get();
  if (!outcome && outcome.error() != GpuError::kUnknownRegion) return "cut off: " + outcome.error().message();
  auto late = tell(event->get());
  if (late.get().error() != GpuError::kUnknownRegion) return "an unregistered region's event did not fail";
  return kvc_stream_synchronize(stream->get()) == KVC_OK ? "" : "the stream failed";
}

std::string unregister_waits_for_what_runs(int device) {
  const auto connector = connector_of(device);
  for (const bool pinned : {true, false}) {
    for (int round = 0; round < (kSanitized ? 3 : 10); ++round) {
      auto memory = std::make_unique<DeviceMemory>(device, nhd(large_shape()), 11);
      const RegionId region = *connector->register_region(memory->memory(), memory->layout());
      std::vector<Slot> slots(memory->layout().slots());
      std::iota(slots.begin(), slots.end(), 0u);
      auto host = host_memory(*connector, memory->memory().bytes, pinned);
      std::vector<Outcome> outcomes;
      for (int i = 0; i < 4; ++i) {
        outcomes.push_back(start_gather(*connector, region, slices_of(memory->layout(), slots, host.get())));
      }
      std::this_thread::sleep_for(std::chrono::microseconds(100 * round));
      connector->unregister_region(region);
      for (auto& outcome : outcomes) {
        if (outcome.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
          return "returned before a copy ended";
        const auto result = outcome.get();
        if (!result && result.error() != GpuError::kUnknownRegion) return result.error().message();
      }
      host.reset();
      memory.reset();
    }
  }
  return {};
}

std::string destruction_ends_queued_work(int device) {
  for (const bool pinned : {true, false}) {
    DeviceMemory memory(device, hnd(large_shape()), 11);
    std::vector<Slot> slots(memory.layout().slots());
    std::iota(slots.begin(), slots.end(), 0u);
    std::vector<Outcome> outcomes;
    auto connector = connector_of(device);
    const RegionId region = *connector->register_region(memory.memory(), memory.layout());
    const auto host = host_memory(*connector, memory.memory().bytes, pinned);
    const auto event = std::make_shared<HostEvent>();
    for (int i = 0; i < 8; ++i) {
      ReadyEvent ready;
      if (i == 6) ready.host = event;
      outcomes.push_back(start_gather(*connector, region, slices_of(memory.layout(), slots, host.get()), ready));
    }
    connector.reset();
    event->signal();
    for (auto& outcome : outcomes) {
      if (outcome.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return "a copy was forgotten";
      const auto result = outcome.get();
      if (!result && result.error() != GpuError::kStopping) return result.error().message();
    }
  }
  return {};
}

std::string many_threads_ask_at_once(int device) {
  const auto connector = connector_of(device);
  std::mutex mutex;
  std::string wrong;
  std::vector<std::thread> threads;
  DeviceMemory shared_memory(device, packed({.engine_blocks = 16}), 77);
  const RegionId shared = *connector->register_region(shared_memory.memory(), shared_memory.layout());
  for (std::uint32_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      DeviceMemory own(device, t % 2 ? nhd({.engine_blocks = 16}) : hnd({.engine_blocks = 16}), t + 1);
      const RegionId region = *connector->register_region(own.memory(), own.layout());
      const auto host = host_memory(*connector, own.memory().bytes, t % 3 != 0);
      for (int i = 0; i < 100; ++i) {
        // Of its own region both directions; of the shared one only gathers.
        const bool use_shared = random() % 3 == 0;
        const DeviceMemory& memory = use_shared ? shared_memory : own;
        const auto slices = slices_of(memory.layout(), shuffled_slots(memory.layout(), random), host.get());
        auto outcome = start_gather(*connector, use_shared ? shared : region, slices);
        std::string failed = failure_of(outcome, "thread " + std::to_string(t));
        if (failed.empty()) failed = check_slices(memory, slices, "thread " + std::to_string(t));
        if (failed.empty() && !use_shared) {
          auto back = start_scatter(*connector, region, slices);
          failed = failure_of(back, "thread " + std::to_string(t) + " scatter");
        }
        if (failed.empty()) continue;
        std::lock_guard lock(mutex);
        wrong = failed;
        return;
      }
      std::string different = own.difference();
      connector->unregister_region(region);
      std::lock_guard lock(mutex);
      if (!different.empty()) wrong = different;
    });
  }
  for (auto& thread : threads) thread.join();
  return wrong;
}

std::string direct_copy_converts_the_layout(int device) {
  const auto owner = connector_of(device);
  const auto reader = connector_of(device);
  std::mt19937 random(2);
  std::vector<std::pair<NamedLayout, NamedLayout>> cases;
  for (Shape shape : {Shape{}, Shape{.heads = 8, .head_dim = 128, .element = ElementType::kBf16}}) {
    const std::vector<NamedLayout> layouts = {nhd(shape), hnd(shape), packed(shape), wire_order(shape)};
    for (const auto& a : layouts) {
      for (const auto& b : layouts) cases.emplace_back(a, b);
    }
  }
  for (const auto& [a, b] : cases) {
    DeviceMemory from(device, a, 21), to(device, b, 0);
    const RegionId source = *owner->register_region(from.memory(), from.layout());
    const RegionId target = *reader->register_region(to.memory(), to.layout());
    auto exported = owner->export_region(source);
    if (!exported) return a.name + ": export: " + exported.error().message();
    auto import = reader->import_region(std::move(*exported));
    if (!import) return a.name + ": import: " + import.error().message();
    if (reader->link_of(*import) != base::Result<DirectLink>(DirectLink::kSameDevice)) return "the link is another";
    std::vector<IndexPair> slots;
    for (std::uint32_t i = 0; i < 3; ++i) slots.push_back({i, (i + 1) % 4});
    const auto layers = pairs_of(2);
    auto copied = start_direct(*reader, *import, target, slots, layers);
    KVP2P_TRY(failure_of(copied, a.name + " to " + b.name));
    for (const auto& slot : slots) {
      for (const auto& layer : layers) {
        to.expect_slice(layer.to, slot.to, from.expected_slice(layer.from, slot.from).data());
      }
    }
    KVP2P_TRY(to.difference());
    reader->close_import(*import);
    auto closed = start_direct(*reader, *import, target, slots, layers);
    if (closed.get().error() != GpuError::kUnknownImport) return "a closed import was copied from";
    owner->unregister_region(source);
  }
  return {};
}

/// In one process the memory is used by its address, and the engine may free it once it is unregistered.
std::string an_unregistered_region_is_read_no_more(int device) {
  const auto owner = connector_of(device);
  const auto reader = connector_of(device);
  DeviceMemory from(device, nhd({}), 4), to(device, nhd({}), 0);
  const RegionId source = *owner->register_region(from.memory(), from.layout());
  const RegionId target = *reader->register_region(to.memory(), to.layout());
  const auto import = reader->import_region(*owner->export_region(source));
  if (!import) return "import: " + import.error().message();
  auto later = *owner->export_region(source);
  std::vector<std::future<base::Result<>>> copies;
  for (int i = 0; i < 8; ++i) copies.push_back(start_direct(*reader, *import, target, {{1, 2}}, pairs_of(2)));
  owner->unregister_region(source);
  for (auto& copy : copies) {
    const auto outcome = copy.get();
    if (!outcome && outcome.error() != GpuError::kUnknownImport) return outcome.error().message();
  }
  auto late = start_direct(*reader, *import, target, {{0, 0}}, pairs_of(2));
  if (late.get().error() != GpuError::kUnknownImport) return "an unregistered region was read";
  if (reader->import_region(std::move(later))) return "an unregistered region was opened";
  reader->close_import(*import);
  return {};
}

std::string false_exports_are_refused(int device) {
  const auto connector = connector_of(device);
  DeviceMemory memory(device, nhd({}), 3);
  const RegionId region = *connector->register_region(memory.memory(), memory.layout());
  const auto refused = [&](const char* what, auto change) -> std::string {
    auto exported = connector->export_region(region);
    if (!exported) return "export: " + exported.error().message();
    change(*exported);
    return connector->import_region(std::move(*exported)) ? std::string(what) + " was accepted" : std::string();
  };
  KVP2P_TRY(refused("an address of no export", [](RegionExport& e) { e.address += 64; }));
  KVP2P_TRY(refused("a larger region", [](RegionExport& e) { e.bytes += 1; }));
  KVP2P_TRY(refused("another device", [](RegionExport& e) { e.device[3] ^= 1; }));
  KVP2P_TRY(refused("host memory", [](RegionExport& e) { e.kind = ExportKind::kHostMemfd; }));
  KVP2P_TRY(refused("a layout outside", [](RegionExport& e) { e.layout.block_stride *= 1000; }));
  KVP2P_TRY(refused("no pieces", [](RegionExport& e) { e.process[0] ^= 1, e.pieces.clear(); }));
  KVP2P_TRY(refused("an offset outside", [](RegionExport& e) { e.process[0] ^= 1, e.offset = e.pieces[0].bytes; }));
  KVP2P_TRY(refused("too little memory", [](RegionExport& e) { e.process[0] ^= 1, e.pieces[0].bytes = e.bytes - 1; }));
  KVP2P_TRY(refused("a piece without descriptor",
                    [](RegionExport& e) { e.process[0] ^= 1, e.kind = ExportKind::kCudaVirtual; }));
  connector->unregister_region(region);
  return {};
}

std::string bad_requests_fail(int device) {
  const auto connector = connector_of(device);
  DeviceMemory memory(device, nhd({}), 3);
  if (connector->register_region({nullptr, 100}, memory.layout())) return "null was registered";
  if (connector->register_region({memory.memory().start, memory.memory().bytes - 1}, memory.layout())) {
    return "a layout outside its memory was registered";
  }
  const RegionId region = *connector->register_region(memory.memory(), memory.layout());
  const auto host = host_memory(*connector, memory.slice_bytes(), true);
  if (start_gather(*connector, region, {{4, 0, host.get()}}).get().error() != GpuError::kSlotOutOfRange) {
    return "slot 4 of 4";
  }
  if (start_scatter(*connector, region, {{0, 2, host.get()}}).get().error() != GpuError::kLayerOutOfRange) {
    return "layer 2 of 2";
  }
  auto nothing = start_gather(*connector, region, {});
  KVP2P_TRY(failure_of(nothing, "an empty copy"));
  if (connector->description().find("NVIDIA") == std::string::npos) return connector->description();
  if (connector->description().find(", GPU-") == std::string::npos) return connector->description();
  return {};
}

}  // namespace

const std::vector<CudaCase>& cuda_cases() {
  static const std::vector<CudaCase> cases = {
      {"AllLayoutsRoundTrip", all_layouts_round_trip},
      {"CodedRegionsRoundTrip", coded_regions_round_trip},
      {"SmallCopiesAskedForTogether", small_copies_asked_for_together},
      {"MoreThanTheRingsHold", more_than_the_rings_hold},
      {"CopiesOfARegionKeepTheirOrder", copies_of_a_region_keep_their_order},
      {"HostEventsHoldUpTheirRegionAlone", host_events_hold_up_their_region_alone},
      {"DeviceEventsAndStreamsAreWaitedFor", device_events_and_streams_are_waited_for},
      {"EventsAreToldWithoutACopy", events_are_told_without_a_copy},
      {"UnregisterWaitsForWhatRuns", unregister_waits_for_what_runs},
      {"DestructionEndsQueuedWork", destruction_ends_queued_work},
      {"ManyThreadsAskAtOnce", many_threads_ask_at_once},
      {"DirectCopyConvertsTheLayout", direct_copy_converts_the_layout},
      {"AnUnregisteredRegionIsReadNoMore", an_unregistered_region_is_read_no_more},
      {"FalseExportsAreRefused", false_exports_are_refused},
      {"BadRequestsFail", bad_requests_fail},
  };
  return cases;
}

}  // namespace kvp2p::testing
