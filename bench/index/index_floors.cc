// What reading memory takes, however clever the index is.
#include "bench/index/measures.h"

#include <sys/mman.h>

#include <cstdlib>
#include <memory>
#include <random>

namespace kvp2p::bench {

namespace {

struct alignas(64) Line {
  std::uint64_t next = 0;
  std::uint64_t rest[7] = {};
};

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
using Lines = std::unique_ptr<Line[], Free>;

Lines make_lines(std::size_t count) {
  constexpr std::size_t kHuge = std::size_t{2} << 20;
  const std::size_t bytes = (count * sizeof(Line) + kHuge - 1) / kHuge * kHuge;
  auto* memory = static_cast<Line*>(std::aligned_alloc(kHuge, bytes));
  if (memory == nullptr) std::abort();
  ::madvise(memory, bytes, MADV_HUGEPAGE);
  std::uninitialized_default_construct_n(memory, count);
  return Lines(memory);
}

}  // namespace

ColdReads measure_cold_reads(std::size_t bytes, std::size_t reads, std::size_t times, std::uint64_t seed) {
  const std::size_t count = std::max<std::size_t>(bytes / sizeof(Line), 2);
  Lines lines = make_lines(count);
  std::mt19937_64 random(seed);
  // One cycle through all lines in random order (Sattolo).
  for (std::size_t i = 0; i < count; ++i) lines[i].next = i;
  for (std::size_t i = count - 1; i > 0; --i) std::swap(lines[i].next, lines[random() % i].next);

  std::vector<double> dependent, independent;
  volatile std::uint64_t result = 0;
  for (std::size_t t = 0; t < times; ++t) {
    std::uint64_t at = random() % count;
    dependent.push_back(1e6 * seconds_of([&] {
                          for (std::size_t i = 0; i < reads; ++i) at = lines[at].next;
                          result = at;
                        }));
    std::vector<std::uint64_t> places(reads);
    for (auto& place : places) place = random() % count;
    independent.push_back(1e6 * seconds_of([&] {
                            std::uint64_t sum = 0;
                            for (std::uint64_t place : places) sum += lines[place].next;
                            result = sum;
                          }));
  }
  return {Spread(std::move(dependent)), Spread(std::move(independent))};
}

}  // namespace kvp2p::bench
