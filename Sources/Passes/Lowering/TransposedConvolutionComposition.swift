package import Graphs
import OrderedCollections
import Tensors

/// A convolution of a transposed convolution is one transposed convolution, with a kernel of k' + k - 1: for OpenVINO.
///
/// That is how UNETR, SwinUNETR and nnU-Net's networks go up: a transposed convolution with the kernel of its stride, joined
/// with the skip connection, convolved. The joint form needs 8 products for each output and input channel in three
/// dimensions where the convolution alone needs 27, and nothing is upsampled or joined in memory:
///
///     conv(concat(up(x), skip)) = up'(x) + conv'(skip)
///
/// It is the same function where the transposed convolution crops nothing and has no bias, because zeros lie around its
/// result for both. Weights are multiplied and summed in float64 and rounded once.
package struct TransposedConvolutionComposition: RewriteRule {
  package let name = "transposed-convolution-composition"
  package let operators: Set<String> = ["Conv"]

  package init() {}

  package func patch(_ node: Node, _ index: GraphIndex) throws -> Patch? {
    guard let upsampling = Upsampling(readBy: node, index), let readers = index.onlyNodes(reading: upsampling.result)
    else { return nil }
    let layers = readers.map { ConvolutionLayer($0, reading: upsampling.result, index) }
    guard upsampling.pays(layers.compactMap(\.self), of: layers.count),
      let layer = layers.first(where: { $0?.node.name == node.name }) ?? nil
    else { return nil }
    let others = upsampling.others
    let operands = [upsampling.input] + others + [layer.bias].compactMap(\.self)
    return Patch("\(upsampling.node.name) into \(node.name)", operands: operands) { rebuilder in
      let kernel = zip(upsampling.kernel, layer.kernel).map { $0 + $1 - 1 }
      let weight = rebuilder.graph.constant(
        Tensor(upsampling.composed(with: layer), Shape([upsampling.inputs, layer.outputs] + kernel)),
        name: "\(node.name)/composed")
      let bias: [Value?] = try layer.bias.map { [try rebuilder.value($0)] } ?? []
      let spatial = layer.kernel.count
      let pads = layer.pads.enumerated().map { layer.kernel[$0 % spatial] - 1 - $1 }
      let up = try rebuilder.apply(
        "ConvTranspose", [rebuilder.value(upsampling.input), weight] + (others.isEmpty ? bias : []),
        [
          "kernel_shape": .ints(kernel), "strides": .ints(upsampling.strides), "pads": .ints(pads),
          "dilations": .ints(kernel.map { _ in 1 }), "group": .int(1),
        ], named: others.isEmpty ? node.name : "\(node.name)/up")
      if others.isEmpty { return [up] }
      var skip = try rebuilder.value(others[0])
      if others.count > 1 {
        let values = try others.map { try rebuilder.value($0) }
        skip = try rebuilder.apply("Concat", values, ["axis": .int(1)], named: "\(node.name)/others")
      }
      let rest = rebuilder.graph.constant(layer.weight(without: upsampling.channels), name: "\(node.name)/rest")
      let convolved = try rebuilder.apply("Conv", [skip, rest] + bias, node.attributes, named: "\(node.name)/skip")
      return [try rebuilder.apply("Add", [convolved, up], named: node.name)]
    }
  }
}

/// A convolution of stride 1 that reads a value.
private struct ConvolutionLayer {
  let node: Node
  /// `[out, in, kernel…]`.
  let weight: Tensor
  let bias: Value?
  /// At the beginning of each axis, then at its end.
  let pads: [Int]
  var outputs: Int { weight.shape[0] }
  var kernel: [Int] { Array(weight.shape.dimensions.dropFirst(2)) }

  init?(_ node: Node, reading value: Value, _ index: GraphIndex) {
    guard node.operator == "Conv", node.inputs[0] == value, let weight = index.constant(node.inputs[1]),
      weight.elementType == .float32, node.int("group") ?? 1 == 1,
      ((node.ints("strides") ?? []) + (node.ints("dilations") ?? [])).allSatisfy({ $0 == 1 })
    else { return nil }
    self.node = node
    self.weight = weight
    bias = node.inputs.count > 2 ? node.inputs[2] : nil
    let spatial = weight.shape.rank - 2
    pads = node.ints("pads") ?? Array(repeating: 0, count: 2 * spatial)
    let kernel = weight.shape.dimensions.dropFirst(2)
    guard zip(pads, kernel + kernel).allSatisfy({ $0 < $1 }), bias.map({ index.constant($0) != nil }) ?? true else {
      return nil
    }
  }

  /// The weight for the other channels of a join.
  func weight(without channels: Range<Int>) -> Tensor {
    let (inputs, taps) = (weight.shape[1], kernel.reduce(1, *))
    let numbers = weight.array(of: Float.self)
    var rest: [Float] = []
    rest.reserveCapacity(outputs * (inputs - channels.count) * taps)
    for output in 0..<outputs {
      let row = output * inputs * taps
      rest += numbers[row..<row + channels.lowerBound * taps]
      rest += numbers[row + channels.upperBound * taps..<row + inputs * taps]
    }
    return Tensor(rest, Shape([outputs, inputs - channels.count] + kernel))
  }
}

