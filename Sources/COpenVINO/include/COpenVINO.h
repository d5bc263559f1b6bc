/// Fixed-argument wrappers over the OpenVINO C API, whose functions are looked up by name at run time.
///
/// Nothing here decides anything: each function makes one or a few calls of the library and hands its answer on.
/// The declarations follow the public documentation of the OpenVINO C API, 2026.4
/// (docs.openvino.ai, "OpenVINO Runtime C API").
///
/// Every function that returns `char *` returns NULL when it succeeded, else the error's text, which the caller
/// frees with `free`. Results are written through the last pointers, only on success.
#ifndef COPENVINO_H
#define COPENVINO_H

#include <stddef.h>
#include <stdint.h>

#if defined(__clang__)
#pragma clang assume_nonnull begin
#endif

/// The addresses of the library's functions. Once opened it stays loaded for the life of the process.
typedef struct OVLibrary OVLibrary;
/// A runtime with its device plugins (`ov_core_t`).
typedef struct OVCore OVCore;
/// A network that was read, not compiled (`ov_model_t`).
typedef struct OVModel OVModel;
/// A network compiled for a device (`ov_compiled_model_t`).
typedef struct OVCompiledModel OVCompiledModel;
/// One run at a time of a compiled network (`ov_infer_request_t`).
typedef struct OVRequest OVRequest;

/// The library's numbers for element types (`ov_element_type_e`).
typedef enum OVElementType {
  OVElementTypeDynamic = 0,
  OVElementTypeBoolean = 1,
  OVElementTypeBFloat16 = 2,
  OVElementTypeFloat16 = 3,
  OVElementTypeFloat32 = 4,
  OVElementTypeFloat64 = 5,
  OVElementTypeInt8 = 7,
  OVElementTypeInt16 = 8,
  OVElementTypeInt32 = 9,
  OVElementTypeInt64 = 10,
  OVElementTypeUInt8 = 16,
  OVElementTypeUInt16 = 17,
  OVElementTypeUInt32 = 18,
  OVElementTypeUInt64 = 19,
} OVElementType;

/// The two sides of a network.
typedef enum OVSide { OVSideInput = 0, OVSideOutput = 1 } OVSide;

enum { OVMaximalRank = 16, OVMaximalProperties = 12 };

/// A network's input or output. A rank of -1 is unknown; an extent of -1 is dynamic.
typedef struct OVPort {
  OVElementType elementType;
  int64_t rank;
  int64_t dimensions[OVMaximalRank];
} OVPort;

/// Loads the library at `path` (or, for a bare name, wherever the system's loader finds it) and looks its functions up.
char *_Nullable OVLibraryOpen(const char *path, OVLibrary *_Nullable *_Nonnull library);
/// The library's build number, such as `2026.4.1-22982-…`, cut to `capacity` bytes with its final zero.
char *_Nullable OVLibraryVersion(const OVLibrary *library, char *text, size_t capacity);

char *_Nullable OVCoreCreate(const OVLibrary *library, OVCore *_Nullable *_Nonnull core);
/// The names of the devices that can be compiled for, separated by commas, cut to `capacity`.
char *_Nullable OVCoreDevices(const OVLibrary *library, const OVCore *core, char *text, size_t capacity);
char *_Nullable OVCoreProperty(
    const OVLibrary *library, const OVCore *core, const char *device, const char *key, char *text, size_t capacity);
void OVCoreFree(const OVLibrary *library, OVCore *_Nullable core);

/// Reads a network from the bytes of an ONNX file. The bytes aren't used after the call.
char *_Nullable OVModelRead(
    const OVLibrary *library, const OVCore *core, const void *bytes, size_t count, OVModel *_Nullable *_Nonnull model);
char *_Nullable OVModelPortCount(const OVLibrary *library, const OVModel *model, OVSide side, size_t *count);
char *_Nullable OVModelPort(const OVLibrary *library, const OVModel *model, OVSide side, size_t index, OVPort *port);
/// The name of an input, cut to `capacity` bytes with its final zero.
char *_Nullable OVModelInputName(
    const OVLibrary *library, const OVModel *model, size_t index, char *text, size_t capacity);
/// Gives the inputs `0..<count` the static shapes `shapes` and derives all other shapes anew.
char *_Nullable OVModelReshape(const OVLibrary *library, OVModel *model, const OVPort *shapes, size_t count);
void OVModelFree(const OVLibrary *library, OVModel *_Nullable model);

/// Compiles the network with the properties `keys[i] = values[i]`, at most `OVMaximalProperties`.
char *_Nullable OVModelCompile(
    const OVLibrary *library, const OVCore *core, const OVModel *model, const char *device,
    const char *_Nonnull const *_Nonnull keys, const char *_Nonnull const *_Nonnull values, size_t count,
    OVCompiledModel *_Nullable *_Nonnull compiled);
/// Sets a property for whatever is compiled or imported for the device from now on, unless it says otherwise.
char *_Nullable OVCoreSetProperty(
    const OVLibrary *library, const OVCore *core, const char *device, const char *key, const char *value);
/// Writes the compiled network to the file `path`.
char *_Nullable OVCompiledModelExport(const OVLibrary *library, const OVCompiledModel *compiled, const char *path);
/// Reads a compiled network from the bytes of such a file, which must stay while the network does: its weights lie there.
char *_Nullable OVCompiledModelImport(
    const OVLibrary *library, const OVCore *core, const void *bytes, size_t count, const char *device,
    OVCompiledModel *_Nullable *_Nonnull compiled);
char *_Nullable OVCompiledModelInputCount(
    const OVLibrary *library, const OVCompiledModel *compiled, size_t *count);
char *_Nullable OVCompiledModelInputName(
    const OVLibrary *library, const OVCompiledModel *compiled, size_t index, char *text, size_t capacity);
char *_Nullable OVCompiledModelPort(
    const OVLibrary *library, const OVCompiledModel *compiled, OVSide side, size_t index, OVPort *port);
char *_Nullable OVCompiledModelProperty(
    const OVLibrary *library, const OVCompiledModel *compiled, const char *key, char *text, size_t capacity);
void OVCompiledModelFree(const OVLibrary *library, OVCompiledModel *_Nullable compiled);

char *_Nullable OVRequestCreate(
    const OVLibrary *library, const OVCompiledModel *compiled, OVRequest *_Nullable *_Nonnull request);
/// Lets an input be read from, or an output be written to, `data`: row-major elements of the port's static shape.
/// The memory must stay valid until the last run before the next call of this function for the same port.
char *_Nullable OVRequestBind(
    const OVLibrary *library, OVRequest *request, OVSide side, size_t index, const OVPort *port, void *data);
/// Runs the network and returns when its outputs are written.
char *_Nullable OVRequestInfer(const OVLibrary *library, OVRequest *request);
/// Calls `each` with the layers of the last run that were executed, for a network compiled with `PERF_COUNT`. The texts
/// live during the call.
char *_Nullable OVRequestLayers(
    const OVLibrary *library, const OVRequest *request, void *context,
    void (*each)(void *context, const char *name, const char *kind, int64_t microseconds));
void OVRequestFree(const OVLibrary *library, OVRequest *_Nullable request);

#if defined(__clang__)
#pragma clang assume_nonnull end
#endif

#endif
