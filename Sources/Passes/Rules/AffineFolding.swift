package import Graphs
import OrderedCollections
import Tensors

/// Batch normalisations, factors and addends for each channel go into the weights of the layer in front: a convolution,
/// a transposed one, a linear layer, or another normalisation.
///
/// Weights are multiplied in float64 and rounded once; where nothing is multiplied they stay where they lie.
package struct AffineFolding: RewriteRule {
  package let name = "affine-folding"
  package let operators: Set<String> = ["BatchNormalization", "Mul", "Div", "Add", "Sub"]

  package init() {}

  package func patch(_ node: Node, _ index: GraphIndex) throws -> Patch? {
    guard let (affine, input) = ChannelAffine.step(node, index), index.isReadOnce(input),
      let layer = AffineLayer(computing: input, index)
    else { return nil }
    // A linear layer of a matrix product and an addend is a layer as it is.
    if affine.factors == nil, layer.addendIsNode { return nil }
    guard let factors = affine.numbers(\.factors, layer), let addends = affine.numbers(\.addends, layer),
      (factors + addends).allSatisfy(\.isFinite)
    else { return nil }
    return layer.patch(
      factors: affine.factors == nil ? nil : factors, addends: addends, named: node.name)
  }
}

/// y = factors · x + addends, one number for each channel or one for all.
private struct ChannelAffine {
  /// nil for 1.
  var factors: [Double]?
  var addends: [Double]
  /// The shape that the numbers broadcast with, as the constant has it.
  var shape: [Int]

  /// What `node` does to one of its operands.
  static func step(_ node: Node, _ index: GraphIndex) -> (ChannelAffine, input: Value)? {
    if node.operator == "BatchNormalization" { return batchNormalization(node, index) }
    guard let pair = index.constantOperand(of: node), let tensor = index.constant(pair.constant),
      tensor.elementType == .float32, tensor.count <= 1 << 16,
      index.graph.type(of: node.outputs[0]) == index.graph.type(of: pair.other)
    else { return nil }
    let numbers = tensor.array(of: Float.self).map(Double.init)
    let shape = tensor.shape.dimensions
    let isRight = node.inputs[1] == pair.constant
    switch node.operator {
    case "Mul": return (ChannelAffine(factors: numbers, addends: [0], shape: shape), pair.other)
    case "Div" where isRight:
      return (ChannelAffine(factors: numbers.map { 1 / $0 }, addends: [0], shape: shape), pair.other)
    case "Add": return (ChannelAffine(factors: nil, addends: numbers, shape: shape), pair.other)
    case "Sub" where isRight:
      return (ChannelAffine(factors: nil, addends: numbers.map { -$0 }, shape: shape), pair.other)
    default: return nil
    }
  }

  private static func batchNormalization(_ node: Node, _ index: GraphIndex) -> (ChannelAffine, input: Value)? {
    let parameters = node.inputs.dropFirst().compactMap { index.floats($0)?.map(Double.init) }
    guard let input = node.inputs[0], parameters.count == 4 else { return nil }
    let epsilon = Double(node.float("epsilon") ?? 1e-5)
    let factors = zip(parameters[0], parameters[3]).map { $0 / ($1 + epsilon).squareRoot() }
    let addends = factors.indices.map { parameters[1][$0] - parameters[2][$0] * factors[$0] }
    let ones = Array(repeating: 1, count: index.graph.type(of: input).rank - 2)
    return (ChannelAffine(factors: factors, addends: addends, shape: [factors.count] + ones), input)
  }

  /// One number for each of the layer's channels; nil when they vary along another axis.
  func numbers(_ part: (ChannelAffine) -> [Double]?, _ layer: AffineLayer) -> [Double]? {
    let numbers = part(self) ?? [1]
    if numbers.count == 1 { return Array(repeating: numbers[0], count: layer.channels) }
    let padded = Array(repeating: 1, count: max(0, layer.rank - shape.count)) + shape
    guard numbers.count == layer.channels, padded.count == layer.rank, padded[layer.channelAxis] == layer.channels
    else {
      return nil
    }
    return numbers
  }
}

/// A layer with a weight and a bias that an affine step can go into.
private struct AffineLayer {
  enum Kind {
    case convolution, transposedConvolution
    case gemm, product
    /// Scale and bias are operands 1 and 2.
    case normalization
  }

  let kind: Kind
  /// The convolution, product or normalisation.
  let node: Node
  /// For a matrix product the sum behind it, which holds the addend.
  let addition: Node?
  let input: Value
  let weightName: String
  let weight: Tensor
  let bias: [Double]?
  let channels: Int
  let rank: Int
  let channelAxis: Int
  /// Operands that stay: the statistics of a batch normalisation.
  let others: [Value?]

  /// Whether the bias needs a node of its own, which isn't there yet.
  var addendIsNode: Bool { kind == .product && addition == nil }

