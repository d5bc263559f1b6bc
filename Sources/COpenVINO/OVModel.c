#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "OVFunctions.h"

char *OVCoreCreate(const OVLibrary *library, OVCore **core) { return OVError(library, library->core_create(core)); }

void OVCoreFree(const OVLibrary *library, OVCore *core) {
  if (core) library->core_free(core);
}

char *OVCoreDevices(const OVLibrary *library, const OVCore *core, char *text, size_t capacity) {
  ov_available_devices_t devices = {0};
  char *error = OVError(library, library->core_get_available_devices(core, &devices));
  if (error) return error;
  size_t length = 0;
  if (capacity) text[0] = 0;
  for (size_t i = 0; i < devices.size && length < capacity; i++)
    length += (size_t)snprintf(text + length, capacity - length, "%s%s", i ? "," : "", devices.devices[i]);
  library->available_devices_free(&devices);
  return NULL;
}

/// Copies a value that the library allocated, and frees it.
static void takeValue(const OVLibrary *library, char *value, char *text, size_t capacity) {
  snprintf(text, capacity, "%s", value ? value : "");
  if (value) library->free(value);
}

char *OVCoreProperty(
    const OVLibrary *library, const OVCore *core, const char *device, const char *key, char *text, size_t capacity) {
  char *value = NULL;
  char *error = OVError(library, library->core_get_property(core, device, key, &value));
  if (!error) takeValue(library, value, text, capacity);
  return error;
}

char *OVCoreSetProperty(
    const OVLibrary *library, const OVCore *core, const char *device, const char *key, const char *value) {
  return OVError(library, library->core_set_property(core, device, key, value));
}

char *OVModelRead(const OVLibrary *library, const OVCore *core, const void *bytes, size_t count, OVModel **model) {
  return OVError(library, library->core_read_model_from_memory_buffer(core, bytes, count, NULL, model));
}

void OVModelFree(const OVLibrary *library, OVModel *model) {
  if (model) library->model_free(model);
}

char *OVModelPortCount(const OVLibrary *library, const OVModel *model, OVSide side, size_t *count) {
  return OVError(
      library, side == OVSideInput ? library->model_inputs_size(model, count)
                                   : library->model_outputs_size(model, count));
}

/// Describes `handle` and frees it.
static char *describePort(const OVLibrary *library, ov_port_t *handle, OVPort *port) {
  uint32_t type = OVElementTypeDynamic;
  ov_partial_shape_t shape = {0};
  char *error = OVError(library, library->port_get_element_type(handle, &type));
  if (!error) error = OVError(library, library->port_get_partial_shape(handle, &shape));
  library->output_const_port_free(handle);
  if (error) return error;
  memset(port, 0, sizeof *port);
  port->elementType = (OVElementType)type;
  port->rank = shape.rank.min == shape.rank.max ? shape.rank.min : -1;
  if (port->rank > OVMaximalRank) error = OVText("a tensor has more than 16 axes");
  for (int64_t axis = 0; !error && axis < port->rank; axis++)
    port->dimensions[axis] = shape.dims[axis].min == shape.dims[axis].max ? shape.dims[axis].min : -1;
  library->partial_shape_free(&shape);
  return error;
}

char *OVModelPort(const OVLibrary *library, const OVModel *model, OVSide side, size_t index, OVPort *port) {
  ov_port_t *handle = NULL;
  char *error = OVError(
      library, side == OVSideInput ? library->model_const_input_by_index(model, index, &handle)
                                   : library->model_const_output_by_index(model, index, &handle));
  return error ? error : describePort(library, handle, port);
}

/// Copies the name of `handle`, and frees it.
static char *namePort(const OVLibrary *library, ov_port_t *handle, char *text, size_t capacity) {
  char *name = NULL;
  char *error = OVError(library, library->port_get_any_name(handle, &name));
  library->output_const_port_free(handle);
  if (!error) takeValue(library, name, text, capacity);
  return error;
}

char *OVModelInputName(const OVLibrary *library, const OVModel *model, size_t index, char *text, size_t capacity) {
  ov_port_t *handle = NULL;
  char *error = OVError(library, library->model_const_input_by_index(model, index, &handle));
  return error ? error : namePort(library, handle, text, capacity);
}

char *OVModelReshape(const OVLibrary *library, OVModel *model, const OVPort *shapes, size_t count) {
  size_t *indexes = calloc(count + 1, sizeof *indexes);
  ov_partial_shape_t *partial = calloc(count + 1, sizeof *partial);
  ov_dimension_t *dimensions = calloc(count * OVMaximalRank + 1, sizeof *dimensions);
  if (!indexes || !partial || !dimensions) abort();
  // A scalar has nothing to fix, and the library would read a list without extents as one of an unknown extent.
  size_t open = 0;
  for (size_t i = 0; i < count; i++) {
    if (shapes[i].rank == 0) continue;
    indexes[open] = i;
    partial[open].rank = (ov_dimension_t){shapes[i].rank, shapes[i].rank};
    partial[open].dims = dimensions + i * OVMaximalRank;
    for (int64_t axis = 0; axis < shapes[i].rank; axis++)
      partial[open].dims[axis] = (ov_dimension_t){shapes[i].dimensions[axis], shapes[i].dimensions[axis]};
    open++;
  }
  // The library refuses an empty list.
  char *error = open ? OVError(library, library->model_reshape_by_port_indexes(model, indexes, partial, open)) : NULL;
  free(indexes);
  free(partial);
  free(dimensions);
  return error;
}

