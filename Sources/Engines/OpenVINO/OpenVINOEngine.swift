import COpenVINO
import Synchronization
import Tensors

/// A network compiled by OpenVINO. The sessions share the model and its compiled forms.
struct OpenVINOEngine: CompiledEngine {
  let model: OpenVINOModel
  let settings: [EngineSetting]

  var inputs: [TensorSpecification] { model.inputs }
  var outputs: [TensorSpecification] { model.outputs }

  func makeSession() throws -> sending any Session { OpenVINOSession(model) }
}

/// What sessions take their compiled forms from.
protocol OpenVINOPlanSource: Sendable {
  var inputs: [TensorSpecification] { get }
  var outputs: [TensorSpecification] { get }
  /// The network compiled for inputs of these shapes, which fit the specifications.
  func plan(for shapes: [Shape]) throws -> OpenVINOPlan
}

/// Runs of an ``OpenVINOEngine`` or an ``OpenVINOBlob``. The library reads contiguous inputs where they lie and writes into the outputs' own
/// memory.
final class OpenVINOSession: Session {
  private let model: any OpenVINOPlanSource
  /// The request of the shapes that ran last.
  private var request: OpenVINORequest?
  private let isRunning = Atomic(false)

  init(_ model: any OpenVINOPlanSource) { self.model = model }

  var inputs: [TensorSpecification] { model.inputs }
  var outputs: [TensorSpecification] { model.outputs }

  func run(_ inputs: [Tensor], into outputs: inout [Tensor]) throws {
    guard isRunning.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else {
      throw EngineError.sessionInUse(backend: "OpenVINO")
    }
    defer { isRunning.store(false, ordering: .releasing) }
    try check(inputs)
    let request = try request(for: inputs.map(\.shape))
    let dense = inputs.map { $0.contiguous() }
    prepare(&outputs, request.plan)

    // Each tensor's memory stays where it is while its storage lives: the inputs in `dense`, the outputs in the array
    // that this call has exclusive access to.
    for (index, tensor) in dense.enumerated() {
      try request.bind(OVSideInput, index, tensor.withBase { UnsafeMutableRawPointer(mutating: $0) })
    }
    for index in outputs.indices {
      guard let memory = outputs[index].withMutableBytes(\.baseAddress) else { continue }
      try request.bind(OVSideOutput, index, memory)
    }
    try withExtendedLifetime((dense, outputs)) { try request.infer() }
  }

  func layerTimes() throws -> [LayerTime] { try request?.layerTimes() ?? [] }

  /// The request of these shapes; made anew when they differ from the last run's.
  private func request(for shapes: [Shape]) throws -> OpenVINORequest {
    if let request, request.plan.inputShapes == shapes { return request }
    request = nil
    let made = try model.plan(for: shapes).makeRequest()
    request = made
    return made
  }

  /// Keeps the outputs that fit the plan and replaces the others by new tensors.
  private func prepare(_ outputs: inout [Tensor], _ plan: OpenVINOPlan) {
    if outputs.count > plan.outputShapes.count { outputs.removeLast(outputs.count - plan.outputShapes.count) }
    for (index, shape) in plan.outputShapes.enumerated() {
      let elementType = model.outputs[index].elementType
      if index >= outputs.count {
        outputs.append(Tensor(elementType, shape, isZeroed: false))
      } else if outputs[index].elementType != elementType || outputs[index].shape != shape {
        outputs[index] = Tensor(elementType, shape, isZeroed: false)
      }
    }
  }
}
