import Files
package import Tensors

extension Npy {
  /// Elements that are made dense at a time when a tensor doesn't lie row-major.
  private static let pieceByteCount = 16 << 20

  /// Writes the array as version 1.0, little-endian, in C order. The file appears whole or not at all.
  /// - Throws: ``FileError``; ``ArchiveError/npy(_:file:)`` for bfloat16, which the format doesn't have.
  package static func write(_ tensor: Tensor, to path: String) throws { try write([tensor], to: [path]) }

  /// Writes each array to the path of its index. All files appear whole, or none.
  /// - Throws: ``FileError``; ``ArchiveError/npy(_:file:)`` for bfloat16, which the format doesn't have.
  package static func write(_ tensors: [Tensor], to paths: [String]) throws {
    try AtomicFile.write(to: paths) { index, writer in
      let tensor = tensors[index]
      guard let name = typeName(tensor.elementType) else {
        throw ArchiveError.npy(.cannotHold(tensor.elementType), file: paths[index])
      }
      try writer.write(header(name, tensor.shape))
      try write(tensor, axis: 0, to: &writer)
    }
  }

  private static func typeName(_ type: ElementType) -> String? {
    guard let name = NpyHeader.elementTypes.first(where: { $0.value == type })?.key else { return nil }
    return (type.byteCount == 1 ? "|" : "<") + name
  }

  /// The magic, the version and the dictionary, padded so that the elements begin at a multiple of 64.
  private static func header(_ type: String, _ shape: Shape) -> [UInt8] {
    let extents = shape.dimensions.map(String.init).joined(separator: ", ") + (shape.rank == 1 ? "," : "")
    var text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(extents)), }"
    let fixed = NpyHeader.magic.count + 2 + 2
    let padding = (64 - (fixed + text.utf8.count + 1) % 64) % 64
    text += String(repeating: " ", count: padding) + "\n"
    let length = UInt16(text.utf8.count)
    return NpyHeader.magic + [1, 0, UInt8(length & 0xff), UInt8(length >> 8)] + Array(text.utf8)
  }

  /// Writes row-major, piece by piece along the first axis that can be divided.
  private static func write(_ tensor: Tensor, axis: Int, to writer: inout AtomicFile.Writer) throws {
    if tensor.isContiguous || tensor.byteCount <= pieceByteCount || axis == tensor.shape.rank {
      try tensor.withUnsafeBytes { try writer.write($0) }
      return
    }
    let rowByteCount = tensor.byteCount / tensor.shape[axis]
    let step = max(1, pieceByteCount / rowByteCount)
    for start in stride(from: 0, to: tensor.shape[axis], by: step) {
      let piece = tensor.sliced(axis, start..<min(start + step, tensor.shape[axis]))
      try write(piece, axis: axis + 1, to: &writer)
    }
  }
}
