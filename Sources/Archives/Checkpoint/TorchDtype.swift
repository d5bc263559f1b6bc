import Tensors

/// PyTorch's names of element types and of the storages that hold them.
enum TorchDtype {
  /// Element types by dtype, `torch.float32` and its like.
  static let elementTypes: [String: ElementType] = {
    var types: [String: ElementType] = [
      "torch.half": .float16, "torch.float": .float32, "torch.double": .float64,
      "torch.short": .int16, "torch.int": .int32, "torch.long": .int64,
    ]
    for type in ElementType.allCases { types["torch.\(type.rawValue)"] = type }
    return types
  }()

  /// Dtypes that are known and refused when a tensor of them is asked for.
  static let unsupported = [
    "complex32", "complex64", "complex128", "chalf", "cfloat", "cdouble", "qint8", "quint8", "qint32", "quint4x2",
    "quint2x4", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu",
    "float4_e2m1fn_x2", "bits8", "bits16",
  ].map { "torch.\($0)" }

  /// Element types by storage class.
  static let storages: [String: ElementType] = [
    "torch.DoubleStorage": .float64, "torch.FloatStorage": .float32, "torch.HalfStorage": .float16,
    "torch.BFloat16Storage": .bfloat16, "torch.LongStorage": .int64, "torch.IntStorage": .int32,
    "torch.ShortStorage": .int16, "torch.CharStorage": .int8, "torch.ByteStorage": .uint8,
    "torch.BoolStorage": .bool,
  ]

  /// Storage classes that are known and refused, with the kind of their elements.
  static let unsupportedStorages = [
    "torch.ComplexFloatStorage": "complex64", "torch.ComplexDoubleStorage": "complex128",
    "torch.QInt8Storage": "quantized (qint8)", "torch.QUInt8Storage": "quantized (quint8)",
    "torch.QInt32Storage": "quantized (qint32)", "torch.QUInt4x2Storage": "quantized (quint4x2)",
    "torch.QUInt2x4Storage": "quantized (quint2x4)",
  ]

  /// Raw bytes; the element type stands beside the tensor.
  static let untypedStorages = ["torch.storage.UntypedStorage", "torch.UntypedStorage"]
}
