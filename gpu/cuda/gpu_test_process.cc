// Memory shared with another process: this program started once more, with a socket between the two.
#include "gpu/cuda/kvcache_driver.h"
#include "gpu/cuda/kvcache_gpu_test.h"

#include <cuda.h>
#include <cuda_runtime_api.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <cstring>

namespace kvp2p::testing {

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kPiecesMax = 8;

/// The importer is the same program, so a struct will do.
struct Message {
  kvc_export exported;
  kvc_piece pieces[kPiecesMax];
  std::uint32_t seed;  // of the bytes expected
};

struct Answer {
  kvc_status status;
  char text[400];
};

Bytes bytes_of_seed(std::uint32_t seed, std::size_t count) {
  std::mt19937 random(seed);
  return random_bytes(count, random);
}

bool send_message(int socket, const Message& message) {
  std::vector<int> fds;
  for (std::uint32_t i = 0; i < message.exported.piece_count; ++i) {
    if (message.pieces[i].fd >= 0) fds.push_back(message.pieces[i].fd);
  }
  iovec data = {const_cast<Message*>(&message), sizeof message};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kPiecesMax)] = {};
  msghdr header = {};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(rights), fds.data(), sizeof(int) * fds.size());
  }
  return sendmsg(socket, &header, 0) == static_cast<ssize_t>(sizeof message);
}

bool receive_message(int socket, Message& message) {
  iovec data = {&message, sizeof message};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kPiecesMax)] = {};
  msghdr header = {};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  if (recvmsg(socket, &header, 0) != static_cast<ssize_t>(sizeof message)) return false;
  message.exported.pieces = message.pieces;
  std::uint32_t next = 0;
  for (cmsghdr* at = CMSG_FIRSTHDR(&header); at != nullptr; at = CMSG_NXTHDR(&header, at)) {
    const std::size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count && next < kPiecesMax; ++i) {
      std::memcpy(&message.pieces[next++].fd, CMSG_DATA(at) + i * sizeof(int), sizeof(int));
    }
  }
  return true;
}

/// Reads the imported memory by a kernel, into memory of this process.
kvc_status read_import(void* start, std::size_t bytes, Bytes& out) {
  kvc_slice_plan plan = {};
  for (kvc_loop& loop : plan.loops) loop = {1, 0};
  plan.run_bytes = plan.slice_bytes = plan.block_stride = bytes;
  plan.slots_per_block = 1;
  kvc_region* region = nullptr;
  kvc_status status = kvc_region_create(0, start, bytes, &plan, 1, 1, &region);
  void* wire = nullptr;
  if (status == KVC_OK) status = kvc_device_alloc(0, bytes, &wire);
  const kvc_slice slice = {0, 0, 0};
  if (status == KVC_OK) status = kvc_gather(region, &slice, 1, wire, bytes, nullptr);
  out.resize(bytes);
  if (status == KVC_OK) status = kvc_copy(out.data(), wire, bytes, nullptr);
  if (status == KVC_OK) status = kvc_stream_synchronize(nullptr);
  kvc_region_destroy(region);
  kvc_device_free(0, wire);
  return status;
}

Answer import_and_compare(const Message& message) {
  Answer answer = {KVC_OK, ""};
  kvc_import* import = nullptr;
  void* start = nullptr;
  answer.status = kvc_import_memory(&message.exported, 0, &import, &start);
  for (const kvc_piece& piece : message.pieces) {
    if (message.exported.kind == KVC_MEMORY_VIRTUAL && piece.fd > 0) close(piece.fd);
  }
  if (answer.status == KVC_OK) {
    Bytes got;
    answer.status = read_import(start, message.exported.bytes, got);
    const Bytes expected = bytes_of_seed(message.seed, message.exported.bytes);
    if (answer.status == KVC_OK && got != expected) {
      answer.status = KVC_ERROR_DEVICE;
      const auto at = std::mismatch(got.begin(), got.end(), expected.begin()).first - got.begin();
      std::snprintf(answer.text, sizeof answer.text, "other bytes, first at %td of %zu", at, got.size());
    } else if (answer.status != KVC_OK) {
      std::snprintf(answer.text, sizeof answer.text, "reading: %s", kvc_last_error());
    }
    kvc_import_close(import);
  } else {
    std::snprintf(answer.text, sizeof answer.text, "importing: %s", kvc_last_error());
  }
  return answer;
}

