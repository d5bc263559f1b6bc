#define NAME(f) f##_portable
#if defined(__aarch64__)
#define TILE_ROWS 6
#else
#define TILE_ROWS 2
#endif
#define TILE_PANELS 1
#include "matrix_body.h"
