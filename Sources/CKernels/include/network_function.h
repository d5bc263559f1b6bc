#pragma once
// Functions of one element, which kernels of networks compute as vectors.

typedef enum {
  /// x itself.
  MARTLET_IDENTITY,
  MARTLET_SIGMOID,
  MARTLET_TANH,
  /// x · sigmoid(x).
  MARTLET_SWISH,
  /// x · Φ(x).
  MARTLET_GELU,
  /// 0.5 · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³))).
  MARTLET_GELU_TANH,
  MARTLET_EXP,
  MARTLET_LOG,
  MARTLET_ERF,
  /// ln(1 + eˣ).
  MARTLET_SOFTPLUS,
  /// x · tanh(ln(1 + eˣ)).
  MARTLET_MISH,
  /// x, and a · (e^(x / b) - 1) where x is negative.
  MARTLET_ELU,
  /// b · x, and b · a · (eˣ - 1) where x is negative.
  MARTLET_SELU,
  /// a · x + b within 0 to 1.
  MARTLET_HARD_SIGMOID,
  /// x · (x / 6 + 0.5 within 0 to 1).
  MARTLET_HARD_SWISH,
  /// x within a to b.
  MARTLET_CLIP,
  /// x, and a · x where x is negative.
  MARTLET_RECTIFY,
  MARTLET_SQRT,
  MARTLET_RECIPROCAL,
  MARTLET_ABS,
  /// a · x + b.
  MARTLET_AFFINE,
} martlet_function;

/// A function with its parameters.
typedef struct {
  martlet_function function;
  float a, b;
} martlet_function_call;
