package import Graphs
import OrderedCollections
import Tensors

/// A transposed convolution to few channels as a convolution to the channels of every phase of its stride, whose results
/// then take their places: for OpenVINO.
///
/// Its kernels compute 16 channels at a time. The last layer of a UNet, which has two, takes them as long as one of 16; with
/// stride 2 in three dimensions the phases make 16 channels of two. The values are moved with the channels innermost,
/// where the plugin has them, so that the outer transpositions cost nothing.
package struct TransposedConvolutionLowering: RewriteRule {
  package let name = "transposed-convolution-lowering"
  package let operators: Set<String> = ["ConvTranspose"]

  /// Channels of all phases at most; with more the convolution's further products cost more than they save.
  private static let mostChannels = 32
  /// Fewer positions aren't worth it.
  private static let fewestPositions = 4096

  package init() {}

  package func patch(_ node: Node, _ index: GraphIndex) throws -> Patch? {
    guard let input = node.inputs[0], let weight = index.constant(node.inputs[1]), weight.elementType == .float32,
      node.int("group") ?? 1 == 1, (node.ints("dilations") ?? []).allSatisfy({ $0 == 1 }),
      let strides = node.ints("strides"), strides.contains(where: { $0 > 1 })
    else { return nil }
    let bias = node.inputs.count > 2 ? node.inputs[2] : nil
    let numbers = bias.map { index.floats($0) }
    let type = index.graph.type(of: node.outputs[0])
    let extents = type.spatial.compactMap(\.constant)
    let inputExtents = index.graph.type(of: input).spatial.compactMap(\.constant)
    let pads = node.ints("pads") ?? Array(repeating: 0, count: 2 * strides.count)
    guard (2...3).contains(strides.count), weight.shape.rank == strides.count + 2, extents.count == strides.count,
      inputExtents.count == strides.count, numbers.map({ $0 != nil }) ?? true,
      weight.shape[1] * strides.reduce(1, *) <= Self.mostChannels, extents.reduce(1, *) >= Self.fewestPositions
    else { return nil }
    var axes: [PhaseAxis] = []
    for axis in strides.indices {
      guard
        let phases = PhaseAxis(
          kernel: weight.shape[axis + 2], stride: strides[axis], padding: pads[axis], input: inputExtents[axis],
          output: extents[axis])
      else { return nil }
      axes.append(phases)
    }
    let lowering = PhaseConvolution(axes: axes, weight: weight)
    return Patch(node.name, operands: [input]) { rebuilder in
      let weight = rebuilder.graph.constant(lowering.phaseWeight, name: "\(node.name)/phases")
      var inputs: [Value?] = [try rebuilder.value(input), weight]
      if let numbers = numbers ?? nil {
        let repeated = Array(repeating: numbers, count: lowering.phases).flatMap(\.self)
        inputs.append(rebuilder.graph.constant(Tensor(repeated, [repeated.count]), name: "\(node.name)/bias"))
      }
      let convolved = try rebuilder.apply(
        "Conv", inputs,
        [
          "kernel_shape": .ints(axes.map(\.window)), "strides": .ints(axes.map { _ in 1 }),
          "pads": .ints(axes.map(\.begin) + axes.map(\.end)), "dilations": .ints(axes.map { _ in 1 }), "group": .int(1),
        ], named: "\(node.name)/Conv")
      return [try lowering.spread(convolved, to: type, in: &rebuilder, named: node.name)]
    }
  }
}

/// One axis of a transposed convolution: output s·q + r is the sum over δ of input q + δ times tap r + p - s·δ.
private struct PhaseAxis {
  let kernel: Int
  let stride: Int
  let padding: Int
  /// Positions of each phase.
  let count: Int
  /// The δ that some phase has taps for.
  let offsets: ClosedRange<Int>
  /// The convolution's padding behind the end.
  let end: Int
  var begin: Int { -offsets.lowerBound }
  var window: Int { offsets.count }

  init?(kernel: Int, stride: Int, padding: Int, input: Int, output: Int) {
    guard output % stride == 0, padding < kernel else { return nil }
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    count = output / stride
    // The least δ is that of phase 0, ⌈(p - k + 1) / s⌉, the greatest that of the last one.
    offsets = -((kernel - 1 - padding) / stride)...(stride - 1 + padding) / stride
    end = count - 1 + offsets.upperBound - (input - 1)
    guard (0..<window).contains(end), begin < window else { return nil }
  }

  /// The tap for an offset in a phase; nil where there is none.
  func tap(phase: Int, offset: Int) -> Int? {
    let tap = phase + padding - stride * offset
    return (0..<kernel).contains(tap) ? tap : nil
  }
}

private struct PhaseConvolution {
  let axes: [PhaseAxis]
  /// `[in, out, kernel…]`.
  let weight: Tensor
  var phases: Int { axes.reduce(1) { $0 * $1.stride } }
  private var channels: Int { weight.shape[1] }

  /// `[phases · out, in, window…]`, the phases of the last axis fastest, then the channels.
  var phaseWeight: Tensor {
    let numbers = weight.array(of: Float.self)
    let inputs = weight.shape[0]
    let windows = axes.map(\.window)
    var result: [Float] = []
    for phase in places(in: axes.map(\.stride)) {
      for channel in 0..<channels {
        for input in 0..<inputs {
          for place in places(in: windows) {
            var row: Int? = input * channels + channel
            for (axis, at) in zip(axes, zip(phase, place)) {
              guard let tap = axis.tap(phase: at.0, offset: at.1 + axis.offsets.lowerBound) else {
                row = nil
                break
              }
              row = row.map { $0 * axis.kernel + tap }
            }
            result.append(row.map { numbers[$0] } ?? 0)
          }
        }
      }
    }
    return Tensor(result, Shape([phases * channels, inputs] + windows))
  }

  /// `[N, phases · out, q…]` to `[N, out, s·q…]`.
  func spread(_ value: Value, to type: TensorType, in rebuilder: inout GraphRebuilder, named name: String) throws
    -> Value
  {
    let spatial = axes.count
    let (strides, counts) = (axes.map(\.stride), axes.map(\.count))
    let inner = Array(2..<spatial + 2)
    let innermost = try rebuilder.graph.transpose(value, [0] + inner + [1])
    // The samples and the first axis are one, so that ranks stay below seven.
    let parts = try rebuilder.graph.reshape(
      innermost, [-1] + counts.dropFirst() + strides.dropLast() + [strides[spatial - 1] * channels])
    let order = (0..<spatial).flatMap { [$0, spatial + $0] }
    let placed = try rebuilder.graph.transpose(parts, order)
    let image = try rebuilder.graph.reshape(placed, to: [type.shape[0]] + type.spatial + [Dimension(channels)])
    return try rebuilder.apply(
      "Transpose", [image], ["perm": .ints([0, spatial + 1] + Array(1...spatial))], named: name)
  }
}
