// B-spline interpolation as scipy.ndimage.map_coordinates defines it, in double precision.
// The prefilter is the recursion of Unser, "Splines: a perfect fit for signal and image processing" (1999).
#include "include/spline.h"

#include <math.h>

// MARK: Prefilter

/// The poles of the filter, inside the unit circle; their number.
static int poles_of(int order, double poles[2]) {
  switch (order) {
    case 2: poles[0] = sqrt(8.0) - 3; return 1;
    case 3: poles[0] = sqrt(3.0) - 2; return 1;
    case 4:
      poles[0] = sqrt(664 - sqrt(438976.0)) + sqrt(304.0) - 19;
      poles[1] = sqrt(664 + sqrt(438976.0)) - sqrt(304.0) - 19;
      return 2;
    case 5:
      poles[0] = sqrt(67.5 - sqrt(4436.25)) + sqrt(26.25) - 6.5;
      poles[1] = sqrt(67.5 + sqrt(4436.25)) - sqrt(26.25) - 6.5;
      return 2;
    default: return 0;
  }
}

/// The first coefficient of the causal recursion: the sum over the extended line before it.
static double causal_start(const double *line, long count, long stride, double pole, int extension) {
  double sum = line[0], power = pole;
  switch (extension) {
    case MARTLET_EXTEND_GRID_WRAP:
      for (long i = 1; i < count; i++, power *= pole) sum += power * line[(count - i) * stride];
      return sum / (1 - power);
    case MARTLET_EXTEND_NEAREST:
    case MARTLET_EXTEND_REFLECT: {
      const double whole = pow(pole, (double)count);
      double start = line[0] + whole * line[(count - 1) * stride];
      for (long i = 1; i < count; i++, power *= pole) {
        // SciPy sums in place, so that its last term has the sum so far where the first sample was; in short lines it shows.
        const double opposite = i == count - 1 ? start : line[(count - 1 - i) * stride];
        start += power * (line[i * stride] + whole * opposite);
      }
      return start * pole / (1 - whole * whole) + line[0];
    }
    default: {
      const double last = pow(pole, (double)(count - 1));
      sum += last * line[(count - 1) * stride];
      for (long i = 1; i < count - 1; i++, power *= pole) {
        sum += power * (line[i * stride] + last * line[(count - 1 - i) * stride]);
      }
      return sum / (1 - last * last);
    }
  }
}

/// The last coefficient of the recursion that runs back.
static double anticausal_start(const double *line, long count, long stride, double pole, int extension) {
  const double end = line[(count - 1) * stride];
  switch (extension) {
    case MARTLET_EXTEND_GRID_WRAP: {
      double sum = end, power = pole;
      for (long i = 0; i < count - 1; i++, power *= pole) sum += power * line[i * stride];
      return sum * pole / (power - 1);
    }
    case MARTLET_EXTEND_NEAREST:
    case MARTLET_EXTEND_REFLECT: return end * pole / (pole - 1);
    default: return (pole * line[(count - 2) * stride] + end) * pole / (pole * pole - 1);
  }
}

void martlet_spline_prefilter(double *values, long count, long stride, long width, int order, int extension) {
  double poles[2];
  const int pole_count = poles_of(order, poles);
  if (count < 2 || pole_count == 0) return;
  double gain = 1;
  for (int p = 0; p < pole_count; p++) gain *= (1 - poles[p]) * (1 - 1 / poles[p]);
  for (long i = 0; i < count; i++) {
    for (long w = 0; w < width; w++) values[i * stride + w] *= gain;
  }
  for (int p = 0; p < pole_count; p++) {
    const double pole = poles[p];
    for (long w = 0; w < width; w++) values[w] = causal_start(values + w, count, stride, pole, extension);
    for (long i = 1; i < count; i++) {
      double *row = values + i * stride;
      for (long w = 0; w < width; w++) row[w] += pole * row[w - stride];
    }
    double *last = values + (count - 1) * stride;
    for (long w = 0; w < width; w++) last[w] = anticausal_start(values + w, count, stride, pole, extension);
    for (long i = count - 2; i >= 0; i--) {
      double *row = values + i * stride;
      for (long w = 0; w < width; w++) row[w] = pole * (row[w + stride] - row[w]);
    }
  }
}

