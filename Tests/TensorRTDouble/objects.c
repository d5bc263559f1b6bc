// TensorRT's objects in the double: public objects with an implementation behind them, parsers without, and their
// virtual tables for each family.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recording.h"

typedef void (*function)(void);
typedef struct dims { int32_t n; int64_t d[8]; } dims;
typedef struct interface_info { const char *kind; int32_t major, minor; } interface_info;

enum kind {
  builder_kind, config_kind, network_kind, tensor_kind, layer_kind, profile_kind, memory_kind, parser_kind,
  parser_error_kind, runtime_kind, engine_kind, inspector_kind, context_kind, kind_count
};

static const char *const kind_names[kind_count] = {
  "IBuilder", "IBuilderConfig", "INetworkDefinition", "ITensor", "ILayer", "IOptimizationProfile", "IHostMemory",
  "IParser", "IParserError", "IRuntime", "ICudaEngine", "IEngineInspector", "IExecutionContext"};

enum { slot_count = 80 };

typedef struct object object;
// What stands behind a public object; direct objects (IParser, IParserError) use only `self` of their own.
typedef struct implementation {
  const function *table;
  object *of;
} implementation;

struct object {
  const function *table;  // must be first
  void *behind;           // must be second: the pointer to the implementation
  implementation itself;
  enum kind kind;
  object *parent;
  object *next;
  bool is_deleted;
  int32_t children;  // live objects that must go first
  // What some kinds remember.
  int32_t index;
  void *logger, *recorder, *monitor;
  bool was_parsed, parser_is_gone;
  dims shape;
  void *addresses[2];
  bool is_set;
};

static object *objects;
static function public_table[2];
static function tables[kind_count][slot_count];
static bool are_tables_made;

// MARK: Objects

static object *object_of(const void *self, const char *method) {
  for (object *o = objects; o; o = o->next) {
    bool is_direct = o->kind == parser_kind || o->kind == parser_error_kind;
    if (is_direct ? self != o : self != &o->itself) continue;
    if (o->is_deleted) violation("%s.%s after delete", kind_names[o->kind], method);
    return o;
  }
  violation("%s on what is no object", method);
  return NULL;
}

static object *public_object(const void *pointer, enum kind kind, const char *method) {
  for (object *o = objects; o; o = o->next) {
    if (o != pointer) continue;
    if (o->kind != kind) violation("%s got a %s for a %s", method, kind_names[o->kind], kind_names[kind]);
    if (o->is_deleted) violation("%s got a deleted %s", method, kind_names[kind]);
    return o;
  }
  violation("%s got what is no object", method);
  return NULL;
}

// Objects that the caller deletes count as live; the others belong to their parent.
static bool is_callers(enum kind kind) {
  return kind != tensor_kind && kind != layer_kind && kind != profile_kind && kind != parser_error_kind;
}

static void make_tables(void);

static object *make(enum kind kind, object *parent) {
  if (!are_tables_made) make_tables();
  object *o = calloc(1, sizeof *o);
  bool is_direct = kind == parser_kind || kind == parser_error_kind;
  o->table = is_direct ? tables[kind] : public_table;
  o->behind = is_direct ? NULL : &o->itself;
  o->itself = (implementation){tables[kind], o};
  o->kind = kind;
  o->parent = parent;
  o->next = objects;
  objects = o;
  if (is_callers(kind)) {
    count_live(1);
    if (parent && kind != memory_kind) parent->children++;
  }
  return o;
}

static void call_recorder(void *recorder, int slot) {
  const function *table = *(const function **)recorder;
  ((int32_t(*)(void *))table[slot])(recorder);
}

static void delete(object *o) {
  record("delete %s", kind_names[o->kind]);
  if (o->is_deleted) {
    violation("%s deleted twice", kind_names[o->kind]);
    return;
  }
  if (!is_callers(o->kind)) violation("%s deleted by the caller", kind_names[o->kind]);
  if (o->children > 0) violation("%s deleted before what it made", kind_names[o->kind]);
  if (o->kind == parser_kind && o->parent) o->parent->parser_is_gone = true;
  if (o->recorder) call_recorder(o->recorder, 11);
  o->is_deleted = true;
  count_live(-1);
  if (o->parent && o->kind != memory_kind) o->parent->children--;
}

