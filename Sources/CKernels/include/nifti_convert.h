#pragma once
// Voxels between an image file's order (x fastest) and memory's order (z fastest), and between element types.

#include <stddef.h>
#include <stdint.h>

// The element types that a NIfTI file may hold.
typedef enum {
  MARTLET_INT8,
  MARTLET_INT16,
  MARTLET_INT32,
  MARTLET_INT64,
  MARTLET_UINT8,
  MARTLET_UINT16,
  MARTLET_UINT32,
  MARTLET_UINT64,
  MARTLET_FLOAT32,
  MARTLET_FLOAT64,
  MARTLET_ELEMENT_COUNT
} martlet_element;

// A box of voxels in file order: element (x, y, z) lies at x + y * row + z * slice.
// In memory its element (x, y, z) lies at x * stride_x + y * stride_y + z * stride_z (elements, any sign).
typedef struct {
  size_t extent_x, extent_z;
  // The rows y of the box that this call does.
  size_t first_y, end_y;
  // In the file, elements.
  size_t row, slice;
  // In memory, elements.
  ptrdiff_t stride_x, stride_y, stride_z;
} martlet_voxel_box;

// File to memory. With `is_scaled`, each value becomes float64, is multiplied by `slope` and added to `intercept`
// with a rounding after each step, and then becomes the memory's type, which must be a float; a slope of 1 and an
// intercept of 0 take no step. Without it the value is converted directly: floats to integers truncate towards zero,
// what lies outside the type becomes its limit, NaN becomes 0.
void martlet_unpack_voxels(
  const martlet_voxel_box *box, martlet_element file_type, const void *file, martlet_element memory_type, void *memory,
  int is_scaled, double slope, double intercept);

// Memory to file, converted as above without scaling.
void martlet_pack_voxels(
  const martlet_voxel_box *box, martlet_element memory_type, const void *memory, martlet_element file_type, void *file);

// Reverses the bytes of each of `count` elements of `size` bytes (2, 4 or 8) from `source` to `target`; they may be the same.
void martlet_swap_bytes(const void *source, void *target, size_t count, size_t size);
