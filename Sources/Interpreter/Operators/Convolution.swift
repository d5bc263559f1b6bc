// Convolutions. https://onnx.ai/onnx/operators/onnx__Conv.html, https://onnx.ai/onnx/operators/onnx__ConvTranspose.html

import Graphs
import Tensors

let convolutionRules: [String: Evaluation.Rule] = [
  "Conv": { call in [try convolution(call)] },
  "ConvTranspose": { call in [try transposedConvolution(call)] },
]

/// The parameters of a window that slides over up to three spatial axes; missing axes come in front with extent 1.
struct SlidingWindow: Sendable {
  var input: [Int]
  var output: [Int]
  var kernel: [Int]
  var strides: [Int]
  var dilations: [Int]
  /// In front of each axis; what is behind follows from the output's extents.
  var padding: [Int]

  init(_ call: Evaluation, input: Shape, output: Shape, kernel: [Int]) throws {
    let rank = input.rank - 2
    guard (1...3).contains(rank) else { throw call.error("\(rank) spatial axes; expected 1 to 3") }
    func extended(_ values: [Int], with filler: Int) -> [Int] {
      Array(repeating: filler, count: 3 - rank) + values.prefix(rank)
    }
    let ones = Array(repeating: 1, count: rank)
    self.input = extended(Array(input.dimensions[2...]), with: 1)
    self.output = extended(Array(output.dimensions[2...]), with: 1)
    self.kernel = extended(kernel, with: 1)
    strides = extended(call.ints("strides") ?? ones, with: 1)
    dilations = extended(call.ints("dilations") ?? ones, with: 1)
    padding = extended(call.ints("pads") ?? ones.map { _ in 0 }, with: 0)
  }

  var inputCount: Int { input.reduce(1, *) }
  var outputCount: Int { output.reduce(1, *) }
  var kernelCount: Int { kernel.reduce(1, *) }

  /// The index along one axis of the kernel's tap with this number, row-major.
  func tap(_ number: Int, _ axis: Int) -> Int {
    switch axis {
    case 0: number / (kernel[1] * kernel[2])
    case 1: number / kernel[2] % kernel[1]
    default: number % kernel[2]
    }
  }

  /// Where tap number `tap` reads or writes along `axis` when the window stands at `position`.
  func place(_ position: Int, _ tap: Int, _ axis: Int) -> Int {
    position * strides[axis] - padding[axis] + self.tap(tap, axis) * dilations[axis]
  }

  /// The window's positions in `0..<count` along `axis` for which the tap lies inside `0..<extent`.
  func positions(_ tap: Int, _ axis: Int, count: Int, extent: Int) -> Range<Int> {
    let offset = place(0, tap, axis)
    let first = offset >= 0 ? 0 : (-offset + strides[axis] - 1) / strides[axis]
    let end = offset >= extent ? 0 : (extent - 1 - offset) / strides[axis] + 1
    let upper = min(end, count)
    return first < upper ? first..<upper : 0..<0
  }

  /// Calls `body` for each row of positions of a tap that lies inside: the index of the first position, counted
  /// row-major in `counts`, the index of the element that the tap stands on in `extents`, and the row's length.
  func forEachRow(
    _ tap: Int, counts: [Int], extents: [Int], _ body: (_ position: Int, _ element: Int, _ count: Int) -> Void
  ) {
    let ranges = (0..<3).map { positions(tap, $0, count: counts[$0], extent: extents[$0]) }
    guard !ranges[2].isEmpty else { return }
    for d in ranges[0] {
      for h in ranges[1] {
        let row = place(d, tap, 0) * extents[1] + place(h, tap, 1)
        body(
          (d * counts[1] + h) * counts[2] + ranges[2].lowerBound,
          row * extents[2] + place(ranges[2].lowerBound, tap, 2), ranges[2].count)
      }
    }
  }
}