static void delete_public(void *self) {
  for (object *o = objects; o; o = o->next) {
    if (o == self) {
      delete(o);
      return;
    }
  }
  violation("deleting what is no object");
}

static void complete_destructor(void *self) {
  (void)self;
  violation("a complete destructor was called");
}

void objects_reset(void) {
  while (objects) {
    object *next = objects->next;
    free(objects);
    objects = next;
  }
  are_tables_made = false;
}

// MARK: The caller's objects

static void log_message(void *logger, int32_t severity, const char *text) {
  const function *table = *(const function **)logger;
  function log = table[double_family() == family_10 ? 0 : 4];
  ((void (*)(void *, int32_t, const char *))log)(logger, severity, text);
}

static void record_interface(void *of) {
  const function *table = *(const function **)of;
  interface_info info = ((interface_info(*)(const void *))table[1])(of);
  int32_t language = ((int32_t(*)(const void *))table[0])(of);
  record("interface %s %d.%d language %d", info.kind, info.major, info.minor, language);
}

static void take_logger(void *logger) {
  if (!logger) violation("no logger");
  else if (double_family() != family_10) record_interface(logger);
}

// A recorder is held from being set until its object goes or gets another.
static void take_recorder(object *o, void *recorder) {
  record("%s.setErrorRecorder", kind_names[o->kind]);
  if (recorder) record_interface(recorder);
  if (recorder) call_recorder(recorder, 10);
  if (o->recorder) call_recorder(o->recorder, 11);
  o->recorder = recorder;
}

static void report(object *o, int32_t code, const char *text) {
  if (o->recorder) {
    const function *table = *(const function **)o->recorder;
    ((bool (*)(void *, int32_t, const char *))table[9])(o->recorder, code, text);
  } else if (o->logger) {
    log_message(o->logger, 1, text);
  }
}

static void phase_start(void *monitor, const char *phase, const char *parent, int32_t steps) {
  const function *table = *(const function **)monitor;
  ((void (*)(void *, const char *, const char *, int32_t))table[4])(monitor, phase, parent, steps);
}

static bool step_complete(void *monitor, const char *phase, int32_t step) {
  const function *table = *(const function **)monitor;
  return ((bool (*)(void *, const char *, int32_t))table[5])(monitor, phase, step);
}

static void phase_finish(void *monitor, const char *phase) {
  const function *table = *(const function **)monitor;
  ((void (*)(void *, const char *))table[6])(monitor, phase);
}

// MARK: Builder

static void *builder_create_config(void *self) {
  object *o = object_of(self, "createBuilderConfig");
  record("IBuilder.createBuilderConfig");
  return scenario_has("no-config") ? NULL : make(config_kind, o);
}

static void *builder_create_network(void *self, uint32_t flags) {
  object *o = object_of(self, "createNetworkV2");
  record("IBuilder.createNetworkV2(%u)", flags);
  return scenario_has("no-network") ? NULL : make(network_kind, o);
}

static void *builder_create_profile(void *self) {
  object *o = object_of(self, "createOptimizationProfile");
  record("IBuilder.createOptimizationProfile");
  return make(profile_kind, o);
}

static void builder_set_recorder(void *self, void *recorder) {
  take_recorder(object_of(self, "setErrorRecorder"), recorder);
}

static bool tell_progress(void *monitor) {
  if (!monitor) return true;
  bool goes_on = true;
  phase_start(monitor, "Building engine", NULL, 4);
  for (int32_t step = 0; step < 4 && goes_on; step++) {
    phase_start(monitor, "Optimizing graph", "Building engine", 5);
    for (int32_t inner = 0; inner < 5 && goes_on; inner++) goes_on = step_complete(monitor, "Optimizing graph", inner);
    phase_finish(monitor, "Optimizing graph");
    if (goes_on) goes_on = step_complete(monitor, "Building engine", step);
  }
  phase_finish(monitor, "Building engine");
  return goes_on;
}

