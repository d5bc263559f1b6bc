#pragma once
// Layout changes, element by element arithmetic, statistics, pooling and interpolation of networks on the CPU, over the
// layouts of network_convolution.h.

#include <stddef.h>

#include "network_function.h"
#include "thread_pool.h"

/// A tensor of a network: [batch][channels][extents] in either layout.
typedef struct {
  int batch, channels;
  int extents[3];
  int is_plain;
} martlet_network_tensor;

/// Plain to blocked; the lanes behind the last channel become zero.
void martlet_block(martlet_thread_pool *pool, const martlet_network_tensor *tensor, const float *plain, float *blocked);

/// Blocked to plain.
void martlet_unblock(martlet_thread_pool *pool, const martlet_network_tensor *tensor, const float *blocked, float *plain);

/// An operand whose elements x stand for rectify(x * scale + shift, slope) with a number for each sample and channel;
/// all three NULL for x itself.
typedef struct {
  const float *values;
  const float *scale, *shift, *slope;
} martlet_operand;

typedef enum { MARTLET_COMBINE_ADD, MARTLET_COMBINE_MULTIPLY } martlet_combination;

/// target = rectify(first + second, slope) or rectify(first * second, slope); `second.values` NULL for the first alone,
/// `slope` (one for each channel) NULL for the result itself. Samples of the target lie `target_stride` floats apart; it may be
/// one of the operands.
void martlet_combine(
  martlet_thread_pool *pool, const martlet_network_tensor *tensor, martlet_combination combination,
  martlet_operand first, martlet_operand second, const float *slope, float *target, size_t target_stride);

/// The sum of each sample's channel and of its squares: [batch][channels, padded to whole blocks when blocked][2].
void martlet_statistics(
  martlet_thread_pool *pool, const martlet_network_tensor *tensor, const float *values, double *statistics);

/// target = call(values) over `count` elements of any layout; they may be the same.
void martlet_apply(martlet_thread_pool *pool, martlet_function_call call, const float *values, size_t count, float *target);

/// Pools windows of a blocked tensor. Elements outside count for nothing; the mean is over the window when
/// `counts_padding`, else over the elements inside.
typedef struct {
  int kernel[3], stride[3], pad[3], out[3];
  int is_mean, counts_padding;
} martlet_pooling;

void martlet_pool_blocked(
  martlet_thread_pool *pool, const martlet_network_tensor *tensor, const martlet_pooling *pooling, const float *values,
  float *target);

/// How an axis is resampled: output i is lower_weight[i] * x[lower[i]] + upper_weight[i] * x[upper[i]].
typedef struct {
  const int *lower, *upper;
  const float *lower_weight, *upper_weight;
  int count;
} martlet_axis_table;

/// Interpolates a blocked tensor along its three axes and adds `addend`, of the target's shape and perhaps the target itself;
/// NULL for none.
void martlet_resize_blocked(
  martlet_thread_pool *pool, const martlet_network_tensor *tensor, const martlet_axis_table tables[3],
  const float *values, const float *addend, float *target);
