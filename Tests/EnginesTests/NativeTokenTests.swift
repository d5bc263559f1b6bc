import Engines
import Graphs
import OrderedCollections
import TestSupport
import Tensors
import Testing

/// The layers of transformers and of depthwise networks on Martlet's CPU engine, against the interpreter.
@Suite struct NativeTokenTests {
  @Test func productsOfAnyShapesWithWhatFollowsThem() throws {
    var numbers = RandomNumbers(state: 11)
    let extents = [1, 2, 3, 5, 16, 17, 32, 105]
    for _ in 0..<60 {
      func some() -> Int { extents.randomElement(using: &numbers)! }
      let (rows, inner, columns) = (some(), some(), some())
      let isConstant = Bool.random(using: &numbers)
      var graph = Graph(name: "product")
      let x = try graph.input("x", TensorType(.float32, [Dimension("batch"), 3, Dimension(rows), Dimension(inner)]))
      var inputs = [numbers.tensor([2, 3, rows, inner])]
      let right: Value
      if isConstant {
        right = graph.constant(numbers.tensor([inner, columns]), name: "weight")
      } else {
        // Stretched over the samples, and read the other way round.
        let y = try graph.input("y", TensorType(.float32, [1, 3, Dimension(columns), Dimension(inner)]))
        inputs.append(numbers.tensor([1, 3, columns, inner]))
        right = try graph.transpose(y, [0, 1, 3, 2])
      }
      var value = try graph.apply("MatMul", [x, right])[0]
      if Bool.random(using: &numbers) {
        value = try graph.add(value, graph.constant(numbers.tensor([columns]), name: "bias"))
      }
      switch Int.random(in: 0..<4, using: &numbers) {
      case 0: value = try graph.gelu(value)
      case 1: value = try graph.relu(value)
      case 2: value = try graph.multiply(value, graph.sigmoid(value))
      default: break
      }
      if inner == columns { value = try graph.add(x, value) }
      try graph.output(value, name: "out")
      let comment = "\(rows)×\(inner)×\(columns), constant \(isConstant)"
      try expectNativeComputes(graph, inputs, comment)
      try expectNoInterpreter(graph, comment)
      let one = try runEngine(NativeBackend(), graph, inputs, threads: 1)
      let two = try runEngine(NativeBackend(), graph, inputs, threads: 2)
      #expect(one[0].array(of: Float.self) == two[0].array(of: Float.self), "\(comment)")
    }
  }

  @Test(arguments: [false, true]) func attentionWithMasksIsOneStep(valuesComeLast: Bool) throws {
    var numbers = RandomNumbers(state: 12)
    for (tokens, heads, depth, windows) in [
      (5, 2, 3, 1), (27, 3, 16, 4), (49, 1, 32, 2), (70, 4, 17, 1), (343, 2, 16, 1),
    ] {
      var graph = Graph(name: "attention")
      let width = heads * depth
      let x = try graph.input(
        "x", TensorType(.float32, [Dimension(2 * windows), Dimension(tokens), Dimension(3 * width)]))
      let split = try graph.transpose(graph.reshape(x, [2 * windows, tokens, 3, heads, depth]), [2, 0, 3, 1, 4])
      let parts = try graph.split(split, axis: 0, [1, 1, 1])
      func part(_ index: Int) throws -> Value {
        try graph.sigmoid(graph.reshape(parts[index], [2 * windows, heads, tokens, depth]))
      }
      let (query, key) = (try part(0), try part(1))
      var value = valuesComeLast ? parts[2] : try part(2)
      let factor = graph.constant([Float(0.3)], shape: [], name: "factor")
      var scores = try graph.apply(
        "MatMul", [graph.multiply(query, factor), graph.transpose(key, [0, 1, 3, 2])])[0]
      scores = try graph.add(scores, graph.constant(numbers.tensor([1, heads, tokens, tokens]), name: "bias"))
      scores = try graph.reshape(scores, [2, windows, heads, tokens, tokens])
      scores = try graph.add(scores, graph.constant(numbers.tensor([1, windows, 1, tokens, tokens]), name: "mask"))
      scores = try graph.softmax(graph.reshape(scores, [2 * windows, heads, tokens, tokens]), axis: -1)
      if valuesComeLast { value = try part(2) }
      let mixed = try graph.apply("MatMul", [scores, value])[0]
      let joined = try graph.reshape(graph.transpose(mixed, [0, 2, 1, 3]), [2 * windows, tokens, width])
      try graph.output(joined, name: "y")
      let comment = "\(tokens) tokens, \(heads) heads of \(depth), \(windows) windows"
      try expectNativeComputes(graph, [numbers.tensor([2 * windows, tokens, 3 * width])], comment)
      try expectNoInterpreter(graph, comment)
      let engine = try NativeBackend().compile(try EngineSource(graph), EngineOptions())
      let plan = try #require(engine as? any PlannedEngine)
        .planDescription([[2 * windows, tokens, 3 * width]])
      #expect(plan.contains("attention, masks"), "\(comment): \(plan)")
    }
  }

