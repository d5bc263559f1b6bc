// The slot tables of TensorRT's binary interface (Itanium C++ ABI, Linux).
//
// TensorRT's classes are called through virtual tables. A row is one method: its interface and name as NVIDIA's
// public headers spell them, its C form, and its slot in each of the three families of library. `since` is the first
// TensorRT 10.x that has the method, as getInferLibVersion() counts (10.1 is 100100), or 0 when all have it; the
// other two families have every method that is not ABSENT. Only methods that this target calls are listed.
//
// Source of the numbers: the public headers of NVIDIA/TensorRT (release/10.0 to release/11.1), of onnx/onnx-tensorrt
// (the parser) and of TensorRT for RTX 1.5 and 1.6. A slot is what a pointer to that member compiles to
// (1 + 8 * slot). The RTX column is what release 1.7 executes, for every interface that works without a GPU; the
// engine, context and inspector rows, and the two TensorRT columns, are from the headers alone.
//
// IParser and IParserError are called directly. All other interfaces are a pair of objects: the public one holds,
// at byte 8, a pointer to the implementation, and it is the implementation's table that these slots count in.
// Slots 0 and 1 are its destructors.
//
// TensorRT 10.8 alone moved INetworkDefinition's slots 63 to 76 by one; nothing here reaches that far.
#ifndef CTENSORRT_SLOTS_H
#define CTENSORRT_SLOTS_H

#include "CTensorRT.h"

#define ABSENT (-1)

//  interface            method                          result          parameters                                                    RTX 1.5+  TRT 11  TRT 10  since
#define BUILDER_SLOTS(S) \
  S(IBuilder,            createBuilderConfig,            void *,         (void *self),                                                 5,        5,      7,      0) \
  S(IBuilder,            createNetworkV2,                void *,         (void *self, uint32_t flags),                                 6,        6,      8,      0) \
  S(IBuilder,            createOptimizationProfile,      void *,         (void *self),                                                 7,        7,      9,      0) \
  S(IBuilder,            setErrorRecorder,               void,           (void *self, void *recorder),                                 8,        8,      10,     0) \
  S(IBuilder,            buildSerializedNetwork,         void *,         (void *self, void *network, void *config),                    11,       11,     14,     0)

#define CONFIG_SLOTS(S) \
  S(IBuilderConfig,      clearFlag,                      void,           (void *self, int32_t flag),                                   8,        8,      10,     0) \
  S(IBuilderConfig,      setFlag,                        void,           (void *self, int32_t flag),                                   9,        9,      11,     0) \
  S(IBuilderConfig,      getFlag,                        bool,           (const void *self, int32_t flag),                             10,       10,     12,     0) \
  S(IBuilderConfig,      addOptimizationProfile,         int32_t,        (void *self, const void *profile),                            23,       23,     25,     0) \
  S(IBuilderConfig,      setMemoryPoolLimit,             void,           (void *self, int32_t pool, size_t bytes),                     32,       32,     43,     0) \
  S(IBuilderConfig,      getMemoryPoolLimit,             size_t,         (const void *self, int32_t pool),                             33,       33,     44,     0) \
  S(IBuilderConfig,      setBuilderOptimizationLevel,    void,           (void *self, int32_t level),                                  36,       36,     47,     0) \
  S(IBuilderConfig,      getBuilderOptimizationLevel,    int32_t,        (const void *self),                                           37,       37,     48,     0) \
  S(IBuilderConfig,      setHardwareCompatibilityLevel,  void,           (void *self, int32_t level),                                  38,       38,     49,     0) \
  S(IBuilderConfig,      setProgressMonitor,             void,           (void *self, void *monitor),                                  45,       45,     56,     0) \
  S(IBuilderConfig,      setNbComputeCapabilities,       bool,           (void *self, int32_t count),                                  55,       ABSENT, ABSENT, 0) \
  S(IBuilderConfig,      setComputeCapability,           bool,           (void *self, int32_t capability, int32_t index),              57,       ABSENT, ABSENT, 0)

#define NETWORK_SLOTS(S) \
  S(INetworkDefinition,  getNbLayers,                    int32_t,        (const void *self),                                           12,       12,     12,     0) \
  S(INetworkDefinition,  getLayer,                       void *,         (const void *self, int32_t index),                            13,       13,     13,     0) \
  S(INetworkDefinition,  getNbInputs,                    int32_t,        (const void *self),                                           14,       14,     14,     0) \
  S(INetworkDefinition,  getInput,                       void *,         (const void *self, int32_t index),                            15,       15,     15,     0) \
  S(INetworkDefinition,  getNbOutputs,                   int32_t,        (const void *self),                                           16,       16,     16,     0) \
  S(INetworkDefinition,  getOutput,                      void *,         (const void *self, int32_t index),                            17,       17,     17,     0)

