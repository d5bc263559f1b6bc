import Graphs

/// `monai.networks.blocks.ADN`: activation (`A`), dropout (`D`) and normalisation (`N`) in a given order. Dropout does
/// nothing in evaluation.
struct ADN: Sendable, Hashable {
  var ordering = "NDA"
  var activation: Activation?
  var normalization: Normalization?

  var isEmpty: Bool { activation == nil && normalization == nil }

  /// State-dict keys `N.…` and `A.…`.
  func build(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    var result = input
    for letter in ordering.uppercased() {
      if letter == "N", let normalization {
        result = try builder.module("N") { try normalization.build(&$0, result) }
      } else if letter == "A", let activation {
        result = try builder.module("A") { try activation.build(&$0, result) }
      }
    }
    return result
  }

  /// Whether `ordering` has only the letters that MONAI knows, each at most once (PyTorch would replace a module that
  /// is added under the same name).
  static func isValid(_ ordering: String) -> Bool {
    let letters = Array(ordering.uppercased())
    return letters.allSatisfy { "ADN".contains($0) } && Set(letters).count == letters.count
  }
}
