// Building: builder, network, config, profile, parser, host memory.
#include "library.h"

#define HANDLE(type, source, expression) ((type){(expression), (source).library})

enum { flag_tf32 = 6 };        // the same bit in all families
enum { pool_workspace = 0 };

// MARK: Builder

trt_builder trt_builder_create(const trt_library *library, trt_logger *logger) {
  return (trt_builder){library->create_builder(logger, library->version), library};
}

void trt_builder_delete(trt_builder builder) { delete_object(builder.object); }

void trt_builder_set_error_recorder(trt_builder builder, trt_error_recorder *recorder) {
  CALL(builder, IBuilder, setErrorRecorder, recorder);
}

trt_network trt_builder_create_network(trt_builder builder) {
  // TensorRT 10 asks for a strongly typed network with bit 1; the others make no other kind.
  uint32_t flags = builder.library->family == trt_family_10 ? 1u << 1 : 0;
  return HANDLE(trt_network, builder, CALL(builder, IBuilder, createNetworkV2, flags));
}

trt_config trt_builder_create_config(trt_builder builder) {
  return HANDLE(trt_config, builder, CALL(builder, IBuilder, createBuilderConfig));
}

trt_profile trt_builder_create_profile(trt_builder builder) {
  return HANDLE(trt_profile, builder, CALL(builder, IBuilder, createOptimizationProfile));
}

trt_host_memory trt_builder_build(trt_builder builder, trt_network network, trt_config config) {
  return HANDLE(
    trt_host_memory, builder, CALL(builder, IBuilder, buildSerializedNetwork, network.object, config.object));
}

// MARK: Network

void trt_network_delete(trt_network network) { delete_object(network.object); }

int32_t trt_network_layer_count(trt_network network) { return CALL(network, INetworkDefinition, getNbLayers); }

trt_layer trt_network_layer(trt_network network, int32_t index) {
  return HANDLE(trt_layer, network, CALL(network, INetworkDefinition, getLayer, index));
}

int32_t trt_network_input_count(trt_network network) { return CALL(network, INetworkDefinition, getNbInputs); }

trt_tensor trt_network_input(trt_network network, int32_t index) {
  return HANDLE(trt_tensor, network, CALL(network, INetworkDefinition, getInput, index));
}

int32_t trt_network_output_count(trt_network network) { return CALL(network, INetworkDefinition, getNbOutputs); }

trt_tensor trt_network_output(trt_network network, int32_t index) {
  return HANDLE(trt_tensor, network, CALL(network, INetworkDefinition, getOutput, index));
}

const char *trt_tensor_name(trt_tensor tensor) { return CALL(tensor, ITensor, getName); }

trt_dimensions trt_tensor_dimensions(trt_tensor tensor) { return CALL(tensor, ITensor, getDimensions); }

int32_t trt_tensor_type(trt_tensor tensor) { return CALL(tensor, ITensor, getType); }

bool trt_tensor_is_shape(trt_tensor tensor) { return CALL(tensor, ITensor, isShapeTensor); }

int32_t trt_layer_kind(trt_layer layer) { return CALL(layer, ILayer, getType); }

const char *trt_layer_name(trt_layer layer) { return CALL(layer, ILayer, getName); }

int32_t trt_layer_input_count(trt_layer layer) { return CALL(layer, ILayer, getNbInputs); }

trt_tensor trt_layer_input(trt_layer layer, int32_t index) {
  return HANDLE(trt_tensor, layer, CALL(layer, ILayer, getInput, index));
}

// MARK: Builder config

void trt_config_delete(trt_config config) { delete_object(config.object); }

void trt_config_set_tf32(trt_config config, bool is_allowed) {
  if (is_allowed) {
    CALL(config, IBuilderConfig, setFlag, flag_tf32);
  } else {
    CALL(config, IBuilderConfig, clearFlag, flag_tf32);
  }
}

bool trt_config_tf32(trt_config config) { return CALL(config, IBuilderConfig, getFlag, flag_tf32); }