static void *builder_build(void *self, void *network, void *config) {
  object *o = object_of(self, "buildSerializedNetwork");
  object *n = public_object(network, network_kind, "buildSerializedNetwork");
  object *c = public_object(config, config_kind, "buildSerializedNetwork");
  record("IBuilder.buildSerializedNetwork");
  if (!n->was_parsed) violation("an empty network built");
  if (n->parser_is_gone) violation("the parser went before the build");
  if (!tell_progress(c->monitor)) {
    report(o, 7, "BuildCanceled (Build canceled by user)");
    return NULL;
  }
  if (scenario_has("build-fails")) {
    report(o, 2, "IBuilder::buildSerializedNetwork: Error Code 2: OutOfMemory (Requested size was 4096 bytes.)");
    report(o, 1, "[checkMacros.cpp::catchCudaError::250] Error Code 1: Cuda Runtime (cudaError 35: too old)");
    return NULL;
  }
  log_message(o->logger, 2, "a warning of the double");
  return make(memory_kind, o);
}

// MARK: Config

static void config_set_flag(void *self, int32_t flag) {
  object_of(self, "setFlag");
  record("IBuilderConfig.setFlag(%d)", flag);
}

static void config_clear_flag(void *self, int32_t flag) {
  object_of(self, "clearFlag");
  record("IBuilderConfig.clearFlag(%d)", flag);
}

static int32_t config_add_profile(void *self, const void *profile) {
  object *o = object_of(self, "addOptimizationProfile");
  public_object(profile, profile_kind, "addOptimizationProfile");
  record("IBuilderConfig.addOptimizationProfile");
  return o->index++;
}

static void config_set_pool(void *self, int32_t pool, size_t bytes) {
  object_of(self, "setMemoryPoolLimit");
  record("IBuilderConfig.setMemoryPoolLimit(%d, %zu)", pool, bytes);
}

static void config_set_level(void *self, int32_t level) {
  object_of(self, "setBuilderOptimizationLevel");
  record("IBuilderConfig.setBuilderOptimizationLevel(%d)", level);
}

static void config_set_hardware(void *self, int32_t level) {
  object_of(self, "setHardwareCompatibilityLevel");
  record("IBuilderConfig.setHardwareCompatibilityLevel(%d)", level);
  if (double_family() == family_rtx) violation("hardware compatibility set on TensorRT for RTX");
}

static void config_set_monitor(void *self, void *monitor) {
  object *o = object_of(self, "setProgressMonitor");
  record("IBuilderConfig.setProgressMonitor");
  record_interface(monitor);
  o->monitor = monitor;
}

static bool config_set_capability_count(void *self, int32_t count) {
  object_of(self, "setNbComputeCapabilities");
  record("IBuilderConfig.setNbComputeCapabilities(%d)", count);
  return true;
}

static bool config_set_capability(void *self, int32_t capability, int32_t index) {
  object_of(self, "setComputeCapability");
  record("IBuilderConfig.setComputeCapability(%d, %d)", capability, index);
  return true;
}

// MARK: Network: input_0 [-1, 1, 8, 8] through a convolution and an activation to output_0

static dims network_shape(void) {
  if (scenario_has("volumes")) return (dims){5, {-1, 1, 8, 8, 8}};
  return (dims){4, {-1, 1, 8, 8}};
}

static int32_t network_layers(const void *self) {
  object *o = object_of(self, "getNbLayers");
  return o->was_parsed ? 2 : 0;
}

static int32_t network_one(const void *self) {
  object *o = object_of(self, "getNbInputs/getNbOutputs");
  return o->was_parsed ? 1 : 0;
}

static void *network_layer(const void *self, int32_t index) {
  object *layer = make(layer_kind, object_of(self, "getLayer"));
  layer->index = index;
  return layer;
}

static void *network_input(const void *self, int32_t index) {
  (void)index;
  return make(tensor_kind, object_of(self, "getInput"));
}

static void *network_output(const void *self, int32_t index) {
  (void)index;
  object *tensor = make(tensor_kind, object_of(self, "getOutput"));
  tensor->index = 1;
  return tensor;
}

static const char *tensor_name(const void *self) { return object_of(self, "getName")->index ? "output_0" : "input_0"; }
static dims tensor_dims(const void *self) { object_of(self, "getDimensions"); return network_shape(); }
static int32_t tensor_type(const void *self) { object_of(self, "getType"); return 0; }
static bool tensor_is_shape(const void *self) { object_of(self, "isShapeTensor"); return false; }

static int32_t layer_type(const void *self) { return object_of(self, "getType")->index == 0 ? 0 : 2; }
static const char *layer_name(const void *self) {
  return object_of(self, "getName")->index ? "first/relu" : "first/conv";
}

