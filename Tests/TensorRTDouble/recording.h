// What the parts of the double share: the scenario, the transcript, and the count of live objects.
#ifndef TENSORRT_DOUBLE_RECORDING_H
#define TENSORRT_DOUBLE_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum family { family_rtx, family_11, family_10 };

extern int32_t double_version;
enum family double_family(void);
bool scenario_has(const char *word);

__attribute__((format(printf, 1, 2))) void record(const char *format, ...);
__attribute__((format(printf, 1, 2))) void violation(const char *format, ...);
void count_live(int32_t change);

// Forget what the parts hold.
void objects_reset(void);
void cuda_reset(void);

// Puts `work` on a stream of the double's CUDA driver.
void stream_put(void *stream, void (*work)(void *), void *argument);
// Whether `bytes` from `pointer` lie in live memory of the GPU.
bool device_memory_holds(const void *pointer, size_t bytes);

#endif
