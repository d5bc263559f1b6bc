package import Arguments
import Foundation
import Tensors

/// Smooths with a Gaussian of `sigma` voxels per axis, cut at four sigma, zeros outside: MONAI's `GaussianSmoothd`.
package struct GaussianSmoothd: ImageTransform {
  enum Approximation: String, NamedChoice { case erf, sampled, scalespace }

  package let keys: Keys
  let sigma: [Double]
  let approximation: Approximation

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    sigma = try arguments.doubles("sigma")
    approximation = try arguments.choice("approx", default: Approximation.erf)
    try arguments.finish()
    guard sigma.allSatisfy({ $0 >= 0 && $0 <= 1000 }) else {
      throw arguments.unsupported("sigma", "negative or too large", supported: "a number of voxels")
    }
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let rank = image.spatialRank
    let widths = sigma.count == 1 ? (0..<rank).map { _ in sigma[0] } : sigma
    guard widths.count == rank else {
      throw TransformError.unsuitable(
        transform: name, what: "'sigma' has \(sigma.count) numbers for \(rank) spatial axes",
        expected: "one number, or one per axis")
    }
    approximation.smooth(&image.voxels, sigma: widths)
  }
}

extension GaussianSmoothd.Approximation {
  /// Smooths the axes behind the first by `sigma` voxels each, as float32.
  func smooth(_ voxels: inout Tensor, sigma: [Double]) {
    voxels.becomeDenseFloat()
    for (axis, width) in sigma.enumerated() where width > 0 {
      let filter = AxisFilter.kernel(kernel(Float(width)), extent: voxels.shape[axis + 1])
      voxels = filter.apply(to: voxels, axis: axis + 1)
    }
  }

  /// The kernel's weights in float32, as `monai.networks.layers.gaussian_1d` computes them.
  private func kernel(_ sigma: Float) -> [Float] {
    let tail = Int(max(Double(sigma) * 4, 0.5) + 0.5)
    let offsets = (-tail...tail).map { Float($0) }
    switch self {
    case .erf:
      let scale = 0.70710678 / sigma
      return offsets.map { x in
        max(0.5 * (Foundation.erf(scale * (x + 0.5)) - Foundation.erf(scale * (x - 0.5))), 0)
      }
    case .sampled:
      return offsets.map { x in Foundation.exp(-0.5 / (sigma * sigma) * x * x) / (2.5066282 * sigma) }
    case .scalespace:
      let variance = sigma * sigma
      let scale = Foundation.exp(-variance)
      return (-tail...tail).map { ModifiedBessel.value(order: abs($0), variance) * scale }
    }
  }
}

/// The modified Bessel functions of the first kind in float32, with the approximations that `monai.networks.layers` has:
/// Abramowitz and Stegun, 9.8.1 to 9.8.4, and for higher orders Miller's recurrence.
enum ModifiedBessel {
  /// - Parameter x: Not negative.
  static func value(order: Int, _ x: Float) -> Float {
    switch order {
    case 0: zeroth(x)
    case 1: first(x)
    default: recurrence(order, x)
    }
  }

  private static func zeroth(_ x: Float) -> Float {
    guard x >= 3.75 else {
      return polynomial([0.45813e-2, 0.360768e-1, 0.2659732, 1.2067492, 3.0899424, 3.5156229, 1], x * x / 14.0625)
    }
    let coefficients: [Float] = [
      0.392377e-2, -0.1647633e-1, 0.2635537e-1, -0.2057706e-1, 0.916281e-2, -0.157565e-2, 0.225319e-2, 0.1328592e-1,
      0.39894228,
    ]
    return polynomial(coefficients, 3.75 / x) * Foundation.exp(x) / x.squareRoot()
  }

  private static func first(_ x: Float) -> Float {
    guard x >= 3.75 else {
      let coefficients: [Float] = [0.32411e-3, 0.301532e-2, 0.2658733e-1, 0.15084934, 0.51498869, 0.87890594, 0.5]
      return x * polynomial(coefficients, x * x / 14.0625)
    }
    let coefficients: [Float] = [
      -0.420059e-2, 0.1787654e-1, -0.2895312e-1, 0.2282967e-1, -0.1031555e-1, 0.163801e-2, -0.362018e-2, -0.3988024e-1,
      0.39894228,
    ]
    return polynomial(coefficients, 3.75 / x) * Foundation.exp(x) / x.squareRoot()
  }

  private static func recurrence(_ order: Int, _ x: Float) -> Float {
    guard x != 0 else { return x }
    let twice = 2 / x
    var (result, before, now): (Float, Float, Float) = (0, 0, 1)
    let highest = 2 * (order + Int((40 * Double(order)).squareRoot()))
    for step in (1...highest).reversed() {
      (before, now) = (now, before + Float(step) * twice * now)
      if abs(now) > 1e10 {
        result *= 1e-10
        now *= 1e-10
        before *= 1e-10
      }
      if step == order { result = before }
    }
    return result * zeroth(x) / now
  }

  /// Horner's scheme, the highest power first.
  private static func polynomial(_ coefficients: [Float], _ x: Float) -> Float {
    coefficients.dropFirst().reduce(coefficients[0]) { $0 * x + $1 }
  }
}
