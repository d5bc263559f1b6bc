#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "OVFunctions.h"

enum { LogCapacity = 4096 };

static pthread_mutex_t logMutex = PTHREAD_MUTEX_INITIALIZER;
static char logText[LogCapacity];
static size_t logLength = 0;

/// Keeps the first messages since the last error; what has no room is dropped.
static void keepLogMessage(const char *message) {
  if (!message) return;
  pthread_mutex_lock(&logMutex);
  size_t room = LogCapacity - logLength;
  int length = snprintf(logText + logLength, room, "%s", message);
  if (length > 0) logLength += (size_t)length < room ? (size_t)length : room - 1;
  pthread_mutex_unlock(&logMutex);
}

void OVCaptureLog(const OVLibrary *library) { library->util_set_log_callback(keepLogMessage); }

char *OVText(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = malloc(size);
  if (!copy) abort();
  return memcpy(copy, text, size);
}

char *OVError(const OVLibrary *library, int32_t status) {
  if (status == 0) return NULL;
  const char *kind = library->get_error_info(status);
  // The library keeps one last message for the whole process and hands out a copy of it.
  const char *message = library->get_last_err_msg();
  pthread_mutex_lock(&logMutex);
  size_t capacity = (kind ? strlen(kind) : 0) + (message ? strlen(message) : 0) + logLength + 32;
  char *text = malloc(capacity);
  if (!text) abort();
  bool isTold = message && *message;
  snprintf(
      text, capacity, "%s%s%.*s", isTold ? message : (kind ? kind : "unknown error"), logLength ? "\nlog: " : "",
      (int)logLength, logText);
  logLength = 0;
  pthread_mutex_unlock(&logMutex);
  if (message) library->free(message);
  return text;
}

char *OVLibraryOpen(const char *path, OVLibrary **result) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *reason = dlerror();
    return OVText(reason ? reason : "the loader refused it without a reason");
  }
  OVLibrary *library = calloc(1, sizeof *library);
  if (!library) abort();
  const char *missing = NULL;
#define OV_LOOK_UP(name, result, arguments)                     \
  *(void **)&library->name = dlsym(handle, "ov_" #name);        \
  if (!library->name && !missing) missing = "ov_" #name;
  OV_FUNCTIONS(OV_LOOK_UP)
#undef OV_LOOK_UP
  if (missing) {
    // An older release lacks a function but can still say which one it is.
    ov_version_t version = {0};
    bool isTold = library->get_openvino_version && library->version_free && library->get_openvino_version(&version) == 0;
    char text[256];
    snprintf(
        text, sizeof text, "it has no function %s%s%.100s", missing, isTold ? "; it is of version " : "",
        isTold && version.build_number ? version.build_number : "");
    if (isTold) library->version_free(&version);
    // The handle stays open: a library with threads of its own can't be unloaded safely.
    free(library);
    return OVText(text);
  }
  OVCaptureLog(library);
  *result = library;
  return NULL;
}

char *OVLibraryVersion(const OVLibrary *library, char *text, size_t capacity) {
  ov_version_t version = {0};
  char *error = OVError(library, library->get_openvino_version(&version));
  if (error) return error;
  snprintf(text, capacity, "%s", version.build_number ? version.build_number : "");
  library->version_free(&version);
  return NULL;
}
