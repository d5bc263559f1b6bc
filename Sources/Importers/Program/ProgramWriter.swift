import Diagnostics
package import Graphs
import Tensors

/// Writes a program into a graph, operator by operator.
package final class ProgramWriter {
  package var graph: Graph
  /// What is known of the values that nodes compute from constants alone.
  private var folding = ConstantFolding()

  package init(name: String) { graph = Graph(name: name) }

  /// The elements of all constants that were made from tensors of a file.
  private(set) var constantCount = 0

  /// A tensor of the program's file under its name there.
  func weight(_ tensor: Tensor, name: String) -> Value {
    constantCount += tensor.count
    return graph.constant(tensor, name: name)
  }

  // MARK: Values

  func type(of value: Value) -> TensorType { graph.type(of: value) }

  /// The constant behind `value`, also when nodes compute it from constants alone.
  func constant(_ value: Value) -> Tensor? { graph.constant(value) ?? folding.tensor(value) }

  /// The value, or a constant in its place when nodes compute it from constants alone.
  func folded(_ value: Value) -> Value {
    folding.update(graph)
    return folding.constant(for: value, in: &graph)
  }

  /// The node that computes `value`.
  func producer(of value: Value) -> Node? {
    folding.update(graph)
    return folding.producer(of: value).map { graph.nodes[$0] }
  }

  /// A scalar of the graph for an integer of the program.
  func scalar(of dimension: Dimension) throws -> Value {
    if let number = dimension.constant { return graph.constant([Int64(number)], shape: [], name: "scalar") }
    // (c₂ · batch + c₁) · batch + c₀
    guard dimension.symbols.count == 1, let coefficients = dimension.coefficients(of: dimension.symbols[0]) else {
      throw ImportError.undecidable(what: "a tensor that holds the number \(dimension)")
    }
    let size = try size(of: Dimension(dimension.symbols[0]))
    func scalar(_ number: Int) -> Value { graph.constant([Int64(number)], shape: [], name: "scalar") }
    var result = scalar(coefficients.last ?? 0)
    for coefficient in coefficients.dropLast().reversed() {
      result = try graph.multiply(result, size)
      if coefficient != 0 { result = try graph.add(result, scalar(coefficient)) }
    }
    return result
  }

  /// The extent `dimension` that an input has, as a number of the graph.
  private func size(of dimension: Dimension) throws -> Value {
    try graph.reduceSum(ones(dimension), axes: [0], keepsAxes: false)
  }

  /// A vector of as many ones as the extent `dimension` of an input.
  func ones(_ dimension: Dimension) throws -> Value {
    let column = try column(of: dimension)
    let truth = try graph.logicalOr(column, graph.logicalNot(column))
    return try reshape(graph.cast(truth, to: .int64), [dimension])
  }

  // MARK: Operators

  /// Applies an operator of PyTorch to arguments in the order of its schema, positional and by keyword.
  /// - Parameter scope: The path of the module that calls it.
  /// - Throws: ``ImportError``, `GraphError`.
  func apply(
    _ operation: ATenOperator, _ bound: [ProgramValue], isInPlace: Bool, scope: String
  ) throws -> ProgramValue {
    graph.enterScope(scope)
    defer { graph.leaveScope() }
    let call = ATenCall(writer: self, operation: operation, arguments: bound)
    let result = try operation.lower(call)
    folding.update(graph)
    guard isInPlace else { return constantsFolded(result) }
    guard case .tensor(let target)? = bound.first, case .tensor(let changed) = result else { return result }
    if target !== changed {
      var value = try changed.value(self)
      // The result in place keeps the tensor's own element type.
      let type = type(of: try target.value(self)).elementType
      if self.type(of: value).elementType != type { value = try graph.cast(value, to: type) }
      try target.assign(folded(value), self, operator: operation.name)
    }
    return .tensor(target)
  }

  private func constantsFolded(_ value: ProgramValue) -> ProgramValue {
    switch value {
    case .tensor(let tensor): tensor.replaceValue { folding.constant(for: $0, in: &graph) }
    case .list(let list): for item in list.items { _ = constantsFolded(item) }
    case .tuple(let items): for item in items { _ = constantsFolded(item) }
    default: break
    }
    return value
  }

  // MARK: Element types

  /// The value as `type`.
  func cast(_ value: Value, to type: ElementType) throws -> Value {
    self.type(of: value).elementType == type ? value : try graph.cast(value, to: type)
  }
}
