import Diagnostics
import Files
import Tensors

// The messages of an ONNX file as plain values, with tensors left where they lie.
// https://github.com/onnx/onnx/blob/main/onnx/onnx.proto

/// `ModelProto`.
struct ONNXModelMessage {
  var irVersion = 0
  var producer = ""
  var producerVersion = ""
  /// From an operator domain to the version of its set; the standard domain is the empty name.
  var opsets: [String: Int] = [:]
  var graph = ONNXGraphMessage()
  var functions: [ONNXFunctionMessage] = []
}

/// `GraphProto`.
struct ONNXGraphMessage {
  var name = ""
  var nodes: [ONNXNodeMessage] = []
  var initializers: [ONNXTensorMessage] = []
  var hasSparseInitializers = false
  var inputs: [ONNXValueMessage] = []
  var outputs: [ONNXValueMessage] = []
}

/// `FunctionProto`: nodes that stand for one node of the operator `name` of `domain`.
struct ONNXFunctionMessage {
  var name = ""
  var domain = ""
  var overload = ""
  var inputs: [String] = []
  var outputs: [String] = []
  var nodes: [ONNXNodeMessage] = []
  var opsets: [String: Int] = [:]
  /// Attributes with the values that they have when a node doesn't give them.
  var defaults: [String: ONNXAttributeMessage] = [:]
}

/// `NodeProto`.
struct ONNXNodeMessage {
  var name = ""
  var operatorName = ""
  var domain = ""
  var overload = ""
  /// The empty name stands for an optional input or output that is left out.
  var inputs: [String] = []
  var outputs: [String] = []
  var attributes: [String: ONNXAttributeMessage] = [:]
  /// The version of the standard operator set that the node is of.
  var opset = 0

  /// What to call it: its own name, or its first output's.
  var title: String { name.isEmpty ? (outputs.first { !$0.isEmpty } ?? operatorName) : name }
}

/// `AttributeProto`.
enum ONNXAttributeMessage {
  case float(Float)
  case int(Int)
  case string(String)
  case tensor(ONNXTensorMessage)
  case graph(ONNXGraphMessage)
  case floats([Float])
  case ints([Int])
  case strings([String])
  /// Kinds that no operator here has.
  case other
  /// The attribute of that name of the function's node.
  case reference(String)
}

/// `ValueInfoProto` of a tensor.
struct ONNXValueMessage {
  var name = ""
  /// nil for a value that isn't a tensor, or of no type.
  var dataType: Int?
  /// nil when the rank isn't known.
  var dimensions: [ONNXDimension]?
}

/// One extent.
enum ONNXDimension {
  case fixed(Int)
  case symbol(String)
  case unknown
}

/// `TensorProto`: its elements stay in the file.
struct ONNXTensorMessage {
  var name = ""
  var dimensions: [Int] = []
  var dataType = 0
  /// The place of `raw_data`.
  var raw: Range<Int>?
  /// The fields of typed elements.
  var typed: [(field: Int, value: ProtobufReader.Field)] = []
  var isExternal = false
  var external: [String: String] = [:]
}

/// Reads the messages of one file.
struct ONNXMessageReader {
  private let bytes: UnsafeRawBufferPointer
  /// Graphs inside of graphs, at most.
  private static let depthLimit = 32
  private var depth = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  private typealias Field = ProtobufReader.Field

  /// - Throws: ``ONNXError``.
  mutating func model() throws -> ONNXModelMessage {
    var model = ONNXModelMessage()
    var hasGraph = false
    var reader = ProtobufReader(bytes, 0..<bytes.count, "the model")
    while let (field, value) = try reader.next() {
      switch field {
      case 1: model.irVersion = Int(value.number)
      case 2: model.producer = string(value)
      case 3: model.producerVersion = string(value)
      case 7:
        guard !hasGraph, let range = value.range else {
          throw ONNXError.invalid(at: [], reason: "the model has two graphs", expected: "one")
        }
        hasGraph = true
        model.graph = try graph(range)
      case 8:
        let (domain, version) = try opset(value)
        model.opsets[domain] = version
      case 25: model.functions.append(try function(value))
      default: break
      }
    }
    guard hasGraph else {
      throw ONNXError.invalid(at: [], reason: "the file holds no graph", expected: "an ONNX model")
    }
    return model
  }

