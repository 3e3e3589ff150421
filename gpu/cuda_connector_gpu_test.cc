// The CUDA connector on a GPU: the cases of testing/cuda_cases.h, and two processes that share memory. Prints a line a
// case; exits with 1 if one failed, with 77 without a GPU.
#include "base/unique_fd.h"
#include "gpu/cuda_connector.h"
#include "gpu/testing/cuda_cases.h"
#include "gpu/testing/virtual_memory.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <cstring>

namespace kvp2p::testing {
namespace {

/// One seed in both processes: the owner fills with it, the reader knows what to find.
constexpr std::uint32_t kSeed = 99;
constexpr std::size_t kFdsMax = 64;

NamedLayout shared_layout() {
  return nhd({.layers = 4, .heads = 8, .head_dim = 128, .engine_blocks = 200, .element = ElementType::kBf16});
}

/// What crosses the socket beside descriptors; both ends are this program.
struct Header {
  ExportKind kind;
  DeviceUuid device;
  std::array<std::uint8_t, 16> process;
  std::uint64_t address, offset, bytes, pieces;
  struct Piece {
    std::array<std::uint8_t, 64> handle;
    std::uint64_t bytes;
  } piece[kFdsMax];
};

bool send_export(int socket, const RegionExport& exported) {
  Header header = {};
  header.kind = exported.kind;
  header.device = exported.device;
  header.process = exported.process;
  header.address = exported.address;
  header.offset = exported.offset;
  header.bytes = exported.bytes;
  header.pieces = exported.pieces.size();
  if (exported.pieces.size() > kFdsMax) return false;
  int fds[kFdsMax];
  std::size_t fd_count = 0;
  for (std::size_t i = 0; i < exported.pieces.size(); ++i) {
    header.piece[i] = {exported.pieces[i].handle, exported.pieces[i].bytes};
    if (exported.pieces[i].fd) fds[fd_count++] = exported.pieces[i].fd.get();
  }
  iovec part{&header, sizeof header};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (fd_count > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
    cmsghdr* first = CMSG_FIRSTHDR(&message);
    first->cmsg_level = SOL_SOCKET;
    first->cmsg_type = SCM_RIGHTS;
    first->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
    std::memcpy(CMSG_DATA(first), fds, fd_count * sizeof(int));
  }
  return ::sendmsg(socket, &message, 0) == static_cast<ssize_t>(sizeof header);
}

bool receive_export(int socket, RegionExport& exported) {
  Header header = {};
  iovec part{&header, sizeof header};
  alignas(cmsghdr) char control[CMSG_SPACE(kFdsMax * sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != static_cast<ssize_t>(sizeof header)) return false;
  exported.kind = header.kind;
  exported.device = header.device;
  exported.process = header.process;
  exported.address = header.address;
  exported.offset = header.offset;
  exported.bytes = header.bytes;
  const cmsghdr* first = CMSG_FIRSTHDR(&message);
  for (std::size_t i = 0; i < header.pieces; ++i) {
    ExportPiece piece;
    piece.handle = header.piece[i].handle;
    piece.bytes = header.piece[i].bytes;
    if (first != nullptr && CMSG_LEN((i + 1) * sizeof(int)) <= first->cmsg_len) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(first) + i * sizeof(int), sizeof fd);
      piece.fd.reset(fd);
    }
    exported.pieces.push_back(std::move(piece));
  }
  return true;
}

/// The owner: memory of either kind, exported over the socket, kept until the reader hangs up.
int own(int socket, bool is_virtual) {
  auto made = make_cuda_connector(0, "owner");
  if (!made) return 1;
  DeviceMemory expected(0, shared_layout(), kSeed);
  RegionMemory memory = expected.memory();
  VirtualMemory mapped;
  if (is_virtual) {
    // Several pieces, and a region that begins inside the first.
    const std::string why = mapped.allocate(0, memory.bytes + 4096, 8);
    if (!why.empty()) {
      std::fprintf(stderr, "virtual memory: %s\n", why.c_str());
      return 77;
    }
    void* start = static_cast<std::uint8_t*>(mapped.start()) + 4096;
    if (kvc_copy(start, memory.start, memory.bytes, nullptr) != KVC_OK) return 1;
    if (kvc_stream_synchronize(nullptr) != KVC_OK) return 1;
    memory.start = start;
  }
  auto region = (*made)->register_region(memory, expected.layout());
  if (!region) return 1;
  auto exported = (*made)->export_region(*region);
  if (!exported) {
    std::fprintf(stderr, "export: %s\n", exported.error().message().c_str());
    return 1;
  }
  if (!send_export(socket, *exported)) return 1;
  char end = 0;
  return ::read(socket, &end, 1) == 0 ? 0 : 1;
}

std::string read_across(GpuConnector& connector, int socket) {
  RegionExport exported;
  exported.layout = shared_layout().layout;
  if (!receive_export(socket, exported)) return "the owner sent nothing";
  DeviceMemory wanted(0, shared_layout(), kSeed);
  auto import = connector.import_region(std::move(exported));
  if (!import) return "import: " + import.error().message();
  if (connector.link_of(*import) != base::Result<DirectLink>(DirectLink::kSameDevice)) return "the link is another";
  DeviceMemory target(
      0, hnd({.layers = 4, .heads = 8, .head_dim = 128, .engine_blocks = 200, .element = ElementType::kBf16}), 0);
  auto region = connector.register_region(target.memory(), target.layout());
  if (!region) return "register: " + region.error().message();
  std::vector<IndexPair> slots, layers;
  for (std::uint32_t i = 0; i < 150; ++i) slots.push_back({i, 199 - i});
  for (std::uint32_t i = 0; i < 4; ++i) layers.push_back({i, i});
  double best_us = 1e9;
  for (int i = 0; i < 20; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    auto outcome = start_direct(connector, *import, *region, slots, layers);
    if (std::string wrong = failure_of(outcome, "direct copy"); !wrong.empty()) return wrong;
    best_us =
        std::min(best_us, std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  }
  std::printf("     direct copy of %zu KiB across processes, asked to done: %.1f us at best\n",
              150 * wanted.layout().format.block_bytes() >> 10, best_us);
  for (const auto& slot : slots) {
    for (const auto& layer : layers) {
      target.expect_slice(layer.to, slot.to, wanted.expected_slice(layer.from, slot.from).data());
    }
  }
  std::string different = target.difference();
  connector.close_import(*import);
  connector.unregister_region(*region);
  return different;
}

/// Starts this program again as the owner: a forked child alone could not use CUDA.
struct Owner {
  pid_t pid = -1;
  base::UniqueFd socket;

  Owner(const char* program, const char* kind) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) return;
    pid = ::fork();
    if (pid == 0) {
      ::close(ends[0]);
      ::execl("/proc/self/exe", program, kind, std::to_string(ends[1]).c_str(), static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ::close(ends[1]);
    socket.reset(ends[0]);
  }
  int wait() {
    socket.reset();
    int status = 0;
    if (pid < 0 || ::waitpid(pid, &status, 0) != pid) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
};

int report(const char* name, const std::string& wrong) {
  std::printf("%s %s%s%s\n", wrong.empty() ? "ok" : "FAILED", name, wrong.empty() ? "" : ": ", wrong.c_str());
  std::fflush(stdout);
  return wrong.empty() ? 0 : 1;
}

std::string caught(auto call) {
  try {
    return call();
  } catch (const std::exception& error) {
    return error.what();
  }
}

std::string two_processes(const char* program, const char* kind) {
  Owner owner(program, kind);
  std::string wrong = caught([&]() -> std::string {
    auto reader = make_cuda_connector(0, "reader");
    if (!reader) return reader.error().message();
    return read_across(**reader, owner.socket.get());
  });
  const int code = owner.wait();
  if (code != 0) wrong += " (the owner ended with " + std::to_string(code) + ")";
  return wrong;
}

int run(const char* program) {
  int count = 0;
  if (kvc_device_count(&count) != KVC_OK || count == 0) {
    std::printf("not run: %s\n", kvc_last_error());
    return 77;
  }
  int failed = 0;
  for (const CudaCase& one : cuda_cases()) failed += report(one.name, caught([&] { return one.run(0); }));
  failed += report("TwoProcessesShareCudaMalloc", two_processes(program, "--own-plain"));
  failed += report("TwoProcessesShareVirtualMemory", two_processes(program, "--own-virtual"));
  std::printf("%d failed\n", failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace kvp2p::testing

int main(int argc, char** argv) {
  if (argc == 3) return kvp2p::testing::own(std::atoi(argv[2]), std::strcmp(argv[1], "--own-virtual") == 0);
  return kvp2p::testing::run(argv[0]);
}
