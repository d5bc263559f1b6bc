import Diagnostics
import Files
import Tensors

/// The files of one image: finds the header's and the voxels' file, plain or compressed, by their content.
struct NIfTIFile {
  let header: NIfTIHeader
  private let voxelFile: MappedFile
  private let isCompressed: Bool

  /// Opens an image by its `.nii`, `.nii.gz`, `.hdr` or `.img` file.
  init(path: String) throws {
    let headerPath = Self.partner(of: path, from: ".img", to: ".hdr") ?? path
    let file = try MappedFile(path: headerPath)
    header = try located(headerPath) { try NIfTIHeader(bytes: Self.firstBytes(of: file)) }
    guard header.isPair else {
      voxelFile = file
      isCompressed = Gzip.isGzip(file.bytes)
      return
    }
    let voxelPath = try Self.voxelPath(header: headerPath)
    voxelFile = try MappedFile(path: voxelPath)
    isCompressed = Gzip.isGzip(voxelFile.bytes)
  }

  /// The voxels as stored, first axis fastest, in this machine's byte order.
  func voxels() throws -> Tensor {
    try located(voxelFile.path) {
      let size = header.elementType.byteCount
      let byteCount = header.voxelCount * size
      let end = header.voxelOffset + byteCount
      let storage = try storage(end: end)
      guard storage.bytes.count >= end else {
        throw NIfTIError.truncated(expected: end, found: storage.bytes.count)
      }
      let bytes = UnsafeRawBufferPointer(rebasing: storage.bytes[header.voxelOffset..<end])
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
        byteOffset: header.voxelOffset)
    }
  }

  private func storage(end: Int) throws -> Storage {
    guard isCompressed else { return Storage(file: voxelFile, range: 0..<voxelFile.bytes.count) }
    return try Gzip.decompress(voxelFile.bytes, count: end)
  }

  private static func firstBytes(of file: MappedFile) throws -> [UInt8] {
    guard Gzip.isGzip(file.bytes) else { return Array(file.bytes.prefix(NIfTIHeader.longestLength)) }
    return try Gzip.prefix(of: file.bytes, count: NIfTIHeader.longestLength)
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
