import CTensorRT
import Tensors

extension trt_dimensions {
  /// The most axes that TensorRT's shapes have.
  static let maximalRank = 8

  /// nil when the shape has more than eight axes.
  init?(_ shape: Shape) {
    guard shape.rank <= Self.maximalRank else { return nil }
    self.init()
    count = Int32(shape.rank)
    withUnsafeMutableBytes(of: &extents) { bytes in
      let extents = bytes.bindMemory(to: Int64.self)
      for (axis, extent) in shape.dimensions.enumerated() { extents[axis] = Int64(extent) }
    }
  }

  /// The extents, nil where free; nil when the library doesn't know the shape.
  var dimensions: [Int?]? {
    guard (0...Self.maximalRank).contains(Int(count)) else { return nil }
    return withUnsafeBytes(of: extents) { bytes in
      bytes.bindMemory(to: Int64.self).prefix(Int(count)).map { $0 < 0 ? nil : Int($0) }
    }
  }

  /// The shape, when all extents are known.
  var shape: Shape? {
    guard let dimensions, !dimensions.contains(nil) else { return nil }
    return Shape(dimensions.compactMap { $0 })
  }
}

extension ElementType {
  /// The type of this number in TensorRT's `DataType`; nil for those that Martlet's tensors don't have.
  init?(tensorRT number: Int32) {
    switch number {
    case 0: self = .float32
    case 1: self = .float16
    case 2: self = .int8
    case 3: self = .int32
    case 4: self = .bool
    case 5: self = .uint8
    case 7: self = .bfloat16
    case 8: self = .int64
    default: return nil
    }
  }
}
