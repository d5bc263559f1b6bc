// The objects that the library calls: logger, progress monitor, error recorder.
//
// Such an object begins with a pointer to slot 0 of its table. Two words stand before slot 0: the offset to the top
// of the object, and the type information, which may be null.
#define _GNU_SOURCE
#include "CTensorRT.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct interface_info {
  const char *kind;
  int32_t major, minor;
} interface_info;

_Static_assert(sizeof(interface_info) == 16, "the layout of nvinfer1::InterfaceInfo");

// 0 is C++: the language that the object answers for.
static int32_t api_language(const void *self) {
  (void)self;
  return 0;
}

// The library never owns these objects.
static void no_destructor(void *self) { (void)self; }

// What every versioned interface begins with.
#define TABLE_PREFIX           \
  intptr_t offset_to_top;    \
  const void *type_info
#define VERSIONED_SLOTS                                          \
  int32_t (*get_api_language)(const void *self);               \
  interface_info (*get_interface_info)(const void *self);      \
  void (*complete_destructor)(void *self);                     \
  void (*deleting_destructor)(void *self)
#define VERSIONED(info)                                                               \
  .get_api_language = api_language, .get_interface_info = info, .complete_destructor = no_destructor, \
  .deleting_destructor = no_destructor

// MARK: Logger

// TensorRT 11 and TensorRT for RTX: ILogger is a versioned interface.
typedef struct logger_table {
  TABLE_PREFIX;
  VERSIONED_SLOTS;
  void (*log)(void *self, int32_t severity, const char *message);
} logger_table;

// TensorRT 10: log comes first, and there is no version.
typedef struct logger_table_10 {
  TABLE_PREFIX;
  void (*log)(void *self, int32_t severity, const char *message);
  void (*complete_destructor)(void *self);
  void (*deleting_destructor)(void *self);
} logger_table_10;

struct trt_logger {
  const void *table;
  trt_log_callback callback;
  void *context;
};

static interface_info logger_info(const void *self) {
  (void)self;
  return (interface_info){"ILogger", 1, 0};
}

static void logger_log(void *self, int32_t severity, const char *message) {
  const trt_logger *logger = self;
  logger->callback(logger->context, severity, message ? message : "");
}

static const logger_table logger_functions = {VERSIONED(logger_info), .log = logger_log};
static const logger_table_10 logger_functions_10 = {
  .log = logger_log, .complete_destructor = no_destructor, .deleting_destructor = no_destructor};

trt_logger *trt_logger_create(const trt_library *library, trt_log_callback callback, void *context) {
  trt_logger *logger = calloc(1, sizeof *logger);
  if (!logger) return NULL;
  logger->table = trt_library_family(library) == trt_family_10 ? (const void *)&logger_functions_10.log
                                : (const void *)&logger_functions.get_api_language;
  logger->callback = callback;
  logger->context = context;
  return logger;
}

void trt_logger_delete(trt_logger *logger) { free(logger); }

// MARK: Progress monitor

typedef struct monitor_table {
  TABLE_PREFIX;
  VERSIONED_SLOTS;
  void (*phase_start)(void *self, const char *phase, const char *parent, int32_t steps);
  bool (*step_complete)(void *self, const char *phase, int32_t step);
  void (*phase_finish)(void *self, const char *phase);
} monitor_table;

struct trt_progress_monitor {
  const void *table;
  trt_progress_callbacks callbacks;
};

static interface_info monitor_info(const void *self) {
  (void)self;
  return (interface_info){"IProgressMonitor", 1, 0};
}

static void monitor_phase_start(void *self, const char *phase, const char *parent, int32_t steps) {
  const trt_progress_callbacks *callbacks = &((trt_progress_monitor *)self)->callbacks;
  callbacks->phase_start(callbacks->context, phase ? phase : "", parent, steps);
}

static bool monitor_step_complete(void *self, const char *phase, int32_t step) {
  const trt_progress_callbacks *callbacks = &((trt_progress_monitor *)self)->callbacks;
  return callbacks->step_complete(callbacks->context, phase ? phase : "", step);
}

static void monitor_phase_finish(void *self, const char *phase) {
  const trt_progress_callbacks *callbacks = &((trt_progress_monitor *)self)->callbacks;
  callbacks->phase_finish(callbacks->context, phase ? phase : "");
}

static const monitor_table monitor_functions = {
  VERSIONED(monitor_info), .phase_start = monitor_phase_start, .step_complete = monitor_step_complete,
  .phase_finish = monitor_phase_finish};

trt_progress_monitor *trt_progress_monitor_create(trt_progress_callbacks callbacks) {
  trt_progress_monitor *monitor = calloc(1, sizeof *monitor);
  if (!monitor) return NULL;
  monitor->table = &monitor_functions.get_api_language;
  monitor->callbacks = callbacks;
  return monitor;
}

void trt_progress_monitor_delete(trt_progress_monitor *monitor) { free(monitor); }

// MARK: Error recorder

enum { recorder_capacity = 64 };

