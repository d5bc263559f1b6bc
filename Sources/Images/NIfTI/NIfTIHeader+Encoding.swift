import Tensors

extension NIfTIHeader {
  /// The 352 bytes in front of the voxels of a NIfTI-1 file: the header, little-endian, and four zeros for "no
  /// extensions". The fields are those that MONAI's `NibabelWriter` sets.
  /// - Parameter keepsEndAxes: Whether trailing extents of 1 stand in the header.
  /// - Throws: ``NIfTIError``.
  static func encoded(
    shape: [Int], affine: Affine, elementType: ElementType, keepsEndAxes: Bool = false
  ) throws -> [UInt8] {
    guard shape.count == 3 || shape.count == 4 else { throw NIfTIError.invalidShape(shape) }
    guard shape.allSatisfy({ $0 > 0 }) else { throw NIfTIError.emptyImage(shape) }
    guard shape.allSatisfy({ $0 <= Int(Int16.max) }) else { throw NIfTIError.tooLargeToWrite(shape) }
    guard affine.isFinite else { throw NIfTIError.notFinite(field: "affine") }
    guard let qform = QformParts(affine) else { throw GeometryError.degenerateAffine }

    var extents = shape
    while !keepsEndAxes, extents.count > 1, extents.last == 1 { extents.removeLast() }
    let (code, bits) = datatype(elementType)
    var header = HeaderBuilder()
    header.set(0, Int32(348))
    header.set(40, Int16(extents.count))
    for axis in 1...7 { header.set(40 + 2 * axis, Int16(axis <= extents.count ? extents[axis - 1] : 1)) }
    header.set(70, Int16(code))
    header.set(72, Int16(bits))
    header.set(76, Float(qform.handedness))
    for axis in 1...7 { header.set(76 + 4 * axis, axis <= 3 ? Float(qform.spacing[axis - 1]) : 1) }
    header.set(108, Float(352))
    header.set(112, Float(1))
    header.set(116, Float(0))
    header.set(252, Int16(1))
    header.set(254, Int16(1))
    header.set(256, Float(qform.quaternion.b))
    header.set(260, Float(qform.quaternion.c))
    header.set(264, Float(qform.quaternion.d))
    for row in 0..<3 {
      header.set(268 + 4 * row, Float(affine[row, 3]))
      for column in 0..<4 { header.set(280 + 16 * row + 4 * column, Float(affine[row, column])) }
    }
    header.set(344, Array("n+1".utf8))
    return header.bytes
  }

  /// NIfTI's datatype code and bits per voxel.
  private static func datatype(_ elementType: ElementType) -> (code: Int, bits: Int) {
    let code =
      switch elementType {
      case .uint8, .bool: 2
      case .int16: 4
      case .int32: 8
      case .float32, .float16, .bfloat16: 16
      case .float64: 64
      case .int8: 256
      case .uint16: 512
      case .uint32: 768
      case .int64: 1024
      case .uint64: 1280
      }
    return (code, elementType.byteCount * 8)
  }
}

/// Sets little-endian fields of a NIfTI-1 header.
private struct HeaderBuilder {
  private(set) var bytes = [UInt8](repeating: 0, count: 352)

  mutating func set<Integer: FixedWidthInteger>(_ offset: Int, _ value: Integer) {
    withUnsafeBytes(of: value.littleEndian) { set(offset, Array($0)) }
  }

  mutating func set(_ offset: Int, _ value: Float) { set(offset, value.bitPattern) }

  mutating func set(_ offset: Int, _ field: [UInt8]) {
    bytes.replaceSubrange(offset..<offset + field.count, with: field)
  }
}
