// The CUDA driver, resolved by name. The names with _v2 are the ones that the current headers of CUDA call.
#define _GNU_SOURCE
#include "CUDADriver.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { attribute_capability_major = 75, attribute_capability_minor = 76 };
enum { stream_non_blocking = 1 };

//    function                     parameters
#define DRIVER_FUNCTIONS(F) \
  F(cuInit,                      (unsigned flags)) \
  F(cuDriverGetVersion,          (int *version)) \
  F(cuGetErrorName,              (int result, const char **name)) \
  F(cuDeviceGetCount,            (int *count)) \
  F(cuDeviceGet,                 (int *device, int ordinal)) \
  F(cuDeviceGetName,             (char *name, int capacity, int device)) \
  F(cuDeviceGetAttribute,        (int *value, int attribute, int device)) \
  F(cuDeviceTotalMem_v2,         (size_t *bytes, int device)) \
  F(cuDevicePrimaryCtxRetain,    (void **context, int device)) \
  F(cuDevicePrimaryCtxRelease_v2, (int device)) \
  F(cuCtxSetCurrent,             (void *context)) \
  F(cuMemGetInfo_v2,             (size_t *free, size_t *total)) \
  F(cuMemAlloc_v2,               (cuda_pointer *pointer, size_t bytes)) \
  F(cuMemFree_v2,                (cuda_pointer pointer)) \
  F(cuMemHostAlloc,              (void **pointer, size_t bytes, unsigned flags)) \
  F(cuMemFreeHost,               (void *pointer)) \
  F(cuStreamCreate,              (void **stream, unsigned flags)) \
  F(cuStreamDestroy_v2,          (void *stream)) \
  F(cuStreamSynchronize,         (void *stream)) \
  F(cuMemcpyHtoDAsync_v2,        (cuda_pointer target, const void *source, size_t bytes, void *stream)) \
  F(cuMemcpyDtoHAsync_v2,        (void *target, cuda_pointer source, size_t bytes, void *stream))

struct cuda_driver {
#define FIELD(function, parameters) cuda_result (*function) parameters;
  DRIVER_FUNCTIONS(FIELD)
};

// Copies the address of `symbol` into a function pointer. POSIX gives both the same size.
static bool resolve(void *shared_library, const char *symbol, void *function) {
  void *address = dlsym(shared_library, symbol);
  memcpy(function, &address, sizeof address);
  return address != NULL;
}

cuda_driver *cuda_driver_open(const char *path, cuda_result *result, char *detail, size_t capacity) {
  *result = 0;
  snprintf(detail, capacity, "out of memory");
  cuda_driver *driver = calloc(1, sizeof *driver);
  if (!driver) return NULL;
  void *shared_library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!shared_library) {
    const char *reason = dlerror();
    snprintf(detail, capacity, "%s", reason ? reason : "");
    free(driver);
    return NULL;
  }
