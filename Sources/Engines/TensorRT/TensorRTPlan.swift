import CTensorRT
import Files
import Tensors

/// A built engine: the bytes that a runtime opens, and what was built.
package final class TensorRTPlan {
  private let memory: trt_host_memory
  /// The library that built it, and that must run it: `TensorRT for RTX 1.7.1`.
  package let library: String
  package let inputs: [TensorSpecification]
  package let outputs: [TensorSpecification]
  /// Layers of the network before the library fused them.
  package let layerCount: Int

  init(memory: trt_host_memory, network: TensorRTNetwork) {
    self.memory = memory
    library = network.library.title
    inputs = network.inputs
    outputs = network.outputs
    layerCount = network.layerCount
  }

  deinit { trt_host_memory_delete(memory) }

  package var byteCount: Int { trt_host_memory_size(memory) }

  /// The serialised engine. Two builds of one model are of the same size but not of the same bytes.
  package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(self) {
      try body(UnsafeRawBufferPointer(start: trt_host_memory_data(memory), count: byteCount))
    }
  }

  /// Writes the engine; the file appears whole or not at all.
  package func write(to path: String) throws {
    try AtomicFile.write(to: path) { writer in try withUnsafeBytes { try writer.write($0) } }
  }
}
