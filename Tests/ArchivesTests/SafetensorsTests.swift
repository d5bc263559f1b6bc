import Archives
import Tensors
import TestSupport
import Testing

@Suite struct SafetensorsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func read(_ header: String, data: Int = 16) throws -> StateDict {
    var bytes: [UInt8] = []
    bytes.append(number: UInt64(header.utf8.count))
    bytes += Array(header.utf8) + [UInt8](repeating: 0, count: data)
    return try Checkpoint.open(path: folder.write(bytes, to: "a.safetensors")).stateDict()
  }

  private func problem(_ header: String) throws -> SafetensorsProblem? {
    do {
      _ = try read(header)
      return nil
    } catch ArchiveError.safetensors(let problem, _) {
      return problem
    }
  }

  @Test func tensorsComeInTheOrderOfTheirData() throws {
    let dict = try read(
      #"{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}"#)
    #expect(dict.names == ["b", "a"])
    #expect(dict["a"]?.shape == [])
  }

  @Test func wrongHeadersThrow() throws {
    func one(_ dtype: String, _ shape: String, _ offsets: String) -> String {
      #"{"a":{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":\#(offsets)}}"#
    }
    #expect(try problem(one("F8_E4M3", "[4]", "[0,4]")) == .unsupportedType(tensor: "a", name: "F8_E4M3"))
    for offsets in ["[0,17]", "[-4,4]", "[8,4]", "[0]", "[9223372036854775807,9223372036854775807]"] {
      #expect(try problem(one("F32", "[2]", offsets)) == .outsideFile(tensor: "a"))
    }
    #expect(try problem(one("F32", "[3]", "[0,8]")) == .wrongSize(tensor: "a", shape: [3], bytes: 8))
    for shape in ["[-2]", "[4611686018427387904,4]", "[0,4611686018427387904,4611686018427387904]"] {
      guard case .wrongSize? = try problem(one("F32", shape, "[0,0]")) else {
        Issue.record("\(shape)")
        continue
      }
    }
    for text in ["{", "{]", #"{"a":1}"#, #"{"a":{}}"#, one("F32", "[1.5]", "[0,4]"), one("F32", "[1]", "[0,1e99]")] {
      guard case .malformedHeader? = try problem(text + " ") else {
        Issue.record("\(text)")
        continue
      }
    }
    let deep = #"{"a":"# + String(repeating: "[", count: 100_000)
    guard case .malformedHeader? = try problem(deep) else {
      Issue.record("deep nesting")
      return
    }
  }
}
