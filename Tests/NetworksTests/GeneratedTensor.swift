import Foundation
import Tensors

/// Tensors whose values follow from their name, the same as `Tools/goldens/make_generated.py` makes.
enum GeneratedTensor {
  static func tensor(_ key: String, _ shape: [Int]) -> Tensor {
    let (scale, offset) = range(key, shape)
    let seed = fnv1a(key)
    let values = (0..<shape.reduce(1, *)).map { index -> Float in
      let unit = Float(mix(UInt32(truncatingIfNeeded: index) &* 2_654_435_761 &+ seed) >> 8) * 0x1p-24
      return offset.map { unit + $0 } ?? (2 * unit - 1) * scale
    }
    return Tensor(values, Shape(shape))
  }

  /// Values lie in ±scale, or from the offset to one more where there is one.
  private static func range(_ key: String, _ shape: [Int]) -> (scale: Float, offset: Float?) {
    let name = key.split(separator: ".").last ?? ""
    if key.hasPrefix("input_") { return (1.75, nil) }
    if name == "running_var" || (name == "weight" && shape.count == 1) { return (1, 0.5) }
    if shape.count < 2 { return (0.2, nil) }
    return (Float((4 / Double(shape.dropFirst().reduce(1, *))).squareRoot()), nil)
  }

  /// Wellons' lowbias32 (https://nullprogram.com/blog/2018/07/31/).
  private static func mix(_ value: UInt32) -> UInt32 {
    var x = value
    x = (x ^ (x >> 16)) &* 0x7feb_352d
    x = (x ^ (x >> 15)) &* 0x846c_a68b
    return x ^ (x >> 16)
  }

  private static func fnv1a(_ text: String) -> UInt32 {
    text.utf8.reduce(0x811c_9dc5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
  }
}
