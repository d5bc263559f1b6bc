// The CUDA driver's C interface, and the driver version from NVML, loaded at run time.
//
// Everything goes through the driver library (libcuda.so.1), which comes with every NVIDIA driver; the CUDA toolkit
// and its runtime library are not needed. TensorRT uses the device's primary context, which `cuda_device_activate`
// makes current on the calling thread; the streams and addresses made here are the ones that TensorRT takes.
//
// Every function that returns `cuda_result` gives the driver's CUresult: 0 is success.
#ifndef CUDA_DRIVER_H
#define CUDA_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t cuda_result;
typedef uint64_t cuda_pointer;  // an address in the GPU's memory
typedef struct cuda_stream { void *object; } cuda_stream;
typedef struct cuda_driver cuda_driver;

// Loads and initialises the driver. Null on failure: `detail` then holds the loader's words or the missing symbol's
// name, and `result` the driver's answer when it loaded but doesn't initialise (else 0).
cuda_driver *cuda_driver_open(const char *path, cuda_result *result, char *detail, size_t capacity);
// Frees the object; the library stays loaded.
void cuda_driver_close(cuda_driver *driver);
// The highest CUDA version that the driver takes: 12090 is 12.9.
cuda_result cuda_driver_version(const cuda_driver *driver, int32_t *version);
// The name of a result, CUDA_ERROR_OUT_OF_MEMORY for instance; never null.
const char *cuda_result_name(const cuda_driver *driver, cuda_result result);

cuda_result cuda_device_count(const cuda_driver *driver, int32_t *count);
cuda_result cuda_device_name(const cuda_driver *driver, int32_t ordinal, char *name, int32_t capacity);
cuda_result cuda_device_compute_capability(
  const cuda_driver *driver, int32_t ordinal, int32_t *major, int32_t *minor);
cuda_result cuda_device_memory(const cuda_driver *driver, int32_t ordinal, size_t *bytes);

// Makes the device's primary context current on the calling thread, keeping it alive until released.
cuda_result cuda_device_retain(const cuda_driver *driver, int32_t ordinal, void **context);
cuda_result cuda_device_activate(const cuda_driver *driver, void *context);
cuda_result cuda_device_release(const cuda_driver *driver, int32_t ordinal);
// Free and total memory of the current context's device.
cuda_result cuda_memory_information(const cuda_driver *driver, size_t *free, size_t *total);

cuda_result cuda_memory_allocate(const cuda_driver *driver, cuda_pointer *pointer, size_t bytes);
cuda_result cuda_memory_free(const cuda_driver *driver, cuda_pointer pointer);
// Host memory that the GPU copies from and to without a detour.
cuda_result cuda_pinned_allocate(const cuda_driver *driver, void **pointer, size_t bytes);
cuda_result cuda_pinned_free(const cuda_driver *driver, void *pointer);

cuda_result cuda_stream_create(const cuda_driver *driver, cuda_stream *stream);
cuda_result cuda_stream_delete(const cuda_driver *driver, cuda_stream stream);
// Waits until everything on the stream is done.
cuda_result cuda_stream_synchronize(const cuda_driver *driver, cuda_stream stream);
// Copies in the stream's order; the host memory must live, and stay as it is, until the stream was synchronised.
cuda_result cuda_copy_to_device(
  const cuda_driver *driver, cuda_pointer target, const void *source, size_t bytes, cuda_stream stream);
cuda_result cuda_copy_to_host(
  const cuda_driver *driver, void *target, cuda_pointer source, size_t bytes, cuda_stream stream);

// The version of the installed driver, `580.95.05` for instance, from NVML at `path` (libnvidia-ml.so.1). False when
// NVML isn't there or doesn't answer.
bool nvml_driver_version(const char *path, char *version, uint32_t capacity);

#ifdef __cplusplus
}
#endif

#endif