// MARK: Positions

/// The position within 0...extent - 1 that stands for one outside; below -1 where there is nothing.
static double folded(double position, long extent, int extension) {
  const double size = (double)extent, end = size - 1;
  if (position >= 0 && position <= end) return position;
  const int is_below = position < 0;
  switch (extension) {
    case MARTLET_EXTEND_NEAREST: return is_below ? 0 : end;
    case MARTLET_EXTEND_MIRROR: {
      if (extent <= 1) return 0;
      const double period = 2 * end;
      if (!is_below) {
        position -= period * trunc(position / period);
        return position >= size ? period - position : position;
      }
      position += period * trunc(-position / period);
      return position <= -end ? position + period : -position;
    }
    case MARTLET_EXTEND_REFLECT: {
      if (extent <= 1) return 0;
      const double period = 2 * size;
      if (!is_below) {
        position -= period * trunc(position / period);
        return position >= size ? period - position - 1 : position;
      }
      if (position < -period) position += period * trunc(-position / period);
      if (position < -size) return position + period;
      return (position > -1e-15 ? 1e-15 : -position) - 1;
    }
    case MARTLET_EXTEND_WRAP:
      if (extent <= 1) return 0;
      return is_below ? position + end * (trunc(-position / end) + 1) : position - end * trunc(position / end);
    case MARTLET_EXTEND_GRID_WRAP:
      if (extent <= 1) return 0;
      return is_below ? position + size * (trunc((-1 - position) / size) + 1)
                      : position - size * trunc(position / size);
    default: return -2;
  }
}

/// The weights of the order + 1 samples around a position; `part` is its distance from the middle one (even orders) or the
/// one below (odd orders).
static void spline_weights(double part, int order, double *weights) {
  const double x = part, z = 1 - part;
  switch (order) {
    case 0: weights[0] = 1; return;
    case 1: weights[0] = z; break;
    case 2:
      weights[0] = 0.5 * (0.5 - x) * (0.5 - x);
      weights[1] = 0.75 - x * x;
      break;
    case 3:
      weights[0] = z * z * z / 6;
      weights[1] = (x * x * (x - 2) * 3 + 4) / 6;
      weights[2] = (z * z * (z - 2) * 3 + 4) / 6;
      break;
    case 4: {
      const double a = 1 + x, b = 1 - x, t = x * x, h = (0.5 - x) * (0.5 - x);
      weights[0] = h * h / 24;
      weights[1] = a * (a * (a * (5 - a) / 6 - 1.25) + 5.0 / 24) + 55.0 / 96;
      weights[2] = t * (t * 0.25 - 0.625) + 115.0 / 192;
      weights[3] = b * (b * (b * (5 - b) / 6 - 1.25) + 5.0 / 24) + 55.0 / 96;
      break;
    }
    default: {
      const double a = 1 + x, b = 1 + z, t = x * x, u = z * z;
      weights[0] = u * u * z / 120;
      weights[1] = a * (a * (a * (a * (a / 24 - 0.375) + 1.25) - 1.75) + 0.625) + 0.425;
      weights[2] = t * (t * (0.25 - x / 12) - 0.5) + 0.55;
      weights[3] = u * (u * (0.25 - z / 12) - 0.5) + 0.55;
      weights[4] = b * (b * (b * (b * (b / 24 - 0.375) + 1.25) - 1.75) + 0.625) + 0.425;
    }
  }
  double rest = 1;
  for (int tap = 0; tap < order; tap++) rest -= weights[tap];
  weights[order] = rest;
}

// MARK: Sampling

/// The samples of one axis that a position takes.
typedef struct {
  double position;
  int is_inside;
  double weights[6];
  /// In elements of the coefficients.
  long offsets[6];
} axis_taps;