  init?(computing value: Value, _ index: GraphIndex) {
    guard let last = index.producer(of: value) else { return nil }
    let type = index.graph.type(of: value)
    guard type.elementType == .float32, type.rank >= 2 else { return nil }
    rank = type.rank
    var product = last
    var sum: Node?
    var sumBias: [Double]?
    if last.operator == "Add", let pair = index.constantOperand(of: last), index.isReadOnce(pair.other),
      let inner = index.producer(of: pair.other, "MatMul"), let tensor = index.constant(pair.constant),
      tensor.shape.dimensions.dropLast().allSatisfy({ $0 == 1 }), tensor.elementType == .float32
    {
      (product, sum) = (inner, last)
      sumBias = tensor.array(of: Float.self).map(Double.init)
    }
    guard let source = product.inputs[0], let weightValue = product.inputs.count > 1 ? product.inputs[1] : nil,
      let tensor = index.constant(weightValue), tensor.elementType == .float32
    else { return nil }
    var ownBias: [Double]?
    if product.inputs.count > 2, let operand = product.inputs[2] {
      guard let numbers = index.floats(operand) else { return nil }
      ownBias = numbers.map(Double.init)
    }
    switch product.operator {
    case "Conv": (kind, channelAxis) = (.convolution, 1)
    case "ConvTranspose": (kind, channelAxis) = (.transposedConvolution, 1)
    case "InstanceNormalization", "BatchNormalization": (kind, channelAxis) = (.normalization, 1)
    case "LayerNormalization" where tensor.shape.rank == 1: (kind, channelAxis) = (.normalization, type.rank - 1)
    case "MatMul" where tensor.shape.rank == 2: (kind, channelAxis) = (.product, type.rank - 1)
    case "Gemm":
      guard product.float("alpha") ?? 1 == 1, product.float("beta") ?? 1 == 1 else { return nil }
      (kind, channelAxis) = (.gemm, 1)
    default: return nil
    }
    guard let count = type.shape[channelAxis].constant else { return nil }
    channels = count
    bias = (sumBias ?? ownBias).flatMap { numbers in
      numbers.count == 1 ? Array(repeating: numbers[0], count: count) : numbers
    }
    guard bias == nil || bias?.count == count else { return nil }
    if product.operator == "BatchNormalization" {
      guard product.inputs[3...].allSatisfy({ index.constant($0) != nil }) else { return nil }
      others = Array(product.inputs[3...])
    } else {
      others = []
    }
    node = product
    addition = sum
    input = source
    weight = tensor
    weightName = index.graph.name(of: weightValue)
  }

  /// The layer with y · factors + addends for y. It takes the name of the value that it gives.
  func patch(factors: [Double]?, addends: [Double], named name: String) -> Patch {
    let biases = addends.indices.map { (bias?[$0] ?? 0) * (factors?[$0] ?? 1) + addends[$0] }
    let hasBias = bias != nil || addends.contains { $0 != 0 } || kind == .normalization
    return Patch("\(name) into \(node.name)", operands: [input] + others.compactMap(\.self)) { rebuilder in
      let weight = rebuilder.graph.constant(factors.map { scaled(by: $0) } ?? weight, name: weightName)
      let vector = Tensor(biases.map { Float($0) }, [channels])
      let source = try rebuilder.value(input)
      guard kind == .product else {
        let rest = try others.map { value in try value.map { try rebuilder.value($0) } }
        let operands = [source, weight] + (hasBias ? [rebuilder.graph.constant(vector, name: "\(name)/bias")] : [])
        return [try rebuilder.apply(node.operator, operands + rest, node.attributes, named: name)]
      }
      guard hasBias else { return [try rebuilder.apply("MatMul", [source, weight], named: name)] }
      let product = try rebuilder.apply("MatMul", [source, weight], named: "\(name)/MatMul")
      return [
        try rebuilder.apply("Add", [product, rebuilder.graph.constant(vector, name: "\(name)/bias")], named: name)
      ]
    }
  }

  /// The weight with each output channel's part multiplied.
  private func scaled(by factors: [Double]) -> Tensor {
    var result = weight.copy()
    let shape = weight.shape.dimensions
    let taps = shape.dropFirst(2).reduce(1, *)
    let groups = node.int("group") ?? 1
    let isTransposed = node.int("transB") ?? 0 != 0
    result.withMutableElements(of: Float.self) { elements in
      for index in elements.indices {
        let channel =
          switch kind {
          case .normalization: index
          case .convolution: index / (taps * shape[1])
          case .transposedConvolution:
            // [in, out / groups, kernel…]
            index / (taps * shape[1]) / (shape[0] / groups) * shape[1] + index / taps % shape[1]
          case .gemm where isTransposed: index / shape[1]
          case .gemm, .product: index % shape[1]
          }
        elements[index] = Float(Double(elements[index]) * factors[channel])
      }
    }
    // Both in memory at once would double what an export takes.
    weight.giveBackPages()
    return result
  }
}
