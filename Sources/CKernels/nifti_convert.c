#include "nifti_convert.h"

#include <math.h>
#include <string.h>

// slope * value + intercept must round twice, as numpy does it.
#pragma STDC FP_CONTRACT OFF

// A tile is converted and turned in a buffer that stays in the first-level cache. Its rows along x are whole cache
// lines of the file where they can be.
enum { TILE_X = 64, TILE_Z = 64, CACHE_LINE = 64 };

typedef void (*convert_run)(const void *source, void *target, size_t count, double slope, double intercept);

// X-macro over the element types: the enumerator's suffix, the C type, its limits.
#define INTEGER_TYPES(M, ...)                                  \
  M(INT8, int8_t, INT8_MIN, INT8_MAX, __VA_ARGS__)             \
  M(INT16, int16_t, INT16_MIN, INT16_MAX, __VA_ARGS__)         \
  M(INT32, int32_t, INT32_MIN, INT32_MAX, __VA_ARGS__)         \
  M(INT64, int64_t, INT64_MIN, INT64_MAX, __VA_ARGS__)         \
  M(UINT8, uint8_t, 0, UINT8_MAX, __VA_ARGS__)                 \
  M(UINT16, uint16_t, 0, UINT16_MAX, __VA_ARGS__)              \
  M(UINT32, uint32_t, 0, UINT32_MAX, __VA_ARGS__)              \
  M(UINT64, uint64_t, 0, UINT64_MAX, __VA_ARGS__)

// One value between types. The first comparison of the integer form also sends NaN to 0.
#define FROM_FLOATING(value, type, low, high)        \
  ((value) != (value)            ? (type)0           \
   : (value) >= (double)(high)   ? (type)(high)      \
   : (value) <= (double)(low)    ? (type)(low)       \
                                 : (type)(value))
// Integers of at most 64 bits: each limit is compared in the source's own signedness.
#define FROM_INTEGER(value, type, low, high)                                          \
  (((value) > 0 && (uint64_t)(value) > (uint64_t)(high)) ? (type)(high)               \
   : ((value) < 0 && (int64_t)(value) < (int64_t)(low))  ? (type)(low)                \
                                                         : (type)(value))

#define DEFINE_RUN(name, from, to, expression)                                                          \
  static inline __attribute__((always_inline)) void name##_body(                                        \
    const void *source, void *target, size_t count, double slope, double intercept) {                   \
    (void)slope, (void)intercept;                                                                       \
    const from *restrict in = source;                                                                   \
    to *restrict out = target;                                                                          \
    for (size_t i = 0; i < count; i++) {                                                                \
      const from value = in[i];                                                                         \
      out[i] = (expression);                                                                            \
    }                                                                                                   \
  }                                                                                                     \
  DEFINE_VARIANTS(name)

#if defined(__x86_64__)
#define DEFINE_VARIANTS(name)                                                                           \
  static void name(const void *s, void *t, size_t n, double a, double b) { name##_body(s, t, n, a, b); } \
  __attribute__((target("avx2"))) static void name##_avx2(                                              \
    const void *s, void *t, size_t n, double a, double b) {                                             \
    name##_body(s, t, n, a, b);                                                                         \
  }