int32_t trt_config_add_profile(trt_config config, trt_profile profile) {
  return CALL(config, IBuilderConfig, addOptimizationProfile, profile.object);
}

void trt_config_set_workspace_limit(trt_config config, size_t bytes) {
  CALL(config, IBuilderConfig, setMemoryPoolLimit, pool_workspace, bytes);
}

size_t trt_config_workspace_limit(trt_config config) {
  return CALL(config, IBuilderConfig, getMemoryPoolLimit, pool_workspace);
}

void trt_config_set_optimization_level(trt_config config, int32_t level) {
  CALL(config, IBuilderConfig, setBuilderOptimizationLevel, level);
}

int32_t trt_config_optimization_level(trt_config config) {
  return CALL(config, IBuilderConfig, getBuilderOptimizationLevel);
}

void trt_config_set_hardware_compatibility(trt_config config, int32_t level) {
  CALL(config, IBuilderConfig, setHardwareCompatibilityLevel, level);
}

bool trt_config_takes_compute_capabilities(trt_config config) {
  return SLOT(config, IBuilderConfig, setComputeCapability) != ABSENT;
}

bool trt_config_set_compute_capabilities(trt_config config, const int32_t *capabilities, int32_t count) {
  // In TensorRT 11 these slots hold methods that take strings.
  if (!trt_config_takes_compute_capabilities(config)) return false;
  if (!CALL(config, IBuilderConfig, setNbComputeCapabilities, count)) return false;
  for (int32_t i = 0; i < count; i++) {
    if (!CALL(config, IBuilderConfig, setComputeCapability, capabilities[i], i)) return false;
  }
  return true;
}

void trt_config_set_progress_monitor(trt_config config, trt_progress_monitor *monitor) {
  CALL(config, IBuilderConfig, setProgressMonitor, monitor);
}

bool trt_profile_set_dimensions(trt_profile profile, const char *input, int32_t selector, trt_dimensions dimensions) {
  return CALL(profile, IOptimizationProfile, setDimensions, input, selector, &dimensions);
}

bool trt_profile_is_valid(trt_profile profile) { return CALL(profile, IOptimizationProfile, isValid); }

// MARK: Host memory

void trt_host_memory_delete(trt_host_memory memory) { delete_object(memory.object); }

const void *trt_host_memory_data(trt_host_memory memory) { return CALL(memory, IHostMemory, data); }

size_t trt_host_memory_size(trt_host_memory memory) { return CALL(memory, IHostMemory, size); }

// MARK: ONNX parser

trt_parser trt_parser_create(const trt_library *library, trt_network network, trt_logger *logger) {
  if (!library->create_parser) return (trt_parser){NULL, library};
  return (trt_parser){library->create_parser(network.object, logger, library->parser_version), library};
}

void trt_parser_delete(trt_parser parser) {
  if (parser.object) CALL_DIRECT(parser, IParser, deletingDestructor);
}

bool trt_parser_parse(trt_parser parser, const void *bytes, size_t count, const char *path) {
  return CALL_DIRECT(parser, IParser, parse, bytes, count, path);
}

int32_t trt_parser_error_count(trt_parser parser) { return CALL_DIRECT(parser, IParser, getNbErrors); }

trt_parser_error trt_parser_error_at(trt_parser parser, int32_t index) {
  struct {
    const void *object;
    const trt_library *library;
  } error = {CALL_DIRECT(parser, IParser, getError, index), parser.library};
  if (!error.object) return (trt_parser_error){.code = 1, .node = -1};
  return (trt_parser_error){
    .code = CALL_DIRECT(error, IParserError, code),
    .description = CALL_DIRECT(error, IParserError, desc),
    .file = CALL_DIRECT(error, IParserError, file),
    .line = CALL_DIRECT(error, IParserError, line),
    .function = CALL_DIRECT(error, IParserError, func),
    .node = CALL_DIRECT(error, IParserError, node),
    .node_name = CALL_DIRECT(error, IParserError, nodeName),
    .node_operator = CALL_DIRECT(error, IParserError, nodeOperator)};
}