static void find_taps(const martlet_spline_grid *grid, int axis, double position, long stride, axis_taps *taps) {
  if (position == taps->position) return;
  taps->position = position;
  if (axis >= grid->rank) {
    taps->is_inside = 1;
    taps->weights[0] = 1;
    taps->offsets[0] = 0;
    return;
  }
  const long extent = grid->source[axis];
  const int order = grid->order, is_grid = grid->extension == MARTLET_EXTEND_GRID_CONSTANT;
  // In these two modes a place outside stays there and takes the samples' extension.
  const int stays = is_grid || grid->extension == MARTLET_EXTEND_NEAREST;
  double place = position + (double)grid->margin;
  // A place so far away, or none at all, that its samples have no number.
  const int is_finite = fabs(place) < 1e15;
  if (!stays && is_finite) place = folded(place, extent, grid->extension);
  taps->is_inside = is_finite && (stays || place > -1);
  if (!taps->is_inside) return;
  const double middle = floor(order % 2 == 1 ? place : place + 0.5);
  spline_weights(place - middle, order, taps->weights);
  // Modes that have no prefilter of their own take the mirror's samples.
  const int is_mirrored = grid->extension == MARTLET_EXTEND_CONSTANT || grid->extension == MARTLET_EXTEND_WRAP;
  const long first = (long)middle - order / 2;
  for (int tap = 0; tap <= order; tap++) {
    long index = first + tap;
    if (index < 0 || index >= extent) {
      if (is_grid) {
        taps->weights[tap] = 0;
        index = 0;
      } else {
        index = (long)folded((double)index, extent, is_mirrored ? MARTLET_EXTEND_MIRROR : grid->extension);
      }
    }
    taps->offsets[tap] = index * stride;
  }
}

/// Products are summed as BLAS does it.
static double spline_position(const martlet_spline_grid *grid, int axis, const double centred[3]) {
#pragma clang fp contract(off)
  const double *a = grid->affine[axis];
  double sum = fma(a[2], centred[2], fma(a[1], centred[1], a[0] * centred[0])) + a[3];
  return grid->factor[axis] * (sum + grid->shift);
}

static double spline_position_single(const martlet_spline_grid *grid, int axis, const double centred[3]) {
#pragma clang fp contract(off)
  const double *a = grid->affine[axis];
  float sum = (float)a[0] * (float)centred[0];
  sum = fmaf((float)a[2], (float)centred[2], fmaf((float)a[1], (float)centred[1], sum)) + (float)a[3];
  return (float)grid->factor[axis] * (sum + (float)grid->shift);
}

void martlet_spline_sample(const double *coefficients, const martlet_spline_grid *grid, long i_begin, long i_end,
                           float *target) {
  const long strides[3] = {grid->source[1] * grid->source[2], grid->source[2], 1};
  axis_taps taps[3];
  int counts[3];
  for (int axis = 0; axis < 3; axis++) {
    taps[axis].position = NAN;
    counts[axis] = axis < grid->rank ? grid->order + 1 : 1;
  }
  for (long i = i_begin; i < i_end; i++) {
    for (long j = 0; j < grid->target[1]; j++) {
      float *row = target + (i * grid->target[1] + j) * grid->target[2];
      for (long k = 0; k < grid->target[2]; k++) {
        int is_inside = 1;
        for (int axis = 0; axis < 3; axis++) {
          const double centred[3] = {grid->centred[0][i], grid->centred[1][j], grid->centred[2][k]};
          double position = grid->is_single ? spline_position_single(grid, axis, centred)
                                            : spline_position(grid, axis, centred);
          find_taps(grid, axis, position, strides[axis], &taps[axis]);
          is_inside &= taps[axis].is_inside;
        }
        double value = 0;
        if (is_inside) {
          for (int x = 0; x < counts[0]; x++) {
            for (int y = 0; y < counts[1]; y++) {
              const double *line = coefficients + taps[0].offsets[x] + taps[1].offsets[y];
              double sum = 0;
              for (int z = 0; z < counts[2]; z++) sum += taps[2].weights[z] * line[taps[2].offsets[z]];
              value += taps[0].weights[x] * taps[1].weights[y] * sum;
            }
          }
        }
        row[k] = (float)value;
      }
    }
  }
}
