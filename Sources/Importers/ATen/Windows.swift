import Graphs
import Tensors

/// Windows of an image as columns of a matrix, and back.
let windowOperators: [ATenOperator] = [
  .value("im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor") { call in
    let input = try call.value("self")
    let window = try ImageWindows(call, call.type(input).spatial)
    let shape = call.type(input).shape
    guard shape.count == 4, let channels = shape[1].constant else {
      throw call.unsupported("the input is \(call.type(input))", expected: "[N, C, H, W]")
    }
    var result = try call.graph.padSpatial(input, before: window.padding, after: window.padding)
    for axis in 0..<2 {
      // Each axis becomes two: the place in the window, and the window.
      let indices = (0..<window.kernel[axis]).flatMap { place in
        (0..<window.counts[axis]).map { Int64(place * window.dilation[axis] + $0 * window.stride[axis]) }
      }
      let constant = call.graph.constant(indices, shape: [window.kernel[axis], window.counts[axis]], name: "windows")
      result = try call.graph.gather(result, constant, axis: axis == 0 ? 2 : 4)
    }
    result = try call.graph.transpose(result, [0, 1, 2, 4, 3, 5])
    let places = window.kernel.reduce(1, *)
    return try call.reshape(result, [shape[0], Dimension(channels * places), Dimension(window.counts.reduce(1, *))])
  },
  .value(
    """
    col2im(Tensor self, SymInt[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, \
    int[2] stride) -> Tensor
    """
  ) { call in
    let input = try call.value("self")
    let size = try call.ints("output_size", count: 2)
    let window = try ImageWindows(call, size.map { Dimension($0) })
    let shape = call.type(input).shape
    let places = window.kernel.reduce(1, *)
    guard shape.count == 3, let rows = shape[1].constant, rows % places == 0, rows <= 1 << 14, rows * places <= 1 << 24,
      shape[2] == Dimension(window.counts.reduce(1, *))
    else {
      throw call.unsupported("the input is \(call.type(input))", expected: "[N, C · window, \(window.counts)]")
    }
    // Every row of the columns goes to its place of the window: a transposed convolution with ones there.
    var weights = [Float](repeating: 0, count: rows * places)
    for row in 0..<rows { weights[row * places + row % places] = 1 }
    let weight = call.graph.constant(weights, shape: Shape([rows, 1] + window.kernel), name: "places")
    let reached = (0..<2).map { (axis: Int) -> Int in
      let span: Int = window.dilation[axis] * (window.kernel[axis] - 1) + 1
      return (window.counts[axis] - 1) * window.stride[axis] + span - 2 * window.padding[axis]
    }
    let columns = try call.reshape(input, [shape[0], shape[1]] + window.counts.map { Dimension($0) })
    return try call.graph.convTranspose(
      columns, weight: weight, strides: window.stride, padding: window.padding,
      outputPadding: zip(size, reached).map { $0 - $1 }, dilations: window.dilation, groups: rows / places)
  },
]

/// The windows that `unfold` and `fold` have over an image.
private struct ImageWindows {
  let kernel: [Int]
  let dilation: [Int]
  let padding: [Int]
  let stride: [Int]
  /// How many there are along each axis.
  let counts: [Int]

  init(_ call: ATenCall, _ spatial: [Dimension]) throws {
    kernel = try call.ints("kernel_size", count: 2)
    dilation = try call.ints("dilation", count: 2)
    padding = try call.ints("padding", count: 2)
    stride = try call.ints("stride", count: 2)
    let extents = spatial.compactMap(\.constant)
    let limit = 1 << 16
    guard extents.count == 2, (kernel + dilation + stride).allSatisfy({ (1...limit).contains($0) }),
      (padding + extents).allSatisfy({ (0...limit).contains($0) })
    else { throw call.unsupported("windows \(kernel) by \(stride) of \(spatial)", expected: "fixed extents") }
    counts = (0..<2).map { [kernel, dilation, padding, stride] (axis: Int) -> Int in
      let span: Int = dilation[axis] * (kernel[axis] - 1) + 1
      return (extents[axis] + 2 * padding[axis] - span) / stride[axis] + 1
    }
    guard counts.allSatisfy({ $0 > 0 }), Double(counts[0] * kernel[0]) * Double(counts[1] * kernel[1]) <= 0x1p28 else {
      throw call.unsupported("windows \(kernel) by \(stride) of \(extents)", expected: "at least one window")
    }
  }
}
