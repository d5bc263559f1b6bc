// Interpolation. https://onnx.ai/onnx/operators/onnx__Resize.html

package import Graphs
import Tensors

let resizeRules: [String: Evaluation.Rule] = [
  "Resize": { call in
    var result = try call.float(0)
    let shape = try outputShape(call, batch: result.shape[0])
    guard let mode = ResizeMode(rawValue: call.string("mode", default: "nearest")),
      let coordinates = ResizeCoordinates(
        rawValue: call.string("coordinate_transformation_mode", default: "half_pixel")),
      let rounding = NearestRounding(rawValue: call.string("nearest_mode", default: "round_prefer_floor"))
    else { throw call.error("the mode isn't known") }
    let scales = call.optionalFloats(2).flatMap { $0.isEmpty ? nil : $0 }
    let steepness = call.float("cubic_coeff_a", default: -0.75)
    for axis in 0..<shape.rank where shape[axis] != result.shape[axis] || (scales?[axis] ?? 1) != 1 {
      let samples = AxisSamples(
        extent: result.shape[axis], count: shape[axis], scale: scales?[axis], mode, coordinates, steepness,
        rounding: rounding, smooths: call.int("antialias", default: 0) != 0,
        excludesOutside: call.int("exclude_outside", default: 0) != 0)
      result = resampled(result, axis, samples)
    }
    return [result]
  }
]

/// For each index of a resized axis, the input's elements that make it and their weights.
package struct AxisSamples: Sendable {
  package private(set) var indices: [[Int]] = []
  package private(set) var weights: [[Double]] = []

  /// - Parameters:
  ///   - steepness: The cubic kernel's parameter.
  ///   - rounding: Which element is the nearest.
  ///   - smooths: Whether the kernel is stretched where the axis shrinks, so that every element counts.
  ///   - excludesOutside: Whether places outside have no weight; else they repeat the outermost element.
  package init(
    extent: Int, count: Int, scale: Float?, _ mode: ResizeMode, _ coordinates: ResizeCoordinates, _ steepness: Double,
    rounding: NearestRounding, smooths: Bool = false, excludesOutside: Bool = false
  ) {
    // A scale that only stands for the size it leads to is taken exactly.
    let exact = Double(extent) / Double(count)
    let step = scale.map { abs(1 / Double($0) - exact) < 1e-6 * exact ? exact : 1 / Double($0) } ?? exact
    let length = Double(extent) / step
    for position in 0..<count {
      let x = Double(position)
      let place =
        switch coordinates {
        case .alignCorners: length == 1 ? 0 : x * Double(extent - 1) / (length - 1)
        case .halfPixel: (x + 0.5) * step - 0.5
        case .pytorchHalfPixel: length > 1 ? (x + 0.5) * step - 0.5 : 0
        case .halfPixelSymmetric:
          Double(extent) / 2 * (1 - Double(count) / length) + (x + 0.5) * step - 0.5
        case .asymmetric: x * step
        }
      let floor = place.rounded(.down)
      let stretch = smooths ? max(step, 1) : 1
      var (first, values): (Int, [Double]) =
        switch mode {
        case .nearest: (rounding.index(place), [1])
        case .linear where stretch > 1: Self.stretched(place, stretch, reach: 1) { max(1 - abs($0), 0) }
        case .cubic where stretch > 1: Self.stretched(place, stretch, reach: 2) { Self.kernel($0, steepness) }
        case .linear: (Int(floor), [1 - (place - floor), place - floor])
        case .cubic: (Int(floor) - 1, Self.cubicWeights(place - floor, steepness))
        }
      if excludesOutside {
        for index in values.indices where !(0..<extent).contains(first + index) { values[index] = 0 }
        let sum = values.reduce(0, +)
        values = values.map { $0 / sum }
      }
      indices.append(values.indices.map { min(max(first + $0, 0), extent - 1) })
      weights.append(values)
    }
  }

  /// The weights around a place of a kernel that reaches `reach` times `stretch` to each side; their sum is 1.
  private static func stretched(
    _ place: Double, _ stretch: Double, reach: Double, _ kernel: (Double) -> Double
  ) -> (Int, [Double]) {
    let first = Int((place - reach * stretch).rounded(.down)) + 1
    let last = Int((place + reach * stretch).rounded(.up)) - 1
    let values = (first...last).map { kernel((Double($0) - place) / stretch) }
    let sum = values.reduce(0, +)
    return (first, values.map { $0 / sum })
  }

  /// Keys' kernel (https://doi.org/10.1109/TASSP.1981.1163711).
  private static func kernel(_ x: Double, _ a: Double) -> Double {
    let d = abs(x)
    if d <= 1 { return ((a + 2) * d - (a + 3)) * d * d + 1 }
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0
  }

  /// The weights of the four neighbours of a place that lies `x` behind the second of them.
  static func cubicWeights(_ x: Double, _ a: Double) -> [Double] { [x + 1, x, 1 - x, 2 - x].map { kernel($0, a) } }
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