private func convolution(_ call: Evaluation) throws -> Tensor {
  let input = try call.float(0)
  let weight = try call.float(1)
  let bias = call.optionalFloats(2)
  let groups = call.int("group", default: 1)
  let shape = try outputShape(call, batch: input.shape[0])
  let window = try SlidingWindow(
    call, input: input.shape, output: shape, kernel: Array(weight.shape.dimensions[2...]))
  let (channels, results, depth) = (input.shape[1], weight.shape[0], weight.shape[1])
  let stride = window.strides[2]
  // Both operands have elements: their extents are positive.
  return input.withElements(of: Float.self) { source in
    weight.withElements(of: Float.self) { weights in
      let operands = Shared((source, weights))
      return filled(shape, pieces: shape[0] * results) { target, pieces in
        let (source, weights) = operands.value
        let sums = UnsafeMutableBufferPointer<Double>.allocate(capacity: window.outputCount)
        defer { sums.deallocate() }
        for piece in pieces {
          let (sample, result) = (piece / results, piece % results)
          sums.initialize(repeating: Double(bias?[result] ?? 0))
          for channel in 0..<depth {
            let plane = (sample * channels + result / (results / groups) * depth + channel) * window.inputCount
            for tap in 0..<window.kernelCount {
              let factor = Double(weights[(result * depth + channel) * window.kernelCount + tap])
              window.forEachRow(tap, counts: window.output, extents: window.input) { position, element, count in
                let elements = UnsafePointer(source.baseAddress.unsafelyUnwrapped) + plane + element
                let results = sums.baseAddress.unsafelyUnwrapped + position
                if stride == 1 {
                  for index in 0..<count { results[index] += factor * Double(elements[index]) }
                } else {
                  for index in 0..<count { results[index] += factor * Double(elements[index * stride]) }
                }
              }
            }
          }
          for index in sums.indices { target[piece * window.outputCount + index] = Float(sums[index]) }
        }
      }
    }
  }
}

private func transposedConvolution(_ call: Evaluation) throws -> Tensor {
  let input = try call.float(0)
  let weight = try call.float(1)
  let bias = call.optionalFloats(2)
  let groups = call.int("group", default: 1)
  let shape = try outputShape(call, batch: input.shape[0])
  let window = try SlidingWindow(
    call, input: input.shape, output: shape, kernel: Array(weight.shape.dimensions[2...]))
  let (channels, results, depth) = (input.shape[1], shape[1], input.shape[1] / groups)
  let stride = window.strides[2]
  // Both operands have elements: their extents are positive.
  return input.withElements(of: Float.self) { source in
    weight.withElements(of: Float.self) { weights in
      let operands = Shared((source, weights))
      return filled(shape, pieces: shape[0] * results) { target, pieces in
        let (source, weights) = operands.value
        let sums = UnsafeMutableBufferPointer<Double>.allocate(capacity: window.outputCount)
        defer { sums.deallocate() }
        for piece in pieces {
          let (sample, result) = (piece / results, piece % results)
          let (group, column) = (result / weight.shape[1], result % weight.shape[1])
          sums.initialize(repeating: Double(bias?[result] ?? 0))
          for channel in group * depth..<(group + 1) * depth {
            let plane = (sample * channels + channel) * window.inputCount
            for tap in 0..<window.kernelCount {
              let factor = Double(weights[(channel * weight.shape[1] + column) * window.kernelCount + tap])
              window.forEachRow(tap, counts: window.input, extents: window.output) { position, element, count in
                let elements = UnsafePointer(source.baseAddress.unsafelyUnwrapped) + plane + position
                let results = sums.baseAddress.unsafelyUnwrapped + element
                for index in 0..<count { results[index * stride] += factor * Double(elements[index]) }
              }
            }
          }
          for index in sums.indices { target[piece * window.outputCount + index] = Float(sums[index]) }
        }
      }
    }
  }
}

/// The declared shape of the first result with its free batch filled in.
func outputShape(_ call: Evaluation, batch: Int) throws -> Shape {
  let extents = call.types[0].shape
  return Shape(
    try extents.enumerated().map { axis, extent in
      if axis == 0, extent.constant == nil { return batch }
      guard let constant = extent.constant else { throw call.error("axis \(axis) of the result isn't fixed") }
      return constant
    })
}
