package import Arguments
import Foundation
import Tensors

/// Smooths with a Gaussian of `sigma` voxels per axis, cut at four sigma, zeros outside: MONAI's `GaussianSmoothd`.
package struct GaussianSmoothd: ImageTransform {
  enum Approximation: String, NamedChoice { case erf, sampled }

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
    return (-tail...tail).map { offset in
      let x = Float(offset)
      switch self {
      case .erf:
        let scale = 0.70710678 / sigma
        return max(0.5 * (Foundation.erf(scale * (x + 0.5)) - Foundation.erf(scale * (x - 0.5))), 0)
      case .sampled: return Foundation.exp(-0.5 / (sigma * sigma) * x * x) / (2.5066282 * sigma)
      }
    }
  }
}
