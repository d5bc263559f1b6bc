import Foundation
import Tensors
import TestSupport

/// Arrays and cases written by Tools/goldens/make_images.py.
enum Golden {
  static func path(_ name: String) -> String { Corpus.path("images/" + name) }

  static func cases() throws -> Cases { try decode(Cases.self, path("cases.json")) }

  static func decode<Value: Decodable>(_: Value.Type, _ path: String) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(contentsOf: URL(filePath: path)))
  }

  struct Cases: Decodable {
    var read: [String: Read]
    var written: [String: Written]
    var orientations: [OrientationCase]
  }

  struct Read: Decodable {
    var stem: String
    var shape: [Int]
    var type: String
    var affine: [[Double]]
    var monaiAffine: [[Double]]
    var sformCode: Int
    var qformCode: Int
    var description: String
  }

  struct Written: Decodable {
    var type: String
    var affine: [[Double]]
  }

  struct OrientationCase: Decodable {
    var affine: [[Double]]
    var codes: String
    var target: String
    var change: [[Int]]
    var shape: [Int]
    var inverse: [[Double]]
  }

  struct BadArray: Error {}

  /// Reads an array that numpy saved, little-endian and row-major.
  static func array(_ path: String) throws -> Tensor {
    let data = try [UInt8](Data(contentsOf: URL(filePath: path)))
    let length = Int(data[8]) | Int(data[9]) << 8
    let header = String(decoding: data[10..<10 + length], as: UTF8.self)
    guard let description = header.firstMatch(of: #/'descr': '[<|](\w+)'/#)?.1,
      let extents = header.firstMatch(of: #/'shape': \(([\d, ]*)\)/#)?.1,
      let type = ["f4": ElementType.float32, "f8": .float64, "u1": .uint8, "i2": .int16, "i4": .int32][
        String(description)]
    else { throw BadArray() }
    let shape = Shape(extents.split(whereSeparator: { ", ".contains($0) }).compactMap { Int($0) })
    let body = Array(data[(10 + length)...])
    let storage = Storage(byteCount: body.count)
    UnsafeMutableRawBufferPointer(mutating: storage.bytes).copyBytes(from: body)
    let isColumnMajor = header.contains("'fortran_order': True")
    let strides = shape.dimensions.indices.map { axis in
      isColumnMajor
        ? shape.dimensions[..<axis].reduce(1, *) : shape.dimensions[(axis + 1)...].reduce(1, *)
    }
    return try Tensor(storage: storage, elementType: type, shape: shape, strides: strides)
  }
}