#define RESOLVE(function, parameters)                                  \
  if (!resolve(shared_library, #function, &driver->function)) {      \
    snprintf(detail, capacity, "%s", #function);                   \
    free(driver);                                                  \
    return NULL;                                                   \
  }
  DRIVER_FUNCTIONS(RESOLVE)
  *result = driver->cuInit(0);
  if (*result != 0) {
    snprintf(detail, capacity, "%s", cuda_result_name(driver, *result));
    free(driver);
    return NULL;
  }
  detail[0] = 0;
  return driver;
}

void cuda_driver_close(cuda_driver *driver) { free(driver); }

cuda_result cuda_driver_version(const cuda_driver *driver, int32_t *version) {
  return driver->cuDriverGetVersion(version);
}

const char *cuda_result_name(const cuda_driver *driver, cuda_result result) {
  const char *name = NULL;
  if (driver->cuGetErrorName(result, &name) != 0 || !name) return "an unknown CUDA error";
  return name;
}

// MARK: Devices

cuda_result cuda_device_count(const cuda_driver *driver, int32_t *count) { return driver->cuDeviceGetCount(count); }

cuda_result cuda_device_name(const cuda_driver *driver, int32_t ordinal, char *name, int32_t capacity) {
  int device;
  cuda_result result = driver->cuDeviceGet(&device, ordinal);
  if (result != 0) return result;
  return driver->cuDeviceGetName(name, capacity, device);
}

cuda_result cuda_device_compute_capability(const cuda_driver *driver, int32_t ordinal, int32_t *major, int32_t *minor) {
  int device;
  cuda_result result = driver->cuDeviceGet(&device, ordinal);
  if (result == 0) result = driver->cuDeviceGetAttribute(major, attribute_capability_major, device);
  if (result == 0) result = driver->cuDeviceGetAttribute(minor, attribute_capability_minor, device);
  return result;
}

cuda_result cuda_device_memory(const cuda_driver *driver, int32_t ordinal, size_t *bytes) {
  int device;
  cuda_result result = driver->cuDeviceGet(&device, ordinal);
  if (result != 0) return result;
  return driver->cuDeviceTotalMem_v2(bytes, device);
}

cuda_result cuda_device_retain(const cuda_driver *driver, int32_t ordinal, void **context) {
  int device;
  cuda_result result = driver->cuDeviceGet(&device, ordinal);
  if (result != 0) return result;
  return driver->cuDevicePrimaryCtxRetain(context, device);
}

cuda_result cuda_device_activate(const cuda_driver *driver, void *context) { return driver->cuCtxSetCurrent(context); }

cuda_result cuda_device_release(const cuda_driver *driver, int32_t ordinal) {
  int device;
  cuda_result result = driver->cuDeviceGet(&device, ordinal);
  if (result != 0) return result;
  return driver->cuDevicePrimaryCtxRelease_v2(device);
}

cuda_result cuda_memory_information(const cuda_driver *driver, size_t *free, size_t *total) {
  return driver->cuMemGetInfo_v2(free, total);
}

// MARK: Memory and streams

cuda_result cuda_memory_allocate(const cuda_driver *driver, cuda_pointer *pointer, size_t bytes) {
  return driver->cuMemAlloc_v2(pointer, bytes);
}

cuda_result cuda_memory_free(const cuda_driver *driver, cuda_pointer pointer) { return driver->cuMemFree_v2(pointer); }

cuda_result cuda_pinned_allocate(const cuda_driver *driver, void **pointer, size_t bytes) {
  return driver->cuMemHostAlloc(pointer, bytes, 0);
}

cuda_result cuda_pinned_free(const cuda_driver *driver, void *pointer) { return driver->cuMemFreeHost(pointer); }

cuda_result cuda_stream_create(const cuda_driver *driver, cuda_stream *stream) {
  return driver->cuStreamCreate(&stream->object, stream_non_blocking);
}

cuda_result cuda_stream_delete(const cuda_driver *driver, cuda_stream stream) {
  return driver->cuStreamDestroy_v2(stream.object);
}

cuda_result cuda_stream_synchronize(const cuda_driver *driver, cuda_stream stream) {
  return driver->cuStreamSynchronize(stream.object);
}

cuda_result cuda_copy_to_device(
  const cuda_driver *driver, cuda_pointer target, const void *source, size_t bytes, cuda_stream stream) {
  return driver->cuMemcpyHtoDAsync_v2(target, source, bytes, stream.object);
}

cuda_result cuda_copy_to_host(
  const cuda_driver *driver, void *target, cuda_pointer source, size_t bytes, cuda_stream stream) {
  return driver->cuMemcpyDtoHAsync_v2(target, source, bytes, stream.object);
}

// MARK: Driver version

bool nvml_driver_version(const char *path, char *version, uint32_t capacity) {
  void *shared_library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!shared_library) return false;
  int (*initialize)(void), (*shut_down)(void), (*driver_version)(char *, unsigned);
  bool is_read = false;
  if (resolve(shared_library, "nvmlInit_v2", &initialize) && resolve(shared_library, "nvmlShutdown", &shut_down) &&
    resolve(shared_library, "nvmlSystemGetDriverVersion", &driver_version) && initialize() == 0) {
    is_read = driver_version(version, capacity) == 0;
    shut_down();
  }
  return is_read;
}
