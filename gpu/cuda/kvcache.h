/* KV cache on NVIDIA GPUs, usable from C: memory, paged gather and scatter, conversions, copies between GPUs and
 * processes. Nothing here knows of nodes or networks; gpu/cuda_connector.h puts it behind GpuConnector.
 *
 * Every call returns a status and never aborts; kvc_last_error() says more, for people, on the thread that called.
 * Thread-safe, but for what one stream or one object does: that is ordered by its caller. Streams and events are the
 * runtime's own (cudaStream_t, cudaEvent_t), so a caller's stream, PyTorch's too, can be given; NULL is the legacy
 * default stream. Calls use each device's primary context, leave the thread's current device as it was, and never
 * synchronise a device. Pointers named `start`, `wire`, `k`, `v` are device-accessible unless it says host.
 *
 * "Asynchronous" means: returns once the work is queued in `stream`; host arrays (slices, pairs) may be reused at once.
 */
#ifndef KVP2P_GPU_CUDA_KVCACHE_H_
#define KVP2P_GPU_CUDA_KVCACHE_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct CUstream_st* kvc_stream; /* cudaStream_t */
typedef struct CUevent_st* kvc_event;   /* cudaEvent_t */

typedef enum kvc_status {
  KVC_OK = 0,
  KVC_NOT_READY,         /* kvc_event_query: the work is not done yet */
  KVC_ERROR_NO_DRIVER,   /* no GPU, or no usable driver */
  KVC_ERROR_NO_DEVICE,   /* no such device */
  KVC_ERROR_NO_MEMORY,   /* of the kind that was asked for */
  KVC_ERROR_ARGUMENT,    /* out of bounds, misaligned, null, not this kind of memory */
  KVC_ERROR_UNSUPPORTED, /* this device or driver cannot */
  KVC_ERROR_NO_ACCESS,   /* the two devices cannot reach each other */
  KVC_ERROR_DEVICE       /* the device failed; the context may be unusable */
} kvc_status;

const char* kvc_status_text(kvc_status status);
/* What went wrong last on this thread, kept until the next failure; valid until this thread's next call. */
const char* kvc_last_error(void);

/* Devices -------------------------------------------------------------------------------------------------------- */

typedef struct kvc_device_info {
  char name[128];
  uint8_t uuid[16];
  uint64_t memory_bytes;
  uint32_t compute_major, compute_minor;
  uint32_t multiprocessors;
} kvc_device_info;

/* Devices that this process sees (CUDA_VISIBLE_DEVICES counts). KVC_ERROR_NO_DRIVER says why in kvc_last_error(). */
kvc_status kvc_device_count(int* count);
kvc_status kvc_get_device_info(int device, kvc_device_info* info);

typedef enum kvc_link { KVC_LINK_NONE = 0, KVC_LINK_SAME_DEVICE, KVC_LINK_NVLINK, KVC_LINK_PCIE } kvc_link;
/* How `device` reaches the memory of `peer`. */
kvc_status kvc_get_link(int device, int peer, kvc_link* link);
/* Lets kernels on `device` use memory of `peer`; idempotent. KVC_ERROR_NO_ACCESS where the hardware cannot. */
kvc_status kvc_enable_peer(int device, int peer);

/* Memory, streams, events ---------------------------------------------------------------------------------------- */