  private mutating func graph(_ range: Range<Int>) throws -> ONNXGraphMessage {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthLimit else {
      throw ONNXError.damaged(offset: range.lowerBound, reason: "graphs stand inside of graphs more than 32 deep")
    }
    var graph = ONNXGraphMessage()
    var reader = ProtobufReader(bytes, range, "a graph")
    while let (field, value) = try reader.next() {
      switch field {
      case 1: graph.nodes.append(try node(value))
      case 2: graph.name = string(value)
      case 5: graph.initializers.append(try tensor(value))
      case 11: graph.inputs.append(try valueInfo(value))
      case 12: graph.outputs.append(try valueInfo(value))
      case 15: graph.hasSparseInitializers = true
      default: break
      }
    }
    return graph
  }

  private mutating func node(_ field: Field) throws -> ONNXNodeMessage {
    var node = ONNXNodeMessage()
    var reader = try message(field, "a node")
    while let (field, value) = try reader.next() {
      switch field {
      case 1: node.inputs.append(string(value))
      case 2: node.outputs.append(string(value))
      case 3: node.name = string(value)
      case 4: node.operatorName = string(value)
      case 5:
        let (name, attribute) = try attribute(value)
        node.attributes[name] = attribute
      case 7: node.domain = Self.domain(string(value))
      case 8: node.overload = string(value)
      default: break
      }
    }
    return node
  }

  private mutating func function(_ field: Field) throws -> ONNXFunctionMessage {
    var function = ONNXFunctionMessage()
    var reader = try message(field, "a function")
    while let (field, value) = try reader.next() {
      switch field {
      case 1: function.name = string(value)
      case 4: function.inputs.append(string(value))
      case 5: function.outputs.append(string(value))
      case 7: function.nodes.append(try node(value))
      case 9:
        let (domain, version) = try opset(value)
        function.opsets[domain] = version
      case 10: function.domain = Self.domain(string(value))
      case 11:
        let (name, attribute) = try attribute(value)
        function.defaults[name] = attribute
      case 13: function.overload = string(value)
      default: break
      }
    }
    return function
  }

  private mutating func attribute(_ field: Field) throws -> (String, ONNXAttributeMessage) {
    var reader = try message(field, "an attribute")
    var name = ""
    var kind: Int?
    var float: Float = 0
    var int = 0
    var text: String?
    var value: ONNXAttributeMessage?
    var floats: [Float] = []
    var ints: [Int] = []
    var strings: [String] = []
    while let (field, content) = try reader.next() {
      switch field {
      case 1: name = string(content)
      case 2: float = content.float
      case 3: int = Int(content.number)
      case 4: text = string(content)
      case 5: value = .tensor(try tensor(content))
      case 6:
        guard let range = content.range else { break }
        value = .graph(try graph(range))
      case 7: try append(content, to: &floats)
      case 8: try append(content, to: &ints)
      case 9: strings.append(string(content))
      case 20: kind = Int(content.number)
      case 21: value = .reference(string(content))
      default: break
      }
    }
    if case .reference? = value { return (name, value ?? .other) }
    // Files older than IR version 2 don't tell the kind.
    let guess = text != nil ? 3 : !floats.isEmpty ? 6 : !ints.isEmpty ? 7 : !strings.isEmpty ? 8 : int != 0 ? 2 : 1
    return switch kind ?? (value == nil ? guess : 0) {
    case 1: (name, .float(float))
    case 2: (name, .int(int))
    case 3: (name, .string(text ?? ""))
    case 6: (name, .floats(floats))
    case 7: (name, .ints(ints))
    case 8: (name, .strings(strings))
    default: (name, value ?? .other)
    }
  }

