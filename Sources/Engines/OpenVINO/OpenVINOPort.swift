import COpenVINO
import Tensors

extension ElementType {
  /// OpenVINO's number for the type.
  var openVINO: OVElementType {
    switch self {
    case .float16: OVElementTypeFloat16
    case .bfloat16: OVElementTypeBFloat16
    case .float32: OVElementTypeFloat32
    case .float64: OVElementTypeFloat64
    case .int8: OVElementTypeInt8
    case .int16: OVElementTypeInt16
    case .int32: OVElementTypeInt32
    case .int64: OVElementTypeInt64
    case .uint8: OVElementTypeUInt8
    case .uint16: OVElementTypeUInt16
    case .uint32: OVElementTypeUInt32
    case .uint64: OVElementTypeUInt64
    case .bool: OVElementTypeBoolean
    }
  }
}

extension OVPort {
  /// A port of a static shape of at most ``OVMaximalRank`` axes; a longer shape gives a port of unknown rank.
  init(elementType: OVElementType, shape: Shape) {
    self.init()
    self.elementType = elementType
    guard shape.rank <= OVMaximalRank else {
      rank = -1
      return
    }
    rank = Int64(shape.rank)
    withUnsafeMutableBytes(of: &dimensions) { bytes in
      let extents = bytes.bindMemory(to: Int64.self)
      for (axis, extent) in shape.dimensions.enumerated() { extents[axis] = Int64(extent) }
    }
  }

  /// The extents; nil for a dynamic one. Nil when the rank is unknown.
  var extents: [Int?]? {
    guard rank >= 0, rank <= Int64(OVMaximalRank) else { return nil }
    return withUnsafeBytes(of: dimensions) { bytes in
      bytes.bindMemory(to: Int64.self).prefix(Int(rank)).map { $0 < 0 ? nil : Int($0) }
    }
  }

  /// The shape when it is static and of a size that can be addressed.
  var shape: Shape? {
    guard let extents else { return nil }
    let fixed = extents.compactMap(\.self)
    guard fixed.count == extents.count, Shape(fixed).checkedCount != nil else { return nil }
    return Shape(fixed)
  }

  /// Whether a tensor could be both this port and the specification: the same type and rank, no extents that differ.
  func matches(_ specification: TensorSpecification) -> Bool {
    guard elementType == specification.elementType.openVINO else { return false }
    guard let extents else { return true }
    return extents.count == specification.dimensions.count
      && zip(extents, specification.dimensions).allSatisfy { $0 == nil || $1 == nil || $0 == $1 }
  }

  /// `float32 ?×1×96×96×96`
  var text: String {
    let type = ElementType.allCases.first { $0.openVINO == elementType }
    let name = type?.rawValue ?? "an element type of number \(elementType.rawValue)"
    guard let extents else { return "\(name) of unknown rank" }
    return "\(name) " + (extents.isEmpty ? "scalar" : extents.map { $0.map(String.init) ?? "?" }.joined(separator: "×"))
  }
}
