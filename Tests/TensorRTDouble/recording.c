#include "recording.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "include/TensorRTDouble.h"

int32_t double_version = 10701;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char scenario[512];
static char *transcript;
static size_t length, capacity;
static int32_t live;

enum family double_family(void) {
  if (double_version < 20000) return family_rtx;
  return double_version >= 110000 ? family_11 : family_10;
}

bool scenario_has(const char *word) { return strstr(scenario, word) != NULL; }

static void append(const char *prefix, const char *format, va_list arguments) {
  char line[1024];
  int prefix_length = snprintf(line, sizeof line, "%s", prefix);
  vsnprintf(line + prefix_length, sizeof line - (size_t)prefix_length, format, arguments);
  pthread_mutex_lock(&lock);
  size_t needed = length + strlen(line) + 2;
  if (needed > capacity) {
    capacity = needed * 2;
    transcript = realloc(transcript, capacity);
  }
  length += (size_t)sprintf(transcript + length, "%s\n", line);
  pthread_mutex_unlock(&lock);
}

void record(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  append("", format, arguments);
  va_end(arguments);
}

void violation(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  append("VIOLATION: ", format, arguments);
  va_end(arguments);
}

void count_live(int32_t change) {
  pthread_mutex_lock(&lock);
  live += change;
  pthread_mutex_unlock(&lock);
}

void tensorrt_double_reset(int32_t version, const char *words) {
  objects_reset();
  cuda_reset();
  pthread_mutex_lock(&lock);
  double_version = version;
  snprintf(scenario, sizeof scenario, "%s", words);
  length = 0;
  if (transcript) transcript[0] = 0;
  live = 0;
  pthread_mutex_unlock(&lock);
}

const char *tensorrt_double_transcript(void) { return transcript ? transcript : ""; }

int32_t tensorrt_double_live(void) { return live; }