static int32_t layer_inputs(const void *self) { object_of(self, "getNbInputs"); return 1; }
static void *layer_input(const void *self, int32_t index) {
  (void)index;
  return make(tensor_kind, object_of(self, "getInput"));
}

static void print_dims(char *text, size_t capacity, const dims *d) {
  size_t used = 0;
  text[0] = 0;
  for (int32_t i = 0; i < d->n && i < 8; i++) {
    used += (size_t)snprintf(text + used, capacity - used, "%s%lld", i ? "x" : "", (long long)d->d[i]);
  }
}

static bool profile_set(void *self, const char *input, int32_t selector, const dims *d) {
  object_of(self, "setDimensions");
  char text[128];
  print_dims(text, sizeof text, d);
  record("IOptimizationProfile.setDimensions(%s, %d, %s)", input, selector, text);
  return true;
}

static bool profile_is_valid(const void *self) { object_of(self, "isValid"); return true; }

// MARK: Host memory

static const char engine_bytes[] = "an engine of the double";

static void *memory_data(const void *self) { object_of(self, "data"); return (void *)engine_bytes; }
static size_t memory_size(const void *self) { object_of(self, "size"); return sizeof engine_bytes; }

// MARK: Parser

static bool parser_parse(void *self, const void *bytes, size_t count, const char *path) {
  (void)bytes;
  object *o = object_of(self, "parse");
  record("IParser.parse(%zu, %s)", count, path ? path : "-");
  if (o->parent->was_parsed) violation("a second parse into a network");
  if (scenario_has("parse-errors")) return false;
  o->parent->was_parsed = !scenario_has("parse-nothing");
  return true;
}

static int parser_errors(const void *self) {
  object_of(self, "getNbErrors");
  return scenario_has("parse-errors") ? 2 : 0;
}

static const void *parser_error(const void *self, int index) {
  object *o = object_of(self, "getError");
  if (index < 0 || index > 1) violation("getError out of range");
  object *error = make(parser_error_kind, o);
  error->index = index;
  return error;
}

static void parser_delete(void *self) { delete_public(self); }

static int error_code(const void *self) { return object_of(self, "code")->index ? 8 : 6; }
static const char *error_desc(const void *self) {
  return object_of(self, "desc")->index ? "false" : "Plugin not found";
}

static const char *error_file(const void *self) { object_of(self, "file"); return "importer.cpp"; }
static int error_line(const void *self) { return 100 + object_of(self, "line")->index; }
static const char *error_func(const void *self) { object_of(self, "func"); return "import"; }
static int error_node(const void *self) { return 3 + object_of(self, "node")->index; }
static const char *error_node_name(const void *self) {
  return object_of(self, "nodeName")->index ? "" : "decoder/swirl";
}

static const char *error_node_operator(const void *self) {
  return object_of(self, "nodeOperator")->index ? "Det" : "Swirl";
}


// MARK: Runtime, engine

static void *runtime_deserialize(void *self, const void *bytes, size_t count) {
  object *o = object_of(self, "deserializeCudaEngine");
  record("IRuntime.deserializeCudaEngine(%zu)", count);
  if (count != sizeof engine_bytes || memcmp(bytes, engine_bytes, count) != 0) {
    log_message(o->logger, 1, "IRuntime::deserializeCudaEngine: Error Code 1: plan.header.size == blobSize failed");
    return NULL;
  }
  return make(engine_kind, o);
}

static int64_t runtime_header_size(const void *self) { object_of(self, "getEngineHeaderSize"); return 8; }

static int32_t runtime_validity(const void *self, const void *bytes, int64_t count, uint64_t *diagnostics) {
  object_of(self, "getEngineValidity");
  if (count < 8 || memcmp(bytes, engine_bytes, 8) != 0) {
    *diagnostics = 0x20;
    return 2;
  }
  *diagnostics = 0;
  return 0;
}

static int32_t engine_layers(const void *self) { object_of(self, "getNbLayers"); return 1; }

static void *engine_create_context(void *self, int32_t strategy) {
  object *o = object_of(self, "createExecutionContext");
  record("ICudaEngine.createExecutionContext(%d)", strategy);
  return scenario_has("no-context") ? NULL : make(context_kind, o);
}

static void *engine_create_inspector(const void *self) {
  return make(inspector_kind, object_of(self, "createEngineInspector"));
}