kvc_status kvc_device_alloc(int device, size_t bytes, void** start);
kvc_status kvc_device_free(int device, void* start);
/* Memory that the driver counts as free now, of all that there is: other processes' use shows. */
kvc_status kvc_memory_info(int device, uint64_t* free_bytes, uint64_t* total_bytes);
/* Page-locked host memory that every device can reach. Slow (23 ms for 64 MiB): for pools, at start-up. */
kvc_status kvc_pinned_alloc(size_t bytes, void** start);
kvc_status kvc_pinned_free(void* start);
/* Page-locks host memory that is there already. REQUIRES: page-aligned. */
kvc_status kvc_pin(void* start, size_t bytes);
kvc_status kvc_unpin(void* start);
/* Fixed slots of pinned memory, allocated once. KVC_ERROR_NO_MEMORY when all are out: back-pressure, ask again. */
typedef struct kvc_pinned_pool kvc_pinned_pool;
kvc_status kvc_pinned_pool_create(size_t slot_bytes, size_t slots, kvc_pinned_pool** pool);
kvc_status kvc_pinned_pool_take(kvc_pinned_pool* pool, void** slot);
kvc_status kvc_pinned_pool_give(kvc_pinned_pool* pool, void* slot);
/* REQUIRES: every slot has been given back. */
void kvc_pinned_pool_destroy(kvc_pinned_pool* pool);

/* Non-blocking with respect to the legacy default stream. */
kvc_status kvc_stream_create(int device, kvc_stream* stream);
kvc_status kvc_stream_destroy(kvc_stream stream);
kvc_status kvc_stream_wait_event(kvc_stream stream, kvc_event event);
/* Waits for one stream only. */
kvc_status kvc_stream_synchronize(kvc_stream stream);
/* `timed`: kvc_event_elapsed can be asked. */
kvc_status kvc_event_create(int device, int timed, kvc_event* event);
kvc_status kvc_event_destroy(kvc_event event);
kvc_status kvc_event_record(kvc_event event, kvc_stream stream);
kvc_status kvc_event_query(kvc_event event); /* KVC_OK, KVC_NOT_READY or an error */
kvc_status kvc_event_synchronize(kvc_event event);
kvc_status kvc_event_elapsed(kvc_event from, kvc_event to, float* milliseconds);
/* Asynchronous where both sides are pinned or device memory. Any direction, any two devices. */
kvc_status kvc_copy(void* to, const void* from, size_t bytes, kvc_stream stream);

/* What a caller may have made up is a value of the type too, to be refused: hence the largest. */
typedef enum kvc_element {
  KVC_F32 = 1,
  KVC_F16 = 2,
  KVC_BF16 = 3,
  KVC_F8_E4M3 = 4,
  KVC_ELEMENT_MAX = 0x7fffffff
} kvc_element;

/* Regions: an engine's paged KV cache as strides ------------------------------------------------------------------- */

typedef struct kvc_loop {
  uint64_t count;
  int64_t stride; /* bytes on the engine's side; the wire side is contiguous */
} kvc_loop;

/* How one layer's slices (16 tokens) are walked: loops, outermost first, around one contiguous run. The same fields
 * and meaning as kvp2p::SlicePlan (gpu/strided_copy.h). Slot s begins at
 * base + (s / slots_per_block) * block_stride + (s % slots_per_block) * slot_stride. */
typedef struct kvc_slice_plan {
  uint64_t base;
  kvc_loop loops[3];
  uint64_t run_bytes;
  uint64_t slice_bytes; /* = loops[0].count * loops[1].count * loops[2].count * run_bytes */
  uint64_t block_stride;
  uint64_t slot_stride;
  uint32_t slots_per_block;
} kvc_slice_plan;

/* Device memory with a plan a layer. It is held on the host: plans and tables reach the kernels as parameters. The
 * memory may be another device's or an import's, as long as `device`, on which the kernels run, can reach it (peer
 * access is enabled where it is needed). */
typedef struct kvc_region kvc_region;
/* `slots`: slots of every layer. KVC_ERROR_ARGUMENT if a plan reaches outside [start, start + bytes), is not
 * consistent, has a slice_bytes of its own or one above 1 GiB. Any alignment works; where start, strides and run_bytes
 * are multiples of 16 bytes copies are fastest. */
kvc_status kvc_region_create(int device, void* start, size_t bytes, const kvc_slice_plan* plans, uint32_t layers,
                             uint32_t slots, kvc_region** region);

