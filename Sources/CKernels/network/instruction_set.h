#pragma once

typedef enum { PORTABLE, AVX2, AVX512 } instruction_set;

/// The best instruction set of this processor within the restriction.
instruction_set martlet_current_set(void);

#if defined(__x86_64__)
#define FUNCTIONS(f) {f##_portable, f##_avx2, f##_avx512}
#else
#define FUNCTIONS(f) {f##_portable, f##_portable, f##_portable}
#endif