static const char *inspector_information(const void *self, int32_t format) {
  object_of(self, "getEngineInformation");
  return format == 1 ? "{\"Layers\": []}" : "";
}

static const char *engine_name(const void *self) { object_of(self, "getName"); return "double"; }
static int32_t engine_profiles(const void *self) {
  object_of(self, "getNbOptimizationProfiles");
  return scenario_has("two-profiles") ? 2 : 1;
}

static bool is_known_tensor(const char *name) {
  if (!strcmp(name, "input_0") || !strcmp(name, "output_0")) return true;
  violation("there is no tensor %s", name);
  return false;
}

static dims engine_shape(const void *self, const char *name) {
  object_of(self, "getTensorShape");
  is_known_tensor(name);
  return (dims){4, {-1, 1, 8, 8}};
}

static int32_t engine_zero(const void *self, const char *name) {
  object_of(self, "getTensorDataType/Location/Format");
  is_known_tensor(name);
  return 0;
}

static int32_t engine_mode(const void *self, const char *name) {
  object_of(self, "getTensorIOMode");
  return strcmp(name, "input_0") == 0 ? 1 : 2;
}

static dims engine_profile_shape(const void *self, const char *name, int32_t profile, int32_t selector) {
  object_of(self, "getProfileShape");
  if (strcmp(name, "input_0") != 0) return (dims){-1, {0}};
  static const int64_t batches[2][3] = {{1, 2, 4}, {5, 6, 8}};
  return (dims){4, {batches[profile][selector], 1, 8, 8}};
}

static int32_t engine_tensors(const void *self) { object_of(self, "getNbIOTensors"); return 2; }
static const char *engine_tensor_name(const void *self, int32_t index) {
  object_of(self, "getIOTensorName");
  return index == 0 ? "input_0" : "output_0";
}

static int64_t engine_memory_v2(const void *self) { object_of(self, "getDeviceMemorySizeV2"); return 2000; }
static size_t engine_memory(const void *self) { object_of(self, "getDeviceMemorySize"); return 1000; }

// MARK: Execution context

static void context_set_recorder(void *self, void *recorder) {
  take_recorder(object_of(self, "setErrorRecorder"), recorder);
}

static bool context_set_profile(void *self, int32_t profile, void *stream) {
  object *o = object_of(self, "setOptimizationProfileAsync");
  record("IExecutionContext.setOptimizationProfileAsync(%d)", profile);
  if (!stream) violation("no stream");
  o->index = profile;
  return true;
}

static bool context_set_shape(void *self, const char *name, const dims *d) {
  object *o = object_of(self, "setInputShape");
  char text[128];
  print_dims(text, sizeof text, d);
  record("IExecutionContext.setInputShape(%s, %s)", name, text);
  if (d->d[0] < (o->index ? 5 : 1) || d->d[0] > (o->index ? 8 : 4)) violation("a shape outside the profile");
  o->shape = *d;
  o->is_set = true;
  return true;
}

static dims context_shape(const void *self, const char *name) {
  is_known_tensor(name);
  return object_of(self, "getTensorShape")->shape;
}

static bool context_set_address(void *self, const char *name, void *address) {
  object *o = object_of(self, "setTensorAddress");
  record("IExecutionContext.setTensorAddress(%s)", name);
  if (!device_memory_holds(address, 1)) violation("%s isn't in GPU memory", name);
  o->addresses[strcmp(name, "input_0") == 0 ? 0 : 1] = address;
  return is_known_tensor(name);
}

static int32_t context_infer(void *self, int32_t capacity, const char **missing) {
  (void)capacity;
  (void)missing;
  record("IExecutionContext.inferShapes");
  return object_of(self, "inferShapes")->is_set ? 0 : 1;
}

typedef struct computation {
  const float *input;
  float *output;
  size_t count;
} computation;

static void compute(void *argument) {
  computation *c = argument;
  size_t bytes = c->count * sizeof(float);
  if (!device_memory_holds(c->input, bytes) || !device_memory_holds(c->output, bytes)) {
    violation("the network leaves live GPU memory");
    return;
  }
  for (size_t i = 0; i < c->count; i++) c->output[i] = 2 * c->input[i] + 1;
}

