// The CUDA driver and NVML of the double: GPU memory is host memory, and a stream is a list of work.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recording.h"

enum { device_count = 2 };
enum { success = 0, invalid_value = 1, out_of_memory = 2, no_device = 100, invalid_context = 201 };

typedef struct block {
  struct block *next;
  char *memory;
  size_t bytes;
  bool is_pinned, is_freed;
} block;

typedef struct work {
  struct work *next;
  void (*run)(void *);
  void *argument;
} work;

typedef struct stream {
  struct stream *next;
  work *first, **end;
  bool is_deleted;
  int ordinal;
} stream;

typedef struct copy {
  void *target;
  const void *source;
  size_t bytes;
  bool to_device;
} copy;

static block *blocks;
static stream *streams;
static int retained[device_count];
static int contexts[device_count];  // their addresses are the contexts
static _Thread_local void *current_context;

void cuda_reset(void) {
  while (blocks) {
    block *next = blocks->next;
    free(blocks->memory);
    free(blocks);
    blocks = next;
  }
  while (streams) {
    stream *next = streams->next;
    while (streams->first) {
      work *following = streams->first->next;
      free(streams->first->argument);
      free(streams->first);
      streams->first = following;
    }
    free(streams);
    streams = next;
  }
  memset(retained, 0, sizeof retained);
}

static bool has_context(const char *function) {
  for (int i = 0; i < device_count; i++) {
    if (current_context == &contexts[i] && retained[i] > 0) return true;
  }
  violation("%s without a current context", function);
  return false;
}

static block *block_holding(const void *pointer, size_t bytes) {
  for (block *b = blocks; b; b = b->next) {
    const char *start = b->memory;
    if ((const char *)pointer >= start && (const char *)pointer + bytes <= start + b->bytes) return b;
  }
  return NULL;
}

bool device_memory_holds(const void *pointer, size_t bytes) {
  block *b = block_holding(pointer, bytes);
  return b && !b->is_pinned && !b->is_freed;
}

static bool pinned_memory_holds(const void *pointer, size_t bytes) {
  block *b = block_holding(pointer, bytes);
  return b && b->is_pinned && !b->is_freed;
}

// MARK: Starting, devices

int cuInit(unsigned flags) {
  record("cuInit(%u)", flags);
  return scenario_has("no-driver") ? no_device : success;
}

int cuDriverGetVersion(int *version) {
  *version = 12090;
  return success;
}

int cuGetErrorName(int result, const char **name) {
  switch (result) {
    case invalid_value: *name = "CUDA_ERROR_INVALID_VALUE"; break;
    case out_of_memory: *name = "CUDA_ERROR_OUT_OF_MEMORY"; break;
    case no_device: *name = "CUDA_ERROR_NO_DEVICE"; break;
    case invalid_context: *name = "CUDA_ERROR_INVALID_CONTEXT"; break;
    default: *name = NULL; return invalid_value;
  }
  return success;
}

int cuDeviceGetCount(int *count) {
  *count = scenario_has("no-devices") ? 0 : device_count;
  return success;
}

int cuDeviceGet(int *device, int ordinal) {
  if (ordinal < 0 || ordinal >= device_count) return invalid_value;
  *device = ordinal + 40;  // a handle isn't an ordinal
  return success;
}

static int ordinal_of(int device) {
  if (device < 40 || device >= 40 + device_count) violation("%d is no device handle", device);
  return device - 40;
}

int cuDeviceGetName(char *name, int capacity, int device) {
  snprintf(name, (size_t)capacity, "Double %d", ordinal_of(device));
  return success;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
  if (attribute == 75) *value = ordinal_of(device) == 0 ? 8 : 12;
  else if (attribute == 76) *value = ordinal_of(device) == 0 ? 6 : 0;
  else return invalid_value;
  return success;
}

int cuDeviceTotalMem_v2(size_t *bytes, int device) {
  *bytes = (size_t)(ordinal_of(device) + 1) << 33;
  return success;
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
  int ordinal = ordinal_of(device);
  record("cuDevicePrimaryCtxRetain(%d)", ordinal);
  retained[ordinal]++;
  count_live(1);
  *context = &contexts[ordinal];
  return success;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
  int ordinal = ordinal_of(device);
  record("cuDevicePrimaryCtxRelease(%d)", ordinal);
  if (retained[ordinal] == 0) violation("context %d released too often", ordinal);
  retained[ordinal]--;
  count_live(-1);
  return success;
}

int cuCtxSetCurrent(void *context) {
  current_context = context;
  return success;
}

int cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
  *free_bytes = 600;
  *total = 1u << 30;
  return success;
}

// MARK: Memory

static int allocate(void **pointer, size_t bytes, bool is_pinned) {
  block *b = calloc(1, sizeof *b);
  b->memory = malloc(bytes);
  memset(b->memory, 0xAB, bytes);
  b->bytes = bytes;
  b->is_pinned = is_pinned;
  b->next = blocks;
  blocks = b;
  count_live(1);
  *pointer = b->memory;
  return success;
}

