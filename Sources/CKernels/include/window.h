#pragma once
#include <stddef.h>

// Kernels of sliding-window inference. Distances are in elements; rows are the last spatial axis.

/// Stands in a table of offsets for a place outside the image.
#define MARTLET_WINDOW_OUTSIDE PTRDIFF_MIN

/// Fills `rows` rows of a window: `target[r * target_stride + c]` is `source[row_offsets[r] + column_offsets[c]]`,
/// or `fill` where either offset is MARTLET_WINDOW_OUTSIDE. With `contiguous_columns`, column_offsets[c] must be
/// column_offsets[0] + c, all inside.
void martlet_window_gather(
    float *target, ptrdiff_t target_stride, size_t rows, size_t columns, const float *source,
    const ptrdiff_t *row_offsets, const ptrdiff_t *column_offsets, int contiguous_columns, float fill);

/// `sums += values * weights`, product and sum each rounded to float, over `rows` rows of `columns` elements that
/// begin every `…_stride` elements. `weights` may be NULL, for weights of 1.
void martlet_window_accumulate(
    float *sums, ptrdiff_t sums_stride, const float *values, ptrdiff_t values_stride, const float *weights,
    ptrdiff_t weights_stride, size_t rows, size_t columns);

/// `values *= weights`, over `rows` rows of `columns` elements that begin every `…_stride` elements.
void martlet_window_scale(
    float *values, ptrdiff_t values_stride, const float *weights, ptrdiff_t weights_stride, size_t rows,
    size_t columns);

/// `target = source`, over `rows` rows of `columns` elements that begin every `…_stride` elements.
void martlet_window_copy(
    float *target, ptrdiff_t target_stride, const float *source, ptrdiff_t source_stride, size_t rows, size_t columns);

/// `values /= divisors`, over `count` elements.
void martlet_window_divide(float *values, const float *divisors, size_t count);