/// Three pieces, mapped one after the other.
struct VirtualMemory {
  explicit VirtualMemory(bool shareable) {
    CUmemAllocationProp properties = {};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    properties.requestedHandleTypes = shareable ? CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR : CU_MEM_HANDLE_TYPE_NONE;
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
    cudaGetDriverEntryPointByVersion("cuMemCreate", &found, 12000, cudaEnableDefault, &result);
    const auto create = reinterpret_cast<decltype(&cuMemCreate)>(found);
    const kvc::Driver* driver = kvc::driver();
    if (create == nullptr || driver == nullptr) return;
    driver->granularity(&piece_bytes, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM);
    driver->address_reserve(&start, 3 * piece_bytes, 0, 0, 0);
    for (int i = 0; i < 3; ++i) {
      CUmemGenericAllocationHandle handle = 0;
      if (create(&handle, piece_bytes, &properties, 0) != CUDA_SUCCESS) return;
      driver->map(start + i * piece_bytes, piece_bytes, 0, handle, 0);
      driver->release(handle);
    }
    CUmemAccessDesc access = {};
    access.location = properties.location;
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    made = driver->set_access(start, 3 * piece_bytes, &access, 1) == CUDA_SUCCESS;
  }
  ~VirtualMemory() {
    if (!made) return;
    kvc::driver()->unmap(start, 3 * piece_bytes);
    kvc::driver()->address_free(start, 3 * piece_bytes);
  }
  VirtualMemory(const VirtualMemory&) = delete;
  VirtualMemory& operator=(const VirtualMemory&) = delete;

  bool made = false;
  CUdeviceptr start = 0;
  std::size_t piece_bytes = 0;
};

class Importer {
 public:
  explicit Importer(const char* program) {
    int sockets[2] = {};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) != 0) return;
    socket_ = sockets[0];
    const std::string argument = std::to_string(sockets[1]);
    child_ = fork();  // and exec at once: CUDA does not survive a fork
    if (child_ == 0) {
      close(sockets[0]);
      execl(program, program, "--importer", argument.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
    close(sockets[1]);
  }
  ~Importer() {
    close(socket_);
    int status = 0;
    waitpid(child_, &status, 0);
    groups().expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the importer ends well");
  }
  Importer(const Importer&) = delete;
  Importer& operator=(const Importer&) = delete;

  Answer ask(const kvc_export& exported, std::uint32_t seed) const {
    Message message = {};
    message.exported = exported;
    message.seed = seed;
    std::copy_n(exported.pieces, std::min(exported.piece_count, kPiecesMax), message.pieces);
    Answer answer = {KVC_ERROR_DEVICE, "the importer did not answer"};
    if (send_message(socket_, message)) {
      const ssize_t count = recv(socket_, &answer, sizeof answer, 0);
      if (count != static_cast<ssize_t>(sizeof answer)) answer = {KVC_ERROR_DEVICE, "the importer is gone"};
    }
    return answer;
  }

 private:
  int socket_ = -1;
  pid_t child_ = -1;
};

void expect_answer(const Answer& answer, kvc_status wanted, const std::string& what) {
  groups().expect(answer.status == wanted, what + ": " + kvc_status_text(answer.status) + ": " + answer.text);
}

void share(const Importer& importer, std::uint8_t* start, std::size_t bytes, kvc_memory_kind kind, std::uint32_t pieces,
           const std::string& what) {
  const std::uint32_t seed = 1000 + static_cast<std::uint32_t>(bytes);
  const Bytes data = bytes_of_seed(seed, bytes);
  good(kvc_copy(start, data.data(), bytes, nullptr), what);
  good(kvc_stream_synchronize(nullptr), what);
  kvc_export exported = {};
  if (!good(kvc_export_memory(start, bytes, &exported), what + ", export")) return;
  groups().expect(
      exported.kind == kind && exported.piece_count == pieces && exported.bytes == bytes,
      what + ": kind " + std::to_string(exported.kind) + ", " + std::to_string(exported.piece_count) + " pieces");
  for (int i = 0; i < 3; ++i) expect_answer(importer.ask(exported, seed), KVC_OK, what + ", import");
  kvc_export_free(&exported);
}

