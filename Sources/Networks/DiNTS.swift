package import Arguments
package import Graphs
import OrderedCollections
import Tensors

/// `monai.networks.nets.DiNTS` with a `TopologyInstance`: a network whose connections and operations were found by
/// search (https://arxiv.org/abs/2103.15954).
///
/// State-dict keys: `stem_down.<depth>.mod.<i>`, `dints_space.cell_tree.(<block>, <connection>)`,
/// `stem_up.<depth>.mod.<i>`, `stem_finals`.
package struct DiNTS: Network {
  package static let names = ["DiNTS"]
  package static let parameters = [
    "dints_space", "in_channels", "num_classes", "act_name", "norm_name", "spatial_dims", "use_downsample", "node_a",
  ]

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  let classes: Int
  let activation: Activation?
  let normalization: Normalization?
  let isDownsampled: Bool
  let topology: DiNTSTopology
  /// Per block (the input first) and depth, whether the node takes part.
  let nodes: [[Bool]]

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    guard let space = try arguments.optionalComponent("dints_space") else {
      throw ArgumentError.missing(component: component.className, path: component.path, name: "dints_space")
    }
    topology = try DiNTSTopology(space.naming(DiNTSTopology.parameters))
    inputChannels = [try arguments.int("in_channels")]
    classes = try arguments.int("num_classes")
    activation = try arguments.activation("act_name", default: .relu)
    normalization = try arguments.normalization("norm_name", default: .affineInstance)
    spatialDimensions = try arguments.int("spatial_dims", default: 3)
    isDownsampled = try arguments.bool("use_downsample", default: true)
    let (blocks, depths) = (topology.blocks, topology.depths)
    nodes =
      try arguments.matrix("node_a", rows: blocks + 1, columns: depths)?.map { $0.map { $0 != 0 } }
      ?? Array(repeating: Array(repeating: true, count: depths), count: blocks + 1)
    try arguments.finish()
    try Self.require(
      component, spatialDimensions: spatialDimensions, in: 2...3, channels: inputChannels + [classes])
    try Self.require(
      topology.spatialDimensions == spatialDimensions && topology.isDownsampled == isDownsampled, component,
      "dints_space has other spatial_dims or use_downsample", expected: "the same as the network")
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    var features: [Value?] = []
    for depth in 0..<topology.depths {
      features.append(
        try builder.module("stem_down") { builder in
          guard nodes[0][depth] || topology.begins(at: depth) else {
            builder.ignoreModule("\(depth)")
            return nil
          }
          let features = try builder.module("\(depth)") { builder in
            try builder.module("mod") { try stemDown(&$0, inputs[0], depth) }
          }
          // A node that takes no part hands on zeros of the same shape.
          return nodes[0][depth] ? features : try builder.emit { try $0.scale(features, by: 0) }
        })
    }
    let outputs = try builder.module("dints_space") { try topology.build(&$0, features) }
    var result: Value?
    for depth in (0..<topology.depths).reversed() {
      result = try builder.module("stem_up") { builder in
        let isStart = result == nil && nodes[topology.blocks][depth]
        let parts = [result, result != nil || isStart ? outputs[depth] : nil].compactMap(\.self)
        guard let first = parts.first else {
          builder.ignoreModule("\(depth)")
          return nil
        }
        let sum = parts.count == 2 ? try builder.add(parts[1], first) : first
        return try builder.module("\(depth)") { builder in
          try builder.module("mod") { try stemUp(&$0, sum, depth) }
        }
      }
    }
    guard let result else {
      throw NetworkError.invalidDefinition(
        network: Self.name, path: "node_a", reason: "no node of the last block takes part", expected: nil)
    }
    return [try builder.module("stem_finals") { try final(&$0, result) }]
  }

  private func interpolated(_ builder: inout NetworkBuilder, _ input: Value, by factor: Double) throws -> Value {
    try Interpolation(mode: .linear, alignsCorners: true)
      .build(&builder, input, scales: Array(repeating: factor, count: spatialDimensions))
  }

  private func convolution(
    _ builder: inout NetworkBuilder, _ number: Int, _ input: Value, _ outputs: Int, stride: Int = 1
  ) throws -> Value {
    let result = try builder.convolution(
      "\(number)", input, outputs: outputs, kernel: 3, strides: .all(stride), padding: 1, hasBias: false)
    return try builder.normalize("\(number + 1)", result, normalization)
  }

  private func stemDown(_ builder: inout NetworkBuilder, _ input: Value, _ depth: Int) throws -> Value {
    let filters = topology.filters
    let smaller = try interpolated(&builder, input, by: 1 / Double(1 << depth))
    let features = try convolution(&builder, 1, smaller, filters[depth])
    guard isDownsampled else { return features }
    let activated = try builder.activate("3", features, activation)
    return try convolution(&builder, 4, activated, filters[depth + 1], stride: 2)
  }

  private func stemUp(_ builder: inout NetworkBuilder, _ input: Value, _ depth: Int) throws -> Value {
    let activated = try builder.activate("0", input, activation)
    let outputs = topology.filters[isDownsampled ? depth : max(depth - 1, 0)]
    let features = try convolution(&builder, 1, activated, outputs)
    return try interpolated(&builder, features, by: isDownsampled || depth > 0 ? 2 : 1)
  }

  private func final(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let features = try builder.module("0") { builder in
      let activated = try builder.activate("acti", input, activation)
      let result = try builder.convolution(
        "conv", activated, outputs: topology.filters[0], kernel: 3, padding: 1, hasBias: false)
      return try builder.normalize("norm", result, normalization)
    }
    return try builder.convolution("1", features, outputs: classes, kernel: 1)
  }
}