#define TENSOR_SLOTS(S) \
  S(ITensor,             getName,                        const char *,   (const void *self),                                           3,        3,      3,      0) \
  S(ITensor,             getDimensions,                  trt_dimensions, (const void *self),                                           5,        5,      5,      0) \
  S(ITensor,             getType,                        int32_t,        (const void *self),                                           6,        6,      7,      0) \
  S(ITensor,             isShapeTensor,                  bool,           (const void *self),                                           11,       15,     21,     0)

#define LAYER_SLOTS(S) \
  S(ILayer,              getType,                        int32_t,        (const void *self),                                           2,        2,      2,      0) \
  S(ILayer,              getName,                        const char *,   (const void *self),                                           4,        4,      4,      0) \
  S(ILayer,              getNbInputs,                    int32_t,        (const void *self),                                           5,        5,      5,      0) \
  S(ILayer,              getInput,                       void *,         (const void *self, int32_t index),                            6,        6,      6,      0)

#define PROFILE_SLOTS(S) \
  S(IOptimizationProfile, setDimensions,                 bool,           (void *self, const char *input, int32_t selector, const trt_dimensions *d), 2, 2, 2,      0) \
  S(IOptimizationProfile, isValid,                       bool,           (const void *self),                                           7,        7,      9,      0)

#define HOST_MEMORY_SLOTS(S) \
  S(IHostMemory,         data,                           void *,         (const void *self),                                           2,        2,      2,      0) \
  S(IHostMemory,         size,                           size_t,         (const void *self),                                           3,        3,      3,      0)

#define PARSER_SLOTS(S) \
  S(IParser,             parse,                          bool,           (void *self, const void *bytes, size_t count, const char *path), 0,     0,      0,      0) \
  S(IParser,             getNbErrors,                    int,            (const void *self),                                           3,        3,      5,      0) \
  S(IParser,             getError,                       const void *,   (const void *self, int index),                                4,        4,      6,      0) \
  S(IParser,             deletingDestructor,             void,           (void *self),                                                 7,        7,      9,      0)

#define PARSER_ERROR_SLOTS(S) \
  S(IParserError,        code,                           int,            (const void *self),                                           0,        0,      0,      0) \
  S(IParserError,        desc,                           const char *,   (const void *self),                                           1,        1,      1,      0) \
  S(IParserError,        file,                           const char *,   (const void *self),                                           2,        2,      2,      0) \
  S(IParserError,        line,                           int,            (const void *self),                                           3,        3,      3,      0) \
  S(IParserError,        func,                           const char *,   (const void *self),                                           4,        4,      4,      0) \
  S(IParserError,        node,                           int,            (const void *self),                                           5,        5,      5,      0) \
  S(IParserError,        nodeName,                       const char *,   (const void *self),                                           6,        6,      6,      0) \
  S(IParserError,        nodeOperator,                   const char *,   (const void *self),                                           7,        7,      7,      0)

#define RUNTIME_SLOTS(S) \
  S(IRuntime,            deserializeCudaEngine,          void *,         (void *self, const void *bytes, size_t count),                3,        3,      3,      0) \
  S(IRuntime,            setErrorRecorder,               void,           (void *self, void *recorder),                                 8,        8,      9,      0) \
  S(IRuntime,            getEngineHeaderSize,            int64_t,        (const void *self),                                           23,       ABSENT, ABSENT, 0) \
  S(IRuntime,            getEngineValidity,              int32_t,        (const void *self, const void *bytes, int64_t count, uint64_t *diagnostics), 24, ABSENT, ABSENT, 0)