static bool context_enqueue(void *self, void *stream) {
  object *o = object_of(self, "enqueueV3");
  record("IExecutionContext.enqueueV3");
  if (scenario_has("enqueue-fails")) {
    report(o, 7, "IExecutionContext::enqueueV3: Error Code 7: failed execution");
    return false;
  }
  if (!o->is_set || !o->addresses[0] || !o->addresses[1]) {
    violation("enqueueV3 before shapes and addresses are set");
    return false;
  }
  size_t count = 1;
  for (int32_t i = 0; i < o->shape.n; i++) count *= (size_t)o->shape.d[i];
  computation *c = malloc(sizeof *c);
  *c = (computation){o->addresses[0], o->addresses[1], count};
  stream_put(stream, compute, c);
  return true;
}

// MARK: Tables

typedef struct method {
  enum kind kind;
  function implementation;
  int32_t slots[3];  // TensorRT for RTX, TensorRT 11, TensorRT 10; -1 when absent
  int32_t since;     // the first TensorRT 10.x
} method;

#define METHOD(kind, implementation, rtx, trt11, trt10) {kind, (function)implementation, {rtx, trt11, trt10}, 0}

static const method methods[] = {
  METHOD(builder_kind, builder_create_config, 5, 5, 7),
  METHOD(builder_kind, builder_create_network, 6, 6, 8),
  METHOD(builder_kind, builder_create_profile, 7, 7, 9),
  METHOD(builder_kind, builder_set_recorder, 8, 8, 10),
  METHOD(builder_kind, builder_build, 11, 11, 14),
  METHOD(config_kind, config_clear_flag, 8, 8, 10),
  METHOD(config_kind, config_set_flag, 9, 9, 11),
  METHOD(config_kind, config_add_profile, 23, 23, 25),
  METHOD(config_kind, config_set_pool, 32, 32, 43),
  METHOD(config_kind, config_set_level, 36, 36, 47),
  METHOD(config_kind, config_set_hardware, 38, 38, 49),
  METHOD(config_kind, config_set_monitor, 45, 45, 56),
  METHOD(config_kind, config_set_capability_count, 55, -1, -1),
  METHOD(config_kind, config_set_capability, 57, -1, -1),
  METHOD(network_kind, network_layers, 12, 12, 12),
  METHOD(network_kind, network_layer, 13, 13, 13),
  METHOD(network_kind, network_one, 14, 14, 14),
  METHOD(network_kind, network_input, 15, 15, 15),
  METHOD(network_kind, network_one, 16, 16, 16),
  METHOD(network_kind, network_output, 17, 17, 17),
  METHOD(tensor_kind, tensor_name, 3, 3, 3),
  METHOD(tensor_kind, tensor_dims, 5, 5, 5),
  METHOD(tensor_kind, tensor_type, 6, 6, 7),
  METHOD(tensor_kind, tensor_is_shape, 11, 15, 21),
  METHOD(layer_kind, layer_type, 2, 2, 2),
  METHOD(layer_kind, layer_name, 4, 4, 4),
  METHOD(layer_kind, layer_inputs, 5, 5, 5),
  METHOD(layer_kind, layer_input, 6, 6, 6),
  METHOD(profile_kind, profile_set, 2, 2, 2),
  METHOD(profile_kind, profile_is_valid, 7, 7, 9),
  METHOD(memory_kind, memory_data, 2, 2, 2),
  METHOD(memory_kind, memory_size, 3, 3, 3),
  METHOD(parser_kind, parser_parse, 0, 0, 0),
  METHOD(parser_kind, parser_errors, 3, 3, 5),
  METHOD(parser_kind, parser_error, 4, 4, 6),
  METHOD(parser_kind, complete_destructor, 6, 6, 8),
  METHOD(parser_kind, parser_delete, 7, 7, 9),
  METHOD(parser_error_kind, error_code, 0, 0, 0),
  METHOD(parser_error_kind, error_desc, 1, 1, 1),
  METHOD(parser_error_kind, error_file, 2, 2, 2),
  METHOD(parser_error_kind, error_line, 3, 3, 3),
  METHOD(parser_error_kind, error_func, 4, 4, 4),
  METHOD(parser_error_kind, error_node, 5, 5, 5),
  METHOD(parser_error_kind, error_node_name, 6, 6, 6),
  METHOD(parser_error_kind, error_node_operator, 7, 7, 7),
  METHOD(runtime_kind, runtime_deserialize, 3, 3, 3),
  METHOD(runtime_kind, runtime_header_size, 23, -1, -1),
  METHOD(runtime_kind, runtime_validity, 24, -1, -1),
  METHOD(engine_kind, engine_layers, 3, 3, 3),
  METHOD(engine_kind, engine_create_context, 5, 5, 5),
  METHOD(engine_kind, engine_name, 7, 7, 9),
  METHOD(engine_kind, engine_profiles, 8, 8, 10),
  METHOD(engine_kind, engine_create_inspector, 14, 14, 18),
  METHOD(engine_kind, engine_shape, 15, 15, 19),
  METHOD(engine_kind, engine_zero, 16, 16, 20),
  METHOD(engine_kind, engine_zero, 17, 17, 21),
  METHOD(engine_kind, engine_mode, 19, 19, 23),
  METHOD(engine_kind, engine_zero, 22, 22, 26),
  METHOD(engine_kind, engine_profile_shape, 25, 25, 29),
  METHOD(engine_kind, engine_tensors, 26, 26, 30),
  METHOD(engine_kind, engine_tensor_name, 27, 27, 31),
  {engine_kind, (function)engine_memory_v2, {44, 44, 52}, 100100},
  METHOD(engine_kind, engine_memory, -1, -1, 7),
  METHOD(inspector_kind, inspector_information, 6, 6, 6),
  METHOD(context_kind, context_set_recorder, 13, 13, 14),
  METHOD(context_kind, context_set_profile, 16, 16, 17),
  METHOD(context_kind, context_set_shape, 20, 20, 21),
  METHOD(context_kind, context_shape, 21, 21, 22),
  METHOD(context_kind, context_set_address, 23, 23, 24),
  METHOD(context_kind, context_infer, 27, 27, 28),
  METHOD(context_kind, context_enqueue, 36, 36, 37),
};

