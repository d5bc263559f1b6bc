/// What stands at the top of an ONNX `ModelProto`, read without its weights: the checks that TensorRT's parser leaves
/// to its caller.
///
/// Format: protocol buffers, https://protobuf.dev/programming-guides/encoding/, with the field numbers of
/// https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
struct ONNXHeader: Equatable {
  var irVersion = 0
  /// The opset of each domain; the default domain is the empty name.
  var opsets: [String: Int] = [:]
  /// Nodes of the main graph.
  var nodeCount = 0

  /// - Throws: ``TensorRTError/notAModel(reason:)`` when the bytes end early or aren't protocol buffers, or hold no graph.
  init(_ bytes: UnsafeRawBufferPointer) throws {
    guard !bytes.isEmpty else { throw TensorRTError.notAModel(reason: "there are no bytes") }
    var hasGraph = false
    try ProtocolBufferFields.forEach(in: bytes) { number, value in
      switch (number, value) {
      case (1, .integer(let version)): irVersion = Int(clamping: version)
      case (7, .bytes(let graph)):
        hasGraph = true
        try ProtocolBufferFields.forEach(in: graph) { number, _ in
          if number == 1 { nodeCount += 1 }
        }
      case (8, .bytes(let entry)):
        let (domain, version) = try Self.opset(entry)
        opsets[domain] = version
      default: break
      }
    }
    guard hasGraph else { throw TensorRTError.notAModel(reason: "there is no graph in it") }
    // Both names mean the default domain.
    if let version = opsets.removeValue(forKey: "ai.onnx") { opsets[""] = version }
  }

  private static func opset(_ bytes: UnsafeRawBufferPointer) throws -> (domain: String, version: Int) {
    var domain = ""
    var version = 0
    try ProtocolBufferFields.forEach(in: bytes) { number, value in
      switch (number, value) {
      case (1, .bytes(let name)): domain = String(decoding: name, as: UTF8.self)
      case (2, .integer(let number)): version = Int(clamping: number)
      default: break
      }
    }
    return (domain, version)
  }

  /// - Throws: ``TensorRTError`` when `version`'s parser isn't made for this model.
  func check(for version: TensorRTVersion, library: String) throws {
    guard nodeCount > 0 else { throw TensorRTError.emptyGraph }
    guard (3...version.newestIRVersion).contains(irVersion) else {
      throw TensorRTError.unsupportedIRVersion(found: irVersion, newest: version.newestIRVersion, library: library)
    }
    guard let opset = opsets[""] else { throw TensorRTError.missingOpset }
    guard version.opsets.contains(opset) else {
      throw TensorRTError.unsupportedOpset(found: opset, supported: version.opsets, library: library)
    }
  }
}

/// The fields of one protocol-buffer message, in file order, without going into them.
private enum ProtocolBufferFields {
  enum Value {
    case integer(UInt64)
    case bytes(UnsafeRawBufferPointer)
    /// A fixed-width number; nothing here asks for its value.
    case fixed
  }

  static func forEach(
    in message: UnsafeRawBufferPointer, _ body: (_ number: UInt64, _ value: Value) throws -> Void
  ) throws {
    var position = 0
    while position < message.count {
      let key = try integer(in: message, at: &position)
      switch key & 7 {
      case 0: try body(key >> 3, .integer(integer(in: message, at: &position)))
      case 1: try body(key >> 3, skip(8, in: message, at: &position))
      case 2:
        let count = try integer(in: message, at: &position)
        guard count <= UInt64(message.count - position) else {
          throw TensorRTError.notAModel(reason: "it ends early, at byte \(message.count) of some part")
        }
        let end = position + Int(count)
        try body(key >> 3, .bytes(UnsafeRawBufferPointer(rebasing: message[position..<end])))
        position = end
      case 5: try body(key >> 3, skip(4, in: message, at: &position))
      default: throw TensorRTError.notAModel(reason: "byte \(position) isn't part of a protocol-buffer message")
      }
    }
  }

  private static func skip(_ count: Int, in message: UnsafeRawBufferPointer, at position: inout Int) throws -> Value {
    guard message.count - position >= count else { throw TensorRTError.notAModel(reason: "it ends early") }
    position += count
    return .fixed
  }

  /// A variable-length integer: seven bits a byte, the lowest first.
  private static func integer(in message: UnsafeRawBufferPointer, at position: inout Int) throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard position < message.count else { throw TensorRTError.notAModel(reason: "it ends early") }
      let byte = message[position]
      position += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte & 0x80 == 0 { return value }
    }
    throw TensorRTError.notAModel(reason: "a number at byte \(position) is too long")
  }
}