#define VARIANT(name) {name, name##_avx2}
static int has_avx2(void) { return __builtin_cpu_supports("avx2") != 0; }
#else
#define DEFINE_VARIANTS(name) \
  static void name(const void *s, void *t, size_t n, double a, double b) { name##_body(s, t, n, a, b); }
#define VARIANT(name) {name, name}
static int has_avx2(void) { return 0; }
#endif

// From every type to every integer type.
#define DEFINE_INTEGER_FROM_INTEGER(SUFFIX, type, low, high, FROM, from) \
  DEFINE_RUN(FROM##_to_##SUFFIX, from, type, FROM_INTEGER(value, type, low, high))
#define DEFINE_INTEGER_FROM_FLOATING(SUFFIX, type, low, high, FROM, from) \
  DEFINE_RUN(FROM##_to_##SUFFIX, from, type, FROM_FLOATING(value, type, low, high))

// From one type to both floats, plain and scaled.
#define DEFINE_FLOATING_FROM(FROM, from)                                                            \
  DEFINE_RUN(FROM##_to_FLOAT32, from, float, (float)value)                                          \
  DEFINE_RUN(FROM##_to_FLOAT64, from, double, (double)value)                                        \
  DEFINE_RUN(FROM##_scaled_FLOAT32, from, float, (float)((double)value * slope + intercept))        \
  DEFINE_RUN(FROM##_scaled_FLOAT64, from, double, (double)value * slope + intercept)

#define DEFINE_FROM_INTEGER(FROM, from, low, high, unused)                \
  INTEGER_TYPES(DEFINE_INTEGER_FROM_INTEGER, FROM, from)                  \
  DEFINE_FLOATING_FROM(FROM, from)
#define DEFINE_FROM_FLOATING(FROM, from)                                  \
  INTEGER_TYPES(DEFINE_INTEGER_FROM_FLOATING, FROM, from)                 \
  DEFINE_FLOATING_FROM(FROM, from)

// The preprocessor doesn't expand INTEGER_TYPES inside itself, so the source types are written out.
DEFINE_FROM_INTEGER(INT8, int8_t, , , )
DEFINE_FROM_INTEGER(INT16, int16_t, , , )
DEFINE_FROM_INTEGER(INT32, int32_t, , , )
DEFINE_FROM_INTEGER(INT64, int64_t, , , )
DEFINE_FROM_INTEGER(UINT8, uint8_t, , , )
DEFINE_FROM_INTEGER(UINT16, uint16_t, , , )
DEFINE_FROM_INTEGER(UINT32, uint32_t, , , )
DEFINE_FROM_INTEGER(UINT64, uint64_t, , , )
DEFINE_FROM_FLOATING(FLOAT32, float)
DEFINE_FROM_FLOATING(FLOAT64, double)

#define ROW(FROM)                                                                                       \
  [MARTLET_##FROM] = {                                                                                  \
    [MARTLET_INT8] = VARIANT(FROM##_to_INT8),       [MARTLET_INT16] = VARIANT(FROM##_to_INT16),         \
    [MARTLET_INT32] = VARIANT(FROM##_to_INT32),     [MARTLET_INT64] = VARIANT(FROM##_to_INT64),         \
    [MARTLET_UINT8] = VARIANT(FROM##_to_UINT8),     [MARTLET_UINT16] = VARIANT(FROM##_to_UINT16),       \
    [MARTLET_UINT32] = VARIANT(FROM##_to_UINT32),   [MARTLET_UINT64] = VARIANT(FROM##_to_UINT64),       \
    [MARTLET_FLOAT32] = VARIANT(FROM##_to_FLOAT32), [MARTLET_FLOAT64] = VARIANT(FROM##_to_FLOAT64),     \
  }
static const convert_run plain_runs[MARTLET_ELEMENT_COUNT][MARTLET_ELEMENT_COUNT][2] = {
  ROW(INT8),  ROW(INT16),  ROW(INT32),  ROW(INT64),   ROW(UINT8),
  ROW(UINT16), ROW(UINT32), ROW(UINT64), ROW(FLOAT32), ROW(FLOAT64),
};

#define SCALED_ROW(FROM) [MARTLET_##FROM] = {VARIANT(FROM##_scaled_FLOAT32), VARIANT(FROM##_scaled_FLOAT64)}
static const convert_run scaled_runs[MARTLET_ELEMENT_COUNT][2][2] = {
  SCALED_ROW(INT8),  SCALED_ROW(INT16),  SCALED_ROW(INT32),  SCALED_ROW(INT64),   SCALED_ROW(UINT8),
  SCALED_ROW(UINT16), SCALED_ROW(UINT32), SCALED_ROW(UINT64), SCALED_ROW(FLOAT32), SCALED_ROW(FLOAT64),
};

static const size_t element_sizes[MARTLET_ELEMENT_COUNT] = {
  [MARTLET_INT8] = 1,   [MARTLET_INT16] = 2,  [MARTLET_INT32] = 4,  [MARTLET_INT64] = 8,   [MARTLET_UINT8] = 1,
  [MARTLET_UINT16] = 2, [MARTLET_UINT32] = 4, [MARTLET_UINT64] = 8, [MARTLET_FLOAT32] = 4, [MARTLET_FLOAT64] = 8,
};

// Tiles between a buffer with x fastest (`width` elements to a row) and memory. The inner loop follows the memory's
// shorter stride, so that whole cache lines are read or written.
#define DEFINE_TILES(unit)                                                                                      \
  static void scatter_##unit(                                                                                   \
    const unit *restrict tile, unit *restrict memory, size_t width, size_t nx, size_t nz, ptrdiff_t sx, ptrdiff_t sz) {       \
    if (sz == 1) {                                                                                              \
      for (size_t x = 0; x < nx; x++)                                                                           \
        for (size_t z = 0; z < nz; z++) memory[(ptrdiff_t)x * sx + (ptrdiff_t)z] = tile[z * width + x];        \
      return;                                                                                                   \
    }                                                                                                           \
    for (size_t z = 0; z < nz; z++)                                                                             \
      for (size_t x = 0; x < nx; x++) memory[(ptrdiff_t)x * sx + (ptrdiff_t)z * sz] = tile[z * width + x];     \
  }                                                                                                             \
  static void gather_##unit(                                                                                    \
    unit *restrict tile, const unit *restrict memory, size_t width, size_t nx, size_t nz, ptrdiff_t sx, ptrdiff_t sz) {       \
    if (sz == 1) {                                                                                              \
      for (size_t x = 0; x < nx; x++)                                                                           \
        for (size_t z = 0; z < nz; z++) tile[z * width + x] = memory[(ptrdiff_t)x * sx + (ptrdiff_t)z];        \
      return;                                                                                                   \
    }                                                                                                           \
    for (size_t z = 0; z < nz; z++)                                                                             \
      for (size_t x = 0; x < nx; x++) tile[z * width + x] = memory[(ptrdiff_t)x * sx + (ptrdiff_t)z * sz];     \
  }
DEFINE_TILES(uint8_t)
DEFINE_TILES(uint16_t)
DEFINE_TILES(uint32_t)
DEFINE_TILES(uint64_t)

// Turns 8×8 bytes: row r of `rows` becomes byte r of each row (Warren, Hacker's Delight, 7-3).
static inline void turn_bytes(uint64_t rows[8]) {
  for (int step = 4; step > 0; step >>= 1) {
    // The bytes whose index has the bit `step` clear.
    const uint64_t low = step == 4 ? 0x00000000ffffffff : step == 2 ? 0x0000ffff0000ffff : 0x00ff00ff00ff00ff;
    for (int r = 0; r < 8; r++) {
      if (r & step) continue;
      const uint64_t upper = (rows[r] >> (8 * step)) & low;
      const uint64_t lower = (rows[r + step] & low) << (8 * step);
      rows[r] = (rows[r] & low) | lower;
      rows[r + step] = (rows[r + step] & ~low) | upper;
    }
  }
}

// Bytes that lie z-fastest in memory, eight by eight; the edges, and all on big-endian machines, one by one.
static void gather_bytes(
  uint8_t *restrict tile, const uint8_t *restrict memory, size_t width, size_t nx, size_t nz, ptrdiff_t sx) {
  size_t whole_x = 0, whole_z = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  whole_x = nx & ~(size_t)7, whole_z = nz & ~(size_t)7;
  for (size_t x = 0; x < whole_x; x += 8) {
    for (size_t z = 0; z < whole_z; z += 8) {
      uint64_t rows[8];
      for (size_t k = 0; k < 8; k++) memcpy(&rows[k], memory + (ptrdiff_t)(x + k) * sx + (ptrdiff_t)z, 8);
      turn_bytes(rows);
      for (size_t k = 0; k < 8; k++) memcpy(tile + (z + k) * width + x, &rows[k], 8);
    }
  }
#endif
  for (size_t x = 0; x < nx; x++) {
    for (size_t z = x < whole_x ? whole_z : 0; z < nz; z++) tile[z * width + x] = memory[(ptrdiff_t)x * sx + (ptrdiff_t)z];
  }
}

static void scatter(
  size_t size, const void *tile, void *memory, size_t width, size_t nx, size_t nz, ptrdiff_t sx, ptrdiff_t sz) {
  switch (size) {
    case 1: scatter_uint8_t(tile, memory, width, nx, nz, sx, sz); break;
    case 2: scatter_uint16_t(tile, memory, width, nx, nz, sx, sz); break;
    case 4: scatter_uint32_t(tile, memory, width, nx, nz, sx, sz); break;
    default: scatter_uint64_t(tile, memory, width, nx, nz, sx, sz); break;
  }
}

static void gather(
  size_t size, void *tile, const void *memory, size_t width, size_t nx, size_t nz, ptrdiff_t sx, ptrdiff_t sz) {
  if (size == 1 && sz == 1) return gather_bytes(tile, memory, width, nx, nz, sx);
  switch (size) {
    case 1: gather_uint8_t(tile, memory, width, nx, nz, sx, sz); break;
    case 2: gather_uint16_t(tile, memory, width, nx, nz, sx, sz); break;
    case 4: gather_uint32_t(tile, memory, width, nx, nz, sx, sz); break;
    default: gather_uint64_t(tile, memory, width, nx, nz, sx, sz); break;
  }
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// At least 16 elements, so that a conversion's call is worth its cost.
static size_t tile_width(size_t file_size) { return file_size > 4 ? 16 : CACHE_LINE / file_size; }

void martlet_unpack_voxels(
  const martlet_voxel_box *box, martlet_element file_type, const void *file, martlet_element memory_type, void *memory,
  int is_scaled, double slope, double intercept) {
  const size_t from = element_sizes[file_type], to = element_sizes[memory_type];
  const convert_run *variants =
    is_scaled ? scaled_runs[file_type][memory_type == MARTLET_FLOAT64] : plain_runs[file_type][memory_type];
  const convert_run convert = variants[has_avx2()];
  _Alignas(64) char tile[TILE_X * TILE_Z * 8];
  const size_t width = tile_width(from);
  for (size_t x = 0; x < box->extent_x; x += width) {
    const size_t nx = smaller(width, box->extent_x - x);
    for (size_t y = box->first_y; y < box->end_y; y++) {
      for (size_t z = 0; z < box->extent_z; z += TILE_Z) {
        const size_t nz = smaller(TILE_Z, box->extent_z - z);
        const char *lines = (const char *)file + (x + y * box->row + z * box->slice) * from;
        for (size_t k = 0; k < nz; k++) {
          convert(lines + k * box->slice * from, tile + k * width * to, nx, slope, intercept);
        }
        const ptrdiff_t place =
          (ptrdiff_t)x * box->stride_x + (ptrdiff_t)y * box->stride_y + (ptrdiff_t)z * box->stride_z;
        scatter(to, tile, (char *)memory + place * (ptrdiff_t)to, width, nx, nz, box->stride_x, box->stride_z);
      }
    }
  }
}

void martlet_pack_voxels(
  const martlet_voxel_box *box, martlet_element memory_type, const void *memory, martlet_element file_type, void *file) {
  const size_t from = element_sizes[memory_type], to = element_sizes[file_type];
  const convert_run convert = plain_runs[memory_type][file_type][has_avx2()];
  _Alignas(64) char tile[TILE_X * TILE_Z * 8];
  const size_t width = tile_width(to);
  for (size_t x = 0; x < box->extent_x; x += width) {
    const size_t nx = smaller(width, box->extent_x - x);
    for (size_t y = box->first_y; y < box->end_y; y++) {
      for (size_t z = 0; z < box->extent_z; z += TILE_Z) {
        const size_t nz = smaller(TILE_Z, box->extent_z - z);
        const ptrdiff_t place =
          (ptrdiff_t)x * box->stride_x + (ptrdiff_t)y * box->stride_y + (ptrdiff_t)z * box->stride_z;
        gather(from, tile, (const char *)memory + place * (ptrdiff_t)from, width, nx, nz, box->stride_x, box->stride_z);
        char *lines = (char *)file + (x + y * box->row + z * box->slice) * to;
        for (size_t k = 0; k < nz; k++) {
          convert(tile + k * width * from, lines + k * box->slice * to, nx, 1, 0);
        }
      }
    }
  }
}

#define DEFINE_SWAP(bits)                                                                     \
  static void swap_##bits(const uint##bits##_t *source, uint##bits##_t *target, size_t count) { \
    for (size_t i = 0; i < count; i++) target[i] = __builtin_bswap##bits(source[i]);          \
  }
DEFINE_SWAP(16)
DEFINE_SWAP(32)
DEFINE_SWAP(64)

void martlet_swap_bytes(const void *source, void *target, size_t count, size_t size) {
  switch (size) {
    case 2: swap_16(source, target, count); break;
    case 4: swap_32(source, target, count); break;
    default: swap_64(source, target, count); break;
  }
}
