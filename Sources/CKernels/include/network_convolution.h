#pragma once
// Convolutions of networks on the CPU.
//
// The blocked layout holds 16 channels together: [batch][ceil(channels / 16)][depth][height][width][16]; it begins at a
// multiple of 64 bytes and the lanes behind the last channel are finite. The plain layout is
// [batch][channels][depth][height][width]. Networks with fewer spatial axes have extents of 1 in front.

#include <stddef.h>

#include "network_function.h"
#include "thread_pool.h"

/// What is computed.
typedef struct {
  int batch, in_channels, out_channels;
  int in[3], out[3], kernel[3], stride[3], dilation[3];
  /// In front of each axis; what is behind follows from the extents.
  int pad[3];
  int transposed;
  int plain_input, plain_output;
} martlet_convolution;

/// How it is computed.
typedef enum {
  MARTLET_DIRECT = 0,
  /// Winograd's tiles of outputs: depth, height, width.
  MARTLET_WINOGRAD_444 = 444,
  MARTLET_WINOGRAD_244 = 244,
  MARTLET_WINOGRAD_222 = 222,
  /// For kernels of depth 1.
  MARTLET_WINOGRAD_144 = 144,
  MARTLET_WINOGRAD_122 = 122,
  /// The same for kernels of five taps along each axis.
  MARTLET_WINOGRAD_222_OF_5 = 5222,
  MARTLET_WINOGRAD_122_OF_5 = 5122,
  /// For kernels of three taps and stride 2 along each axis.
  MARTLET_WINOGRAD_444_STRIDED = 23444,
  MARTLET_WINOGRAD_222_STRIDED = 23222,
  MARTLET_WINOGRAD_144_STRIDED = 23144,
  /// For transposed convolutions of three taps, stride 2 and padding 1 along each axis.
  MARTLET_WINOGRAD_444_TRANSPOSED = 33444,
  MARTLET_WINOGRAD_144_TRANSPOSED = 33144,
} martlet_convolution_kernel;

/// What is done to the elements on their way in and out. Arrays of channels are padded to whole blocks.
typedef struct {
  /// Each input element x becomes rectify(x * scale + shift, slope) before the convolution, with a number for each
  /// sample and channel; all three NULL for none.
  const float *load_scale, *load_shift, *load_slope;
  /// Of a convolution with one tap at every position: the last `tail_channels` of the input's channels lie in a blocked
  /// tensor of their own, behind whole blocks of the first; 0 for none.
  const float *tail_input;
  int tail_channels;
  /// For each output channel; NULL for none.
  const float *bias;
  /// Applied after the bias; only to blocked outputs and to gates. The lanes behind the last channel must stay finite.
  martlet_function_call function;
  /// Of one output channel, from one tap at every position: a blocked tensor of `gated_channels` channels at the same
  /// positions. Its elements times function(output + bias) are what is stored, in its layout. NULL for none.
  const float *gated;
  int gated_channels;
  /// Added then: a tensor of the output's shape and layout, which may be the output itself; NULL for none.
  const float *residual;
  /// What comes out is rectify(x, slope) with a slope for each output channel; NULL for x itself.
  const float *slope;
  /// Receives for each sample and channel the sum of the outputs and of their squares, two doubles; NULL for none.
  double *statistics;
} martlet_convolution_extras;

/// Floats of the transformed weights.
size_t martlet_convolution_weight_count(const martlet_convolution *shape, martlet_convolution_kernel kernel);

/// Transforms weights: [out, in, kernel…], or [in, out, kernel…] for a transposed convolution.
void martlet_convolution_prepare(
  martlet_thread_pool *pool, const martlet_convolution *shape, martlet_convolution_kernel kernel, const float *weights,
  float *prepared);

/// Floats of working memory.
size_t martlet_convolution_scratch_count(
  const martlet_convolution *shape, martlet_convolution_kernel kernel, int threads);

void martlet_convolution_run(
  martlet_thread_pool *pool, const martlet_convolution *shape, martlet_convolution_kernel kernel,
  const martlet_convolution_extras *extras, const float *prepared, const float *input, float *output, float *scratch);

/// Floats of working memory of martlet_pointwise_pair_run.
size_t martlet_pointwise_pair_scratch_count(
  const martlet_convolution *first, const martlet_convolution *second, int threads);

/// Two convolutions of one tap, stride 1 and no padding, the second of the first's outputs, which are never stored. Input
/// and what comes between are blocked; the weights are those of MARTLET_DIRECT, and the first has neither residual nor
/// statistics.
void martlet_pointwise_pair_run(
  martlet_thread_pool *pool, const martlet_convolution *first, const martlet_convolution_extras *first_extras,
  const float *first_weights, const martlet_convolution *second, const martlet_convolution_extras *second_extras,
  const float *second_weights, const float *input, float *output, float *scratch);

/// The kernel that is expected to be the fastest for the shape, and its seconds on one core.
martlet_convolution_kernel martlet_convolution_choice(const martlet_convolution *shape, double *seconds);

/// The instruction set in use: "AVX-512", "AVX2" or "portable".
const char *martlet_instruction_set(void);

/// Restricts the instruction set to one of these names, for tests; another name lifts the restriction.
void martlet_restrict_instruction_set(const char *name);
