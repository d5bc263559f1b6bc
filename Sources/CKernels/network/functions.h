#pragma once
// Functions of one element as vectors of 16.

#include "../include/network_function.h"
#include "vector.h"

typedef int32_t i16 __attribute__((ext_vector_type(16)));

/// eˣ to within 2 units in the last place: 2ⁿ times a polynomial of the rest.
INLINE v16 exp16(v16 x) {
  x = x > all16(88.0f) ? all16(88.0f) : x;
  x = x < all16(-87.0f) ? all16(-87.0f) : x;
  v16 n = __builtin_elementwise_rint(x * 1.44269504088896341f);
  v16 r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  v16 p = all16(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  i16 exponent = (__builtin_convertvector(n, i16) + 127) << 23;
  return p * (v16)exponent;
}

/// eˣ - 1, by its series near zero.
INLINE v16 expm116(v16 x) {
  v16 near = x * (1.0f + x * (0.5f + x * (0.166666667f + x * (0.0416666667f + x * (8.33333333e-3f + x * 1.38888889e-3f)))));
  return __builtin_elementwise_abs(x) < all16(0.25f) ? near : exp16(x) - 1.0f;
}

/// ln x to within 2 units in the last place, -∞ at 0, NaN below.
INLINE v16 log16(v16 x) {
  i16 bits = (i16)x;
  // The mantissa within √½ to √2 and its exponent.
  i16 exponent = ((bits - 0x3f3504f3) >> 23);
  v16 mantissa = (v16)(bits - (exponent << 23));
  v16 n = __builtin_convertvector(exponent, v16), r = mantissa - 1.0f, s = r * r;
  v16 p = all16(7.0376836292e-2f);
  p = p * r - 1.1514610310e-1f;
  p = p * r + 1.1676998740e-1f;
  p = p * r - 1.2420140846e-1f;
  p = p * r + 1.4249322787e-1f;
  p = p * r - 1.6668057665e-1f;
  p = p * r + 2.0000714765e-1f;
  p = p * r - 2.4999993993e-1f;
  p = p * r + 3.3333331174e-1f;
  v16 y = p * r * s - n * 2.12194440e-4f - 0.5f * s;
  y = r + y + n * 0.693359375f;
  y = x == all16(__builtin_inff()) ? x : y;
  y = x < all16(1.17549435e-38f) ? all16(-__builtin_inff()) : y;
  return x < zero16() || x != x ? all16(__builtin_nanf("")) : y;
}

/// ln(1 + u) for u within 0 to 1.
INLINE v16 log1p16(v16 u) {
  v16 w = 1.0f + u;
  return log16(w) - ((w - 1.0f) - u) / w;
}

/// The error function to within 4e-7 of itself: x times a ratio of polynomials in x², fitted to erf(x) / x up to 4
/// (Tools/kernels/fit_erf.py), behind which float32 has 1.
INLINE v16 erf16(v16 x) {
  x = min16(max16(x, all16(-4.0f)), all16(4.0f));
  v16 s = x * x;
  v16 p = all16(1.9867550236e-6f);
  p = p * s + 2.8456258588e-4f;
  p = p * s + 3.8833096623e-3f;
  p = p * s + 5.3101640195e-2f;
  p = p * s + 1.9354464114e-1f;
  p = p * s + 1.1283791065f;
  v16 q = all16(3.7419711589e-5f);
  q = q * s + 1.1855579214e-3f;
  q = q * s + 1.5207187273e-2f;
  q = q * s + 1.1534978449e-1f;
  q = q * s + 5.0485700369e-1f;
  q = q * s + 1.0f;
  return x * p / q;
}

INLINE v16 sigmoid16(v16 x) { return 1.0f / (1.0f + exp16(-x)); }

INLINE v16 tanh16(v16 x) {
  v16 a = __builtin_elementwise_abs(x), s = x * x;
  v16 e = exp16(-2.0f * a);
  v16 far = (1.0f - e) / (1.0f + e);
  v16 near = a * (1.0f + s * (-0.333333333f + s * (0.133333333f + s * (-0.053968254f + s * 0.021869489f))));
  v16 y = a < all16(0.2f) ? near : far;
  return x < zero16() ? -y : y;
}

INLINE v16 softplus16(v16 x) {
  return max16(x, zero16()) + log1p16(exp16(-__builtin_elementwise_abs(x)));
}

/// tanh(ln(1 + e)) is e(e + 2) / (e(e + 2) + 2).
INLINE v16 mish16(v16 x) {
  v16 e = exp16(min16(x, all16(20.0f)));
  v16 n = e * (e + 2.0f);
  return x * (n / (n + 2.0f));
}

INLINE v16 function16(const martlet_function_call *call, v16 x) {
  float a = call->a, b = call->b;
  switch (call->function) {
    case MARTLET_IDENTITY: return x;
    case MARTLET_SIGMOID: return sigmoid16(x);
    case MARTLET_TANH: return tanh16(x);
    case MARTLET_SWISH: return x * sigmoid16(x);
    case MARTLET_GELU: return 0.5f * x * (1.0f + erf16(x * 0.70710678118654752f));
    case MARTLET_GELU_TANH: return 0.5f * x * (1.0f + tanh16(0.79788456080286536f * (x + 0.044715f * x * x * x)));
    case MARTLET_EXP: return exp16(x);
    case MARTLET_LOG: return log16(x);
    case MARTLET_ERF: return erf16(x);
    case MARTLET_SOFTPLUS: return softplus16(x);
    case MARTLET_MISH: return mish16(x);
    case MARTLET_ELU: return x < zero16() ? a * expm116(x * (1.0f / b)) : x;
    case MARTLET_SELU: return b * (x < zero16() ? a * expm116(x) : x);
    case MARTLET_HARD_SIGMOID: return min16(max16(a * x + b, zero16()), all16(1));
    case MARTLET_HARD_SWISH: return x * min16(max16(x * 0.16666666667f + 0.5f, zero16()), all16(1));
    case MARTLET_CLIP: return min16(max16(x, all16(a)), all16(b));
    case MARTLET_RECTIFY: return rectify16(x, all16(a));
    case MARTLET_SQRT: return __builtin_elementwise_sqrt(x);
    case MARTLET_RECIPROCAL: return 1.0f / x;
    case MARTLET_ABS: return __builtin_elementwise_abs(x);
    case MARTLET_AFFINE: return a * x + b;
  }
  return x;
}

/// Applies the function to a row in place or from another.
INLINE void function_row(const martlet_function_call *call, const float *values, float *target, size_t count) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) store16u(target + i, function16(call, load16u(values + i)));
  if (i < count) store_part(target + i, function16(call, load_part(values + i, count - i, 0)), count - i);
}
