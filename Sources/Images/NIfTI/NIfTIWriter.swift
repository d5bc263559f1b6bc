import Files
package import Tensors

/// Writes NIfTI-1 images as MONAI's `NibabelWriter` does: a single file, the affine in sform and qform (both with
/// code 1, scanner), no scaling, no units, the voxels from byte 352 on. Compressed when the name ends with `.gz`.
package enum NIfTIWriter {
  /// Writes `voxels`, [X, Y, Z] or [X, Y, Z, C] of any strides, as `elementType`; trailing extents of 1 are dropped
  /// from the header unless `keepsEndAxes` says otherwise. The file appears whole or not at all.
  ///
  /// Floats to integers truncate towards zero; what lies outside becomes the type's limit, NaN 0. A bool is written as
  /// uint8, the 16-bit floats as float32.
  /// - Throws: ``NIfTIError``, `FileError`, `InterruptedError`.
  package static func write(
    _ voxels: Tensor, affine: Affine, elementType: ElementType, keepsEndAxes: Bool = false, to path: String
  ) throws {
    guard voxels.shape.rank == 3 || voxels.shape.rank == 4 else {
      throw NIfTIError.tooManyAxes(voxels.shape.dimensions, expected: "the axes X, Y, Z or X, Y, Z, C")
    }
    try write(
      shape: voxels.shape.dimensions, affine: affine, elementType: elementType, keepsEndAxes: keepsEndAxes, to: path
    ) { channel, slices in
      let volume = voxels.shape.rank == 3 ? voxels : self.channel(channel, of: voxels)
      return volume.sliced(2, slices)
    }
  }

  /// Writes an image of the extents `shape`, [X, Y, Z] or [X, Y, Z, C], whose voxels are asked for slab by slab in the
  /// file's order: `slab` gets the channel and a range of z, and gives [X, Y, that many] of any type and strides. Only
  /// one slab is in memory.
  /// - Throws: ``NIfTIError``, `FileError`, `InterruptedError`, and whatever `slab` throws.
  package static func write(
    shape: [Int], affine: Affine, elementType: ElementType, keepsEndAxes: Bool = false, to path: String,
    slab: (_ channel: Int, _ slices: Range<Int>) throws -> Tensor
  ) throws {
    let stored = storedType(elementType)
    let header = try NIfTIHeader.encoded(
      shape: shape, affine: affine, elementType: stored, keepsEndAxes: keepsEndAxes)
    let plane = shape[0] * shape[1]
    let slices = min(shape[2], max(slabLength / (plane * stored.byteCount), leastSlices))
    let storage = Storage(byteCount: slices * plane * stored.byteCount, isZeroed: false)
    defer { withExtendedLifetime(storage) {} }
    let buffer = UnsafeMutableRawBufferPointer(mutating: storage.bytes)

    try AtomicFile.write(to: path) { file in
      var sink = Sink(isCompressed: path.hasSuffix(".gz"))
      try header.withUnsafeBytes { try sink.write($0, to: &file) }
      for channel in 0..<(shape.count == 4 ? shape[3] : 1) {
        for start in stride(from: 0, to: shape[2], by: slices) {
          let range = start..<min(start + slices, shape[2])
          let part = packable(try slab(channel, range))
          guard part.shape.dimensions == [shape[0], shape[1], range.count] else {
            throw NIfTIError.invalidShape(part.shape.dimensions)
          }
          VoxelConversion.pack(part, as: stored, into: buffer.baseAddress.unsafelyUnwrapped)
          let count = range.count * plane * stored.byteCount
          try sink.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: &file)
        }
      }
      try sink.finish(to: &file)
    }
  }

  /// Bytes of voxels that are converted and compressed at a time.
  private static let slabLength = 8 << 20
  /// Voxels that lie z-fastest in memory are read by whole cache lines.
  private static let leastSlices = 64

  private static func channel(_ index: Int, of voxels: Tensor) -> Tensor {
    let single = voxels.sliced(3, index..<index + 1)
    // Dropping an axis of extent 1 needs no copy, whatever its stride.
    return single.droppingLastAxis
  }

  private static func storedType(_ elementType: ElementType) -> ElementType {
    switch elementType {
    case .bool: .uint8
    case .float16, .bfloat16: .float32
    default: elementType
    }
  }

  private static func packable(_ voxels: Tensor) -> Tensor {
    voxels.elementType.kernelType == nil ? voxels.converted(to: .float32) : voxels
  }

  /// Where the bytes go: through gzip or straight to the file.
  private struct Sink {
    private var gzip: GzipWriter?

    init(isCompressed: Bool) { gzip = isCompressed ? GzipWriter() : nil }

    mutating func write(_ bytes: UnsafeRawBufferPointer, to file: inout AtomicFile.Writer) throws {
      if gzip != nil { try gzip?.write(bytes, to: &file) } else { try file.write(bytes) }
    }

    mutating func finish(to file: inout AtomicFile.Writer) throws { try gzip?.finish(to: &file) }
  }
}

extension Tensor {
  /// The view without its last axis, which has the extent 1.
  fileprivate var droppingLastAxis: Tensor {
    // A view inside the bounds of this one can't fail.
    let view = try? Tensor(
      storage: storage, elementType: elementType, shape: Shape(shape.dimensions.dropLast()),
      strides: Array(strides.dropLast()), byteOffset: byteOffset)
    return view ?? reshaped(Shape(shape.dimensions.dropLast()))
  }
}
