extension Tensor {
  /// The same values as another element type: contiguous, and the tensor itself when the type is already right.
  ///
  /// Floating point to integer truncates towards zero and saturates; narrowing floats round to nearest even;
  /// anything to bool is `!= 0`. NaN becomes integer 0.
  package func converted(to target: ElementType) -> Tensor {
    if target == elementType { return self }
    switch elementType {
    case .float32: return converted(from: Float.self, to: target) { Double($0) }
    case .float64: return converted(from: Double.self, to: target) { $0 }
    case .float16: return converted(from: UInt16.self, to: target) { Double(Float(halfBits: $0)) }
    case .bfloat16: return converted(from: UInt16.self, to: target) { Double(Float(bfloat16Bits: $0)) }
    case .int8: return converted(from: Int8.self, to: target) { Double($0) }
    case .int16: return converted(from: Int16.self, to: target) { Double($0) }
    case .int32: return converted(from: Int32.self, to: target) { Double($0) }
    case .uint8: return converted(from: UInt8.self, to: target) { Double($0) }
    case .bool: return converted(from: UInt8.self, to: target) { $0 == 0 ? 0 : 1 }
    case .uint16: return converted(from: UInt16.self, to: target) { Double($0) }
    case .uint32: return converted(from: UInt32.self, to: target) { Double($0) }
    case .int64: return convertedWide(from: Int64.self, to: target)
    case .uint64: return convertedWide(from: UInt64.self, to: target)
    }
  }

  /// The elements as another type, as ONNX's Cast and PyTorch's `to` have it: as ``converted(to:)``, but an integer too
  /// large for a narrower one loses its high bits.
  package func cast(to target: ElementType) -> Tensor {
    guard !elementType.isFloatingPoint, !target.isFloatingPoint, elementType != .bool, target != .bool else {
      return converted(to: target)
    }
    return Tensor(wrapping: wideIntegers(), target, shape)
  }

  /// The elements of an integer tensor, each exactly.
  package func wideIntegers() -> [Int128] {
    if elementType == .uint64 { return array(of: UInt64.self).map { Int128($0) } }
    return converted(to: .int64).array(of: Int64.self).map { Int128($0) }
  }

  /// A tensor of an integer type; numbers outside of it lose their high bits.
  package init(wrapping values: [Int128], _ type: ElementType, _ shape: Shape) {
    switch type {
    case .int8: self.init(values.map { Int8(truncatingIfNeeded: $0) }, shape)
    case .int16: self.init(values.map { Int16(truncatingIfNeeded: $0) }, shape)
    case .int32: self.init(values.map { Int32(truncatingIfNeeded: $0) }, shape)
    case .uint8: self.init(values.map { UInt8(truncatingIfNeeded: $0) }, shape)
    case .uint16: self.init(values.map { UInt16(truncatingIfNeeded: $0) }, shape)
    case .uint32: self.init(values.map { UInt32(truncatingIfNeeded: $0) }, shape)
    case .uint64: self.init(values.map { UInt64(truncatingIfNeeded: $0) }, shape)
    default: self = Tensor(values.map { Int64(truncatingIfNeeded: $0) }, shape).converted(to: type)
    }
  }

  /// Every type but the 64-bit integers fits a double exactly, so one step through it loses nothing.
  private func converted<Source: BitwiseCopyable>(
    from: Source.Type, to target: ElementType, _ widen: (Source) -> Double
  ) -> Tensor {
    switch target {
    case .float32: return map(from, target, Float.self) { Float(widen($0)) }
    case .float64: return map(from, target, Double.self) { widen($0) }
    case .float16: return map(from, target, UInt16.self) { Float(widen($0)).halfBits }
    case .bfloat16: return map(from, target, UInt16.self) { Float(widen($0)).bfloat16Bits }
    case .int8: return map(from, target, Int8.self) { Int8(saturating: widen($0)) }
    case .int16: return map(from, target, Int16.self) { Int16(saturating: widen($0)) }
    case .int32: return map(from, target, Int32.self) { Int32(saturating: widen($0)) }
    case .int64: return map(from, target, Int64.self) { Int64(saturating: widen($0)) }
    case .uint8: return map(from, target, UInt8.self) { UInt8(saturating: widen($0)) }
    case .uint16: return map(from, target, UInt16.self) { UInt16(saturating: widen($0)) }
    case .uint32: return map(from, target, UInt32.self) { UInt32(saturating: widen($0)) }
    case .uint64: return map(from, target, UInt64.self) { UInt64(saturating: widen($0)) }
    case .bool: return map(from, target, UInt8.self) { widen($0) == 0 ? 0 : 1 }
    }
  }

