#include "instruction_set.h"

#include <stdatomic.h>
#include <string.h>

#include "../include/network_convolution.h"

static _Atomic int restriction = -1;

static instruction_set best_set(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (
    __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
    __builtin_cpu_supports("avx512bw"))
    return AVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return AVX2;
#endif
  return PORTABLE;
}

instruction_set martlet_current_set(void) {
  static _Atomic int known = -1;
  int set = atomic_load_explicit(&known, memory_order_relaxed);
  if (set < 0) {
    set = best_set();
    atomic_store_explicit(&known, set, memory_order_relaxed);
  }
  int limit = atomic_load_explicit(&restriction, memory_order_relaxed);
  return (instruction_set)(limit >= 0 && limit < set ? limit : set);
}

static const char *const set_names[] = {"portable", "AVX2", "AVX-512"};

const char *martlet_instruction_set(void) { return set_names[martlet_current_set()]; }

void martlet_restrict_instruction_set(const char *name) {
  int limit = -1;
  for (int set = 0; set < 3; set++)
    if (strcmp(name, set_names[set]) == 0) limit = set;
  atomic_store(&restriction, limit);
}
