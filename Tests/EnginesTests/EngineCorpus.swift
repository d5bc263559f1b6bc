import Diagnostics
import Engines
import Files
import TestSupport
import Tensors
import Testing

/// The tiny models of `Tests/Corpus/engines` (written by `Tools/goldens/make_engines.py`).
enum EngineCorpus {
  static let runtimeFolder = Corpus.repository + ".runtime/openvino"

  /// OpenVINO with the library that `make runtimes` fetched.
  static func openVINO() throws -> OpenVINOBackend {
    try #require(
      PathKind(path: runtimeFolder) == .folder, "the OpenVINO library isn't in .runtime; run 'make runtimes' first")
    return OpenVINOBackend(library: runtimeFolder)
  }

  static func bytes(_ name: String) throws -> [UInt8] {
    let file = try MappedFile(path: Corpus.path("engines/" + name))
    return withExtendedLifetime(file) { Array(file.bytes) }
  }

  static func floats(_ name: String, _ shape: Shape) throws -> Tensor {
    try Tensor(storage: Tensor(bytes(name), [shape.count * 4]).storage, elementType: .float32, shape: shape)
  }

  /// `[batch, 3, 16, 16]` to `[batch, 8, 16, 16]`; `side` nil leaves height and width free.
  static func convRelu(side: Int? = 16) throws -> EngineSource {
    EngineSource(
      onnx: try bytes("conv_relu.onnx"),
      inputs: [TensorSpecification(name: "x", elementType: .float32, dimensions: [nil, 3, side, side])],
      outputs: [TensorSpecification(name: "y", elementType: .float32, dimensions: [nil, 8, side, side])])
  }

  static func convReluCase() throws -> (input: Tensor, output: Tensor) {
    (try floats("conv_relu.x.bin", [3, 3, 16, 16]), try floats("conv_relu.y.bin", [3, 8, 16, 16]))
  }

  static func routing() throws -> EngineSource {
    let a = TensorSpecification(name: "a", elementType: .float32, dimensions: [nil, 2, 3])
    let b = TensorSpecification(name: "b", elementType: .int64, dimensions: [2])
    let c = TensorSpecification(name: "c", elementType: .uint8, dimensions: [nil, 4])
    func renamed(_ specification: TensorSpecification) -> TensorSpecification {
      var copy = specification
      copy.name += "_out"
      return copy
    }
    return EngineSource(
      onnx: try bytes("routing.onnx"), inputs: [a, b, c], outputs: [renamed(c), renamed(a), renamed(b)])
  }
}

/// The tensors of one thread, handed to another.
struct Handed<Value>: @unchecked Sendable {
  let value: Value
}