  private func convertedWide<Source: BinaryInteger & BitwiseCopyable>(from: Source.Type, to target: ElementType)
    -> Tensor
  {
    switch target {
    case .int64: map(from, target, Int64.self) { Int64(clamping: $0) }
    case .uint64: map(from, target, UInt64.self) { UInt64(clamping: $0) }
    default: converted(from: from, to: target) { Double($0) }
    }
  }

  private func map<Source: BitwiseCopyable, Target: BitwiseCopyable>(
    _: Source.Type, _ type: ElementType, _: Target.Type, _ convert: (Source) -> Target
  ) -> Tensor {
    let result = Tensor(type, shape, isZeroed: false)
    let target = UnsafeMutableRawBufferPointer(mutating: result.storage.bytes).bindMemory(to: Target.self)
    withUnsafeBytes { bytes in
      let source = bytes.bindMemory(to: Source.self)
      for index in 0..<source.count { target[index] = convert(source[index]) }
    }
    return result
  }
}

extension FixedWidthInteger {
  /// The value truncated towards zero, at the type's limit when it lies outside; NaN is 0.
  package init(saturating value: Double) {
    if value.isNaN {
      self = 0
    } else if value >= Double(Self.max) {
      self = .max
    } else if value <= Double(Self.min) {
      self = .min
    } else {
      self = Self(value)
    }
  }
}

extension Float {
  /// The value of IEEE 754 binary16 bits.
  package init(halfBits bits: UInt16) {
    let sign = UInt32(bits & 0x8000) << 16
    let exponent = UInt32(bits >> 10) & 0x1f
    let fraction = UInt32(bits & 0x3ff)
    switch exponent {
    case 0:
      let magnitude = Float(fraction) * 0x1p-24
      self = sign == 0 ? magnitude : -magnitude
    case 0x1f: self.init(bitPattern: sign | 0x7f80_0000 | fraction << 13)
    default: self.init(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
  }

  /// IEEE 754 binary16 bits, rounded to nearest even; overflow is infinity.
  package var halfBits: UInt16 {
    let sign = UInt16(truncatingIfNeeded: bitPattern >> 16) & 0x8000
    let magnitude = Float(bitPattern: bitPattern & 0x7fff_ffff)
    if magnitude.isNaN { return sign | 0x7e00 }
    if magnitude >= 65520 { return sign | 0x7c00 }
    // Below 2^-14 the half is subnormal, a multiple of 2^-24.
    if magnitude < 0x1p-14 { return sign | UInt16((magnitude * 0x1p24).rounded(.toNearestOrEven)) }
    let bits = magnitude.bitPattern
    let rounded = bits + 0xfff + ((bits >> 13) & 1)
    return sign | UInt16(truncatingIfNeeded: (rounded - (112 << 23)) >> 13)
  }

  /// The value of bfloat16 bits: the upper half of a float.
  package init(bfloat16Bits bits: UInt16) { self.init(bitPattern: UInt32(bits) << 16) }

  /// bfloat16 bits, rounded to nearest even.
  package var bfloat16Bits: UInt16 {
    if isNaN { return UInt16(truncatingIfNeeded: bitPattern >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (bitPattern + 0x7fff + ((bitPattern >> 16) & 1)) >> 16)
  }
}
