package import Graphs
import OrderedCollections
package import Tensors

/// What a network writes itself into: the graph under construction and the weights, both under the path of the
/// module that is being built.
///
/// `module("conv")` steps into a submodule as PyTorch's attribute access does: names of nodes and keys of weights
/// made inside carry its path.
package struct NetworkBuilder {
  package var graph: Graph
  private var weights: WeightBinder
  private var path: [String] = []

  package init(name: String, weights: WeightBinder) {
    graph = Graph(name: name)
    self.weights = weights
  }

  /// The state-dict key of `name` in the current module.
  package func key(_ name: String) -> String { (path + [name]).joined(separator: ".") }

  /// Builds the submodule `name`.
  package mutating func module<Result>(
    _ name: String, _ body: (inout NetworkBuilder) throws -> Result
  ) rethrows -> Result {
    let outer = path
    path.append(name)
    defer { path = outer }
    return try body(&self)
  }

  /// A parameter or buffer of the current module, as a constant named by its state-dict key.
  package mutating func weight(_ name: String, _ shape: Shape) -> Value {
    let key = key(name)
    return graph.constant(weights.tensor(key, shape), name: key)
  }

  /// A parameter's tensor, for layers that reshape it before use.
  package mutating func weightTensor(_ name: String, _ shape: Shape) -> Tensor { weights.tensor(key(name), shape) }

  /// Whether the checkpoint has `name` in the current module.
  package func hasWeight(_ name: String) -> Bool { weights.contains(key(name)) }

  /// Accepts a weight of the current module that has no effect in evaluation.
  package mutating func ignoreWeight(_ name: String) { weights.ignore(key(name)) }

  /// Accepts all weights of the submodule `name`, which PyTorch registers there a second time or which evaluation
  /// doesn't use.
  package mutating func ignoreModule(_ name: String) { weights.ignore(prefix: key(name) + ".") }

  /// Adds nodes named after the current module.
  package mutating func emit<Result>(_ body: (inout Graph) throws -> Result) rethrows -> Result {
    path.isEmpty ? try body(&graph) : try graph.scope(path.joined(separator: "."), body)
  }

  package func type(of value: Value) -> TensorType { graph.type(of: value) }

  /// The number of channels of `[N, C, …]`.
  package func channels(of value: Value) -> Int { graph.type(of: value).shape[1].constant ?? 0 }

  /// The names and shapes of the weights that the network has used.
  var usedWeights: OrderedDictionary<String, Shape> { weights.requested }

  /// What of the checkpoint was missing, mis-shaped or left over.
  package func weightProblems() -> WeightProblems { weights.finish() }
}