/* docs/codecs.md */
typedef enum kvc_codec {
  KVC_CODEC_NONE = 0,
  KVC_CODEC_INT8 = 1,
  KVC_CODEC_FP8 = 2,
  KVC_CODEC_INT4 = 3,
  KVC_CODEC_MAX = 0x7fffffff
} kvc_codec;
/* What kvc_gather codes this region's slices with and kvc_scatter decodes them from: F32, F16 or BF16 elements in rows
 * of `head_dim`, a head slice being `rows` of them. A slice on the wire then has its coded size. kvc_copy_blocks copies
 * elements as they are. KVC_ERROR_ARGUMENT, and the region has no codec, if slices are not whole heads, runs not whole
 * rows, elements not aligned, or a slice has more than 2^20 groups. What is gathered must be checked for unsound scales
 * before it is used. Not while anything that uses the region is being queued. */
kvc_status kvc_region_set_codec(kvc_region* region, kvc_codec codec, kvc_element element, uint32_t head_dim,
                                uint32_t rows);
/* REQUIRES: nothing that uses it is queued or runs. */
void kvc_region_destroy(kvc_region* region);

/* One layer of one slot, and where it lies in wire order: `offset` bytes from `wire`. */
typedef struct kvc_slice {
  uint32_t slot;
  uint32_t layer;
  uint64_t offset;
} kvc_slice;

/* Region → wire order, and back. Asynchronous. `wire` is device memory or pinned host memory (then the kernel itself
 * crosses PCIe, from 32 blocks of threads), `wire_bytes` its size. All slices are checked first: on a bad argument
 * nothing was queued. Slices that overlap where they are written leave either's bytes. */
kvc_status kvc_gather(const kvc_region* region, const kvc_slice* slices, size_t count, void* wire, size_t wire_bytes,
                      kvc_stream stream);
kvc_status kvc_scatter(const kvc_region* region, const kvc_slice* slices, size_t count, const void* wire,
                       size_t wire_bytes, kvc_stream stream);

typedef struct kvc_pair {
  uint32_t from;
  uint32_t to;
} kvc_pair;

/* Region → region, every layer pair of every slot pair, converting the layout, in one pass: the direct path. Runs on
 * `to`'s device. REQUIRES: equal slice_bytes; what is written does not overlap what is read. Asynchronous. One launch
 * for up to 3,400 slot pairs times 128 layer pairs. */
kvc_status kvc_copy_blocks(const kvc_region* from, const kvc_region* to, const kvc_pair* slots, size_t slot_count,
                           const kvc_pair* layers, size_t layer_count, kvc_stream stream);

/* Operations on one sequence's paged cache ------------------------------------------------------------------------- */

/* One layer of one sequence. K of token t, head h: k + block_table[t / block_tokens] * block_stride
 * + (t % block_tokens) * token_stride + h * head_stride; V likewise. Strides in bytes. `v` may be null (MLA has one
 * plane): then the calls ignore their own `v`. What block_table holds is read by the kernels and cannot be checked:
 * each entry must be a block of the cache. */
typedef struct kvc_paged_cache {
  void* k;
  void* v;
  uint64_t block_stride, token_stride, head_stride;
  uint32_t block_tokens;
  uint32_t heads;
  uint32_t head_bytes;         /* head_dim * element bytes */
  const uint32_t* block_table; /* device memory */
  uint32_t blocks;             /* entries of block_table */
} kvc_paged_cache;

/* Writes new tokens [first, first + tokens): k, v are [token][head][dim], rows `row_bytes` apart (0: contiguous).
 * Asynchronous, as are all below. A range outside the cache is KVC_ERROR_ARGUMENT. */
kvc_status kvc_append(int device, const kvc_paged_cache* cache, uint32_t first, uint32_t tokens, const void* k,
                      const void* v, uint64_t row_bytes, kvc_stream stream);
