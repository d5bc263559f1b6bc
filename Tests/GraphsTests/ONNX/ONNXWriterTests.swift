import Diagnostics
import Files
import Foundation
import Graphs
import TestSupport
import Tensors
import Testing

@Suite struct ONNXWriterTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A convolution of 8 to 64 channels, whose weight has 18 kB; the shape operand is small.
  private func network() throws -> Graph {
    var graph = Graph(name: "net")
    let image = try graph.input("image", TensorType(.float32, [Dimension("batch"), 8, 8, 8]))
    let weight = graph.constant(Tensor((0..<4608).map { Float($0) / 64 }, [64, 8, 3, 3]), name: "w")
    let bias = graph.constant(Tensor((0..<512).map(Float.init), [512]), name: "b")
    let features = try graph.reshape(graph.conv(image, weight: weight, padding: [1, 1]), [0, 8, 512])
    try graph.output(graph.add(features, bias), name: "out")
    return graph
  }

  private func constants(_ graph: Graph) -> [[Float]] {
    graph.constants.compactMap { graph.constant($0) }.filter { $0.elementType == .float32 }
      .map { $0.array(of: Float.self) }
  }

  @Test func weightsInAFileBesideTheModelReadBackTheSame() throws {
    let source = try network()
    let path = folder.file("net.onnx")
    let writer = try ONNXWriter(source, storesDataExternally: true)
    #expect(writer.hasExternalData)
    try writer.write(to: path)
    let reader = try ONNXReader(path: path)
    #expect(reader.externalFiles == ["net.onnx.data"])
    let copy = try reader.graph()
    #expect(constants(copy) == constants(source))
    #expect(copy.nodes.map(\.operator) == source.nodes.map(\.operator))
    // The model has the nodes and the shape only; each tensor begins at a multiple of 64 bytes.
    #expect(try MappedFile(path: path).bytes.count < 1500)
    #expect(try MappedFile(path: ONNXWriter.dataPath(of: path)).bytes.count == 4608 * 4 + 512 * 4)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["net.onnx", "net.onnx.data"])
  }

  @Test func aModelThatWouldPassTheLimitGetsItsWeightsBesideIt() throws {
    let source = try network()
    #expect(try !ONNXWriter(source, byteLimit: 1 << 20).hasExternalData)
    let writer = try ONNXWriter(source, byteLimit: 10_000)
    #expect(writer.hasExternalData)
    try writer.write(to: folder.file("net.onnx"))
    #expect(try constants(ONNXReader(path: folder.file("net.onnx")).graph()) == constants(source))
    let refusal = try diagnose { _ = try writer.storage() }?.description
    #expect(refusal?.contains("in one piece") == true)
  }

  @Test func nodesThatPassTheLimitAloneAreRefusedAndLeaveNothing() throws {
    let writer = try ONNXWriter(try network(), byteLimit: 100)
    #expect(throws: GraphError.self) { try writer.write(to: folder.file("net.onnx")) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test func weightsThatCantBeWrittenLeaveAnOlderModelUntouched() throws {
    let source = try network()
    let path = folder.file("net.onnx")
    try ONNXWriter(source).write(to: path)
    let before = try Data(contentsOf: URL(filePath: path))
    // A folder stands where the weights would go.
    try FileManager.default.createDirectory(atPath: ONNXWriter.dataPath(of: path), withIntermediateDirectories: true)
    #expect(throws: FileError.self) { try ONNXWriter(source, storesDataExternally: true).write(to: path) }
    #expect(try Data(contentsOf: URL(filePath: path)) == before)
  }
}