// A slot that no test should reach. The arguments are unknown, so nothing is read from them.
#define TRAP(n) static intptr_t trap_##n(void) { violation("slot %d is none of the expected ones", n); return 0; }
#define TEN(M, t) M(t##0) M(t##1) M(t##2) M(t##3) M(t##4) M(t##5) M(t##6) M(t##7) M(t##8) M(t##9)
#define ALL(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) TEN(M, 1) TEN(M, 2) TEN(M, 3) TEN(M, 4) TEN(M, 5) \
  TEN(M, 6) TEN(M, 7)
ALL(TRAP)
#define TRAP_ENTRY(n) (function)trap_##n,
static const function traps[slot_count] = {ALL(TRAP_ENTRY)};

static void make_tables(void) {
  public_table[0] = (function)complete_destructor;
  public_table[1] = (function)delete_public;
  for (int kind = 0; kind < kind_count; kind++) memcpy(tables[kind], traps, sizeof traps);
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    const method *m = &methods[i];
    int32_t slot = m->slots[double_family()];
    if (slot >= 0 && double_version >= m->since * (double_family() == family_10)) {
      tables[m->kind][slot] = m->implementation;
    }
  }
  are_tables_made = true;
}

// MARK: Entry points

int32_t getInferLibVersion(void) {
  record("getInferLibVersion");
  return double_version;
}

void *createInferBuilder_INTERNAL(void *logger, int32_t version) {
  record("createInferBuilder(%d)", version);
  take_logger(logger);
  if (scenario_has("no-builder")) {
    log_message(logger, 1, "the double makes no builder");
    return NULL;
  }
  object *builder = make(builder_kind, NULL);
  builder->logger = logger;
  return builder;
}

void *createInferRuntime_INTERNAL(void *logger, int32_t version) {
  record("createInferRuntime(%d)", version);
  take_logger(logger);
  if (scenario_has("no-runtime")) return NULL;
  object *runtime = make(runtime_kind, NULL);
  runtime->logger = logger;
  return runtime;
}

int getNvOnnxParserVersion(void) { return double_family() == family_rtx ? 200 : 100; }

void *createNvOnnxParser_INTERNAL(void *network, void *logger, int version) {
  record("createNvOnnxParser(%d)", version);
  (void)logger;
  object *n = public_object(network, network_kind, "createNvOnnxParser");
  return scenario_has("no-parser") ? NULL : make(parser_kind, n);
}