static int release(void *pointer, bool is_pinned) {
  block *b = block_holding(pointer, 1);
  if (!b || b->memory != pointer || b->is_pinned != is_pinned) {
    violation("freeing what isn't %s memory", is_pinned ? "pinned" : "GPU");
    return invalid_value;
  }
  if (b->is_freed) violation("freed twice");
  b->is_freed = true;
  count_live(-1);
  return success;
}

int cuMemAlloc_v2(uint64_t *pointer, size_t bytes) {
  record("cuMemAlloc(%zu)", bytes);
  if (!has_context("cuMemAlloc")) return invalid_context;
  if (scenario_has("little-memory") && bytes > 600) return out_of_memory;
  void *memory;
  int result = allocate(&memory, bytes, false);
  *pointer = (uint64_t)(uintptr_t)memory;
  return result;
}

int cuMemFree_v2(uint64_t pointer) {
  record("cuMemFree");
  if (!has_context("cuMemFree")) return invalid_context;
  return release((void *)(uintptr_t)pointer, false);
}

int cuMemHostAlloc(void **pointer, size_t bytes, unsigned flags) {
  record("cuMemHostAlloc(%zu, %u)", bytes, flags);
  if (!has_context("cuMemHostAlloc")) return invalid_context;
  return allocate(pointer, bytes, true);
}

int cuMemFreeHost(void *pointer) {
  record("cuMemFreeHost");
  return release(pointer, true);
}

// MARK: Streams

int cuStreamCreate(void **created, unsigned flags) {
  record("cuStreamCreate(%u)", flags);
  if (!has_context("cuStreamCreate")) return invalid_context;
  stream *s = calloc(1, sizeof *s);
  s->end = &s->first;
  s->next = streams;
  streams = s;
  count_live(1);
  *created = s;
  return success;
}

static stream *checked_stream(void *pointer, const char *function) {
  for (stream *s = streams; s; s = s->next) {
    if (s != pointer) continue;
    if (s->is_deleted) violation("%s on a deleted stream", function);
    return s;
  }
  violation("%s on what is no stream", function);
  return NULL;
}

int cuStreamDestroy_v2(void *pointer) {
  record("cuStreamDestroy");
  stream *s = checked_stream(pointer, "cuStreamDestroy");
  if (!s) return invalid_value;
  if (s->first) violation("a stream deleted with work on it");
  s->is_deleted = true;
  count_live(-1);
  return success;
}

void stream_put(void *pointer, void (*run)(void *), void *argument) {
  stream *s = checked_stream(pointer, "work");
  if (!s) return;
  work *w = calloc(1, sizeof *w);
  w->run = run;
  w->argument = argument;
  *s->end = w;
  s->end = &w->next;
}

int cuStreamSynchronize(void *pointer) {
  record("cuStreamSynchronize");
  stream *s = checked_stream(pointer, "cuStreamSynchronize");
  if (!s) return invalid_value;
  while (s->first) {
    work *w = s->first;
    s->first = w->next;
    if (!s->first) s->end = &s->first;
    w->run(w->argument);
    free(w->argument);
    free(w);
  }
  return success;
}

static void run_copy(void *argument) {
  copy *c = argument;
  const void *device = c->to_device ? c->target : c->source;
  const void *host = c->to_device ? c->source : c->target;
  if (!device_memory_holds(device, c->bytes)) {
    violation("a copy leaves live GPU memory");
    return;
  }
  if (!pinned_memory_holds(host, c->bytes)) {
    violation("a copy leaves live pinned memory");
    return;
  }
  memcpy(c->target, c->source, c->bytes);
}

static int put_copy(void *target, const void *source, size_t bytes, bool to_device, void *on) {
  copy *c = malloc(sizeof *c);
  *c = (copy){target, source, bytes, to_device};
  stream_put(on, run_copy, c);
  return success;
}

int cuMemcpyHtoDAsync_v2(uint64_t target, const void *source, size_t bytes, void *on) {
  record("cuMemcpyHtoDAsync(%zu)", bytes);
  return put_copy((void *)(uintptr_t)target, source, bytes, true, on);
}

int cuMemcpyDtoHAsync_v2(void *target, uint64_t source, size_t bytes, void *on) {
  record("cuMemcpyDtoHAsync(%zu)", bytes);
  return put_copy(target, (const void *)(uintptr_t)source, bytes, false, on);
}

// MARK: NVML

int nvmlInit_v2(void) {
  count_live(1);
  return success;
}

int nvmlShutdown(void) {
  count_live(-1);
  return success;
}

int nvmlSystemGetDriverVersion(char *version, unsigned capacity) {
  snprintf(version, capacity, "999.1");
  return success;
}
