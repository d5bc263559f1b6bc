// TensorRT's C++ classes as plain C functions: no NVIDIA header, no C++, nothing linked.
//
// A library is opened by path and its version read before anything else is called; the version chooses the slot
// table (see slots.h). Functions decide nothing: they pass arguments on and give back what the library answered.
//
// A handle is a small value; `object` is null when the library gave none. Handles are deleted by their `_delete`
// function, which takes a null object too. Deleting order: contexts and inspectors before their engine, engines
// before their runtime; parser, network and config before their builder; a parser lives until the build is over.
// Loggers, progress monitors and error recorders outlive every object that they were given to.
// Strings that the library gives are its own: copy them at once.
#ifndef CTENSORRT_H
#define CTENSORRT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "CUDADriver.h"

#ifdef __cplusplus
extern "C" {
#endif

// MARK: Library

// Which tables a version belongs to.
enum trt_family {
  trt_family_unknown = 0,
  trt_family_rtx = 1,  // TensorRT for RTX 1.5 to 1.7
  trt_family_11 = 2,   // TensorRT 11.0 to 11.1
  trt_family_10 = 3    // TensorRT 10.0 to 10.16
};

enum trt_open_status {
  trt_opened = 0,
  trt_cannot_load = 1,      // detail: the dynamic loader's words
  trt_symbol_missing = 2,   // detail: the symbol's name
  trt_version_unknown = 3,  // version: what the library answered
  trt_out_of_memory = 4
};

typedef struct trt_open_result {
  int32_t status;
  bool in_parser;  // whether it was the parser's library that failed
  int32_t version;
  char detail[512];
} trt_open_result;

typedef struct trt_library trt_library;

// The versions that have tables, as a person would say them.
const char *trt_known_versions(void);
// The family of a version as getInferLibVersion() counts: 10701 is 1.7.1, 101300 is 10.13.0.
int32_t trt_family_of_version(int32_t version);

// Loads both libraries; `parser_path` may be null, then no parser can be made. Null on failure, told in `result`.
// A library is never unloaded; the object may be kept for the life of the process.
trt_library *trt_library_open(const char *library_path, const char *parser_path, trt_open_result *result);
// Frees the object; the shared libraries stay loaded. Nothing made with it may be used afterwards.
void trt_library_close(trt_library *library);
int32_t trt_library_version(const trt_library *library);
int32_t trt_library_family(const trt_library *library);
// What getNvOnnxParserVersion() answers; -1 without a parser.
int32_t trt_library_parser_version(const trt_library *library);

// MARK: Objects that the library calls

// Severities: 0 internal error, 1 error, 2 warning, 3 information, 4 verbose. May be called from any thread.
typedef void (*trt_log_callback)(void *context, int32_t severity, const char *message);

typedef struct trt_logger trt_logger;
trt_logger *trt_logger_create(const trt_library *library, trt_log_callback callback, void *context);
void trt_logger_delete(trt_logger *logger);

// Called from any thread of the builder. `parent` is null for the outermost phase. `step_complete` answers whether
// to go on; false cancels the build.
typedef struct trt_progress_callbacks {
  void *context;
  void (*phase_start)(void *context, const char *phase, const char *parent, int32_t steps);
  bool (*step_complete)(void *context, const char *phase, int32_t step);
  void (*phase_finish)(void *context, const char *phase);
} trt_progress_callbacks;

typedef struct trt_progress_monitor trt_progress_monitor;
trt_progress_monitor *trt_progress_monitor_create(trt_progress_callbacks callbacks);
void trt_progress_monitor_delete(trt_progress_monitor *monitor);

// Collects errors, the first 64 of them; all functions may be called from any thread.
typedef struct trt_error_recorder trt_error_recorder;
trt_error_recorder *trt_error_recorder_create(void);
void trt_error_recorder_delete(trt_error_recorder *recorder);
int32_t trt_error_recorder_count(trt_error_recorder *recorder);
// Whether errors were dropped because there were more than fit.
bool trt_error_recorder_overflowed(trt_error_recorder *recorder);
// Codes: 1 unspecified, 2 internal, 3 invalid argument, 4 invalid configuration, 5 failed allocation, 6 failed
// initialisation, 7 failed execution, 8 failed computation, 9 invalid state, 10 unsupported state; -1 out of range.
int32_t trt_error_recorder_code(trt_error_recorder *recorder, int32_t index);
// Valid until the recorder is cleared or deleted; null out of range.
const char *trt_error_recorder_description(trt_error_recorder *recorder, int32_t index);
void trt_error_recorder_clear(trt_error_recorder *recorder);
// How many library objects hold the recorder now.
int32_t trt_error_recorder_references(trt_error_recorder *recorder);

// MARK: Values

// A shape; `count` is -1 when the library doesn't know it, an extent is -1 when it is dynamic.
typedef struct trt_dimensions {
  int32_t count;
  int64_t extents[8];
} trt_dimensions;

// Tensor types: 0 float32, 1 float16, 2 int8, 3 int32, 4 bool, 5 uint8, 6 float8, 7 bfloat16, 8 int64, 9 int4,
// 10 float4, 11 e8m0.
// Selectors of a profile's shapes: 0 minimum, 1 optimum, 2 maximum.

typedef struct trt_builder { void *object; const trt_library *library; } trt_builder;
typedef struct trt_network { void *object; const trt_library *library; } trt_network;
typedef struct trt_tensor { void *object; const trt_library *library; } trt_tensor;
typedef struct trt_layer { void *object; const trt_library *library; } trt_layer;
typedef struct trt_config { void *object; const trt_library *library; } trt_config;
typedef struct trt_profile { void *object; const trt_library *library; } trt_profile;
typedef struct trt_parser { void *object; const trt_library *library; } trt_parser;
typedef struct trt_host_memory { void *object; const trt_library *library; } trt_host_memory;
typedef struct trt_runtime { void *object; const trt_library *library; } trt_runtime;
typedef struct trt_engine { void *object; const trt_library *library; } trt_engine;
typedef struct trt_context { void *object; const trt_library *library; } trt_context;
typedef struct trt_inspector { void *object; const trt_library *library; } trt_inspector;

// MARK: Builder

trt_builder trt_builder_create(const trt_library *library, trt_logger *logger);
void trt_builder_delete(trt_builder builder);
// While a recorder is set, errors of the builder go to it and not to the logger.
void trt_builder_set_error_recorder(trt_builder builder, trt_error_recorder *recorder);
// A strongly typed network: the types of the model decide the precision.
trt_network trt_builder_create_network(trt_builder builder);
trt_config trt_builder_create_config(trt_builder builder);
// The profile belongs to the builder and is not deleted.
trt_profile trt_builder_create_profile(trt_builder builder);
trt_host_memory trt_builder_build(trt_builder builder, trt_network network, trt_config config);

// MARK: Network

void trt_network_delete(trt_network network);
int32_t trt_network_layer_count(trt_network network);
trt_layer trt_network_layer(trt_network network, int32_t index);
int32_t trt_network_input_count(trt_network network);
trt_tensor trt_network_input(trt_network network, int32_t index);
int32_t trt_network_output_count(trt_network network);
trt_tensor trt_network_output(trt_network network, int32_t index);

const char *trt_tensor_name(trt_tensor tensor);
trt_dimensions trt_tensor_dimensions(trt_tensor tensor);
int32_t trt_tensor_type(trt_tensor tensor);
bool trt_tensor_is_shape(trt_tensor tensor);

// Kinds: 0 convolution, 7 deconvolution; NVIDIA's LayerType lists the others.
int32_t trt_layer_kind(trt_layer layer);
const char *trt_layer_name(trt_layer layer);
int32_t trt_layer_input_count(trt_layer layer);
trt_tensor trt_layer_input(trt_layer layer, int32_t index);

// MARK: Builder config

void trt_config_delete(trt_config config);
// Whether float32 convolutions and products may round their inputs to TF32; the library's default is yes.
void trt_config_set_tf32(trt_config config, bool is_allowed);
bool trt_config_tf32(trt_config config);
// The index of the profile, or -1 when it was refused.
int32_t trt_config_add_profile(trt_config config, trt_profile profile);
// The GPU memory that a layer may use for intermediate results, in bytes.
void trt_config_set_workspace_limit(trt_config config, size_t bytes);
size_t trt_config_workspace_limit(trt_config config);
// 0 to 5.
void trt_config_set_optimization_level(trt_config config, int32_t level);
int32_t trt_config_optimization_level(trt_config config);
// 0 none, 1 Ampere and newer, 2 (TensorRT 10.9 and newer) same compute capability. Not for TensorRT for RTX.
void trt_config_set_hardware_compatibility(trt_config config, int32_t level);
// Whether the library builds for chosen compute capabilities.
bool trt_config_takes_compute_capabilities(trt_config config);
// Capabilities as two digits: 86 is 8.6. False when one was refused.
bool trt_config_set_compute_capabilities(trt_config config, const int32_t *capabilities, int32_t count);
void trt_config_set_progress_monitor(trt_config config, trt_progress_monitor *monitor);

bool trt_profile_set_dimensions(trt_profile profile, const char *input, int32_t selector, trt_dimensions dimensions);
bool trt_profile_is_valid(trt_profile profile);

// MARK: Host memory

void trt_host_memory_delete(trt_host_memory memory);
const void *trt_host_memory_data(trt_host_memory memory);
size_t trt_host_memory_size(trt_host_memory memory);

// MARK: ONNX parser

trt_parser trt_parser_create(const trt_library *library, trt_network network, trt_logger *logger);
void trt_parser_delete(trt_parser parser);
// `path` is the model's own, for weights in files beside it; may be null. True doesn't mean that there was a model
// in the bytes: zero bytes parse into an empty network.
bool trt_parser_parse(trt_parser parser, const void *bytes, size_t count, const char *path);
int32_t trt_parser_error_count(trt_parser parser);

// One error of the parser. The strings are the library's, or null.
typedef struct trt_parser_error {
  int32_t code;
  const char *description;
  const char *file;  // of the parser's own source
  int32_t line;
  const char *function;
  int32_t node;  // index of the ONNX node, -1 when it isn't about one
  const char *node_name;
  const char *node_operator;
} trt_parser_error;

// `index` must be below the count: asking for more makes the parser record another error.
trt_parser_error trt_parser_error_at(trt_parser parser, int32_t index);

// MARK: Runtime

trt_runtime trt_runtime_create(const trt_library *library, trt_logger *logger);
void trt_runtime_delete(trt_runtime runtime);
void trt_runtime_set_error_recorder(trt_runtime runtime, trt_error_recorder *recorder);
trt_engine trt_runtime_deserialize(trt_runtime runtime, const void *bytes, size_t count);
// Whether the library can judge an engine's header (TensorRT for RTX only).
bool trt_runtime_judges_engines(trt_runtime runtime);
int64_t trt_runtime_header_size(trt_runtime runtime);
// 0 valid, 1 valid but slower than one built here, 2 invalid; `diagnostics` tells why, a bit each: 0x01 version,
// 0x02 compute capability, 0x04 old driver, 0x08 old CUDA, 0x10 too little GPU memory, 0x20 malformed, 0x40 CUDA error.
// Invalid with no bit set: there is no usable GPU to compare with.
int32_t trt_runtime_validity(trt_runtime runtime, const void *bytes, int64_t count, uint64_t *diagnostics);

// MARK: Engine

void trt_engine_delete(trt_engine engine);
const char *trt_engine_name(trt_engine engine);
int32_t trt_engine_layer_count(trt_engine engine);
int32_t trt_engine_profile_count(trt_engine engine);
int32_t trt_engine_tensor_count(trt_engine engine);
const char *trt_engine_tensor_name(trt_engine engine, int32_t index);
// 0 none, 1 input, 2 output.
int32_t trt_engine_tensor_mode(trt_engine engine, const char *tensor);
int32_t trt_engine_tensor_type(trt_engine engine, const char *tensor);
// 0 device, 1 host.
int32_t trt_engine_tensor_location(trt_engine engine, const char *tensor);
// 0 linear, row-major; other formats interleave channels.
int32_t trt_engine_tensor_format(trt_engine engine, const char *tensor);
trt_dimensions trt_engine_tensor_dimensions(trt_engine engine, const char *tensor);
trt_dimensions trt_engine_profile_dimensions(trt_engine engine, const char *tensor, int32_t profile, int32_t selector);
// GPU memory that a context needs, in bytes.
int64_t trt_engine_device_memory(trt_engine engine);
trt_context trt_engine_create_context(trt_engine engine);
trt_inspector trt_engine_create_inspector(trt_engine engine);

void trt_inspector_delete(trt_inspector inspector);
// The engine's layers as JSON.
const char *trt_inspector_information(trt_inspector inspector);

// MARK: Execution context

void trt_context_delete(trt_context context);
void trt_context_set_error_recorder(trt_context context, trt_error_recorder *recorder);
bool trt_context_set_profile(trt_context context, int32_t profile, cuda_stream stream);
bool trt_context_set_input_dimensions(trt_context context, const char *tensor, trt_dimensions dimensions);
trt_dimensions trt_context_tensor_dimensions(trt_context context, const char *tensor);
bool trt_context_set_tensor_address(trt_context context, const char *tensor, cuda_pointer address);
// 0 when every shape is known, the number of inputs that lack one, or -1 on an error.
int32_t trt_context_infer_shapes(trt_context context);
// Puts the work on the stream and returns.
bool trt_context_enqueue(trt_context context, cuda_stream stream);

#ifdef __cplusplus
}
#endif

#endif
