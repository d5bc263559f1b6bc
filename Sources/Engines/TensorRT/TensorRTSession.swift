import CTensorRT
import Synchronization
import Tensors

/// Runs of one engine on a GPU, one after the other.
///
/// Each run copies the inputs into pinned memory, and puts copy, network and copy back on one stream; it returns
/// when the stream is done. Buffers are kept from run to run and grow with the shapes.
final class TensorRTSession: Session {
  let inputs: [TensorSpecification]
  let outputs: [TensorSpecification]
  private let engine: TensorRTEngine
  private let stream: CUDAStream
  private let context: trt_context
  private let recorder: OpaquePointer
  private let isRunning = Atomic(false)
  private var profile = 0
  private var buffers: [String: CUDABuffer] = [:]

  private var title: String { engine.library.title }

  /// - Throws: ``CUDAError``, ``EngineError/runFailed(backend:reason:)``.
  init(_ engine: TensorRTEngine) throws {
    let stream = try CUDAStream(driver: engine.driver, ordinal: engine.ordinal)
    guard let recorder = trt_error_recorder_create() else {
      throw EngineError.runFailed(backend: engine.library.title, reason: "out of memory")
    }
    do {
      context = try engine.makeContext()
    } catch {
      trt_error_recorder_delete(recorder)
      throw error
    }
    self.engine = engine
    self.stream = stream
    self.recorder = recorder
    inputs = engine.inputs
    outputs = engine.outputs
    trt_context_set_error_recorder(context, recorder)
  }

  deinit {
    try? stream.activate()
    try? stream.synchronize()
    engine.log.listening { trt_context_delete(context) }
    trt_error_recorder_delete(recorder)
    buffers = [:]
  }

  func run(_ tensors: [Tensor], into results: inout [Tensor]) throws {
    guard !isRunning.exchange(true, ordering: .acquiringAndReleasing) else {
      throw EngineError.sessionInUse(backend: title)
    }
    defer { isRunning.store(false, ordering: .releasing) }
    try check(tensors)
    let wanted = try fittingProfile(for: tensors)
    try stream.activate()
    trt_error_recorder_clear(recorder)
    do {
      let shapes = try engine.log.listening {
        try setShapes(of: tensors, profile: wanted)
        let shapes = try outputs.map { try outputShape($0) }
        try enqueue(tensors, shapes)
        return shapes
      }
      try stream.synchronize()
      try collect(shapes, into: &results)
    } catch {
      // Nothing may be under way in buffers that the next run uses.
      try? stream.synchronize()
      throw error
    }
  }

  /// The current profile when it takes these shapes, else the first that does.
  private func fittingProfile(for tensors: [Tensor]) throws -> Int {
    let described = engine.tensors.filter(\.isInput)
    func fits(_ profile: Int) -> Bool {
      zip(tensors, described).allSatisfy { tensor, input in
        input.ranges.indices.contains(profile) && input.ranges[profile].contains(tensor.shape)
      }
    }
    if fits(profile) { return profile }
    if let other = (0..<engine.profileCount).first(where: fits) { return other }
    for (tensor, input) in zip(tensors, described) where !input.ranges.contains(where: { $0.contains(tensor.shape) }) {
      throw TensorRTError.outsideProfiles(
        input: input.specification.name, shape: tensor.shape.dimensions, limits: input.ranges.map(\.limits))
    }
    throw TensorRTError.outsideProfiles(
      input: inputs.map(\.name).joined(separator: ", "), shape: tensors.flatMap(\.shape.dimensions),
      limits: ["shapes that belong to one profile"])
  }

  private func setShapes(of tensors: [Tensor], profile wanted: Int) throws {
    if wanted != profile {
      guard trt_context_set_profile(context, Int32(wanted), stream.stream) else {
        throw failure("it refuses profile \(wanted)")
      }
      profile = wanted
    }
    for (tensor, input) in zip(tensors, inputs) {
      guard let dimensions = trt_dimensions(tensor.shape),
        trt_context_set_input_dimensions(context, input.name, dimensions)
      else { throw failure("it refuses \(tensor.shape) for input '\(input.name)'") }
    }
    guard trt_context_infer_shapes(context) == 0 else { throw failure("it can't infer the shapes of the outputs") }
  }

  private func outputShape(_ output: TensorSpecification) throws -> Shape {
    guard let shape = trt_context_tensor_dimensions(context, output.name).shape, shape.checkedCount != nil else {
      throw EngineError.unboundedOutput(backend: title, name: output.name)
    }
    return shape
  }

  /// Puts the whole run on the stream.
  private func enqueue(_ tensors: [Tensor], _ shapes: [Shape]) throws {
    for (tensor, input) in zip(tensors, inputs) {
      let buffer = try buffer(for: input, tensor.shape)
      tensor.withUnsafeBytes { buffer.bytes.copyMemory(from: $0) }
      try stream.copyToDevice(buffer, byteCount: tensor.byteCount)
    }
    for (shape, output) in zip(shapes, outputs) { _ = try buffer(for: output, shape) }
    guard trt_context_enqueue(context, stream.stream) else { throw failure("it can't start the network") }
    for (shape, output) in zip(shapes, outputs) {
      try stream.copyToHost(buffer(for: output, shape), byteCount: shape.count * output.elementType.byteCount)
    }
  }

  /// The tensor's buffer, made or enlarged when it has no room for `shape`, and known to the context.
  private func buffer(for tensor: TensorSpecification, _ shape: Shape) throws -> CUDABuffer {
    let (byteCount, overflow) = shape.count.multipliedReportingOverflow(by: tensor.elementType.byteCount)
    guard !overflow else { throw failure("'\(tensor.name)' of shape \(shape) is too large") }
    if let buffer = buffers[tensor.name], buffer.byteCount >= byteCount { return buffer }
    buffers[tensor.name] = nil
    let buffer = try CUDABuffer(stream: stream, byteCount: byteCount)
    guard trt_context_set_tensor_address(context, tensor.name, buffer.device) else {
      throw failure("it refuses the memory for '\(tensor.name)'")
    }
    buffers[tensor.name] = buffer
    return buffer
  }

  private func collect(_ shapes: [Shape], into results: inout [Tensor]) throws {
    if results.count != outputs.count { results = [] }
    for (index, (shape, output)) in zip(shapes, outputs).enumerated() {
      let source = try buffer(for: output, shape).bytes.prefix(shape.count * output.elementType.byteCount)
      if index == results.count {
        results.append(Tensor(output.elementType, shape, isZeroed: false))
      } else if results[index].shape != shape || results[index].elementType != output.elementType {
        results[index] = Tensor(output.elementType, shape, isZeroed: false)
      }
      results[index].withMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: source)) }
    }
  }

  /// What the library recorded, else `reason`.
  private func failure(_ reason: String) -> EngineError {
    let recorded = trt_error_recorder_description(recorder, 0).map { String(cString: $0) }
    return .runFailed(backend: title, reason: recorded ?? reason)
  }
}

extension TensorRTShapeRange {
  /// Whether each extent lies between minimum and maximum.
  func contains(_ shape: Shape) -> Bool {
    shape.rank == minimum.rank
      && shape.dimensions.indices.allSatisfy { minimum[$0] <= shape[$0] && shape[$0] <= maximum[$0] }
  }

  /// `1×1×96×96×96 to 4×1×96×96×96`
  var limits: String { "\(minimum) to \(maximum)" }
}
