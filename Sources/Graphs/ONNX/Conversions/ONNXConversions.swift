/// How the operators of ONNX files become operators of a graph, where they differ from its own: attributes that later
/// became inputs, defaults that changed, operators that are written with others.
///
/// An operator of the graph's table that isn't listed here has had one form since opset 7, and is taken as it is.
enum ONNXConversions {
  typealias Conversion = @Sendable (inout ONNXImporter, ONNXCall) throws -> [ONNXOperand]

  static let table: [String: Conversion] = {
    let families = [
      attention, constants, elementwise, indexing, layout, matrix, normalization, quantization, reduction, resampling,
      subgraphs, windows,
    ]
    return Dictionary(families.joined().map { ($0.key, $0.value) }) { first, _ in first }
  }()

  /// Whether the reader knows the operator of the standard domain.
  static func isKnown(_ name: String) -> Bool { table[name] != nil || OperatorDefinition.table[name] != nil }
}