void ipc(const GpuTest& test) {
  const Importer importer(test.program);
  for (const std::size_t bytes : {std::size_t{1000}, std::size_t{3} << 20}) {
    Guarded memory(Guarded::Kind::kDevice, bytes);
    share(importer, memory.start(), bytes, KVC_MEMORY_IPC, 1, "cudaMalloc " + std::to_string(bytes));
    share(importer, memory.start() + 17, bytes / 2, KVC_MEMORY_IPC, 1, "inside cudaMalloc");
  }
  Guarded memory(Guarded::Kind::kDevice, 4096);
  kvc_export exported = {};
  groups().expect(kvc_export_memory(memory.start(), std::size_t{1} << 40, &exported) == KVC_ERROR_ARGUMENT,
                  "more than the allocation");
  if (!good(kvc_export_memory(memory.start(), 4096, &exported), "export")) return;
  kvc_export broken = exported;
  broken.pieces[0].bytes = std::uint64_t{1} << 40;
  broken.bytes = std::uint64_t{1} << 39;
  expect_answer(importer.ask(broken, 0), KVC_ERROR_ARGUMENT, "an exporter that lies about the size");
  std::memset(broken.pieces[0].handle, 0x5a, sizeof broken.pieces[0].handle);
  groups().expect(importer.ask(broken, 0).status != KVC_OK, "a handle of nothing");
  broken.device_uuid[3] ^= 1;
  expect_answer(importer.ask(broken, 0), KVC_ERROR_NO_DEVICE, "a GPU that is not here");
  kvc_export_free(&exported);
  share(importer, memory.start(), 4096, KVC_MEMORY_IPC, 1, "after broken imports");
}

void virtual_memory(const GpuTest& test) {
  const VirtualMemory memory(true);
  if (!memory.made) return groups().expect(false, "no virtual memory with descriptors could be made");
  const Importer importer(test.program);
  auto* start = reinterpret_cast<std::uint8_t*>(memory.start);
  const std::size_t piece = memory.piece_bytes;
  share(importer, start, 3 * piece, KVC_MEMORY_VIRTUAL, 3, "three whole pieces");
  share(importer, start + 4112, 2 * piece, KVC_MEMORY_VIRTUAL, 3, "from inside the first to inside the third");
  share(importer, start + piece + 1, 100, KVC_MEMORY_VIRTUAL, 1, "inside the second");
  kvc_export exported = {};
  if (!good(kvc_export_memory(start, piece, &exported), "export")) return;
  exported.pieces[0].bytes = exported.bytes = 64 * piece;
  groups().expect(importer.ask(exported, 0).status != KVC_OK, "an exporter that lies about a piece's size");
  kvc_export_free(&exported);
  share(importer, start, piece, KVC_MEMORY_VIRTUAL, 1, "after a broken import");
}

void not_shareable() {
  kvc_export exported = {};
  const VirtualMemory memory(false);
  if (memory.made) {
    groups().expect(kvc_export_memory(reinterpret_cast<void*>(memory.start), 64, &exported) == KVC_ERROR_UNSUPPORTED,
                    "virtual memory without a handle");
  }
  void* pooled = nullptr;
  if (cudaMallocAsync(&pooled, 1 << 20, nullptr) == cudaSuccess) {
    cudaStreamSynchronize(nullptr);
    groups().expect(kvc_export_memory(pooled, 64, &exported) == KVC_ERROR_UNSUPPORTED, "cudaMallocAsync");
    cudaFreeAsync(pooled, nullptr);
    cudaStreamSynchronize(nullptr);
  } else {
    cudaGetLastError();
  }
}

}  // namespace

int run_importer(int socket) {
  Message message;
  while (receive_message(socket, message)) {
    const Answer answer = import_and_compare(message);
    if (send(socket, &answer, sizeof answer, 0) < 0) return 1;
  }
  return 0;
}

void run_process_groups(const GpuTest& test) {
  groups().run("another process, cudaMalloc", [&] { ipc(test); });
  groups().run("another process, virtual memory", [&] { virtual_memory(test); });
  groups().run("memory that cannot be shared", [&] { not_shareable(); });
}

}  // namespace kvp2p::testing
