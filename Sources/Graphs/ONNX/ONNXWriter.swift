import Foundation
import Files
import OrderedCollections
import SwiftProtobuf
package import Tensors

/// Writes a graph as an ONNX model, opset 20, IR version 9.
///
/// Only the nodes go through protobuf's message types. The weights, which are nearly all of the bytes, are written
/// from where they lie (often the mapped checkpoint) behind their length, so nothing holds them twice. A model that
/// would pass protobuf's 2 GiB gets its weights in a file beside it, `NAME.onnx.data`
/// (https://onnx.ai/onnx/repo-docs/ExternalData.html).
package struct ONNXWriter {
  /// The version of the ONNX file format that goes with opset 20.
  package static let irVersion: Int64 = 9
  /// Protobuf messages end at 2 GiB.
  package static let byteLimit = Int(Int32.max)

  private let graphName: String
  private let head: Data
  private let graphHead: Data
  private let initializers: [Initializer]
  /// Bytes of the whole model with its weights inside.
  private let byteCount: Int
  private let byteLimit: Int
  /// Whether the weights go to a file beside the model.
  package let hasExternalData: Bool

  private struct Initializer {
    let description: ONNXTensorProto
    let tensor: Tensor
    /// Where the elements begin in the file beside the model; nil for small tensors, which stay inside.
    let offset: Int?
  }

  /// - Parameters:
  ///   - storesDataExternally: Whether the weights go to a file beside the model even when they would fit inside.
  ///   - byteLimit: The size of a model from which on they do in any case.
  package init(
    _ graph: Graph, producerVersion: String = "0.1", storesDataExternally: Bool = false,
    byteLimit: Int = ONNXWriter.byteLimit
  ) throws {
    var model = ONNXModelProto()
    model.irVersion = Self.irVersion
    model.producerName = "martlet"
    model.producerVersion = producerVersion
    model.opsetImport = [.with { $0.version = Int64(Graph.opset) }]
    head = try model.serializedData()
    graphName = graph.name

    let names = ONNXNames(graph)
    graphHead = try Self.graphMessage(graph, names).serializedData()
    var end = 0
    initializers = try graph.constants.map { value in
      guard let tensor = graph.constant(value) else {
        throw GraphError.invalidGraph(graph: graph.name, reasons: ["\(graph.name(of: value)) is no constant"])
      }
      let description = ONNXTensorProto.with {
        $0.name = names[value]
        $0.dims = tensor.shape.dimensions.map(Int64.init)
        $0.dataType = Int32(tensor.elementType.onnxType.rawValue)
      }
      guard tensor.byteCount >= ExternalData.minimum else {
        return Initializer(description: description, tensor: tensor, offset: nil)
      }
      let offset = ExternalData.aligned(end, for: tensor)
      end = offset + tensor.byteCount
      return Initializer(description: description, tensor: tensor, offset: offset)
    }
    byteCount = Self.modelByteCount(head, graphHead, try initializers.map { try Self.part($0, dataFile: nil) })
    self.byteLimit = byteLimit
    hasExternalData = end > 0 && (storesDataExternally || byteCount > byteLimit)
  }

  /// Where the weights of the model file at `path` go when they aren't inside.
  package static func dataPath(of path: String) -> String { path + ".data" }

  /// Writes the model file, and the one of its weights where it has one: whole or not at all.
  /// - Throws: `FileError`; ``GraphError/tooLarge(graph:byteCount:limit:)`` when the nodes alone pass protobuf's 2 GiB.
  package func write(to path: String) throws {
    guard hasExternalData else {
      try requireSize(byteCount)
      return try AtomicFile.write(to: path) { writer in try emit(dataFile: nil) { try writer.write($0) } }
    }
    let data = Self.dataPath(of: path)
    // The weights take their place first: a model never stands there without them.
    try AtomicFile.write(to: [data, path]) { index, writer in
      if index == 0 {
        try emitData { try writer.write($0) }
      } else {
        try emit(dataFile: Paths.name(of: data)) { try writer.write($0) }
      }
    }
  }

  /// The model in memory, for engines that read it from there.
  /// - Throws: ``GraphError/tooLarge(graph:byteCount:limit:)`` when it passes protobuf's 2 GiB.
  package func storage() throws -> Storage {
    try requireSize(byteCount)
    let storage = Storage(byteCount: byteCount, isZeroed: false)
    // The storage was made here and nobody else has it yet.
    let target = UnsafeMutableRawBufferPointer(mutating: storage.bytes)
    var offset = 0
    try emit(dataFile: nil) { bytes in
      UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: bytes)
      offset += bytes.count
    }
    return storage
  }

  private func requireSize(_ count: Int) throws {
    guard count <= byteLimit else {
      throw GraphError.tooLarge(graph: graphName, byteCount: count, limit: byteLimit)
    }
  }

  // MARK: Bytes

  private func emit(dataFile: String?, _ write: (UnsafeRawBufferPointer) throws -> Void) throws {
    func emit(_ data: some ContiguousBytes) throws { try data.withUnsafeBytes { try write($0) } }
    let parts = try initializers.map { try Self.part($0, dataFile: dataFile) }
    let graphByteCount = Self.graphByteCount(graphHead, parts)
    try requireSize(Self.modelByteCount(head, graphHead, parts))
    try emit(head)
    try emit(Self.header(field: 7, count: graphByteCount))
    try emit(graphHead)
    for part in parts {
      try emit(Self.header(field: 5, count: part.byteCount))
      try emit(part.description)
      guard let tensor = part.raw else { continue }
      try emit(Self.header(field: 9, count: tensor.byteCount))
      try tensor.withStoredBytes { try write($0) }
      tensor.giveBackPages()
    }
  }

  /// The file beside the model: each tensor at its offset.
  private func emitData(_ write: (UnsafeRawBufferPointer) throws -> Void) throws {
    let padding = [UInt8](repeating: 0, count: ExternalData.largeAlignment)
    var end = 0
    for initializer in initializers {
      guard let offset = initializer.offset else { continue }
      try padding[..<(offset - end)].withUnsafeBytes { try write($0) }
      try initializer.tensor.withStoredBytes { try write($0) }
      initializer.tensor.giveBackPages()
      end = offset + initializer.tensor.byteCount
    }
  }

  /// One initializer as it is written: its description, and the elements that follow as `raw_data`.
  private struct Part {
    let description: Data
    let raw: Tensor?

    var byteCount: Int {
      description.count + (raw.map { ONNXWriter.header(field: 9, count: $0.byteCount).count + $0.byteCount } ?? 0)
    }
  }

  /// - Parameter dataFile: The name of the file beside the model; nil when the elements stay inside.
  private static func part(_ initializer: Initializer, dataFile: String?) throws -> Part {
    guard let dataFile, let offset = initializer.offset else {
      return Part(description: try initializer.description.serializedData(), raw: initializer.tensor)
    }
    var description = initializer.description
    description.dataLocation = .external
    description.externalData = [
      ("location", dataFile), ("offset", "\(offset)"), ("length", "\(initializer.tensor.byteCount)"),
    ].map { key, value in
      .with {
        $0.key = key
        $0.value = value
      }
    }
    return Part(description: try description.serializedData(), raw: nil)
  }

  private static func graphByteCount(_ head: Data, _ parts: [Part]) -> Int {
    parts.reduce(head.count) { $0 + header(field: 5, count: $1.byteCount).count + $1.byteCount }
  }

  private static func modelByteCount(_ head: Data, _ graphHead: Data, _ parts: [Part]) -> Int {
    let count = graphByteCount(graphHead, parts)
    return head.count + header(field: 7, count: count).count + count
  }

  /// The key and length of a length-delimited protobuf field
  /// (https://protobuf.dev/programming-guides/encoding/).
  fileprivate static func header(field: UInt64, count: Int) -> [UInt8] {
    varint(field << 3 | 2) + varint(UInt64(count))
  }

  private static func varint(_ value: UInt64) -> [UInt8] {
    var rest = value
    var bytes: [UInt8] = []
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  /// Everything of the graph but its initializers.
  private static func graphMessage(_ graph: Graph, _ names: ONNXNames) -> ONNXGraphProto {
    var message = ONNXGraphProto()
    message.name = graph.name
    message.input = graph.inputs.map { valueInfo(names[$0], graph.type(of: $0)) }
    message.output = graph.outputs.map { valueInfo($0.name, graph.type(of: $0.value)) }
    message.node = graph.nodes.map { node in
      .with {
        $0.name = node.name
        $0.opType = node.operator
        $0.input = node.inputs.map { $0.map { names[$0] } ?? "" }
        $0.output = node.outputs.map { names[$0] }
        $0.attribute = node.attributes.map { attribute($0.key, $0.value) }
      }
    }
    // An output that is an input, a constant, or named a second time gets a node of its own.
    for (name, value) in graph.outputs where names[value] != name {
      message.node.append(
        .with {
          $0.name = "\(name)/Identity"
          $0.opType = "Identity"
          $0.input = [names[value]]
          $0.output = [name]
        })
    }
    return message
  }

  private static func valueInfo(_ name: String, _ type: TensorType) -> ONNXValueInfoProto {
    .with {
      $0.name = name
      $0.type.tensorType.elemType = Int32(type.elementType.onnxType.rawValue)
      $0.type.tensorType.shape.dim = type.shape.map { dimension in
        .with {
          if let constant = dimension.constant {
            $0.dimValue = Int64(constant)
          } else {
            $0.dimParam = dimension.description
          }
        }
      }
    }
  }

  private static func attribute(_ name: String, _ attribute: Attribute) -> ONNXAttributeProto {
    .with {
      $0.name = name
      switch attribute {
      case .int(let value):
        $0.type = .int
        $0.i = Int64(value)
      case .float(let value):
        $0.type = .float
        $0.f = value
      case .string(let value):
        $0.type = .string
        $0.s = Data(value.utf8)
      case .ints(let values):
        $0.type = .ints
        $0.ints = values.map(Int64.init)
      case .floats(let values):
        $0.type = .floats
        $0.floats = values
      case .tensor(let tensor):
        $0.type = .tensor
        $0.t = .with {
          $0.dims = tensor.shape.dimensions.map(Int64.init)
          $0.dataType = Int32(tensor.elementType.onnxType.rawValue)
          $0.rawData = tensor.withUnsafeBytes { Data($0) }
        }
      }
    }
  }
}

/// How tensors lie in a file beside the model.
private enum ExternalData {
  /// Tensors of fewer bytes, such as shapes, stay inside the model.
  static let minimum = 1024
  /// Large tensors begin at pages, so that they can be mapped alone.
  static let largeAlignment = 4096

  /// The next place for the tensor, from `offset` on.
  static func aligned(_ offset: Int, for tensor: Tensor) -> Int {
    let alignment = tensor.byteCount >= 1 << 20 ? largeAlignment : 64
    return (offset + alignment - 1) / alignment * alignment
  }
}

/// The names of values in the file: a computed value that is an output carries the output's name.
private struct ONNXNames {
  private let graph: Graph
  private var outputNames: [Value: String] = [:]

  init(_ graph: Graph) {
    self.graph = graph
    let computed = Set(graph.nodes.flatMap(\.outputs))
    for (name, value) in graph.outputs where computed.contains(value) && outputNames[value] == nil {
      outputNames[value] = name
    }
  }

  subscript(value: Value) -> String { outputNames[value] ?? graph.name(of: value) }
}
