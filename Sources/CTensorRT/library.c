// Opening the libraries, and choosing the tables by the version.
#define _GNU_SOURCE
#include "library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(trt_dimensions) == 72 && offsetof(trt_dimensions, extents) == 8, "the layout of nvinfer1::Dims");

typedef struct known_range {
  int32_t first, last;  // as getInferLibVersion() counts
  int32_t family;
} known_range;

static const known_range known_ranges[] = {
  {10500, 10799, trt_family_rtx},
  {110000, 110199, trt_family_11},
  {100000, 101699, trt_family_10},
};

const char *trt_known_versions(void) {
  return "TensorRT for RTX 1.5 to 1.7, TensorRT 10.0 to 10.16, TensorRT 11.0 to 11.1";
}

int32_t trt_family_of_version(int32_t version) {
  for (size_t i = 0; i < sizeof known_ranges / sizeof *known_ranges; i++) {
    if (version >= known_ranges[i].first && version <= known_ranges[i].last) return known_ranges[i].family;
  }
  return trt_family_unknown;
}

// The slot of one row in one library.
static int16_t slot_of(int32_t family, int32_t version, int rtx, int trt11, int trt10, int since) {
  if (family == trt_family_rtx) return (int16_t)rtx;
  if (family == trt_family_11) return (int16_t)trt11;
  return (int16_t)(version >= since ? trt10 : ABSENT);
}

static void choose_slots(trt_library *library) {
#define CHOOSE_SLOT(interface, method, result, parameters, rtx, trt11, trt10, since) \
  library->slots.interface.method = slot_of(library->family, library->version, rtx, trt11, trt10, since);
#define CHOOSE_SLOTS(interface, ROWS) ROWS(CHOOSE_SLOT)
  INTERFACES(CHOOSE_SLOTS)
}

static trt_library *fail(
  trt_library *library, trt_open_result *result, int32_t status, bool in_parser, const char *detail) {
  result->status = status;
  result->in_parser = in_parser;
  snprintf(result->detail, sizeof result->detail, "%s", detail ? detail : "");
  free(library);
  return NULL;
}

// Copies the address of `symbol` into a function pointer. POSIX gives both the same size.
static bool resolve(void *shared_library, const char *symbol, void *function) {
  void *address = dlsym(shared_library, symbol);
  memcpy(function, &address, sizeof address);
  return address != NULL;
}

trt_library *trt_library_open(const char *library_path, const char *parser_path, trt_open_result *result) {
  *result = (trt_open_result){.status = trt_opened};
  trt_library *library = calloc(1, sizeof *library);
  if (!library) return fail(NULL, result, trt_out_of_memory, false, NULL);

  void *shared_library = dlopen(library_path, RTLD_NOW | RTLD_LOCAL);
  if (!shared_library) return fail(library, result, trt_cannot_load, false, dlerror());
  int32_t (*version)(void);
  if (!resolve(shared_library, "getInferLibVersion", &version)) {
    return fail(library, result, trt_symbol_missing, false, "getInferLibVersion");
  }
  library->version = result->version = version();
  library->family = trt_family_of_version(library->version);
  if (library->family == trt_family_unknown) return fail(library, result, trt_version_unknown, false, NULL);
  choose_slots(library);
  if (!resolve(shared_library, "createInferBuilder_INTERNAL", &library->create_builder)) {
    return fail(library, result, trt_symbol_missing, false, "createInferBuilder_INTERNAL");
  }
  if (!resolve(shared_library, "createInferRuntime_INTERNAL", &library->create_runtime)) {
    return fail(library, result, trt_symbol_missing, false, "createInferRuntime_INTERNAL");
  }

  library->parser_version = -1;
  if (!parser_path) return library;
  void *shared_parser = dlopen(parser_path, RTLD_NOW | RTLD_LOCAL);
  if (!shared_parser) return fail(library, result, trt_cannot_load, true, dlerror());
  int (*parser_version)(void);
  if (!resolve(shared_parser, "getNvOnnxParserVersion", &parser_version)) {
    return fail(library, result, trt_symbol_missing, true, "getNvOnnxParserVersion");
  }
  if (!resolve(shared_parser, "createNvOnnxParser_INTERNAL", &library->create_parser)) {
    return fail(library, result, trt_symbol_missing, true, "createNvOnnxParser_INTERNAL");
  }
  library->parser_version = parser_version();
  return library;
}

void trt_library_close(trt_library *library) { free(library); }

int32_t trt_library_version(const trt_library *library) { return library->version; }

int32_t trt_library_family(const trt_library *library) { return library->family; }

int32_t trt_library_parser_version(const trt_library *library) { return library->parser_version; }