/// `monai.networks.nets.TopologyInstance`: cells between the depths of consecutive blocks.
struct DiNTSTopology: Sendable {
  let spatialDimensions: Int
  let isDownsampled: Bool
  let blocks: Int
  let depths: Int
  let filters: [Int]
  private let activation: Activation?
  private let normalization: Normalization?
  /// Per block and connection: whether it is there.
  private let connections: [[Bool]]
  /// Per block and connection: the operation; nil for all of them.
  private let operations: [[Int]]?

  static let parameters = [
    "arch_code", "channel_mul", "cell", "num_blocks", "num_depths", "spatial_dims", "act_name", "norm_name",
    "use_downsample", "device",
  ]

  init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    guard component.className == "TopologyInstance" else {
      throw arguments.unsupported("dints_space", component.className, supported: "TopologyInstance")
    }
    blocks = try arguments.int("num_blocks", default: 6)
    depths = try arguments.int("num_depths", default: 3)
    guard (1...64).contains(blocks), (1...8).contains(depths) else {
      throw arguments.unsupported(
        "num_blocks", "\(blocks) with \(depths) num_depths", supported: "up to 64 blocks and 8 depths")
    }
    spatialDimensions = try arguments.int("spatial_dims", default: 3)
    let factor = try arguments.double("channel_mul", default: 1)
    filters = (0...depths).map { Int(saturating: Double(32 << $0) * factor) }
    guard filters.allSatisfy({ (1...1 << 20).contains($0) }) else {
      throw arguments.unsupported("channel_mul", "\(factor)", supported: "a positive factor")
    }
    activation = try arguments.activation("act_name", default: .relu)
    normalization = try arguments.normalization("norm_name", default: .affineInstance)
    isDownsampled = try arguments.bool("use_downsample", default: true)
    arguments.ignore("device")
    guard arguments.present("cell") == nil else {
      throw arguments.unsupported("cell", "a class of its own", supported: "None")
    }
    let count = 3 * depths - 2
    if let value = arguments.present("arch_code") {
      guard case .list(let codes) = value, codes.count == 2 else {
        throw arguments.wrongKind("arch_code", value, expected: "the two arrays arch_code_a and arch_code_c")
      }
      connections = try arguments.matrix("arch_code", codes[0], rows: blocks, columns: count).map { $0.map { $0 == 1 } }
      let chosen = try arguments.matrix("arch_code", codes[1], rows: blocks, columns: count)
      let operationCount = spatialDimensions == 2 ? 2 : 5
      guard chosen.joined().allSatisfy({ (0..<operationCount).contains($0) }) else {
        throw arguments.unsupported("arch_code", "an operation", supported: "0 to \(operationCount - 1)")
      }
      operations = chosen
    } else {
      connections = Array(repeating: Array(repeating: true, count: count), count: blocks)
      operations = nil
    }
    try arguments.finish()
  }

  /// Connection `index` comes from this depth …
  private func source(_ index: Int) -> Int { (index + 1) / 3 - 1 + (index + 1) % 3 }
  /// … goes to this one …
  private func target(_ index: Int) -> Int { (index + 1) / 3 }
  /// … and makes the image smaller (-1), larger (1) or keeps it.
  private func rate(_ index: Int) -> Int { (index + 1) % 3 - 1 }

  /// Whether a connection of the first block comes from `depth`.
  func begins(at depth: Int) -> Bool { connections[0].indices.contains { connections[0][$0] && source($0) == depth } }

  /// The features of each depth after all blocks; nil where nothing arrives, which counts as zero.
  func build(_ builder: inout NetworkBuilder, _ inputs: [Value?]) throws -> [Value?] {
    var features = inputs
    for block in 0..<blocks {
      var outputs: [Value?] = Array(repeating: nil, count: depths)
      for index in connections[block].indices where connections[block][index] {
        guard let input = features[source(index)] else {
          throw NetworkError.invalidDefinition(
            network: "TopologyInstance", path: "arch_code",
            reason: "connection \(index) of block \(block) comes from depth \(source(index)), where nothing arrives",
            expected: nil)
        }
        let result = try builder.module("cell_tree") { builder in
          try builder.module("(\(block), \(index))") { try cell(&$0, input, block, index) }
        }
        let target = target(index)
        if let sum = outputs[target] {
          outputs[target] = try builder.add(sum, result)
        } else {
          outputs[target] = result
        }
      }
      features = outputs
    }
    return features
  }

  /// `Cell`: the input brought to the target's channels and size, then the sum of the chosen operations.
  private func cell(_ builder: inout NetworkBuilder, _ input: Value, _ block: Int, _ index: Int) throws -> Value {
    let outputs = filters[target(index) + (isDownsampled ? 1 : 0)]
    let prepared = try builder.module("preprocess") { builder in
      switch rate(index) {
      case -1: return try smaller(&builder, input, outputs)
      case 1: return try larger(&builder, input, outputs)
      default:
        guard builder.channels(of: input) != outputs else { return input }
        return try convolved(&builder, input, outputs, [[Int](repeating: 1, count: spatialDimensions)])
      }
    }
    let chosen = operations.map { [$0[block][index]] } ?? Array(0..<(spatialDimensions == 2 ? 2 : 5))
    let results = try builder.module("op") { builder in
      try builder.module("ops") { builder in
        try chosen.enumerated().map { place, operation in
          try builder.module("\(place)") { try apply(&$0, prepared, operation) }
        }
      }
    }
    return try results.dropFirst().reduce(results[0]) { try builder.add($0, $1) }
  }

  /// Operation 0 keeps the input, 1 is a full convolution, 2 to 4 are one in a plane and one across it.
  private func apply(_ builder: inout NetworkBuilder, _ input: Value, _ operation: Int) throws -> Value {
    let channels = builder.channels(of: input)
    switch operation {
    case 0: return input
    case 1: return try convolved(&builder, input, channels, [PerAxis.all(3).expanded(spatialDimensions)])
    default:
      let across = 4 - operation
      let line = (0..<3).map { $0 == across ? 3 : 1 }
      return try convolved(&builder, input, channels, [line.map { 4 - $0 }, line])
    }
  }

  /// Activation, convolutions with same padding, norm; state-dict keys `acti`, `conv`, `conv_1`, `norm`.
  private func convolved(
    _ builder: inout NetworkBuilder, _ input: Value, _ outputs: Int, _ kernels: [[Int]]
  ) throws -> Value {
    var result = try builder.activate("acti", input, activation)
    for (index, kernel) in kernels.enumerated() {
      result = try builder.convolution(
        index == 0 ? "conv" : "conv_1", result,
        outputs: index == kernels.count - 1 ? outputs : builder.channels(of: input), kernel: .each(kernel),
        padding: .each(kernel.map { $0 / 2 }), hasBias: false)
    }
    return try builder.normalize("norm", result, normalization)
  }

  /// `FactorizedIncreaseBlock`.
  private func larger(_ builder: inout NetworkBuilder, _ input: Value, _ outputs: Int) throws -> Value {
    let doubled = try Interpolation(mode: .linear, alignsCorners: true)
      .build(&builder, input, scales: Array(repeating: 2, count: spatialDimensions))
    return try convolved(&builder, doubled, outputs, [[Int](repeating: 1, count: spatialDimensions)])
  }

  /// `FactorizedReduceBlock`: two strided convolutions, one of them one position further along every axis.
  private func smaller(_ builder: inout NetworkBuilder, _ input: Value, _ outputs: Int) throws -> Value {
    let activated = try builder.activate("act", input, activation)
    let extents = builder.spatial(of: activated)
    let shifted = try builder.emit { graph in
      try extents.enumerated().reduce(activated) { try graph.slice($0, axis: $1.offset + 2, 1..<$1.element) }
    }
    let first = try builder.convolution(
      "conv_1", activated, outputs: outputs / 2, kernel: 1, strides: 2, hasBias: false)
    let second = try builder.convolution(
      "conv_2", shifted, outputs: outputs - outputs / 2, kernel: 1, strides: 2, hasBias: false)
    return try builder.normalize("norm", builder.concat([first, second]), normalization)
  }
}

extension ArgumentReader {
  /// A two-dimensional array of integers, given as nested lists; nil where it is absent.
  fileprivate mutating func matrix(_ name: String, rows: Int, columns: Int) throws -> [[Int]]? {
    try present(name).map { try matrix(name, $0, rows: rows, columns: columns) }
  }

  fileprivate func matrix(_ name: String, _ value: PlainValue, rows: Int, columns: Int) throws -> [[Int]] {
    let expected = "\(rows) lists of \(columns) integers"
    guard case .list(let items) = value, items.count == rows else { throw wrongKind(name, value, expected: expected) }
    return try items.map { item in
      guard case .list = item, let numbers = item.asInts, numbers.count == columns else {
        throw wrongKind(name, item, expected: expected)
      }
      return numbers
    }
  }
}
