// A double of TensorRT, its ONNX parser, the CUDA driver and NVML in one shared library, for tests.
//
// It is opened like the real libraries and answers as one of the three families does, through virtual tables of its
// own. It computes output = 2 * input + 1, later: work put on a stream happens when the stream is synchronised, so
// that what is freed or read too early shows. It writes down every call, and a line that begins with VIOLATION for
// whatever the real library would not forgive.
//
// The functions are found with dlsym in the opened library; calling them otherwise would reach another copy.
#ifndef TENSORRT_DOUBLE_H
#define TENSORRT_DOUBLE_H

#include <stdint.h>

// Forgets everything and answers as this version from now on. `scenario` holds words, separated by spaces:
//   no-driver       the CUDA driver doesn't start
//   no-devices      the CUDA driver counts no GPU
//   little-memory   the GPU has no room for more than 600 bytes at once
//   no-builder, no-network, no-config, no-parser, no-runtime, no-context
//   parse-errors    the parser refuses two nodes
//   parse-nothing   the parser reads an empty network
//   volumes         the network's convolution is in three dimensions
//   build-fails     the build reports an error to the recorder, with the echo of a missing GPU
//   enqueue-fails   the context doesn't start the network
//   two-profiles    the engine has a second profile, for batches 5 to 8
void tensorrt_double_reset(int32_t version, const char *scenario);

// The calls since the reset, one a line. Valid until the next call of any function of the double.
const char *tensorrt_double_transcript(void);

// Objects, memory blocks, streams and contexts that were made and not given back.
int32_t tensorrt_double_live(void);

#endif
