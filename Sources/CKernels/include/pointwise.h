#pragma once
#include <stddef.h>

/// A pointwise convolution of `count` neighbouring places: `target[k][i] = bias[k] + Σ weights[k * channels + c] *
/// values[c][i]`, for `outputs` channels k. Channels begin every `…_stride` elements. `bias` may be NULL, for zeros.
void martlet_pointwise(
    float *target, ptrdiff_t target_stride, const float *values, ptrdiff_t values_stride, const float *weights,
    const float *bias, size_t channels, size_t outputs, size_t count);
