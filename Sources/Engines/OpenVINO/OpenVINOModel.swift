import COpenVINO
import Diagnostics
import Files
import Synchronization
import Tensors

/// A network that OpenVINO has read, and its compiled forms: one for each set of input shapes that runs asked for.
final class OpenVINOModel: OpenVINOPlanSource {
  /// Compiled forms that are kept; the one that wasn't used for longest goes first.
  static let keptPlans = 4

  let runtime: OpenVINORuntime
  let inputs: [TensorSpecification]
  let outputs: [TensorSpecification]
  let properties: OpenVINOProperties
  /// Where the library has each input.
  private let places: OpenVINOInputPlaces
  private let state: Mutex<State>

  private struct State {
    nonisolated(unsafe) var handle: OpaquePointer
    /// The most recently used last.
    var plans: [OpenVINOPlan] = []
  }

  /// Reads the ONNX model and compares its inputs and outputs with their description.
  /// - Throws: ``EngineError``; for a node that the library would compute as something else
  ///   ``EngineError/nodeRefused(backend:node:operator:reason:)``.
  init(_ runtime: OpenVINORuntime, _ source: EngineSource, properties: OpenVINOProperties) throws {
    if let graph = source.graph { try OpenVINOLimits.check(graph) }
    var handle: OpaquePointer?
    let bytes = source.onnx.bytes
    guard let base = bytes.baseAddress, bytes.count > 0 else { throw Self.refused("the ONNX model is empty") }
    let reason = withExtendedLifetime(source.onnx) {
      takeText(OVModelRead(runtime.library, runtime.core, base, bytes.count, &handle))
    }
    if let reason { throw Self.refused(reason) }
    guard let handle else { throw Self.refused("it gave no model") }
    self.runtime = runtime
    self.properties = properties
    inputs = source.inputs
    outputs = source.outputs
    state = Mutex(State(handle: handle))
    places = try OpenVINOInputPlaces(source.inputs, count: Self.portCount(runtime, handle, OVSideInput)) { index in
      try OpenVINORuntime.text(Self.refused) { OVModelInputName(runtime.library, handle, index, $0, $1) }
    }
    for (index, input) in places.known(inputs) { try Self.compare(runtime, handle, OVSideInput, index, input) }
    let count = try Self.portCount(runtime, handle, OVSideOutput)
    guard count == outputs.count else {
      throw EngineError.portMismatch(
        backend: "OpenVINO", port: "outputs", expected: "\(outputs.count)", found: "\(count)")
    }
    for (index, output) in outputs.enumerated() { try Self.compare(runtime, handle, OVSideOutput, index, output) }
  }

  deinit { state.withLock { OVModelFree(runtime.library, $0.handle) } }

  /// The network compiled for inputs of these shapes, which must fit the specifications.
  /// - Throws: ``EngineError/networkRefused(backend:reason:)``, ``EngineError/unboundedOutput(backend:name:)``.
  func plan(for shapes: [Shape]) throws -> OpenVINOPlan {
    try state.withLock { state in
      if let index = state.plans.lastIndex(where: { $0.inputShapes == shapes }) {
        let plan = state.plans.remove(at: index)
        state.plans.append(plan)
        return plan
      }
      let plan = try compile(state.handle, shapes)
      state.plans.append(plan)
      if state.plans.count > Self.keptPlans { state.plans.removeFirst() }
      return plan
    }
  }

  private func compile(_ handle: OpaquePointer, _ shapes: [Shape]) throws -> OpenVINOPlan {
    let ports = zip(inputs, shapes).map { OVPort(elementType: $0.elementType.openVINO, shape: $1) }
    let known = places.known(ports).map(\.1)
    if let reason = takeText(OVModelReshape(runtime.library, handle, known, known.count)) {
      throw Self.refused("it doesn't take inputs of \(shapes.map(\.description).joined(separator: ", ")): \(reason)")
    }
    var compiled: OpaquePointer?
    let reason = withCStrings(properties.names) { names in
      withCStrings(properties.values) { values in
        takeText(
          OVModelCompile(runtime.library, runtime.core, handle, "CPU", names, values, properties.pairs.count, &compiled)
        )
      }
    }
    if let reason { throw Self.refused(reason) }
    guard let compiled else { throw Self.refused("it gave no compiled model") }
    return try OpenVINOPlan(
      runtime, compiled, inputShapes: shapes, ports: ports, inputs: inputs, outputs: outputs)
  }

