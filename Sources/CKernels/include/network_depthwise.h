#pragma once
// Depthwise convolutions, also transposed ones: each channel has a kernel of its own. Tensors are blocked.

#include "network_convolution.h"

/// The largest kernel along an axis.
enum { MARTLET_MOST_DEPTHWISE_TAPS = 32 };

/// Floats of the prepared weights.
size_t martlet_depthwise_weight_count(const martlet_convolution *shape);

/// Lays weights [channels, 1, kernel…] out in blocks of channels.
void martlet_depthwise_prepare(const martlet_convolution *shape, const float *weights, float *prepared);

/// Floats of working memory, which begins at a multiple of 8 bytes.
size_t martlet_depthwise_scratch_count(const martlet_convolution *shape, int threads);

/// The convolution of `shape`, whose input and output channels are as many.
void martlet_depthwise_run(
  martlet_thread_pool *pool, const martlet_convolution *shape, const martlet_convolution_extras *extras,
  const float *prepared, const float *input, float *output, float *scratch);
