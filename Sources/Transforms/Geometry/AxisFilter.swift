import CKernels
import Tensors

/// Weighted sums of neighbouring voxels along one axis.
struct AxisFilter {
  private var first: [Int32] = []
  private var firstWeight: [Int32] = [0]
  private var weights: [Float] = []

  /// The number of output indices.
  var count: Int { first.count }

  private mutating func append(from start: Int, _ terms: [Float]) {
    first.append(Int32(start))
    weights.append(contentsOf: terms)
    firstWeight.append(Int32(weights.count))
  }

  /// Means over the boxes that `count` outputs make of `extent` voxels: PyTorch's adaptive average pooling.
  static func area(extent: Int, count: Int) -> AxisFilter {
    var result = AxisFilter()
    for index in 0..<count {
      let start = index * extent / count
      let end = ((index + 1) * extent + count - 1) / count
      result.append(from: start, Array(repeating: 1 / Float(end - start), count: end - start))
    }
    return result
  }

  /// PyTorch's cubic convolution (Keys, A = -0.75) at fractional `positions` among `extent` voxels; places outside show the border.
  static func cubic(positions: [Double], extent: Int) -> AxisFilter {
    func near(_ x: Double) -> Double { ((1.25 * x - 2.25) * x) * x + 1 }
    func far(_ x: Double) -> Double { ((-0.75 * x + 3.75) * x - 6) * x + 3 }
    var result = AxisFilter()
    for position in positions {
      let below = position.rounded(.down)
      let part = position - below
      let terms = [far(part + 1), near(part), near(1 - part), far(2 - part)]
      let places = (0..<4).map { min(max(Int(below) - 1 + $0, 0), extent - 1) }
      var merged = [Double](repeating: 0, count: places[3] - places[0] + 1)
      for (place, term) in zip(places, terms) { merged[place - places[0]] += term }
      result.append(from: places[0], merged.map { Float($0) })
    }
    return result
  }

  /// A symmetric kernel of odd length around each voxel; what lies outside is zero.
  static func kernel(_ kernel: [Float], extent: Int) -> AxisFilter {
    let tail = kernel.count / 2
    var result = AxisFilter()
    for index in 0..<extent {
      let start = max(index - tail, 0)
      let end = min(index + tail, extent - 1)
      result.append(from: start, Array(kernel[start - index + tail...end - index + tail]))
    }
    return result
  }

  /// Filters one axis of a contiguous float32 tensor.
  func apply(to tensor: Tensor, axis: Int) -> Tensor {
    var shape = tensor.shape
    shape[axis] = count
    let extent = tensor.shape[axis]
    let inner = shape.dimensions[(axis + 1)...].reduce(1, *)
    let outer = shape.dimensions[..<axis].reduce(1, *)
    var result = Tensor(.float32, shape, isZeroed: false)
    result.withMutableElements(of: Float.self) { target in
      guard let target = target.baseAddress else { return }
      tensor.withElements(of: Float.self) { source in
        guard let source = source.baseAddress else { return }
        let from = Shared(source)
        let to = Shared(target)
        Parallel.forEach(outer, grain: max(1, 16_384 / max(inner * count, 1))) { range in
          martlet_filter_axis(
            from.value, extent, inner, first, firstWeight, weights, count, range.lowerBound, range.upperBound, to.value)
        }
      }
    }
    return result
  }
}