  /// The file as one tensor.
  /// - Throws: ``ONNXError``.
  func tensor() throws -> ONNXTensorMessage { try tensor(.bytes(0..<bytes.count)) }

  private func tensor(_ field: Field) throws -> ONNXTensorMessage {
    var tensor = ONNXTensorMessage()
    var reader = try message(field, "a tensor")
    while let (field, value) = try reader.next() {
      switch field {
      case 1: try append(value, to: &tensor.dimensions)
      case 2: tensor.dataType = Int(value.number)
      case 4, 5, 6, 7, 10, 11: tensor.typed.append((field, value))
      case 8: tensor.name = string(value)
      case 9: tensor.raw = value.range
      case 13:
        var entry = try message(value, "an entry of external_data")
        var key = ""
        var text = ""
        while let (field, value) = try entry.next() {
          if field == 1 { key = string(value) } else if field == 2 { text = string(value) }
        }
        tensor.external[key] = text
      case 14: tensor.isExternal = value.number == 1
      default: break
      }
    }
    return tensor
  }

  private func valueInfo(_ field: Field) throws -> ONNXValueMessage {
    var result = ONNXValueMessage()
    var reader = try message(field, "a value's description")
    while let (field, value) = try reader.next() {
      if field == 1 { result.name = string(value) }
      guard field == 2 else { continue }
      var type = try message(value, "a type")
      while let (field, value) = try type.next() {
        guard field == 1 else { continue }
        var tensor = try message(value, "a tensor's type")
        while let (field, value) = try tensor.next() {
          if field == 1 { result.dataType = Int(value.number) }
          if field == 2 { result.dimensions = try dimensions(value) }
        }
      }
    }
    return result
  }

  private func dimensions(_ field: Field) throws -> [ONNXDimension] {
    var result: [ONNXDimension] = []
    var reader = try message(field, "a shape")
    while let (field, value) = try reader.next() {
      guard field == 1 else { continue }
      var dimension = ONNXDimension.unknown
      var extent = try message(value, "an extent")
      while let (field, value) = try extent.next() {
        // Some converters write 0 or -1 for an extent that isn't known.
        if field == 1, value.number > 0 { dimension = .fixed(Int(value.number)) }
        if field == 2, value.range?.isEmpty == false { dimension = .symbol(string(value)) }
      }
      result.append(dimension)
    }
    return result
  }

  private func opset(_ field: Field) throws -> (domain: String, version: Int) {
    var reader = try message(field, "an operator set")
    var domain = ""
    var version = 0
    while let (field, value) = try reader.next() {
      if field == 1 { domain = Self.domain(string(value)) } else if field == 2 { version = Int(value.number) }
    }
    return (domain, version)
  }

  // MARK: Parts

  /// The standard domain goes by two names.
  private static func domain(_ name: String) -> String { name == "ai.onnx" ? "" : name }

  private func message(_ field: Field, _ name: String) throws -> ProtobufReader {
    guard let range = field.range else { throw ONNXError.damaged(offset: 0, reason: "\(name) isn't a message") }
    return ProtobufReader(bytes, range, name)
  }

  private func string(_ field: Field) -> String {
    guard let range = field.range else { return "" }
    return String(decoding: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self)
  }

  private func append(_ field: Field, to numbers: inout [Int]) throws {
    guard let range = field.range else { return numbers.append(Int(field.number)) }
    var reader = ProtobufReader(bytes, range, "a list of numbers")
    while reader.position < reader.end { numbers.append(Int(Int64(bitPattern: try reader.varint()))) }
  }

  private func append(_ field: Field, to numbers: inout [Float]) throws {
    guard let range = field.range else { return numbers.append(field.float) }
    guard range.count % 4 == 0 else {
      throw ONNXError.damaged(offset: range.lowerBound, reason: "a list of floats has \(range.count) bytes")
    }
    numbers += stride(from: range.lowerBound, to: range.upperBound, by: 4).map {
      Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)))
    }
  }
}
