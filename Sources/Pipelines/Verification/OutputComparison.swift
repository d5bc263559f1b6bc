package import Tensors

/// How an output differs from a reference.
package struct OutputComparison: Sendable, Codable, Hashable {
  package let name: String
  /// The largest absolute difference; infinite when one side is NaN where the other isn't.
  package let maximalError: Double
  /// The same over the reference's largest absolute value.
  package let relativeError: Double
  /// The mean absolute difference.
  package let meanError: Double
  /// The cosine of the angle between both as vectors: 1 for the same direction.
  package let cosine: Double
  /// The part of positions whose largest channel is the same; nil for outputs without a channel axis to compare.
  package let argmaxAgreement: Double?

  /// - Throws: ``NetworkRunError/differentShapes(name:result:reference:)``.
  package init(name: String, _ result: Tensor, _ reference: Tensor) throws {
    guard result.shape == reference.shape else {
      throw NetworkRunError.differentShapes(name: name, result: result.shape, reference: reference.shape)
    }
    self.name = name
    let left = result.converted(to: .float32)
    let right = reference.converted(to: .float32)
    (maximalError, relativeError, meanError, cosine, argmaxAgreement) = left.withElements(of: Float.self) { left in
      right.withElements(of: Float.self) { right in
        let sums = Sums(left, right)
        return (
          sums.error, sums.scale > 0 ? sums.error / sums.scale : sums.error, sums.meanError, sums.cosine,
          Self.agreement(left, right, reference.shape)
        )
      }
    }
  }

  private struct Sums {
    private(set) var error = 0.0
    /// The reference's largest absolute value.
    private(set) var scale = 0.0
    private var errors = 0.0
    private var products = (both: 0.0, result: 0.0, reference: 0.0)
    private var count = 0

    init(_ result: UnsafeBufferPointer<Float>, _ reference: UnsafeBufferPointer<Float>) {
      count = result.count
      for index in result.indices {
        let (a, b) = (Double(result[index]), Double(reference[index]))
        if b.isFinite { scale = max(scale, abs(b)) }
        products.both += a * b
        products.result += a * a
        products.reference += b * b
        if a == b || (a.isNaN && b.isNaN) { continue }
        let difference = abs(a - b)
        errors += difference
        error = max(error, difference.isNaN ? .infinity : difference)
      }
    }

    var meanError: Double { count == 0 ? 0 : errors.isNaN ? .infinity : errors / Double(count) }

    /// Two vectors of zeros point in the same direction; one with NaN points nowhere.
    var cosine: Double {
      if products.result == 0, products.reference == 0 { return 1 }
      let cosine = products.both / (products.result.squareRoot() * products.reference.squareRoot())
      return cosine.isFinite ? min(cosine, 1) : 0
    }
  }

  /// Compares the index of the largest value along axis 1 of `[N, C, …]`, for C > 1.
  private static func agreement(
    _ result: UnsafeBufferPointer<Float>, _ reference: UnsafeBufferPointer<Float>, _ shape: Shape
  ) -> Double? {
    guard shape.rank >= 2, shape[1] > 1, shape.count > 0 else { return nil }
    let channels = shape[1]
    let plane = shape.count / (shape[0] * channels)
    func argmax(_ values: UnsafeBufferPointer<Float>, _ start: Int) -> Int {
      (1..<channels).reduce(0) { values[start + $1 * plane] > values[start + $0 * plane] ? $1 : $0 }
    }
    var equal = 0
    for sample in 0..<shape[0] {
      for position in 0..<plane {
        let start = sample * channels * plane + position
        if argmax(result, start) == argmax(reference, start) { equal += 1 }
      }
    }
    return Double(equal) / Double(shape[0] * plane)
  }
}
