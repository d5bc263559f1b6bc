import Files
import Foundation

/// Writes protobuf messages field by field, right ones and wrong ones.
struct ProtobufBuilder {
  private(set) var bytes: [UInt8] = []

  static func varint(_ value: UInt64) -> [UInt8] {
    var rest = value
    var bytes: [UInt8] = []
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  mutating func number(_ field: UInt64, _ value: Int) {
    bytes += Self.varint(field << 3) + Self.varint(UInt64(bitPattern: Int64(value)))
  }

  mutating func data(_ field: UInt64, _ content: [UInt8]) {
    bytes += Self.varint(field << 3 | 2) + Self.varint(UInt64(content.count)) + content
  }

  mutating func text(_ field: UInt64, _ content: String) { data(field, Array(content.utf8)) }

  mutating func message(_ field: UInt64, _ body: (inout ProtobufBuilder) -> Void) {
    var inner = ProtobufBuilder()
    body(&inner)
    data(field, inner.bytes)
  }
}

/// An ONNX model under construction; each part may be left out or wrong.
struct ModelBuilder {
  var opset = 17
  var graph = ProtobufBuilder()

  mutating func node(_ type: String, _ inputs: [String], _ outputs: [String], name: String = "") {
    graph.message(1) { node in
      for input in inputs { node.text(1, input) }
      for output in outputs { node.text(2, output) }
      if !name.isEmpty { node.text(3, name) }
      node.text(4, type)
    }
  }

  /// A value's description: its name, ONNX type and extents; text is a symbol.
  private mutating func value(_ field: UInt64, _ name: String, _ type: Int, _ shape: [Any]) {
    graph.message(field) { info in
      info.text(1, name)
      info.message(2) { outer in
        outer.message(1) { tensor in
          tensor.number(1, type)
          tensor.message(2) { extents in
            for extent in shape {
              extents.message(1) { dimension in
                if let number = extent as? Int { dimension.number(1, number) }
                if let symbol = extent as? String { dimension.text(2, symbol) }
              }
            }
          }
        }
      }
    }
  }

  mutating func input(_ name: String, _ shape: [Any], type: Int = 1) { value(11, name, type, shape) }
  mutating func output(_ name: String, _ shape: [Any] = [], type: Int = 1) { value(12, name, type, shape) }

  /// An initializer with raw bytes.
  mutating func initializer(_ name: String, _ shape: [Int], raw: [UInt8], type: Int = 1) {
    graph.message(5) { tensor in
      for extent in shape { tensor.number(1, extent) }
      tensor.number(2, type)
      tensor.text(8, name)
      tensor.data(9, raw)
    }
  }

  mutating func initializer(_ name: String, _ values: [Float], _ shape: [Int]) {
    initializer(name, shape, raw: values.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) })
  }

  mutating func initializer(_ name: String, _ values: [Int64]) {
    initializer(
      name, [values.count], raw: values.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) }, type: 7)
  }

  /// An initializer whose elements are in another file.
  mutating func external(_ name: String, _ shape: [Int], _ entries: [String: String]) {
    graph.message(5) { tensor in
      for extent in shape { tensor.number(1, extent) }
      tensor.number(2, 1)
      tensor.text(8, name)
      for (key, value) in entries.sorted(by: { $0.key < $1.key }) {
        tensor.message(13) { entry in
          entry.text(1, key)
          entry.text(2, value)
        }
      }
      tensor.number(14, 1)
    }
  }

  var bytes: [UInt8] {
    var model = ProtobufBuilder()
    model.number(1, 8)
    model.data(7, graph.bytes)
    model.message(8) { $0.number(2, opset) }
    return model.bytes
  }
}
