import Graphs
import Interpreter
import OrderedCollections
import Tensors
import Testing

/// Operators against numbers worked out by hand; whole networks are compared with PyTorch in `NetworksTests`.
@Suite struct EvaluationTests {
  @Test func everyOperatorOfTheGraphHasARule() {
    #expect(Evaluation.operators == Set(OperatorDefinition.table.keys))
  }

  @Test func aConvolutionAndItsTransposeAreAdjoint() throws {
    var graph = Graph(name: "adjoint")
    let image = try graph.input("image", TensorType(.float32, [Dimension("batch"), 2, 5, 4]))
    let features = try graph.input("features", TensorType(.float32, [Dimension("batch"), 3, 3, 2]))
    let weight = graph.constant(Tensor((0..<54).map { Float($0 % 7) - 3 }, [3, 2, 3, 3]), name: "weight")
    let attributes = ["strides": Attribute.ints([2, 2]), "pads": .ints([1, 1, 1, 1])]
    let forward = try graph.apply(
      "Conv", [image, weight], ["strides": attributes["strides"]!, "pads": attributes["pads"]!])
    let backward = try graph.apply(
      "ConvTranspose", [features, weight],
      ["strides": attributes["strides"]!, "pads": attributes["pads"]!, "output_padding": .ints([0, 1])])
    try graph.output(forward[0], name: "forward")
    try graph.output(backward[0], name: "backward")
    let x = (0..<40).map { Float($0 * 5 % 11) - 5 }
    let y = (0..<18).map { Float($0 * 3 % 8) - 4 }
    let results = try GraphEvaluator(graph).run([Tensor(x, [1, 2, 5, 4]), Tensor(y, [1, 3, 3, 2])])
    func product(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    #expect(product(results[0].array(of: Float.self), y) == product(x, results[1].array(of: Float.self)))
  }

  @Test(
    "rules of one operand",
    arguments: [
      ("Asin", 0.5, 0.523_598_8), ("Acos", 0.5, 1.047_197_6), ("Sinh", 1, 1.175_201_2), ("Cosh", 1, 1.543_080_6),
      ("Asinh", 1, 0.881_373_6), ("Acosh", 2, 1.316_957_9), ("Atanh", 0.5, 0.549_306_1),
    ] as [(String, Float, Float)])
  func mapsNumbers(_ name: String, _ input: Float, _ expected: Float) throws {
    var graph = Graph(name: name)
    let x = try graph.input("x", TensorType(.float32, [1]))
    try graph.output(graph.apply(name, [x])[0], name: "y")
    let result = try GraphEvaluator(graph).run([Tensor([input], [1])])[0].array(of: Float.self)
    #expect(abs(result[0] - expected) < 1e-6)
  }

  @Test(
    "reductions that take logarithms or squares",
    arguments: [
      ("ReduceSumSquare", 14), ("ReduceLogSum", 1.791_759_5), ("ReduceLogSumExp", 3.407_606),
    ] as [(String, Float)])
  func reducesNumbers(_ name: String, _ expected: Float) throws {
    var graph = Graph(name: name)
    let x = try graph.input("x", TensorType(.float32, [1, 3]))
    let axes = graph.constant(Tensor([1] as [Int64], [1]), name: "axes")
    try graph.output(graph.apply(name, [x, axes], ["keepdims": .int(0)])[0], name: "y")
    let result = try GraphEvaluator(graph).run([Tensor([1, 2, 3] as [Float], [1, 3])])[0].array(of: Float.self)
    #expect(abs(result[0] - expected) < 1e-5)
  }

  @Test func gathersByPlaces() throws {
    var graph = Graph(name: "gather")
    let x = try graph.input("x", TensorType(.float32, [2, 2, 2]))
    let whole = graph.constant(Tensor([0, 1, 1, 0] as [Int64], [2, 2]), name: "whole")
    let batched = graph.constant(Tensor([1, -2] as [Int64], [2, 1]), name: "batched")
    try graph.output(graph.apply("GatherND", [x, whole])[0], name: "rows")
    try graph.output(graph.apply("GatherND", [x, batched], ["batch_dims": .int(1)])[0], name: "batches")
    let results = try GraphEvaluator(graph).run([Tensor((0..<8).map { Float($0) }, [2, 2, 2])])
    #expect(results.map { $0.array(of: Float.self) } == [[2, 3, 4, 5], [2, 3, 4, 5]])
    #expect(results.map(\.shape) == [[2, 2], [2, 2]])
  }

  @Test func remaindersFollowTheDivisorOrTheDividend() throws {
    var graph = Graph(name: "mod")
    let x = try graph.input("x", TensorType(.float32, [2]))
    let y = try graph.input("y", TensorType(.float32, [2]))
    try graph.output(graph.apply("Mod", [x, y], ["fmod": .int(1)])[0], name: "dividend")
    let results = try GraphEvaluator(graph).run([Tensor([-7, 7] as [Float], [2]), Tensor([3, -3] as [Float], [2])])
    #expect(results[0].array(of: Float.self) == [-1, 1])
  }

  @Test func valuesThatNobodyReadsAnyMoreAreNotMissed() throws {
    var graph = Graph(name: "reuse")
    let x = try graph.input("x", TensorType(.float32, [2]))
    let double = try graph.add(x, x)
    try graph.output(graph.add(double, x), name: "triple")
    try graph.output(double, name: "double")
    let results = try GraphEvaluator(graph).run([Tensor([1, 2] as [Float], [2])])
    #expect(results.map { $0.array(of: Float.self) } == [[3, 6], [2, 4]])
  }

  @Test func resizingByAScaleThatOnlyStandsForASizeIsExact() throws {
    var graph = Graph(name: "resize")
    let x = try graph.input("x", TensorType(.float32, [1, 1, 7]))
    try graph.output(graph.resize(x, to: [21], mode: .nearest, coordinates: .asymmetric), name: "nearest")
    try graph.output(graph.resize(x, to: [13], mode: .linear, coordinates: .alignCorners), name: "linear")
    let results = try GraphEvaluator(graph).run([Tensor((0..<7).map(Float.init), [1, 1, 7])])
    #expect(results[0].array(of: Float.self) == (0..<21).map { Float($0 / 3) })
    #expect(results[1].array(of: Float.self) == (0..<13).map { Float($0) / 2 })
  }

  @Test func anIndexOutsideTheAxisIsRefused() throws {
    var graph = Graph(name: "gather")
    let x = try graph.input("x", TensorType(.float32, [3]))
    let indices = try graph.input("indices", TensorType(.int64, [1]))
    try graph.output(graph.gather(x, indices, axis: 0), name: "y")
    let evaluator = GraphEvaluator(graph)
    let values = Tensor([1, 2, 3] as [Float], [3])
    #expect(throws: EvaluationError.self) { try evaluator.run([values, Tensor([3] as [Int64], [1])]) }
    #expect(try evaluator.run([values, Tensor([-1] as [Int64], [1])])[0].array(of: Float.self) == [3])
  }

  @Test func aWrongNumberOfInputsIsRefused() throws {
    var graph = Graph(name: "one")
    let x = try graph.input("x", TensorType(.float32, [1]))
    try graph.output(x, name: "y")
    #expect(throws: EvaluationError.self) { try GraphEvaluator(graph).run([]) }
  }
}
