import Diagnostics
import Tensors

/// TensorRT as an engine for NVIDIA GPUs, in either of its products: builds the network for the GPU that is here, and
/// runs it there.
package struct TensorRTBackend: EngineBackend {
  package let product: TensorRTProduct
  package let search: LibrarySearch
  private let driver: CUDADriver?

  /// - Parameters:
  ///   - library: The library's file or folder, when the user names one.
  ///   - driver: The CUDA driver.
  package init(_ product: TensorRTProduct, library: String? = nil, driver: CUDADriver? = CUDADriver.system) {
    self.product = product
    self.driver = driver
    search = TensorRTLibrary.search(product, location: library)
  }

  package var name: String { product.rawValue }
  package var title: String { product.title }
  package var deviceKinds: [Device.Kind] { [.cuda] }

  package func availability() -> EngineAvailability {
    do {
      let library = try TensorRTLibrary.load(product, search)
      let devices = try driver?.devices() ?? []
      return .available(
        version: "\(library.version)", location: library.path,
        devices: devices.map { "cuda:\($0.ordinal): \($0.name), compute capability \($0.computeCapability)" })
    } catch let error as any DiagnosedError {
      let diagnosis = error.diagnosis
      let place = diagnosis.location.isEmpty ? "" : " (" + diagnosis.location.joined(separator: ", ") + ")"
      return .missing(reason: diagnosis.what + place, remedy: diagnosis.hint ?? product.remedy)
    } catch {
      return .missing(reason: "\(error)", remedy: product.remedy)
    }
  }

  /// Builds the network for the GPU that the options name, and opens it there. Free extents take 1 to `options.batch`.
  /// - Throws: ``DeviceError``, ``CUDAError``, ``EngineError``, ``TensorRTError``.
  package func compile(_ source: EngineSource, _ options: EngineOptions) throws -> any CompiledEngine {
    try requireDevice(options.device)
    let ordinal = try options.device.cudaOrdinal(for: title)
    guard options.batch >= 1 else {
      throw EngineError.invalidOption(name: "batch", value: "\(options.batch)", expected: "1 or more")
    }
    let library = try TensorRTLibrary.load(product, search)
    guard let driver else { throw CUDADriver.systemFailure ?? CUDAError.noDevice(ordinal: ordinal, count: 0) }
    try driver.requireDevice(ordinal)

    var build = TensorRTBuildOptions()
    build.profiles = [
      Dictionary(
        source.inputs.filter { !$0.isStatic }.map { input in
          let largest = input.shape(batch: options.batch)
          return (input.name, TensorRTShapeRange(minimum: input.shape(batch: 1), optimum: largest, maximum: largest))
        }, uniquingKeysWith: { first, _ in first })
    ].filter { !$0.isEmpty }
    let builder = TensorRTBuilder(library: library, driver: driver)
    let plan = try withExtendedLifetime(source.onnx) { try builder.build(onnx: source.onnx.bytes, options: build) }
    try compare(plan.inputs, with: source.inputs, "input")
    try compare(plan.outputs, with: source.outputs, "output")
    return try plan.withUnsafeBytes { try TensorRTEngine($0, library: library, driver: driver, ordinal: ordinal) }
  }

  /// The library reads a float64 model as float32 without a word, so that what it read is compared.
  private func compare(
    _ found: [TensorSpecification], with expected: [TensorSpecification], _ side: String
  ) throws {
    guard found.count == expected.count else {
      throw EngineError.portMismatch(
        backend: title, port: "\(side)s", expected: "\(expected.count)", found: "\(found.count)")
    }
    for (found, expected) in zip(found, expected) where found != expected {
      throw EngineError.portMismatch(
        backend: title, port: "\(side) '\(expected.name)'", expected: "\(expected)", found: "\(found.name): \(found)")
    }
  }
}