typedef struct recorder_table {
  TABLE_PREFIX;
  VERSIONED_SLOTS;
  int32_t (*count)(const void *self);
  int32_t (*code)(const void *self, int32_t index);
  const char *(*description)(const void *self, int32_t index);
  bool (*has_overflowed)(const void *self);
  void (*clear)(void *self);
  bool (*report)(void *self, int32_t code, const char *description);
  int32_t (*increment_references)(void *self);
  int32_t (*decrement_references)(void *self);
} recorder_table;

typedef struct recorded_error {
  int32_t code;
  char *description;
} recorded_error;

struct trt_error_recorder {
  const void *table;
  pthread_mutex_t lock;
  int32_t count;
  bool has_overflowed;
  recorded_error errors[recorder_capacity];
  atomic_int references;
};

static interface_info recorder_info(const void *self) {
  (void)self;
  return (interface_info){"IErrorRecorder", 1, 0};
}

int32_t trt_error_recorder_count(trt_error_recorder *recorder) {
  pthread_mutex_lock(&recorder->lock);
  int32_t count = recorder->count;
  pthread_mutex_unlock(&recorder->lock);
  return count;
}

bool trt_error_recorder_overflowed(trt_error_recorder *recorder) {
  pthread_mutex_lock(&recorder->lock);
  bool has_overflowed = recorder->has_overflowed;
  pthread_mutex_unlock(&recorder->lock);
  return has_overflowed;
}

int32_t trt_error_recorder_code(trt_error_recorder *recorder, int32_t index) {
  pthread_mutex_lock(&recorder->lock);
  int32_t code = index >= 0 && index < recorder->count ? recorder->errors[index].code : -1;
  pthread_mutex_unlock(&recorder->lock);
  return code;
}

const char *trt_error_recorder_description(trt_error_recorder *recorder, int32_t index) {
  pthread_mutex_lock(&recorder->lock);
  const char *description = index >= 0 && index < recorder->count ? recorder->errors[index].description : NULL;
  pthread_mutex_unlock(&recorder->lock);
  return description;
}

void trt_error_recorder_clear(trt_error_recorder *recorder) {
  pthread_mutex_lock(&recorder->lock);
  for (int32_t i = 0; i < recorder->count; i++) free(recorder->errors[i].description);
  recorder->count = 0;
  recorder->has_overflowed = false;
  pthread_mutex_unlock(&recorder->lock);
}

int32_t trt_error_recorder_references(trt_error_recorder *recorder) { return atomic_load(&recorder->references); }

// The answer tells whether the error ends the library's work; that is for the library to know.
static bool recorder_report(void *self, int32_t code, const char *description) {
  trt_error_recorder *recorder = self;
  pthread_mutex_lock(&recorder->lock);
  char *copy = recorder->count < recorder_capacity ? strdup(description ? description : "") : NULL;
  if (copy) {
    recorder->errors[recorder->count++] = (recorded_error){code, copy};
  } else {
    recorder->has_overflowed = true;
  }
  pthread_mutex_unlock(&recorder->lock);
  return false;
}

static int32_t recorder_count(const void *self) { return trt_error_recorder_count((trt_error_recorder *)self); }

static int32_t recorder_code(const void *self, int32_t index) {
  int32_t code = trt_error_recorder_code((trt_error_recorder *)self, index);
  return code < 0 ? 1 : code;  // out of range: an unspecified error, the interface has no negative codes
}

static const char *recorder_description(const void *self, int32_t index) {
  const char *description = trt_error_recorder_description((trt_error_recorder *)self, index);
  return description ? description : "";
}

static bool recorder_has_overflowed(const void *self) {
  return trt_error_recorder_overflowed((trt_error_recorder *)self);
}

static void recorder_clear(void *self) { trt_error_recorder_clear(self); }

static int32_t recorder_increment(void *self) {
  return atomic_fetch_add(&((trt_error_recorder *)self)->references, 1) + 1;
}

static int32_t recorder_decrement(void *self) {
  return atomic_fetch_sub(&((trt_error_recorder *)self)->references, 1) - 1;
}

static const recorder_table recorder_functions = {
  VERSIONED(recorder_info),
  .count = recorder_count,
  .code = recorder_code,
  .description = recorder_description,
  .has_overflowed = recorder_has_overflowed,
  .clear = recorder_clear,
  .report = recorder_report,
  .increment_references = recorder_increment,
  .decrement_references = recorder_decrement};

trt_error_recorder *trt_error_recorder_create(void) {
  trt_error_recorder *recorder = calloc(1, sizeof *recorder);
  if (!recorder) return NULL;
  recorder->table = &recorder_functions.get_api_language;
  pthread_mutex_init(&recorder->lock, NULL);
  return recorder;
}

void trt_error_recorder_delete(trt_error_recorder *recorder) {
  if (!recorder) return;
  trt_error_recorder_clear(recorder);
  pthread_mutex_destroy(&recorder->lock);
  free(recorder);
}
