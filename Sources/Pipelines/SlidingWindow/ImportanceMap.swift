import Foundation

/// The weight of each place of a window: `monai.data.utils.compute_importance_map`, in float32.
enum ImportanceMap {
  /// Weights below this are raised to it.
  private static let lowestWeight: Float = 1e-3

  /// A Gaussian around the window's centre, row-major; nowhere below the larger of its minimum and 0.001.
  /// - Parameters:
  ///   - roi: the window's extent on the three axes.
  ///   - sigmaScale: standard deviation over extent, per axis.
  static func gaussian(roi: [Int], sigmaScale: [Double]) -> [Float] {
    var map: [Float] = [1]
    for (extent, scale) in zip(roi, sigmaScale) {
      let profile = profile(extent: extent, sigma: Double(extent) * scale)
      map = map.flatMap { outer in profile.map { outer * $0 } }
    }
    let lowest = max(map.min() ?? 0, lowestWeight)
    return map.map { max($0, lowest) }
  }

  private static func profile(extent: Int, sigma: Double) -> [Float] {
    let divisor = Float(-2 * sigma * sigma)
    return (0..<extent).map { index in
      let distance = Float(Double(index) - Double(extent - 1) / 2)
      // The exponential itself in double, so that the float is the nearest one.
      return Float(exp(Double(distance * distance / divisor)))
    }
  }
}
