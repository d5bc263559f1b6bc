/// The functions of the OpenVINO C API that are used, as their public documentation declares them.
#ifndef OVFUNCTIONS_H
#define OVFUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "COpenVINO.h"

typedef struct {
  const char *build_number;
  const char *description;
} ov_version_t;

typedef struct {
  char **devices;
  size_t size;
} ov_available_devices_t;

typedef struct {
  int64_t rank;
  int64_t *dims;
} ov_shape_t;

/// A closed range; a dynamic extent has `min != max`.
typedef struct {
  int64_t min;
  int64_t max;
} ov_dimension_t;

typedef struct {
  ov_dimension_t rank;
  ov_dimension_t *dims;
} ov_partial_shape_t;

/// The time of one layer in the last run; the times are microseconds.
typedef struct {
  int32_t status;
  int64_t real_time;
  int64_t cpu_time;
  const char *node_name;
  const char *exec_type;
  const char *node_type;
} ov_profiling_info_t;

typedef struct {
  ov_profiling_info_t *profiling_infos;
  size_t size;
} ov_profiling_info_list_t;

typedef struct ov_port ov_port_t;
typedef struct ov_tensor ov_tensor_t;

/// X(name, result, arguments): every function once; the table and the look-up are made from this list.
#define OV_FUNCTIONS(X)                                                                                              \
  X(get_error_info, const char *, (int32_t status))                                                                  \
  X(get_last_err_msg, const char *, (void))                                                                          \
  X(free, void, (const char *text))                                                                                  \
  X(util_set_log_callback, void, (void (*callback)(const char *message)))                                            \
  X(get_openvino_version, int32_t, (ov_version_t * version))                                                         \
  X(version_free, void, (ov_version_t * version))                                                                    \
  X(core_create, int32_t, (OVCore * *core))                                                                          \
  X(core_free, void, (OVCore * core))                                                                                \
  X(core_get_available_devices, int32_t, (const OVCore *core, ov_available_devices_t *devices))                      \
  X(available_devices_free, void, (ov_available_devices_t * devices))                                                \
  X(core_get_property, int32_t, (const OVCore *core, const char *device, const char *key, char **value))             \
  X(core_set_property, int32_t, (const OVCore *core, const char *device, ...))                                       \
  X(core_read_model_from_memory_buffer, int32_t,                                                                     \
    (const OVCore *core, const char *bytes, size_t count, const ov_tensor_t *weights, OVModel **model))              \
  X(core_compile_model, int32_t,                                                                                     \
    (const OVCore *core, const OVModel *model, const char *device, size_t argument_count,                            \
     OVCompiledModel **compiled, ...))                                                                               \
  X(core_import_model, int32_t,                                                                                      \
    (const OVCore *core, const char *bytes, size_t count, const char *device, OVCompiledModel **compiled))            \
  X(model_free, void, (OVModel * model))                                                                             \
  X(model_inputs_size, int32_t, (const OVModel *model, size_t *count))                                               \
  X(model_outputs_size, int32_t, (const OVModel *model, size_t *count))                                              \
  X(model_const_input_by_index, int32_t, (const OVModel *model, size_t index, ov_port_t **port))                     \
  X(model_const_output_by_index, int32_t, (const OVModel *model, size_t index, ov_port_t **port))                    \
  X(model_reshape_by_port_indexes, int32_t,                                                                          \
    (const OVModel *model, const size_t *indexes, const ov_partial_shape_t *shapes, size_t count))                   \
  X(port_get_element_type, int32_t, (const ov_port_t *port, uint32_t *type))                                         \
  X(port_get_any_name, int32_t, (const ov_port_t *port, char **name))                                                  \
  X(port_get_partial_shape, int32_t, (const ov_port_t *port, ov_partial_shape_t *shape))                             \
  X(output_const_port_free, void, (ov_port_t * port))                                                                \
  X(partial_shape_free, void, (ov_partial_shape_t * shape))                                                          \
  X(compiled_model_export_model, int32_t, (const OVCompiledModel *compiled, const char *path))                       \
  X(compiled_model_free, void, (OVCompiledModel * compiled))                                                         \
  X(compiled_model_inputs_size, int32_t, (const OVCompiledModel *compiled, size_t *count))                             \
  X(compiled_model_input_by_index, int32_t, (const OVCompiledModel *compiled, size_t index, ov_port_t **port))       \
  X(compiled_model_output_by_index, int32_t, (const OVCompiledModel *compiled, size_t index, ov_port_t **port))      \
  X(compiled_model_get_property, int32_t, (const OVCompiledModel *compiled, const char *key, char **value))          \
  X(compiled_model_create_infer_request, int32_t, (const OVCompiledModel *compiled, OVRequest **request))            \
  X(infer_request_set_input_tensor_by_index, int32_t, (OVRequest * request, size_t index, const ov_tensor_t *tensor)) \
  X(infer_request_set_output_tensor_by_index, int32_t, (OVRequest * request, size_t index, const ov_tensor_t *tensor)) \
  X(infer_request_infer, int32_t, (OVRequest * request))                                                             \
  X(infer_request_get_profiling_info, int32_t, (const OVRequest *request, ov_profiling_info_list_t *layers))         \
  X(profiling_info_list_free, void, (ov_profiling_info_list_t * layers))                                             \
  X(infer_request_free, void, (OVRequest * request))                                                                 \
  X(tensor_create_from_host_ptr, int32_t, (uint32_t type, ov_shape_t shape, void *data, ov_tensor_t **tensor))       \
  X(tensor_free, void, (ov_tensor_t * tensor))

struct OVLibrary {
#define OV_MEMBER(name, result, arguments) result(*name) arguments;
  OV_FUNCTIONS(OV_MEMBER)
#undef OV_MEMBER
};

/// NULL when `status` is 0; else the library's words for the error, which the caller frees.
char *OVError(const OVLibrary *library, int32_t status);

/// A copy of `text` that the caller frees.
char *OVText(const char *text);

/// Makes the library's log messages come to us, where they become part of the next error, instead of standard output.
void OVCaptureLog(const OVLibrary *library);

#endif
