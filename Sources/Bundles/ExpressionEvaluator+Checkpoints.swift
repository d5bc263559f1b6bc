import Archives
import Tensors

/// `torch.load` as data: the entries that an expression names, arrays as nested lists. Nothing of the file is executed.
extension ExpressionEvaluator {
  /// Arrays of more elements are no arguments of a network.
  private static let maximumElements = 1 << 16
  private static let maximumNesting = 16

  func load(_ call: CallArguments) throws -> PythonValue {
    var call = call
    // Where the tensors go, and how Python would unpickle them, plays no part here.
    for name in ["map_location", "weights_only", "mmap"] { _ = call.takeKeyword(name) }
    if call.positional.count == 2 { call.positional.removeLast() }
    try call.expect(1...1)
    switch call.positional[0] {
    case .string(let file), .path(let file): return try value(of: checkpoint(file))
    case let other: throw EvaluationFailure.failed("torch.load needs a path, not \(other.typeName)")
    }
  }

  /// The entry `key` of a checkpoint's dictionary; nil where there is none.
  func entry(_ key: PythonValue, of data: CheckpointData) throws -> PythonValue? {
    guard case .dictionary(let entries) = try data.content(), case .string(let name) = key else { return nil }
    return try entries.last { $0.key == name }.map { try value(of: $0.value) }
  }

  /// An array made of an array, or of nested lists of numbers: the same values.
  func array(_ call: CallArguments) throws -> PythonValue {
    var call = call
    for name in ["dtype", "device"] { _ = call.takeKeyword(name) }
    try call.expect(1...1)
    switch call.positional[0] {
    case .list, .tuple, .int, .double, .bool: return call.positional[0]
    case let other: throw EvaluationFailure.failed("\(call.function) needs an array or a list, not \(other.typeName)")
    }
  }

  private func value(of data: CheckpointData, nesting: Int = 0) throws -> PythonValue {
    guard nesting < Self.maximumNesting else {
      throw EvaluationFailure.tooLarge("lists nested too deep in a checkpoint")
    }
    try budget.spend(1)
    switch try data.content() {
    case .none: return .none
    case .bool(let value): return .bool(value)
    case .int(let value): return .int(value)
    case .double(let value): return .double(value)
    case .string(let text):
      try budget.spend(text.utf8.count / 16)
      return .string(text)
    case .list(let items):
      try budget.spend(items.count)
      return .list(try items.map { try value(of: $0, nesting: nesting + 1) })
    case .dictionary: return .loaded(data)
    case .array(let tensor): return try nested(tensor)
    case .other(let kind): throw refused("\(kind) of a checkpoint", "only numbers, texts, lists and arrays are read")
    }
  }

  private func tooLarge(_ tensor: Tensor) -> EvaluationFailure { .tooLarge("an array of the shape \(tensor.shape)") }

  /// The elements of an array as Python's `tolist` gives them.
  private func nested(_ tensor: Tensor) throws -> PythonValue {
    guard tensor.count <= Self.maximumElements, tensor.shape.rank <= Self.maximumNesting else {
      throw tooLarge(tensor)
    }
    try budget.spend(2 * tensor.count)
    var elements: [PythonValue]
    switch tensor.elementType {
    case .bool: elements = tensor.converted(to: .uint8).array(of: UInt8.self).map { .bool($0 != 0) }
    case .float16, .bfloat16, .float32, .float64:
      elements = tensor.converted(to: .float64).array(of: Double.self).map { .double($0) }
    default: elements = tensor.converted(to: .int64).array(of: Int64.self).map { .int(Int($0)) }
    }
    // Empty rows, too, are rows: their number follows from the axes before them.
    let extents = tensor.shape.dimensions
    for axis in extents.indices.reversed() {
      let rows = extents[..<axis].reduce(1, *)
      guard rows <= Self.maximumElements else {
        throw EvaluationFailure.tooLarge("an array of the shape \(tensor.shape)")
      }
      elements = (0..<rows).map { .list(Array(elements[$0 * extents[axis]..<($0 + 1) * extents[axis]])) }
    }
    return elements.first ?? .list([])
  }
}