  @Test func normalisationsSoftmaxAndReductionsAlongAnyAxis() throws {
    var numbers = RandomNumbers(state: 13)
    for shape in [[2, 7, 33], [1, 5, 6, 48], [3, 16, 4, 5, 7], [2, 105]] {
      var graph = Graph(name: "rows")
      let x = try graph.input("x", TensorType(.float32, shape.map { Dimension($0) }))
      let width = shape[shape.count - 1]
      let scale = graph.constant(numbers.tensor([width]), name: "scale")
      let bias = graph.constant(numbers.tensor([width]), name: "bias")
      try graph.output(graph.layerNormalization(x, scale: scale, bias: bias, axis: -1, epsilon: 1e-5), name: "norm")
      for axis in shape.indices {
        try graph.output(graph.softmax(x, axis: axis), name: "softmax \(axis)")
        try graph.output(graph.apply("LogSoftmax", [x], ["axis": .int(axis)])[0], name: "logarithm \(axis)")
        for name in ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare"] {
          let axes = graph.constant(
            [Int64(axis), Int64(shape.count - 1)].prefix(axis == shape.count - 1 ? 1 : 2).map(\.self), name: "axes")
          try graph.output(graph.apply(name, [x, axes])[0], name: "\(name) \(axis)")
        }
      }
      try expectNativeComputes(graph, [numbers.tensor(shape)], "\(shape)")
      try expectNoInterpreter(graph, "\(shape)")
    }
  }

  @Test func functionsAreAccurate() throws {
    var numbers = RandomNumbers(state: 14)
    for channels in [3, 20] {
      var graph = Graph(name: "functions")
      let x = try graph.input("x", TensorType(.float32, [1, Dimension(channels), 5, 6, 7]))
      let wide = try graph.multiply(x, graph.constant([Float(9)], shape: [], name: "nine"))
      let positive = try graph.add(
        graph.apply("Abs", [wide])[0], graph.constant([Float(0.01)], shape: [], name: "least"))
      for name in [
        "Sigmoid", "Tanh", "Erf", "Gelu", "Softplus", "Mish", "Elu", "Selu", "Celu", "HardSigmoid", "HardSwish", "Neg",
        "Relu",
      ] {
        try graph.output(graph.apply(name, [wide])[0], name: name)
      }
      for name in ["Sqrt", "Log", "Reciprocal", "Exp"] {
        try graph.output(graph.apply(name, [positive])[0], name: name)
      }
      try graph.output(graph.gelu(wide, isApproximate: true), name: "approximate")
      try graph.output(graph.clip(wide, -1...2), name: "clip")
      try expectNativeComputes(graph, [numbers.tensor([1, channels, 5, 6, 7])], "\(channels) channels")
      try expectNoInterpreter(graph, "\(channels) channels")
    }
  }

  @Test func operandsOfAnyShapesBroadcast() throws {
    var numbers = RandomNumbers(state: 15)
    for _ in 0..<80 {
      let rank = Int.random(in: 1...5, using: &numbers)
      let shape = (0..<rank).map { _ in [1, 2, 3, 7, 16, 33].randomElement(using: &numbers)! }
      func part() -> [Int] {
        let kept = Int.random(in: 0..<rank, using: &numbers)
        return shape.dropFirst(kept).map { Bool.random(using: &numbers) ? $0 : 1 }
      }
      let (first, second) = (shape, part())
      let isFlipped = Bool.random(using: &numbers)
      var graph = Graph(name: "broadcast")
      let x = try graph.input("x", TensorType(.float32, first.map { Dimension($0) }))
      let y = try graph.input("y", TensorType(.float32, second.map { Dimension($0) }))
      for name in ["Add", "Sub", "Mul", "Max", "Min"] {
        let value = try graph.apply(name, isFlipped ? [y, x] : [x, y])[0]
        try graph.output(value, name: name)
      }
      let least = graph.constant([Float(1.5)], shape: [], name: "least")
      try graph.output(graph.divide(x, graph.add(y, least)), name: "Div")
      let comment = "\(first) \(second) flipped \(isFlipped)"
      try expectNativeComputes(graph, [numbers.tensor(first), numbers.tensor(second)], comment)
      try expectNoInterpreter(graph, comment)
    }
  }

  /// Gates of attention networks: a convolution's output times one channel, and times one number a channel.
  @Test func gatesBroadcastInBlocks() throws {
    var numbers = RandomNumbers(state: 16)
    for channels in [5, 16, 33] {
      var graph = Graph(name: "gates")
      let x = try graph.input("x", TensorType(.float32, [Dimension("batch"), 2, 6, 7, 9]))
      let weight = graph.constant(numbers.tensor([channels, 2, 3, 3, 3]), name: "weight")
      let features = try graph.conv(x, weight: weight, bias: nil, padding: [1, 1, 1])
      let one = graph.constant(numbers.tensor([1, channels, 1, 1, 1]), name: "one")
      let gate = try graph.sigmoid(graph.conv(features, weight: one, bias: nil))
      let gated = try graph.multiply(gate, features)
      let squeeze = graph.constant(numbers.tensor([channels, channels, 1, 1, 1]), name: "squeeze")
      let excitation = try graph.sigmoid(graph.conv(graph.globalAveragePool(gated), weight: squeeze, bias: nil))
      try graph.output(graph.conv(graph.multiply(gated, excitation), weight: one, bias: nil), name: "y")
      try expectNativeComputes(graph, [numbers.tensor([2, 2, 6, 7, 9])], "\(channels) channels")
      try expectNoInterpreter(graph, "\(channels) channels")
    }
  }

  @Test func movesAreViewsOrCopies() throws {
    var numbers = RandomNumbers(state: 17)
    for _ in 0..<60 {
      let rank = Int.random(in: 2...5, using: &numbers)
      let shape = (0..<rank).map { _ in [2, 3, 8, 16, 17].randomElement(using: &numbers)! }
      var graph = Graph(name: "moves")
      let x = try graph.input("x", TensorType(.float32, shape.map { Dimension($0) }))
      let order = Array(0..<rank).shuffled(using: &numbers)
      let axis = Int.random(in: 0..<rank, using: &numbers)
      let permuted = try graph.transpose(x, order)
      try graph.output(permuted, name: "permuted")
      let extent = shape[order[axis]]
      let front = try graph.slice(permuted, axis: axis, 0..<1)
      let back = try graph.slice(permuted, axis: axis, 1..<extent)
      // A roll along the axis.
      let rolled = try graph.concat([back, front], axis: axis)
      try graph.output(rolled, name: "rolled")
      try graph.output(
        graph.reshape(back, [-1, shape[order[rank - 1]] - (axis == rank - 1 ? 1 : 0)]), name: "reshaped")
      try graph.output(graph.slice(permuted, axis: axis, from: 0, step: 2), name: "every second")
      for mode in [PaddingMode.constant, .reflect, .edge, .wrap] {
        let before = (0..<rank).map { _ in Int.random(in: 0...1, using: &numbers) }
        try graph.output(graph.pad(rolled, before: before, after: before, mode: mode, value: 2), name: "\(mode)")
      }
      let comment = "\(shape) \(order) axis \(axis)"
      try expectNativeComputes(graph, [numbers.tensor(shape)], comment)
      try expectNoInterpreter(graph, comment)
    }
  }

  @Test func convolutionsInGroupsAndWindows() throws {
    var numbers = RandomNumbers(state: 18)
    for _ in 0..<60 {
      let rank = Int.random(in: 1...3, using: &numbers)
      let groups = [2, 3, 17, 32].randomElement(using: &numbers)!
      let isDepthwise = Bool.random(using: &numbers)
      let (inner, outer) =
        isDepthwise ? (1, 1) : (Int.random(in: 1...3, using: &numbers), Int.random(in: 1...3, using: &numbers))
      let isTransposed = Bool.random(using: &numbers)
      let kernel = (0..<rank).map { _ in Int.random(in: 1...5, using: &numbers) }
      let extents = kernel.map { _ in Int.random(in: 9...14, using: &numbers) }
      let attributes: OrderedDictionary<String, Attribute> = [
        "group": .int(groups), "strides": .ints(kernel.map { _ in Int.random(in: 1...3, using: &numbers) }),
        "dilations": .ints(kernel.map { _ in Int.random(in: 1...2, using: &numbers) }),
        "pads": .ints({ $0 + $0 }(kernel.map { Int.random(in: 0...$0 / 2, using: &numbers) })),
      ]
      var graph = Graph(name: "groups")
      let x = try graph.input(
        "x", TensorType(.float32, [Dimension("batch"), Dimension(groups * inner)] + extents.map { Dimension($0) }))
      let scale = graph.constant(numbers.tensor([groups * inner]), name: "scale")
      let bias = graph.constant(numbers.tensor([groups * inner]), name: "bias")
      let normal = try graph.relu(graph.instanceNormalization(x, scale: scale, bias: bias, epsilon: 1e-5))
      let weightShape = isTransposed ? [groups * inner, outer] : [groups * outer, inner]
      let weight = graph.constant(numbers.tensor(weightShape + kernel), name: "weight")
      let offset = graph.constant(numbers.tensor([groups * outer]), name: "offset")
      let value = try graph.apply(isTransposed ? "ConvTranspose" : "Conv", [normal, weight, offset], attributes)[0]
      try graph.output(graph.multiply(value, graph.sigmoid(value)), name: "y")
      let comment =
        "\(groups) groups of \(inner)→\(outer), \(extents) kernel \(kernel) \(attributes) transposed \(isTransposed)"
      try expectNativeComputes(graph, [numbers.tensor([2, groups * inner] + extents)], comment)
      try expectNoInterpreter(graph, comment)
    }
    // Windows that don't overlap, as vision transformers cut patches, and padding in front of a convolution.
    var graph = Graph(name: "patches")
    let x = try graph.input("x", TensorType(.float32, [Dimension("batch"), 2, 16, 24, 16]))
    let weight = graph.constant(numbers.tensor([19, 2, 8, 8, 8]), name: "weight")
    let offset = graph.constant(numbers.tensor([19]), name: "offset")
    let patches = try graph.conv(x, weight: weight, bias: offset, strides: [8, 8, 8])
    try graph.output(graph.transpose(graph.reshape(patches, [0, 19, -1]), [0, 2, 1]), name: "tokens")
    let small = graph.constant(numbers.tensor([4, 2, 3, 3, 3]), name: "small")
    let padded = try graph.padSpatial(x, before: [1, 0, 2], after: [0, 1, 1])
    try graph.output(graph.conv(padded, weight: small, bias: nil), name: "padded")
    try expectNativeComputes(graph, [numbers.tensor([2, 2, 16, 24, 16])], "patches")
    try expectNoInterpreter(graph, "patches")
  }
}
