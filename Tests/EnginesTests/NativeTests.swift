import Dispatch
import Engines
import Graphs
import OrderedCollections
import Synchronization
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

  /// Each session then has threads of its own while the other runs, and all when it is alone; with one thread they take turns.
  @Test(arguments: 1...3) func sessionsSideBySideComputeTheSameBitsAsOne(_ threads: Int) throws {
    var numbers = RandomNumbers(state: 10)
    for _ in 0..<8 {
      let (graph, input, comment) = try layer(&numbers)
      let inputs = [input] + (0..<3).map { _ in numbers.tensor(input.shape.dimensions) }
      let expected = try inputs.map { try runEngine(NativeBackend(), graph, [$0])[0].array(of: Float.self) }
      var options = EngineOptions()
      options.threads = threads
      options.parallelSessions = 2
      let engine = try NativeBackend().compile(try EngineSource(graph), options)
      let results = Mutex<[Int: [Float]]>([:])
      DispatchQueue.concurrentPerform(iterations: 2) { worker in
        guard let session = try? engine.makeSession() else { return }
        for index in stride(from: worker, to: inputs.count, by: 2) {
          let result = try? session.run([inputs[index]])[0].array(of: Float.self)
          results.withLock { $0[index] = result }
        }
      }
      for (index, expected) in expected.enumerated() {
        #expect(results.withLock { $0[index] } == expected, "\(comment)")
      }
    }
    var options = EngineOptions()
    options.parallelSessions = 0
    let (graph, _, _) = try layer(&numbers)
    #expect(throws: EngineError.self) { try NativeBackend().compile(try EngineSource(graph), options) }
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

  /// Convolutions of one tap with a function between them are one step, with normalisation in front and residual behind.
  @Test func pointwiseConvolutionsInARowAreWhatTheInterpreterComputes() throws {
    var numbers = RandomNumbers(state: 10)
    for (inner, hidden, outer) in [(16, 32, 16), (17, 40, 5), (5, 105, 33), (32, 9, 1), (48, 17, 3), (33, 64, 105)] {
      var graph = Graph(name: "pair")
      let x = try graph.input("x", TensorType(.float32, [Dimension("batch"), Dimension(inner), 7, 9, 5]))
      let ones = graph.constant(numbers.tensor([inner]), name: "scale")
      let zeros = graph.constant(numbers.tensor([inner]), name: "shift")
      var value = try graph.instanceNormalization(x, scale: ones, bias: zeros, epsilon: 1e-5)
      let first = graph.constant(numbers.tensor([hidden, inner, 1, 1, 1]), name: "first")
      let bias = graph.constant(numbers.tensor([hidden]), name: "bias")
      value = try graph.gelu(graph.conv(value, weight: first, bias: bias))
      let second = graph.constant(numbers.tensor([outer, hidden, 1, 1, 1]), name: "second")
      value = try graph.conv(value, weight: second, bias: nil)
      if inner == outer { value = try graph.add(value, x) }
      try graph.output(value, name: "y")
      try graph.output(
        graph.instanceNormalization(
          value, scale: graph.constant(numbers.tensor([outer]), name: "s"),
          bias: graph.constant(numbers.tensor([outer]), name: "b"), epsilon: 1e-5), name: "z")
      for batch in 1...5 {
        try expectNativeComputes(graph, [numbers.tensor([batch, inner, 7, 9, 5])], "\(inner) \(hidden) \(outer)")
      }
    }
  }

  /// The gate of attention networks: two convolutions of one tap, their sum, and a third one of a single channel.
  @Test func sumsOfPointwiseConvolutionsAreWhatTheInterpreterComputes() throws {
    var numbers = RandomNumbers(state: 11)
    for (inner, hidden) in [(16, 8), (32, 16), (16, 40), (17, 8)] {
      var graph = Graph(name: "gate")
      let type = TensorType(.float32, [Dimension("batch"), Dimension(inner), 6, 7, 9])
      let (x, g) = (try graph.relu(try graph.input("x", type)), try graph.relu(try graph.input("g", type)))
      let weights = (0..<2).map { graph.constant(numbers.tensor([hidden, inner, 1, 1, 1]), name: "w\($0)") }
      let biases = (0..<2).map { graph.constant(numbers.tensor([hidden]), name: "b\($0)") }
      let cube = graph.constant(numbers.tensor([inner, inner, 3, 3, 3]), name: "cube")
      let source = try graph.conv(x, weight: cube, bias: nil, padding: [1, 1, 1])
      let signal = try graph.conv(g, weight: cube, bias: nil, padding: [1, 1, 1])
      let sum = try graph.add(
        graph.conv(signal, weight: weights[0], bias: biases[0]), graph.conv(source, weight: weights[1], bias: biases[1])
      )
      let last = graph.constant(numbers.tensor([1, hidden, 1, 1, 1]), name: "last")
      let sums = try graph.conv(graph.relu(sum), weight: last, bias: nil)
      let gate = hidden == 16 ? sums : try graph.sigmoid(sums)
      try graph.output(graph.concat([graph.multiply(source, gate), signal], axis: 1), name: "y")
      // And one that a single convolution opens.
      let own = graph.constant(numbers.tensor([1, inner, 1, 1, 1]), name: "own")
      let opened = try graph.tanh(graph.conv(signal, weight: own, bias: nil))
      try graph.output(graph.multiply(opened, source), name: "z")
      for batch in 1...2 {
        let inputs = (0..<2).map { _ in numbers.tensor([batch, inner, 6, 7, 9]) }
        try expectNativeComputes(graph, inputs, "\(inner) \(hidden) batch \(batch)")
      }
    }
  }

  /// Parts of a concatenation that are computed in place: raw, behind a normalisation, read by others, joined again.
  @Test func concatenationsOfWhatConvolutionsComputeAreRight() throws {
    var numbers = RandomNumbers(state: 12)
    for _ in 0..<40 {
      var graph = Graph(name: "joins")
      let rank = Int.random(in: 2...3, using: &numbers)
      let extents = (0..<rank).map { _ in Int.random(in: 5...11, using: &numbers) }
      func convolution(_ value: Value, _ channels: Int, _ outer: Int) throws -> Value {
        let weight = graph.constant(
          numbers.tensor([outer, channels] + Array(repeating: 3, count: rank)), name: "w\(graph.nodes.count)")
        return try graph.conv(value, weight: weight, bias: nil, padding: Array(repeating: 1, count: rank))
      }
      let x = try graph.input("x", TensorType(.float32, [Dimension("batch"), 16] + extents.map { Dimension($0) }))
      var (value, channels) = (x, 16)
      for round in 0..<3 {
        var (parts, sizes): ([Value], [Int]) = ([], [])
        for part in 0..<Int.random(in: 2...3, using: &numbers) {
          let outer = [16, 16, 32, part > 0 ? 5 : 16].randomElement(using: &numbers)!
          var piece = try convolution(value, channels, outer)
          if Bool.random(using: &numbers) {
            piece = try graph.instanceNormalization(
              piece, scale: graph.constant(numbers.tensor([outer]), name: "s\(graph.nodes.count)"),
              bias: graph.constant(numbers.tensor([outer]), name: "b\(graph.nodes.count)"), epsilon: 1e-5)
          }
          switch Int.random(in: 0...4, using: &numbers) {
          case 0: piece = try graph.relu(piece)
          case 1: piece = try graph.gelu(piece)
          case 2: try graph.output(piece, name: "piece\(graph.nodes.count)")
          case 3: try graph.output(graph.relu(graph.add(piece, piece)), name: "twice\(graph.nodes.count)")
          default: break
          }
          parts.append(piece)
          sizes.append(outer)
        }
        if round > 0, Bool.random(using: &numbers) {
          parts.insert(value, at: 0)
          sizes.insert(channels, at: 0)
        }
        value = try graph.concat(parts, axis: 1)
        channels = sizes.reduce(0, +)
      }
      try graph.output(convolution(value, channels, 20), name: "y")
      for batch in 1...2 { try expectNativeComputes(graph, [numbers.tensor([batch, 16] + extents)], "\(extents)") }
    }
  }

  @Test func aBareModelIsRefused() throws {
    let source = EngineSource(onnx: [], inputs: [], outputs: [])
    #expect(throws: EngineError.self) { try NativeBackend().compile(source, EngineOptions()) }
  }
}
