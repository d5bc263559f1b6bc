import Files
package import Tensors

/// NumPy's array files.
package enum Npy {
  /// The array in the file: a view of the mapped file where the elements lie aligned and in this machine's byte order.
  /// An array in Fortran order comes with strides to match.
  /// - Throws: ``FileError``, ``ArchiveError/npy(_:file:)``.
  package static func read(path: String) throws -> Tensor {
    let file = try MappedFile(path: path)
    do {
      return try tensor(file)
    } catch let problem as NpyProblem {
      throw ArchiveError.npy(problem, file: path)
    }
  }

  private static func tensor(_ file: MappedFile) throws -> Tensor {
    let header = try NpyHeader(file.bytes)
    let byteCount = header.shape.count * header.elementType.byteCount
    let available = file.bytes.count - header.dataOffset
    guard byteCount == available else { throw NpyProblem.wrongSize(expected: byteCount, found: available) }
    let storage = Storage(file: file, range: header.dataOffset..<file.bytes.count)
    return try tensor(
      storage, header.elementType, isBigEndian: header.isBigEndian, isFortranOrder: header.isFortranOrder, header.shape)
  }

  /// The elements of `storage` in this machine's byte order.
  static func tensor(
    _ storage: Storage, _ elementType: ElementType, isBigEndian: Bool, isFortranOrder: Bool, _ shape: Shape
  ) throws -> Tensor {
    let size = elementType.byteCount
    let native = isBigEndian && size > 1 ? swapped(storage, size) : storage
    return try Tensor(
      storage: native.aligned(to: size), elementType: elementType, shape: shape,
      strides: isFortranOrder ? fortranStrides(shape) : nil)
  }

  /// Column-major strides in elements.
  private static func fortranStrides(_ shape: Shape) -> [Int] {
    Shape(shape.dimensions.reversed()).contiguousStrides.reversed()
  }

  /// A copy with the bytes of every element reversed.
  private static func swapped(_ storage: Storage, _ size: Int) -> Storage {
    let copy = Storage(byteCount: storage.bytes.count, isZeroed: false)
    let target = UnsafeMutableRawBufferPointer(mutating: copy.bytes)
    switch size {
    case 2: swap(storage.bytes, target, UInt16.self)
    case 4: swap(storage.bytes, target, UInt32.self)
    default: swap(storage.bytes, target, UInt64.self)
    }
    return copy
  }

  private static func swap<Unit: FixedWidthInteger & BitwiseCopyable>(
    _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer, _: Unit.Type
  ) {
    let size = Unit.bitWidth / 8
    for offset in stride(from: 0, to: source.count, by: size) {
      let unit = source.loadUnaligned(fromByteOffset: offset, as: Unit.self)
      target.storeBytes(of: unit.byteSwapped, toByteOffset: offset, as: Unit.self)
    }
  }
}
