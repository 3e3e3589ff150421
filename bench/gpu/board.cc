#include "bench/gpu/board.h"

#include "base/unique_fd.h"
#include "bench/gpu/bench_memory.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cstring>

namespace kvp2p::bench {

namespace {

constexpr std::size_t kBoardBytes = 4096;

}  // namespace

BoardWords& open_board(const std::string& path) {
  const base::UniqueFd file(path.empty() ? ::memfd_create("board", MFD_CLOEXEC)
                                         : ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file || ::ftruncate(file.get(), kBoardBytes) != 0) fail("board", std::strerror(errno));
  void* page = ::mmap(nullptr, kBoardBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (page == MAP_FAILED) fail("board", std::strerror(errno));
  return *static_cast<BoardWords*>(page);
}

}  // namespace kvp2p::bench