#define ENGINE_SLOTS(S) \
  S(ICudaEngine,         getNbLayers,                    int32_t,        (const void *self),                                           3,        3,      3,      0) \
  S(ICudaEngine,         createExecutionContext,         void *,         (void *self, int32_t strategy),                               5,        5,      5,      0) \
  S(ICudaEngine,         getName,                        const char *,   (const void *self),                                           7,        7,      9,      0) \
  S(ICudaEngine,         getNbOptimizationProfiles,      int32_t,        (const void *self),                                           8,        8,      10,     0) \
  S(ICudaEngine,         createEngineInspector,          void *,         (const void *self),                                           14,       14,     18,     0) \
  S(ICudaEngine,         getTensorShape,                 trt_dimensions, (const void *self, const char *tensor),                       15,       15,     19,     0) \
  S(ICudaEngine,         getTensorDataType,              int32_t,        (const void *self, const char *tensor),                       16,       16,     20,     0) \
  S(ICudaEngine,         getTensorLocation,              int32_t,        (const void *self, const char *tensor),                       17,       17,     21,     0) \
  S(ICudaEngine,         getTensorIOMode,                int32_t,        (const void *self, const char *tensor),                       19,       19,     23,     0) \
  S(ICudaEngine,         getTensorFormat,                int32_t,        (const void *self, const char *tensor),                       22,       22,     26,     0) \
  S(ICudaEngine,         getProfileShape,                trt_dimensions, (const void *self, const char *tensor, int32_t profile, int32_t selector), 25, 25, 29, 0) \
  S(ICudaEngine,         getNbIOTensors,                 int32_t,        (const void *self),                                           26,       26,     30,     0) \
  S(ICudaEngine,         getIOTensorName,                const char *,   (const void *self, int32_t index),                            27,       27,     31,     0) \
  S(ICudaEngine,         getDeviceMemorySizeV2,          int64_t,        (const void *self),                                           44,       44,     52,     100100) \
  S(ICudaEngine,         getDeviceMemorySize,            size_t,         (const void *self),                                           ABSENT,   ABSENT, 7,      0)

#define CONTEXT_SLOTS(S) \
  S(IExecutionContext,   setErrorRecorder,               void,           (void *self, void *recorder),                                 13,       13,     14,     0) \
  S(IExecutionContext,   setOptimizationProfileAsync,    bool,           (void *self, int32_t profile, void *stream),                  16,       16,     17,     0) \
  S(IExecutionContext,   setInputShape,                  bool,           (void *self, const char *tensor, const trt_dimensions *d),    20,       20,     21,     0) \
  S(IExecutionContext,   getTensorShape,                 trt_dimensions, (const void *self, const char *tensor),                       21,       21,     22,     0) \
  S(IExecutionContext,   setTensorAddress,               bool,           (void *self, const char *tensor, void *address),              23,       23,     24,     0) \
  S(IExecutionContext,   inferShapes,                    int32_t,        (void *self, int32_t capacity, const char **missing),         27,       27,     28,     0) \
  S(IExecutionContext,   enqueueV3,                      bool,           (void *self, void *stream),                                   36,       36,     37,     0)

#define INSPECTOR_SLOTS(S) \
  S(IEngineInspector,    getEngineInformation,           const char *,   (const void *self, int32_t format),                           6,        6,      6,      0)

// Every interface's rows.
#define INTERFACES(I) \
  I(IBuilder, BUILDER_SLOTS) \
  I(IBuilderConfig, CONFIG_SLOTS) \
  I(INetworkDefinition, NETWORK_SLOTS) \
  I(ITensor, TENSOR_SLOTS) \
  I(ILayer, LAYER_SLOTS) \
  I(IOptimizationProfile, PROFILE_SLOTS) \
  I(IHostMemory, HOST_MEMORY_SLOTS) \
  I(IParser, PARSER_SLOTS) \
  I(IParserError, PARSER_ERROR_SLOTS) \
  I(IRuntime, RUNTIME_SLOTS) \
  I(ICudaEngine, ENGINE_SLOTS) \
  I(IExecutionContext, CONTEXT_SLOTS) \
  I(IEngineInspector, INSPECTOR_SLOTS)

// A function type per row: `IBuilder_createBuilderConfig` and so on.
#define FUNCTION_TYPE(interface, method, result, parameters, rtx, trt11, trt10, since) \
  typedef result(*interface##_##method) parameters;
#define FUNCTION_TYPES(interface, ROWS) ROWS(FUNCTION_TYPE)
INTERFACES(FUNCTION_TYPES)

// The slots of one library, a field per row: `slots.IBuilder.createBuilderConfig` and so on.
#define SLOT_FIELD(interface, method, result, parameters, rtx, trt11, trt10, since) int16_t method;
#define SLOT_FIELDS(interface, ROWS) struct { ROWS(SLOT_FIELD) } interface;
typedef struct trt_slots {
  INTERFACES(SLOT_FIELDS)
} trt_slots;

#endif