/* Tokens [first, first + tokens) out of the cache, contiguous [token][head][dim]. */
kvc_status kvc_extract(int device, const kvc_paged_cache* cache, uint32_t first, uint32_t tokens, void* k, void* v,
                       kvc_stream stream);
/* A cached prefix and a computed tail, both contiguous, become tokens [0, prefix + tail) of the cache. */
kvc_status kvc_merge(int device, const kvc_paged_cache* cache, const void* prefix_k, const void* prefix_v,
                     uint32_t prefix_tokens, const void* tail_k, const void* tail_v, uint32_t tail_tokens,
                     kvc_stream stream);
/* Zeroes tokens [first, first + tokens). */
kvc_status kvc_clear(int device, const kvc_paged_cache* cache, uint32_t first, uint32_t tokens, kvc_stream stream);

/* Element types ---------------------------------------------------------------------------------------------------- */

/* `count` elements, contiguous and aligned to their own size, rounding to nearest even. Into F8_E4M3: value / scale,
 * saturating at 448, infinities too; out of it: value * scale (in f32). `scale` is positive and not looked at
 * otherwise; between equal types bytes are copied. NaN stays NaN. `from` and `to` do not overlap. */
kvc_status kvc_convert(int device, kvc_element from_element, const void* from, kvc_element to_element, void* to,
                       size_t count, float scale, kvc_stream stream);

/* Between GPUs and processes --------------------------------------------------------------------------------------- */

/* Contiguous bytes from one device's memory to another's, over NVLink or PCIe where there is peer access, staged by
 * the driver where there is none. */
kvc_status kvc_copy_peer(void* to, int to_device, const void* from, int from_device, size_t bytes, kvc_stream stream);

typedef enum kvc_memory_kind {
  KVC_MEMORY_IPC = 1,    /* cudaMalloc: one CUDA IPC handle */
  KVC_MEMORY_VIRTUAL = 2 /* cuMemCreate and cuMemMap (PyTorch's expandable segments): a descriptor a piece */
} kvc_memory_kind;

#define KVC_PIECES_MAX 4096

/* One allocation that lies, as a whole or in part, inside the exported range. */
typedef struct kvc_piece {
  uint8_t handle[64]; /* IPC */
  int fd;             /* VIRTUAL: the receiver's own descriptor; -1 for IPC. Whoever holds it closes it. */
  uint64_t bytes;     /* of the whole allocation */
} kvc_piece;

/* What another process of this host needs to reach [start, start + bytes). */
typedef struct kvc_export {
  kvc_memory_kind kind;
  uint8_t device_uuid[16];
  uint64_t offset; /* of `start` in the first piece */
  uint64_t bytes;
  uint32_t piece_count;
  kvc_piece* pieces; /* freed by kvc_export_free, which closes the descriptors that are not -1 */
} kvc_export;

/* KVC_ERROR_UNSUPPORTED for memory that cannot be shared (cudaMallocAsync's pools, virtual memory made without a
 * shareable handle, managed memory); kvc_last_error() says which. */
kvc_status kvc_export_memory(const void* start, size_t bytes, kvc_export* exported);
void kvc_export_free(kvc_export* exported);

typedef struct kvc_import kvc_import;
/* Maps another process's memory for kernels on `device`, which may be another GPU than the memory's. Slow: up to 10 ms
 * the first time. KVC_ERROR_NO_DEVICE if this process does not see the memory's GPU, KVC_ERROR_NO_ACCESS if `device`
 * cannot reach it. The same process cannot import its own IPC handle (CUDA's rule): use the pointer. Takes nothing of
 * `exported`: the caller still frees it. */
kvc_status kvc_import_memory(const kvc_export* exported, int device, kvc_import** import, void** start);
/* REQUIRES: nothing that uses the memory is queued or runs. */
void kvc_import_close(kvc_import* import);

#ifdef __cplusplus
}
#endif

#endif /* KVP2P_GPU_CUDA_KVCACHE_H_ */
