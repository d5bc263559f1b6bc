import Diagnostics
import Files
import Tensors

/// The files of one image: finds the header's and the voxels' file, plain or compressed, by their content.
struct NIfTIFile {
  let header: NIfTIHeader
  private let voxelFile: FileReader
  private let isCompressed: Bool

  /// Opens an image by its `.nii`, `.nii.gz`, `.hdr` or `.img` file.
  init(path: String) throws {
    let headerPath = Self.partner(of: path, from: ".img", to: ".hdr") ?? path
    let file = try FileReader(path: headerPath)
    let first = try file.prefix(Self.headerRoom)
    header = try located(headerPath) { try NIfTIHeader(bytes: Self.firstBytes(of: first)) }
    guard header.isPair else {
      voxelFile = file
      isCompressed = Self.isGzip(first)
      return
    }
    let voxelPath = try Self.voxelPath(header: headerPath)
    voxelFile = try FileReader(path: voxelPath)
    isCompressed = Self.isGzip(try voxelFile.prefix(32))
  }

  /// The voxels as stored, first axis fastest, in this machine's byte order.
  func voxels() throws -> Tensor {
    try located(voxelFile.path) {
      let size = header.elementType.byteCount
      let byteCount = header.voxelCount * size
      let end = header.voxelOffset + byteCount
      let (storage, start) = try storage(from: header.voxelOffset, to: end)
      let bytes = UnsafeRawBufferPointer(rebasing: storage.bytes[start..<start + byteCount])
      let strides = header.shape.indices.map { header.shape[..<$0].reduce(1, *) }
      let needsSwap = header.isBigEndian != (1.bigEndian == 1) && size > 1
      let isAligned = Int(bitPattern: bytes.baseAddress) % size == 0
      if needsSwap || !isAligned {
        let copy = Storage(byteCount: byteCount, isZeroed: false)
        withExtendedLifetime(storage) {
          VoxelConversion.copy(bytes, to: copy, elementSize: size, isSwapped: needsSwap)
        }
        return try Tensor(
          storage: copy, elementType: header.elementType, shape: Shape(header.shape), strides: strides)
      }
      return try Tensor(
        storage: storage, elementType: header.elementType, shape: Shape(header.shape), strides: strides,
        byteOffset: start)
    }
  }

  /// Memory that holds the bytes from `start` to `end` of the decompressed file, and where they begin in it.
  private func storage(from start: Int, to end: Int) throws -> (storage: Storage, start: Int) {
    guard isCompressed || voxelFile.count >= end else {
      throw NIfTIError.truncated(expected: end, found: voxelFile.count)
    }
    let range = isCompressed ? 0..<voxelFile.count : start..<end
    let read = Storage(byteCount: max(range.count, 1), isZeroed: false)
    let memory = UnsafeMutableRawBufferPointer(mutating: read.bytes)
    try withExtendedLifetime(read) {
      try voxelFile.read(UnsafeMutableRawBufferPointer(rebasing: memory[..<range.count]), at: range.lowerBound)
    }
    guard isCompressed else { return (read, 0) }
    let storage = try withExtendedLifetime(read) {
      try Gzip.decompress(UnsafeRawBufferPointer(rebasing: read.bytes[..<range.count]), count: end)
    }
    guard storage.bytes.count >= end else {
      throw NIfTIError.truncated(expected: end, found: storage.bytes.count)
    }
    return (storage, start)
  }

  /// Compressed bytes from which a header can be had, whatever gzip's own header holds before it.
  private static let headerRoom = 256 << 10

  private static func isGzip(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes { Gzip.isGzip($0) } }

  private static func firstBytes(of file: [UInt8]) throws -> [UInt8] {
    guard isGzip(file) else { return Array(file.prefix(NIfTIHeader.longestLength)) }
    return try file.withUnsafeBytes { try Gzip.prefix(of: $0, count: NIfTIHeader.longestLength) }
  }

  private static func voxelPath(header path: String) throws -> String {
    guard let plain = partner(of: path, from: ".hdr", to: ".img") else {
      throw LocatedError(NIfTIError.missingPair(path: "a header named .hdr beside its .img"), at: path)
    }
    for candidate in [plain, plain.hasSuffix(".gz") ? String(plain.dropLast(3)) : plain + ".gz"]
    where PathKind(path: candidate) != nil {
      return candidate
    }
    throw LocatedError(NIfTIError.missingPair(path: plain), at: path)
  }

  /// `path` with its ending `from` (perhaps followed by `.gz`) replaced.
  private static func partner(of path: String, from: String, to: String) -> String? {
    if path.hasSuffix(from) { return path.dropLast(from.count) + to }
    if path.hasSuffix(from + ".gz") { return path.dropLast(from.count + 3) + to + ".gz" }
    return nil
  }
}
