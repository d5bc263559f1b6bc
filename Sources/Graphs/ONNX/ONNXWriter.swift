import Foundation
import Files
import OrderedCollections
import SwiftProtobuf
package import Tensors

/// Writes a graph as an ONNX model, opset 20, IR version 9.
///
/// Only the nodes go through protobuf's message types. The weights, which are nearly all of the bytes, are written
/// from where they lie (often the mapped checkpoint) behind their length, so nothing holds them twice.
package struct ONNXWriter {
  /// The version of the ONNX file format that goes with opset 20.
  package static let irVersion: Int64 = 9
  /// Protobuf messages end at 2 GiB.
  static let byteLimit = Int(Int32.max)

  private let head: Data
  private let graphHead: Data
  private let initializers: [(head: Data, tensor: Tensor)]
  private let graphByteCount: Int

  /// Bytes of the whole model.
  package let byteCount: Int

  /// - Throws: ``GraphError/invalidGraph(graph:reasons:)`` when the model would pass protobuf's 2 GiB.
  package init(_ graph: Graph, producerVersion: String = "0.1") throws {
    var model = ONNXModelProto()
    model.irVersion = Self.irVersion
    model.producerName = "martlet"
    model.producerVersion = producerVersion
    model.opsetImport = [.with { $0.version = Int64(Graph.opset) }]
    head = try model.serializedData()

    let names = ONNXNames(graph)
    graphHead = try Self.graphMessage(graph, names).serializedData()
    initializers = try graph.constants.map { value in
      guard let tensor = graph.constant(value) else {
        throw GraphError.invalidGraph(graph: graph.name, reasons: ["\(graph.name(of: value)) is no constant"])
      }
      var message = ONNXTensorProto()
      message.name = names[value]
      message.dims = tensor.shape.dimensions.map(Int64.init)
      message.dataType = Int32(tensor.elementType.onnxType.rawValue)
      return (try message.serializedData(), tensor)
    }
    graphByteCount = initializers.reduce(graphHead.count) { sum, initializer in
      let body = Self.initializerBody(initializer.head, initializer.tensor)
      return sum + Self.header(field: 5, count: body).count + body
    }
    byteCount = head.count + Self.header(field: 7, count: graphByteCount).count + graphByteCount
    guard byteCount <= Self.byteLimit else {
      throw GraphError.invalidGraph(
        graph: graph.name, reasons: ["its ONNX file would have \(byteCount) bytes, more than protobuf's 2 GiB"])
    }
  }

  /// Writes the model file, whole or not at all.
  /// - Throws: `FileError`.
  package func write(to path: String) throws {
    try AtomicFile.write(to: path) { writer in
      try emit { try writer.write($0) }
    }
  }

  /// The model in memory, for engines that read it from there.
  package func storage() throws -> Storage {
    let storage = Storage(byteCount: byteCount, isZeroed: false)
    // The storage was made here and nobody else has it yet.
    let target = UnsafeMutableRawBufferPointer(mutating: storage.bytes)
    var offset = 0
    try emit { bytes in
      UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: bytes)
      offset += bytes.count
    }
    return storage
  }

  private func emit(_ write: (UnsafeRawBufferPointer) throws -> Void) throws {
    func emit(_ data: some ContiguousBytes) throws { try data.withUnsafeBytes { try write($0) } }
    try emit(head)
    try emit(Self.header(field: 7, count: graphByteCount))
    try emit(graphHead)
    for (message, tensor) in initializers {
      try emit(Self.header(field: 5, count: Self.initializerBody(message, tensor)))
      try emit(message)
      try emit(Self.header(field: 9, count: tensor.byteCount))
      try tensor.withStoredBytes { try write($0) }
    }
  }

  /// Bytes of one initializer: its description, and its elements as `raw_data`.
  private static func initializerBody(_ head: Data, _ tensor: Tensor) -> Int {
    head.count + header(field: 9, count: tensor.byteCount).count + tensor.byteCount
  }

  /// The key and length of a length-delimited protobuf field
  /// (https://protobuf.dev/programming-guides/encoding/).
  private static func header(field: UInt64, count: Int) -> [UInt8] { varint(field << 3 | 2) + varint(UInt64(count)) }

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
