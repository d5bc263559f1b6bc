import Files
import Tensors

/// Turns the tensors of an ONNX file into tensors. Raw elements stay in the mapped file; typed ones, which protobuf
/// spreads out, are converted.
final class ONNXTensors {
  private let file: MappedFile
  private let folder: String
  private var externalFiles: [String: MappedFile] = [:]

  init(_ file: MappedFile) {
    self.file = file
    folder = Paths.parent(of: file.path)
  }

  /// - Throws: ``ONNXError``, with the tensor's name; `FileError` for external data.
  func tensor(_ message: ONNXTensorMessage) throws -> Tensor {
    guard let type = ElementType(onnxNumber: message.dataType) else {
      throw error(message, "its elements are of the ONNX type \(message.dataType)", "a type that is supported here")
    }
    let shape = Shape(message.dimensions)
    guard let count = shape.checkedCount, !count.multipliedReportingOverflow(by: type.byteCount).overflow else {
      throw error(message, "its shape is \(message.dimensions)", "extents that memory can hold")
    }
    let byteCount = count * type.byteCount
    if message.isExternal { return try external(message, type, shape, byteCount) }
    if let raw = message.raw {
      guard raw.count == byteCount else {
        throw error(message, "it has \(raw.count) bytes", "\(byteCount) for \(type) \(shape)")
      }
      return try Tensor(
        unaligned: Storage(file: file, range: raw), elementType: type, shape: shape, byteOffset: 0)
    }
    return try typed(message, type, shape, count)
  }

  // MARK: External data

  /// Elements in a file beside the model (https://onnx.ai/onnx/repo-docs/ExternalData.html).
  private func external(
    _ message: ONNXTensorMessage, _ type: ElementType, _ shape: Shape, _ byteCount: Int
  ) throws -> Tensor {
    guard let location = message.external["location"], !location.isEmpty else {
      throw error(message, "its external data has no location", "the name of a file beside the model")
    }
    func number(_ key: String, _ fallback: Int) throws -> Int {
      guard let text = message.external[key] else { return fallback }
      guard let value = Int(text), value >= 0 else {
        throw error(message, "the \(key) of its external data is '\(text.prefix(40))'", "a number of bytes")
      }
      return value
    }
    let data = try externalFile(location)
    let offset = try number("offset", 0)
    let length = try number("length", byteCount)
    guard offset <= data.bytes.count, length <= data.bytes.count - offset else {
      throw error(
        message, "its external data is \(length) bytes from \(offset) on in \(location)",
        "a place inside the file of \(data.bytes.count) bytes")
    }
    guard length == byteCount else {
      throw error(message, "its external data has \(length) bytes", "\(byteCount) for \(type) \(shape)")
    }
    return try Tensor(
      unaligned: Storage(file: data, range: offset..<offset + length), elementType: type, shape: shape, byteOffset: 0)
  }

  private func externalFile(_ location: String) throws -> MappedFile {
    if let file = externalFiles[location] { return file }
    let path = try Paths.resolve(location, inside: folder)
    // A symbolic link may lead out of the folder as a path with dots does.
    try Paths.requireRealPath(path, inside: folder)
    let mapped = try MappedFile(path: path)
    externalFiles[location] = mapped
    return mapped
  }

  // MARK: Typed data

  /// Elements in the field of their type, of which every number has its own encoding.
  private func typed(
    _ message: ONNXTensorMessage, _ type: ElementType, _ shape: Shape, _ count: Int
  ) throws -> Tensor {
    let field =
      switch type {
      case .float32: 4
      case .float64: 10
      case .int64: 7
      case .uint32, .uint64: 11
      default: 5
      }
    let values = message.typed.filter { $0.field == field }.map(\.value)
    // No more is allocated than the file has bytes for.
    let numbers = try file.withBytes { bytes in try values.flatMap { try elements($0, type, bytes) } }
    guard numbers.count == count else {
      throw error(message, "it has \(numbers.count) elements", "\(count) for \(type) \(shape)")
    }
    var tensor = Tensor(type, shape, isZeroed: false)
    let size = type.byteCount
    tensor.withMutableBytes { target in
      for (index, number) in numbers.enumerated() {
        withUnsafeBytes(of: number.littleEndian) { source in
          UnsafeMutableRawBufferPointer(rebasing: target[index * size..<(index + 1) * size])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<size]))
        }
      }
    }
    return tensor
  }

  /// The elements' bits; those of narrow types stand in the low bytes.
  private func elements(
    _ field: ProtobufReader.Field, _ type: ElementType, _ bytes: UnsafeRawBufferPointer
  ) throws -> [UInt64] {
    switch field {
    case .varint(let value): return [value]
    case .fixed32(let value): return [UInt64(value)]
    case .fixed64(let value): return [value]
    case .bytes(let range):
      guard type == .float32 || type == .float64 else {
        var reader = ProtobufReader(bytes, range, "a tensor's elements")
        var numbers: [UInt64] = []
        while reader.position < reader.end { numbers.append(try reader.varint()) }
        return numbers
      }
      let size = type.byteCount
      guard range.count % size == 0 else {
        throw ONNXError.damaged(offset: range.lowerBound, reason: "a list of \(type) has \(range.count) bytes")
      }
      return stride(from: range.lowerBound, to: range.upperBound, by: size).map { offset in
        size == 4
          ? UInt64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
          : UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      }
    }
  }

  private func error(_ message: ONNXTensorMessage, _ reason: String, _ expected: String) -> ONNXError {
    .invalid(
      at: ["tensor \(message.name.isEmpty ? "of an attribute" : message.name)"], reason: reason, expected: expected)
  }
}

extension ElementType {
  /// The type that ONNX gives the number; nil for those that tensors can't have here.
  init?(onnxNumber number: Int) {
    guard let type = Self.allCases.first(where: { $0.onnxType.rawValue == number }) else { return nil }
    self = type
  }
}