  static func refused(_ reason: String) -> EngineError { .networkRefused(backend: "OpenVINO", reason: reason) }

  private static func portCount(_ runtime: OpenVINORuntime, _ handle: OpaquePointer, _ side: OVSide) throws -> Int {
    var count = 0
    if let reason = takeText(OVModelPortCount(runtime.library, handle, side, &count)) { throw refused(reason) }
    return count
  }

  /// Compares a port of the model with its description.
  private static func compare(
    _ runtime: OpenVINORuntime, _ handle: OpaquePointer, _ side: OVSide, _ index: Int,
    _ specification: TensorSpecification
  ) throws {
    var port = OVPort()
    if let reason = takeText(OVModelPort(runtime.library, handle, side, index, &port)) { throw refused(reason) }
    guard port.matches(specification) else {
      throw EngineError.portMismatch(
        backend: "OpenVINO", port: "\(side == OVSideInput ? "input" : "output") '\(specification.name)'",
        expected: "\(specification)", found: port.text)
    }
  }
}

/// Where the library has each of a network's inputs: it leaves out those that nothing reads.
struct OpenVINOInputPlaces: Sendable {
  /// By the network's inputs; nil for one that is left out.
  private let places: [Int?]

  /// - Throws: ``EngineError/portMismatch(backend:port:expected:found:)`` when the library has inputs that the network
  ///   doesn't.
  init(_ inputs: [TensorSpecification], count: Int, name: (Int) throws -> String) throws {
    guard count != inputs.count else {
      places = Array(0..<count)
      return
    }
    let names = count < inputs.count ? try (0..<count).map(name) : []
    let found = inputs.map { names.firstIndex(of: $0.name) }
    guard found.compactMap(\.self).sorted() == Array(0..<count) else {
      throw EngineError.portMismatch(
        backend: "OpenVINO", port: "inputs", expected: "\(inputs.count)", found: "\(count)")
    }
    places = found
  }

  subscript(input: Int) -> Int? { places[input] }

  /// Those of the network's inputs that the library has, in the library's order.
  func known<Element>(_ inputs: [Element]) -> [(Int, Element)] {
    zip(places, inputs).compactMap { place, input in place.map { ($0, input) } }.sorted { $0.0 < $1.0 }
  }
}

/// The network compiled for one set of input shapes. Sessions share it.
final class OpenVINOPlan: Sendable {
  let runtime: OpenVINORuntime
  let inputShapes: [Shape]
  let outputShapes: [Shape]
  let inputPorts: [OVPort]
  let inputPlaces: OpenVINOInputPlaces
  let outputPorts: [OVPort]
  private nonisolated(unsafe) let handle: OpaquePointer
  /// The file that the weights lie in, for a network that was compiled earlier. It goes after the handle.
  private let file: MappedFile?

  /// Takes over `handle`.
  init(
    _ runtime: OpenVINORuntime, _ handle: OpaquePointer, inputShapes: [Shape], ports: [OVPort],
    inputs: [TensorSpecification], outputs: [TensorSpecification], file: MappedFile? = nil
  ) throws {
    self.runtime = runtime
    self.file = file
    self.handle = handle
    self.inputShapes = inputShapes
    inputPorts = ports
    do {
      var count = 0
      if let reason = takeText(OVCompiledModelInputCount(runtime.library, handle, &count)) {
        throw OpenVINOModel.refused(reason)
      }
      inputPlaces = try OpenVINOInputPlaces(inputs, count: count) { index in
        try OpenVINORuntime.text(OpenVINOModel.refused) {
          OVCompiledModelInputName(runtime.library, handle, index, $0, $1)
        }
      }
      outputPorts = try outputs.enumerated().map { index, specification in
        var port = OVPort()
        if let reason = takeText(OVCompiledModelPort(runtime.library, handle, OVSideOutput, index, &port)) {
          throw OpenVINOModel.refused(reason)
        }
        guard port.matches(specification) else {
          throw EngineError.portMismatch(
            backend: "OpenVINO", port: "output '\(specification.name)'", expected: "\(specification)", found: port.text)
        }
        return port
      }
      outputShapes = try zip(outputPorts, outputs).map { port, specification in
        guard let shape = port.shape else {
          throw EngineError.unboundedOutput(backend: "OpenVINO", name: specification.name)
        }
        return shape
      }
    } catch {
      OVCompiledModelFree(runtime.library, handle)
      throw error
    }
  }