/// A transposed convolution that crops nothing and adds nothing, alone or as a part of a join.
private struct Upsampling {
  let node: Node
  let input: Value
  /// `[in, out, kernel…]`.
  let weight: Tensor
  let strides: [Int]
  /// Of the result for one sample.
  let positions: Int
  /// What the convolutions read: the join, or else the transposed convolution's result.
  let result: Value
  /// Where its channels lie in the join.
  let channels: Range<Int>
  /// The other parts of the join.
  let others: [Value]
  var inputs: Int { weight.shape[0] }
  var kernel: [Int] { Array(weight.shape.dimensions.dropFirst(2)) }

  init?(readBy convolution: Node, _ index: GraphIndex) {
    guard let value = convolution.inputs[0] else { return nil }
    if let node = index.producer(of: value, "ConvTranspose") {
      self.init(node, result: value, before: [], after: [], index)
      return
    }
    guard let join = index.producer(of: value, "Concat"), join.int("axis") == 1 else { return nil }
    let parts = join.inputs.compactMap(\.self)
    func upsampling(_ part: Value) -> Node? { index.isReadOnce(part) ? index.producer(of: part, "ConvTranspose") : nil }
    guard let place = parts.firstIndex(where: { upsampling($0) != nil }), let node = upsampling(parts[place]) else {
      return nil
    }
    self.init(node, result: value, before: Array(parts[..<place]), after: Array(parts[(place + 1)...]), index)
  }

  private init?(_ node: Node, result: Value, before: [Value], after: [Value], _ index: GraphIndex) {
    guard let input = node.inputs[0], let weight = index.constant(node.inputs[1]), weight.elementType == .float32,
      node.inputs.count < 3 || node.inputs[2] == nil, node.int("group") ?? 1 == 1,
      (node.ints("dilations") ?? []).allSatisfy({ $0 == 1 }),
      ((node.ints("pads") ?? []) + (node.ints("output_padding") ?? [])).allSatisfy({ $0 == 0 })
    else { return nil }
    let type = index.graph.type(of: node.outputs[0])
    let extents = type.spatial.compactMap(\.constant)
    let offsets = before.map { index.graph.type(of: $0).shape[1].constant }
    guard extents.count == weight.shape.rank - 2, !offsets.contains(nil) else { return nil }
    self.node = node
    self.input = input
    self.weight = weight
    self.result = result
    strides = node.ints("strides") ?? extents.map { _ in 1 }
    positions = extents.reduce(1, *)
    let offset = offsets.compactMap(\.self).reduce(0, +)
    channels = offset..<offset + weight.shape[1]
    others = before + after
  }

  /// Products that making a weight takes at most: some tenths of a second.
  private static let mostProducts = 1 << 29

  /// Whether all convolutions that read the result can be composed, for fewer products, and without weights that take
  /// more room than what they compute.
  func pays(_ layers: [ConvolutionLayer], of count: Int) -> Bool {
    guard layers.count == count else { return false }
    let upsampled = zip(kernel, strides).reduce(1.0) { $0 * Double($1.0) / Double($1.1) }
    var plain = Double(channels.count * inputs) * upsampled
    var composed = 0.0
    for layer in layers {
      let taps = zip(zip(kernel, layer.kernel), strides).reduce(1.0) { $0 * Double($1.0.0 + $1.0.1 - 1) / Double($1.1) }
      plain += Double(layer.outputs * channels.count * layer.kernel.reduce(1, *))
      composed += Double(layer.outputs * inputs) * taps
      let size = zip(kernel, layer.kernel).reduce(inputs * layer.outputs) { $0 * ($1.0 + $1.1 - 1) }
      let products = channels.count * inputs * layer.outputs * (kernel + layer.kernel).reduce(1, *)
      if size > layer.outputs * positions || products > Self.mostProducts { return false }
    }
    return composed < plain
  }

  /// The weight `[in, out, kernel…]` of both layers in one: the sum over the channels between them, each pair of taps at
  /// the place of its difference.
  func composed(with layer: ConvolutionLayer) -> [Float] {
    let (between, outputs) = (channels.count, layer.outputs)
    let kernel = zip(self.kernel, layer.kernel).map { $0 + $1 - 1 }
    let (ups, taps) = (places(in: self.kernel), places(in: layer.kernel))
    let (upNumbers, numbers) = (weight.array(of: Float.self), layer.weight.array(of: Float.self))
    let count = kernel.reduce(1, *)
    // [tap][in][out], so that the innermost loop is over neighbours.
    var sums = Array(repeating: 0.0, count: count * inputs * outputs)
    sums.withUnsafeMutableBufferPointer { sums in
      var factors = Array(repeating: 0.0, count: between * outputs)
      for (tap, at) in taps.enumerated() {
        for output in 0..<outputs {
          for channel in 0..<between {
            let row = output * layer.weight.shape[1] + channels.lowerBound + channel
            factors[channel * outputs + output] = Double(numbers[row * taps.count + tap])
          }
        }
        factors.withUnsafeBufferPointer { factors in
          for (up, from) in ups.enumerated() {
            let place = kernel.indices.reduce(0) { $0 * kernel[$1] + from[$1] - at[$1] + layer.kernel[$1] - 1 }
            for input in 0..<inputs {
              let row = (place * inputs + input) * outputs
              for channel in 0..<between {
                let number = Double(upNumbers[(input * between + channel) * ups.count + up])
                for output in 0..<outputs { sums[row + output] += number * factors[channel * outputs + output] }
              }
            }
          }
        }
      }
    }
    var result = Array(repeating: Float(0), count: sums.count)
    for place in 0..<count {
      for pair in 0..<inputs * outputs { result[pair * count + place] = Float(sums[place * inputs * outputs + pair]) }
    }
    return result
  }
}
