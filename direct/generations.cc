#include "direct/generations.h"

#include "gpu/error.h"

#include <fcntl.h>

#include <new>

namespace kvp2p::direct {

base::Result<GenerationTable> GenerationTable::create(std::uint32_t slots) {
  auto memory = SharedMemory::create(std::size_t{slots} * sizeof(Generation));
  if (!memory) return memory.error();
  GenerationTable table;
  table.memory_ = std::move(*memory);
  table.slots_ = slots;
  for (Slot slot = 0; slot < slots; ++slot) new (&table.at(slot)) Generation(1);
  const std::string path = "/proc/self/fd/" + std::to_string(table.memory_.fd());
  table.for_readers_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!table.for_readers_) return GpuError::kNotShareable;
  return table;
}

base::Result<GenerationView> GenerationView::open(int fd, std::uint32_t slots) {
  if (slots == 0) return GpuError::kNotReachable;
  auto memory = MappedMemory::map_readable(fd, 0, std::uint64_t{slots} * sizeof(Generation));
  if (!memory) return memory.error();
  GenerationView view;
  view.memory_ = std::move(*memory);
  view.slots_ = slots;
  return view;
}

}  // namespace kvp2p::direct
