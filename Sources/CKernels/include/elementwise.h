#ifndef MARTLET_ELEMENTWISE_H
#define MARTLET_ELEMENTWISE_H

/// values = clamp((values - subtract) / divide * multiply + add, low, high), each step rounded to float; NaN stays.
void martlet_scale_range(float *values, long count, float subtract, float divide, float multiply, float add, float low,
                         float high);

/// values = (values - subtract) / divide; with skip_zeros, zeros stay as they are.
void martlet_normalize(float *values, long count, float subtract, float divide, int skip_zeros);

/// The smallest and largest value of `count` > 0 values; NaN when one of them is.
void martlet_extrema(const float *values, long count, float *lowest, float *highest);

/// Adds the sum of the values to `sum` and their number to `counted`; with skip_zeros, zeros don't count.
void martlet_sum(const float *values, long count, int skip_zeros, double *sum, long *counted);

/// The sum of the squared distances to `mean`; with skip_zeros, zeros don't count.
double martlet_squared_deviation(const float *values, long count, double mean, int skip_zeros);

/// values = 1 / (1 + exp(-values)).
void martlet_sigmoid(float *values, long count);

/// Softmax over `channels` planes that are `stride` floats apart, for `count` values of each, in place.
void martlet_softmax(float *values, long channels, long stride, long count);

/// The index of the largest channel, the first of equals, NaN above all; as a float.
/// `labels` may be the first plane of `values`.
void martlet_argmax(const float *values, long channels, long stride, long count, float *labels);

/// values = values >= threshold ? 1 : 0.
void martlet_threshold(float *values, long count, float threshold);

/// Rounds halves to even.
void martlet_round(float *values, long count);

#endif
