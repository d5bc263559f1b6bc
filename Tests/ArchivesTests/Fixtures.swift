import Archives
import Foundation
import TestSupport
import Testing

extension Array where Element == UInt8 {
  mutating func append<Integer: FixedWidthInteger>(number: Integer) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
  }
}

/// Writes small zip archives, right ones and wrong ones.
struct ZipFixture {
  struct Entry {
    var name: String
    var content: [UInt8] = []
    var method: UInt16 = 0
    var flags: UInt16 = 0
    /// What the directory claims instead of the content's true size.
    var declaredSize: UInt32?
    var declaredCompressedSize: UInt32?
    var declaredOffset: UInt32?
    /// The name in the local header, where it differs.
    var localName: String?
  }

  var entries: [Entry]
  var declaredCount: UInt16?
  var disk: UInt16 = 0

  init(_ entries: [Entry]) { self.entries = entries }

  init(_ entries: [String: [UInt8]]) {
    self.entries = entries.sorted { $0.key < $1.key }.map { Entry(name: $0.key, content: $0.value) }
  }

  var bytes: [UInt8] {
    var data: [UInt8] = []
    var directory: [UInt8] = []
    for entry in entries {
      let offset = entry.declaredOffset ?? UInt32(data.count)
      let size = UInt32(entry.content.count)
      let localName = Array((entry.localName ?? entry.name).utf8)
      data += [0x50, 0x4b, 3, 4, 20, 0]
      for number in [entry.flags, entry.method, 0, 0] { data.append(number: number) }
      for number in [0, size, size] { data.append(number: number) }
      for number in [UInt16(localName.count), 0] { data.append(number: number) }
      data += localName + entry.content

      directory += [0x50, 0x4b, 1, 2, 20, 0, 20, 0]
      for number in [entry.flags, entry.method, 0, 0] { directory.append(number: number) }
      for number in [0, entry.declaredCompressedSize ?? size, entry.declaredSize ?? size] {
        directory.append(number: number)
      }
      for number in [UInt16(entry.name.utf8.count), 0, 0, 0, 0] { directory.append(number: number) }
      for number in [UInt32(0), offset] { directory.append(number: number) }
      directory += Array(entry.name.utf8)
    }
    var end: [UInt8] = [0x50, 0x4b, 5, 6]
    let count = declaredCount ?? UInt16(entries.count)
    for number in [disk, disk, count, count] { end.append(number: number) }
    for number in [UInt32(directory.count), UInt32(data.count)] { end.append(number: number) }
    return data + directory + end + [0, 0]
  }
}

/// Writes pickles opcode by opcode.
struct PickleFixture {
  var bytes: [UInt8] = [0x80, 2]

  static func stop(_ body: [UInt8]) -> [UInt8] { [0x80, 2] + body + [0x2e] }

  static func string(_ text: String) -> [UInt8] { [0x8c, UInt8(text.utf8.count)] + Array(text.utf8) }

  static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }

  static func int(_ value: Int) -> [UInt8] {
    var bytes: [UInt8] = [0x8a, 8]
    bytes.append(number: value)
    return bytes
  }

  static func tuple(_ items: [[UInt8]]) -> [UInt8] { [0x28] + items.flatMap { $0 } + [0x74] }

  /// A tensor as PyTorch pickles it.
  static func tensor(
    storage: String = "FloatStorage", key: String = "0", count: Int, offset: Int = 0, shape: [Int], strides: [Int]
  ) -> [UInt8] {
    let id = tuple([string("storage"), global("torch", storage), string(key), string("cpu"), int(count)])
    let arguments = [
      id + [0x51], int(offset), tuple(shape.map(int)), tuple(strides.map(int)), [0x89],
      global("collections", "OrderedDict") + [0x29, 0x52],
    ]
    return global("torch._utils", "_rebuild_tensor_v2") + tuple(arguments) + [0x52]
  }

  /// A checkpoint of one dictionary.
  static func checkpoint(_ entries: [(String, [UInt8])], storages: [String: [UInt8]] = [:]) -> [UInt8] {
    let pickle = stop([0x7d, 0x28] + entries.flatMap { string($0.0) + $0.1 } + [0x75])
    var files = ["archive/data.pkl": pickle, "archive/byteorder": Array("little".utf8)]
    for (key, content) in storages { files["archive/data/\(key)"] = content }
    return ZipFixture(files).bytes
  }
}

/// Reads a pickle of the checkpoint allow-list.
func unpickle(_ bytes: [UInt8], globals: PickleGlobals = .checkpoint) throws(PickleProblem) -> Pickle {
  let result = bytes.withUnsafeBytes { bytes in
    Result { () throws(PickleProblem) in try Unpickler.load(bytes, globals: globals) }
  }
  return try result.get()
}

extension TemporaryFolder {
  /// Runs `body` on a file of these bytes that is gone afterwards. It is written without a sync, which `Data.write`
  /// does and which takes milliseconds: the tests of damaged files write thousands.
  func withFile<Result>(_ bytes: [UInt8], _ body: (String) throws -> Result) throws -> Result {
    let path = file(UUID().uuidString)
    let stream = try #require(fopen(path, "wb"))
    let written = fwrite(bytes, 1, bytes.count, stream)
    try #require(fclose(stream) == 0 && written == bytes.count)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
  }
}