  deinit { OVCompiledModelFree(runtime.library, handle) }

  /// The value that is in force for a property.
  func property(_ name: String) throws -> String {
    try OpenVINORuntime.text(OpenVINOModel.refused) { OVCompiledModelProperty(runtime.library, handle, name, $0, $1) }
  }

  /// Writes the compiled network to a file that only this version of the library reads.
  func export(to path: String) throws {
    if let reason = takeText(OVCompiledModelExport(runtime.library, handle, path)) {
      throw Self.failed("it can't write the compiled network: \(reason)")
    }
  }

  func makeRequest() throws -> OpenVINORequest {
    var request: OpaquePointer?
    if let reason = takeText(OVRequestCreate(runtime.library, handle, &request)) { throw Self.failed(reason) }
    guard let request else { throw Self.failed("it gave no request") }
    return OpenVINORequest(self, request)
  }

  static func failed(_ reason: String) -> EngineError { .runFailed(backend: "OpenVINO", reason: reason) }
}

/// One run at a time of a plan.
final class OpenVINORequest {
  let plan: OpenVINOPlan
  fileprivate let handle: OpaquePointer

  init(_ plan: OpenVINOPlan, _ handle: OpaquePointer) {
    self.plan = plan
    self.handle = handle
  }

  deinit { OVRequestFree(plan.runtime.library, handle) }

  /// Lets a port use `memory`, which must hold the port's bytes and stay valid until the run has ended.
  func bind(_ side: OVSide, _ index: Int, _ memory: UnsafeMutableRawPointer) throws {
    var port = side == OVSideInput ? plan.inputPorts[index] : plan.outputPorts[index]
    guard let place = side == OVSideInput ? plan.inputPlaces[index] : index else { return }
    if let reason = takeText(OVRequestBind(plan.runtime.library, handle, side, place, &port, memory)) {
      throw OpenVINOPlan.failed(reason)
    }
  }

  func infer() throws {
    if let reason = takeText(OVRequestInfer(plan.runtime.library, handle)) { throw OpenVINOPlan.failed(reason) }
  }
}

extension OpenVINORequest {
  /// The layers of the last run.
  func layerTimes() throws -> [LayerTime] {
    var layers: [LayerTime] = []
    let reason = withUnsafeMutablePointer(to: &layers) { list in
      takeText(
        OVRequestLayers(plan.runtime.library, handle, list) { context, name, kind, microseconds in
          context.assumingMemoryBound(to: [LayerTime].self).pointee.append(
            LayerTime(
              name: String(cString: name), kind: String(cString: kind), seconds: Double(microseconds) * 1e-6))
        })
    }
    if let reason { throw OpenVINOPlan.failed("it doesn't tell the time of its layers: \(reason)") }
    return layers
  }
}

/// Calls `body` with the strings as C strings that live during the call.
private func withCStrings<Result>(
  _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>>) -> Result
) -> Result {
  // All texts lie zero-terminated in one buffer.
  var offsets: [Int] = []
  var bytes: [CChar] = []
  for string in strings {
    offsets.append(bytes.count)
    bytes += string.utf8CString
  }
  bytes.append(0)
  return bytes.withUnsafeBufferPointer { bytes in
    withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>.self, capacity: max(strings.count, 1)) { pointers in
      // `bytes` isn't empty, so both buffers have an address.
      let base = bytes.baseAddress.unsafelyUnwrapped
      for (index, offset) in offsets.enumerated() { pointers.initializeElement(at: index, to: base + offset) }
      return body(UnsafePointer(pointers.baseAddress.unsafelyUnwrapped))
    }
  }
}
