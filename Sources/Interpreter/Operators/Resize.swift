// Interpolation. https://onnx.ai/onnx/operators/onnx__Resize.html

package import Graphs
import Tensors

let resizeRules: [String: Evaluation.Rule] = [
  "Resize": { call in
    var result = try call.float(0)
    let shape = try outputShape(call, batch: result.shape[0])
    guard let mode = ResizeMode(rawValue: call.string("mode", default: "nearest")),
      let coordinates = ResizeCoordinates(
        rawValue: call.string("coordinate_transformation_mode", default: "half_pixel"))
    else { throw call.error("the mode isn't known") }
    let scales = call.optionalFloats(2).flatMap { $0.isEmpty ? nil : $0 }
    let steepness = call.float("cubic_coeff_a", default: -0.75)
    for axis in 0..<shape.rank where shape[axis] != result.shape[axis] || (scales?[axis] ?? 1) != 1 {
      let samples = AxisSamples(
        extent: result.shape[axis], count: shape[axis], scale: scales?[axis], mode, coordinates, steepness)
      result = resampled(result, axis, samples)
    }
    return [result]
  }
]

/// For each index of a resized axis, the input's elements that make it and their weights.
package struct AxisSamples: Sendable {
  package private(set) var indices: [[Int]] = []
  package private(set) var weights: [[Double]] = []

  package init(
    extent: Int, count: Int, scale: Float?, _ mode: ResizeMode, _ coordinates: ResizeCoordinates, _ steepness: Double
  ) {
    // A scale that only stands for the size it leads to is taken exactly.
    let exact = Double(extent) / Double(count)
    let step = scale.map { abs(1 / Double($0) - exact) < 1e-6 * exact ? exact : 1 / Double($0) } ?? exact
    for position in 0..<count {
      let x = Double(position)
      let place =
        switch coordinates {
        case .alignCorners: count == 1 ? 0 : x * Double(extent - 1) / Double(count - 1)
        case .halfPixel: (x + 0.5) * step - 0.5
        case .asymmetric: x * step
        }
      let floor = place.rounded(.down)
      let rest = place - floor
      let (first, values): (Int, [Double]) =
        switch mode {
        // PyTorch's nearest-exact rounds the middle; plain nearest takes the element in front.
        case .nearest: (Int((place + (coordinates == .halfPixel ? 0.5 : 0) + 1e-9).rounded(.down)), [1])
        case .linear: (Int(floor), [1 - rest, rest])
        case .cubic: (Int(floor) - 1, Self.cubic(rest, steepness))
        }
      indices.append(values.indices.map { min(max(first + $0, 0), extent - 1) })
      weights.append(values)
    }
  }

  /// Keys' weights of the four neighbours (https://doi.org/10.1109/TASSP.1981.1163711).
  private static func cubic(_ x: Double, _ a: Double) -> [Double] {
    func near(_ d: Double) -> Double { ((a + 2) * d - (a + 3)) * d * d + 1 }
    func far(_ d: Double) -> Double { ((a * d - 5 * a) * d + 8 * a) * d - 4 * a }
    return [far(x + 1), near(x), near(1 - x), far(2 - x)]
  }
}

/// One axis of `input` resampled.
private func resampled(_ input: Tensor, _ axis: Int, _ samples: AxisSamples) -> Tensor {
  var shape = input.shape
  let extent = shape[axis]
  shape[axis] = samples.indices.count
  let inner = shape.dimensions[(axis + 1)...].reduce(1, *)
  return input.withElements(of: Float.self) { source in
    let source = Shared(source)
    return filled(shape, pieces: inner == 0 ? 0 : shape.count / inner) { target, rows in
      for row in rows {
        let (outer, position) = (row / samples.indices.count, row % samples.indices.count)
        let taps = zip(samples.indices[position], samples.weights[position])
        for column in 0..<inner {
          let sum = taps.reduce(0.0) { sum, tap in
            sum + tap.1 * Double(source.value[(outer * extent + tap.0) * inner + column])
          }
          target[row * inner + column] = Float(sum)
        }
      }
    }
  }
}
