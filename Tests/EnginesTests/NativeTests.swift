import Engines
import Graphs
import OrderedCollections
import Tensors
import TestSupport
import Testing

/// Martlet's CPU engine against the interpreter, layer by layer; whole networks are compared with PyTorch in
/// `NetworksTests`.
@Suite struct NativeTests {
  /// The kinds of convolution that networks are made of, and any other.
  private enum Kind: CaseIterable { case usual, usualAgain, halving, doubling, any }

  /// A convolution with normalisation, activation and residual around it, of a random kind.
  private func layer(_ numbers: inout RandomNumbers) throws -> (graph: Graph, input: Tensor, comment: String) {
    let channels = [1, 2, 3, 5, 16, 17, 32, 105]
    let (inner, outer) = (channels.randomElement(using: &numbers)!, channels.randomElement(using: &numbers)!)
    let rank = Int.random(in: 1...3, using: &numbers)
    let extents = (0..<rank).map { _ in Int.random(in: 5...15, using: &numbers) }
    let kind = Kind.allCases.randomElement(using: &numbers)!
    let isUsual = kind == .usual || kind == .usualAgain
    let isTransposed = kind == .doubling || (kind == .any && Bool.random(using: &numbers))
    func some(_ range: ClosedRange<Int>, usual: Int) -> [Int] {
      (0..<rank).map { _ in kind == .any ? Int.random(in: range, using: &numbers) : usual }
    }
    let taps = isUsual ? [1, 3, 3, 5].randomElement(using: &numbers)! : 3
    let kernel = some(1...3, usual: taps)
    var attributes: OrderedDictionary<String, Attribute> = [
      "strides": .ints(some(1...3, usual: isUsual ? 1 : 2)), "dilations": .ints(some(1...2, usual: 1)),
      "pads": .ints({ $0 + $0 }(some(0...0, usual: taps / 2))),
    ]
    if kind == .doubling { attributes["output_padding"] = .ints(Array(repeating: 1, count: rank)) }
    let batch = Int.random(in: 1...3, using: &numbers)
    var graph = Graph(name: "layer")
    var value = try graph.input(
      "x", TensorType(.float32, [Dimension("batch"), Dimension(inner)] + extents.map { Dimension($0) }))
    let input = numbers.tensor([batch, inner] + extents)
    let hasNorm = Bool.random(using: &numbers)
    if hasNorm {
      let scale = graph.constant(numbers.tensor([inner]), name: "scale")
      let bias = graph.constant(numbers.tensor([inner]), name: "bias")
      value = try graph.instanceNormalization(value, scale: scale, bias: bias, epsilon: 1e-5)
      value = try graph.leakyRelu(value, slope: 0.1)
    }
    let weightShape = (isTransposed ? [inner, outer] : [outer, inner]) + kernel
    let weight = graph.constant(numbers.tensor(weightShape), name: "weight")
    let bias = graph.constant(numbers.tensor([outer]), name: "offset")
    value = try graph.apply(isTransposed ? "ConvTranspose" : "Conv", [value, weight, bias], attributes)[0]
    if isUsual, inner == outer { value = try graph.add(value, graph.inputs[0]) }
    if Bool.random(using: &numbers) {
      value = try graph.groupNormalization(value, groups: 1, scale: nil, bias: nil, epsilon: 1e-5)
    }
    value = try graph.relu(value)
    try graph.output(value, name: "y")
    let comment =
      "\(inner)→\(outer) \(extents) kernel \(kernel) \(attributes) transposed \(isTransposed) norm \(hasNorm)"
    return (graph, input, comment)
  }

  @Test func randomLayersAreWhatTheInterpreterComputes() throws {
    var numbers = RandomNumbers(state: 6)
    for _ in 0..<300 {
      let (graph, input, comment) = try layer(&numbers)
      try expectNativeComputes(graph, [input], comment)
    }
  }

  @Test func sizesThatNoTileDividesAreRight() throws {
    var numbers = RandomNumbers(state: 7)
    var graph = Graph(name: "odd")
    let x = try graph.input("x", TensorType(.float32, [Dimension("batch"), 17, 45, 37, 51]))
    let weight = graph.constant(numbers.tensor([20, 17, 3, 3, 3]), name: "weight")
    try graph.output(graph.conv(x, weight: weight, bias: nil, padding: [1, 1, 1]), name: "y")
    try expectNativeComputes(graph, [numbers.tensor([1, 17, 45, 37, 51])], "45×37×51")
  }

  @Test func twoThreadsComputeTheSameBitsAsOne() throws {
    var numbers = RandomNumbers(state: 8)
    for _ in 0..<20 {
      let (graph, input, comment) = try layer(&numbers)
      let one = try runEngine(NativeBackend(), graph, [input], threads: 1)
      let two = try runEngine(NativeBackend(), graph, [input], threads: 2)
      #expect(one[0].array(of: Float.self) == two[0].array(of: Float.self), "\(comment)")
    }
  }

  @Test func poolingResizingAndJoiningAreWhatTheInterpreterComputes() throws {
    var numbers = RandomNumbers(state: 9)
    for (first, second) in [(16, 5), (3, 1), (5, 16), (17, 2)] {
      var graph = Graph(name: "moves")
      let x = try graph.input("x", TensorType(.float32, [Dimension("batch"), Dimension(first), 9, 7, 11]))
      let y = try graph.input("y", TensorType(.float32, [Dimension("batch"), Dimension(second), 9, 7, 11]))
      let joined = try graph.concat([x, y], axis: 1)
      try graph.output(joined, name: "joined")
      try graph.output(graph.maxPool(joined, kernel: [2, 2, 2]), name: "greatest")
      try graph.output(
        graph.averagePool(joined, kernel: [3, 3, 3], strides: [2, 2, 2], padding: [1, 1, 1]), name: "mean")
      try graph.output(
        graph.resize(joined, to: [18, 13, 30], mode: .linear, coordinates: .halfPixel), name: "linear")
      try graph.output(
        graph.resize(joined, to: [18, 14, 22], mode: .nearest, coordinates: .asymmetric), name: "nearest")
      try graph.output(graph.gelu(joined), name: "gelu")
      try graph.output(graph.multiply(joined, graph.sigmoid(joined)), name: "swish")
      try graph.output(graph.tanh(joined), name: "tanh")
      try expectNativeComputes(
        graph, [numbers.tensor([2, first, 9, 7, 11]), numbers.tensor([2, second, 9, 7, 11])], "\(first), \(second)")
    }
  }

  @Test func aBareModelIsRefused() throws {
    let source = EngineSource(onnx: [], inputs: [], outputs: [])
    #expect(throws: EngineError.self) { try NativeBackend().compile(source, EngineOptions()) }
  }
}