char *OVModelCompile(
    const OVLibrary *library, const OVCore *core, const OVModel *model, const char *device, const char *const *keys,
    const char *const *values, size_t count, OVCompiledModel **compiled) {
  if (count > OVMaximalProperties) return OVText("more properties than one call can hand over");
  const char *k[OVMaximalProperties] = {0}, *v[OVMaximalProperties] = {0};
  for (size_t i = 0; i < count; i++) {
    k[i] = keys[i];
    v[i] = values[i];
  }
  // The function takes its properties as variable arguments and reads `2 * count` of them; the rest is never looked at.
  return OVError(
      library, library->core_compile_model(
                   core, model, device, 2 * count, compiled, k[0], v[0], k[1], v[1], k[2], v[2], k[3], v[3], k[4], v[4],
                   k[5], v[5], k[6], v[6], k[7], v[7], k[8], v[8], k[9], v[9], k[10], v[10], k[11], v[11]));
}

char *OVCompiledModelExport(const OVLibrary *library, const OVCompiledModel *compiled, const char *path) {
  return OVError(library, library->compiled_model_export_model(compiled, path));
}

char *OVCompiledModelImport(
    const OVLibrary *library, const OVCore *core, const void *bytes, size_t count, const char *device,
    OVCompiledModel **compiled) {
  return OVError(library, library->core_import_model(core, bytes, count, device, compiled));
}

char *OVCompiledModelInputCount(const OVLibrary *library, const OVCompiledModel *compiled, size_t *count) {
  return OVError(library, library->compiled_model_inputs_size(compiled, count));
}

char *OVCompiledModelInputName(
    const OVLibrary *library, const OVCompiledModel *compiled, size_t index, char *text, size_t capacity) {
  ov_port_t *handle = NULL;
  char *error = OVError(library, library->compiled_model_input_by_index(compiled, index, &handle));
  return error ? error : namePort(library, handle, text, capacity);
}

char *OVCompiledModelPort(
    const OVLibrary *library, const OVCompiledModel *compiled, OVSide side, size_t index, OVPort *port) {
  ov_port_t *handle = NULL;
  char *error = OVError(
      library, side == OVSideInput ? library->compiled_model_input_by_index(compiled, index, &handle)
                                   : library->compiled_model_output_by_index(compiled, index, &handle));
  return error ? error : describePort(library, handle, port);
}

char *OVCompiledModelProperty(
    const OVLibrary *library, const OVCompiledModel *compiled, const char *key, char *text, size_t capacity) {
  char *value = NULL;
  char *error = OVError(library, library->compiled_model_get_property(compiled, key, &value));
  if (!error) takeValue(library, value, text, capacity);
  return error;
}

void OVCompiledModelFree(const OVLibrary *library, OVCompiledModel *compiled) {
  if (compiled) library->compiled_model_free(compiled);
}

char *OVRequestCreate(const OVLibrary *library, const OVCompiledModel *compiled, OVRequest **request) {
  return OVError(library, library->compiled_model_create_infer_request(compiled, request));
}

char *OVRequestBind(
    const OVLibrary *library, OVRequest *request, OVSide side, size_t index, const OVPort *port, void *data) {
  ov_shape_t shape = {port->rank, (int64_t *)port->dimensions};
  ov_tensor_t *tensor = NULL;
  char *error = OVError(library, library->tensor_create_from_host_ptr(port->elementType, shape, data, &tensor));
  if (error) return error;
  error = OVError(
      library, side == OVSideInput ? library->infer_request_set_input_tensor_by_index(request, index, tensor)
                                   : library->infer_request_set_output_tensor_by_index(request, index, tensor));
  // The request holds its own reference to the tensor.
  library->tensor_free(tensor);
  return error;
}

char *OVRequestInfer(const OVLibrary *library, OVRequest *request) {
  return OVError(library, library->infer_request_infer(request));
}

char *OVRequestLayers(
    const OVLibrary *library, const OVRequest *request, void *context,
    void (*each)(void *context, const char *name, const char *kind, int64_t microseconds)) {
  enum { Executed = 2 };
  ov_profiling_info_list_t layers = {0};
  char *error = OVError(library, library->infer_request_get_profiling_info(request, &layers));
  if (error) return error;
  for (size_t index = 0; index < layers.size; index++) {
    const ov_profiling_info_t *layer = &layers.profiling_infos[index];
    if (layer->status != Executed || !layer->node_name || !layer->node_type) continue;
    each(context, layer->node_name, layer->node_type, layer->real_time);
  }
  library->profiling_info_list_free(&layers);
  return NULL;
}

void OVRequestFree(const OVLibrary *library, OVRequest *request) {
  if (request) library->infer_request_free(request);
}
