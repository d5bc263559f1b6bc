// Running: runtime, engine, inspector, execution context.
#include "library.h"

#define HANDLE(type, source, expression) ((type){(expression), (source).library})

enum { allocation_static = 0 };
enum { layer_information_json = 1 };

// MARK: Runtime

trt_runtime trt_runtime_create(const trt_library *library, trt_logger *logger) {
  return (trt_runtime){library->create_runtime(logger, library->version), library};
}

void trt_runtime_delete(trt_runtime runtime) { delete_object(runtime.object); }

void trt_runtime_set_error_recorder(trt_runtime runtime, trt_error_recorder *recorder) {
  CALL(runtime, IRuntime, setErrorRecorder, recorder);
}

trt_engine trt_runtime_deserialize(trt_runtime runtime, const void *bytes, size_t count) {
  return HANDLE(trt_engine, runtime, CALL(runtime, IRuntime, deserializeCudaEngine, bytes, count));
}

bool trt_runtime_judges_engines(trt_runtime runtime) { return SLOT(runtime, IRuntime, getEngineValidity) != ABSENT; }

int64_t trt_runtime_header_size(trt_runtime runtime) {
  if (!trt_runtime_judges_engines(runtime)) return -1;
  return CALL(runtime, IRuntime, getEngineHeaderSize);
}

int32_t trt_runtime_validity(trt_runtime runtime, const void *bytes, int64_t count, uint64_t *diagnostics) {
  *diagnostics = 0;  // the library leaves it unwritten when it finds no GPU
  if (!trt_runtime_judges_engines(runtime)) return -1;
  return CALL(runtime, IRuntime, getEngineValidity, bytes, count, diagnostics);
}

// MARK: Engine

void trt_engine_delete(trt_engine engine) { delete_object(engine.object); }

const char *trt_engine_name(trt_engine engine) { return CALL(engine, ICudaEngine, getName); }

int32_t trt_engine_layer_count(trt_engine engine) { return CALL(engine, ICudaEngine, getNbLayers); }

int32_t trt_engine_profile_count(trt_engine engine) { return CALL(engine, ICudaEngine, getNbOptimizationProfiles); }

int32_t trt_engine_tensor_count(trt_engine engine) { return CALL(engine, ICudaEngine, getNbIOTensors); }

const char *trt_engine_tensor_name(trt_engine engine, int32_t index) {
  return CALL(engine, ICudaEngine, getIOTensorName, index);
}

int32_t trt_engine_tensor_mode(trt_engine engine, const char *tensor) {
  return CALL(engine, ICudaEngine, getTensorIOMode, tensor);
}

int32_t trt_engine_tensor_type(trt_engine engine, const char *tensor) {
  return CALL(engine, ICudaEngine, getTensorDataType, tensor);
}

int32_t trt_engine_tensor_location(trt_engine engine, const char *tensor) {
  return CALL(engine, ICudaEngine, getTensorLocation, tensor);
}

int32_t trt_engine_tensor_format(trt_engine engine, const char *tensor) {
  return CALL(engine, ICudaEngine, getTensorFormat, tensor);
}

trt_dimensions trt_engine_tensor_dimensions(trt_engine engine, const char *tensor) {
  return CALL(engine, ICudaEngine, getTensorShape, tensor);
}

trt_dimensions trt_engine_profile_dimensions(trt_engine engine, const char *tensor, int32_t profile, int32_t selector) {
  return CALL(engine, ICudaEngine, getProfileShape, tensor, profile, selector);
}

int64_t trt_engine_device_memory(trt_engine engine) {
  // TensorRT 10.0 has only the older method.
  if (SLOT(engine, ICudaEngine, getDeviceMemorySizeV2) == ABSENT) {
    return (int64_t)CALL(engine, ICudaEngine, getDeviceMemorySize);
  }
  return CALL(engine, ICudaEngine, getDeviceMemorySizeV2);
}

trt_context trt_engine_create_context(trt_engine engine) {
  return HANDLE(trt_context, engine, CALL(engine, ICudaEngine, createExecutionContext, allocation_static));
}

trt_inspector trt_engine_create_inspector(trt_engine engine) {
  return HANDLE(trt_inspector, engine, CALL(engine, ICudaEngine, createEngineInspector));
}

void trt_inspector_delete(trt_inspector inspector) { delete_object(inspector.object); }

const char *trt_inspector_information(trt_inspector inspector) {
  return CALL(inspector, IEngineInspector, getEngineInformation, layer_information_json);
}

// MARK: Execution context

void trt_context_delete(trt_context context) { delete_object(context.object); }

void trt_context_set_error_recorder(trt_context context, trt_error_recorder *recorder) {
  CALL(context, IExecutionContext, setErrorRecorder, recorder);
}

bool trt_context_set_profile(trt_context context, int32_t profile, cuda_stream stream) {
  return CALL(context, IExecutionContext, setOptimizationProfileAsync, profile, stream.object);
}

bool trt_context_set_input_dimensions(trt_context context, const char *tensor, trt_dimensions dimensions) {
  return CALL(context, IExecutionContext, setInputShape, tensor, &dimensions);
}

trt_dimensions trt_context_tensor_dimensions(trt_context context, const char *tensor) {
  return CALL(context, IExecutionContext, getTensorShape, tensor);
}

bool trt_context_set_tensor_address(trt_context context, const char *tensor, cuda_pointer address) {
  return CALL(context, IExecutionContext, setTensorAddress, tensor, (void *)(uintptr_t)address);
}

int32_t trt_context_infer_shapes(trt_context context) {
  return CALL(context, IExecutionContext, inferShapes, 0, NULL);
}

bool trt_context_enqueue(trt_context context, cuda_stream stream) {
  return CALL(context, IExecutionContext, enqueueV3, stream.object);
}
