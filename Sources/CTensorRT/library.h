// What the files of this target share: the opened library, and how its methods are called.
#ifndef CTENSORRT_LIBRARY_H
#define CTENSORRT_LIBRARY_H

#include "slots.h"

struct trt_library {
  int32_t version;
  int32_t family;
  int32_t parser_version;
  trt_slots slots;
  void *(*create_builder)(void *logger, int32_t version);
  void *(*create_runtime)(void *logger, int32_t version);
  void *(*create_parser)(void *network, void *logger, int version);  // null without a parser
};

typedef void (*virtual_function)(void);

// An object begins with a pointer to its table of functions.
static inline virtual_function virtual_function_at(const void *object, int16_t slot) {
  const virtual_function *table = *(const virtual_function *const *)object;
  return table[slot];
}

// The implementation behind a public object: the pointer at byte 8.
static inline void *implementation(const void *object) {
  return ((void *const *)object)[1];
}

// Deletes a public object of any interface but IParser: the deleting destructor is in slot 1.
static inline void delete_object(void *object) {
  if (object) ((void (*)(void *))virtual_function_at(object, 1))(object);
}

#define SLOT(handle, interface, method) ((handle).library->slots.interface.method)

// Calls a method of the implementation behind a handle.
#define CALL(handle, interface, method, ...)                                                          \
  ((interface##_##method)virtual_function_at(                                                         \
    implementation((handle).object), SLOT(handle, interface, method)))(implementation((handle).object), \
                                                                       ##__VA_ARGS__)

// Calls a method of the object itself: IParser and IParserError have no implementation behind them.
#define CALL_DIRECT(handle, interface, method, ...)                                             \
  ((interface##_##method)virtual_function_at((handle).object, SLOT(handle, interface, method)))( \
    (handle).object, ##__VA_ARGS__)

#endif
