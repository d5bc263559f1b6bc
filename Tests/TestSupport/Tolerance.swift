package import Tensors

/// How far a result may be from MONAI's or PyTorch's. All tolerances of the tests stand here, and only here.
package enum Tolerance {
  /// A network's output: maximal absolute error over the maximal absolute reference.
  package static let network = 1e-4
  /// A layer of Martlet's CPU engine against the interpreter: the same measure.
  package static let kernel = 2e-5
  /// An optimised graph against the same graph before it, both through the interpreter: the same measure.
  package static let optimization = 1e-5
  /// A half-precision network's output against float32: the same measure. Half has 11 bits, 5e-4 for each rounding.
  package static let halfNetwork = 1e-2
  /// Voxels whose label a half-precision network must share with float32.
  package static let halfAgreement = 0.999
  /// A transform's voxels: the same measure.
  package static let transform = 1e-4
  /// An affine's elements, in mm.
  package static let affine = 1e-5
  /// Sliding-window inference: the same measure as for a network.
  package static let window = 1e-5
  /// Voxels of a label map that must carry the same label.
  package static let labelAgreement = 0.9999
}

/// How two arrays of the same shape differ.
package struct Difference: CustomStringConvertible {
  /// The largest absolute difference; infinite when one side is NaN where the other isn't.
  package var maximum = 0.0
  /// The largest absolute value of the reference.
  package var referenceMaximum = 0.0
  /// The part of the elements that are equal.
  package var agreement = 1.0

  /// The maximal error relative to the reference's maximum.
  package var relative: Double { referenceMaximum > 0 ? maximum / referenceMaximum : maximum }

  package init(_ result: Tensor, _ reference: Tensor) {
    guard result.shape == reference.shape else {
      maximum = .infinity
      agreement = 0
      return
    }
    let left = result.converted(to: .float64).array(of: Double.self)
    let right = reference.converted(to: .float64).array(of: Double.self)
    var equal = 0
    for (a, b) in zip(left, right) {
      let isSame = a == b || (a.isNaN && b.isNaN)
      let error = isSame ? 0 : abs(a - b)
      maximum = max(maximum, error.isNaN ? .infinity : error)
      if b.isFinite { referenceMaximum = max(referenceMaximum, abs(b)) }
      if isSame { equal += 1 }
    }
    agreement = left.isEmpty ? 1 : Double(equal) / Double(left.count)
  }

  package var description: String { "max abs \(maximum), relative \(relative), equal \(agreement)" }
}
