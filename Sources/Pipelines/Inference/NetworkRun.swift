import Archives
import Arguments
package import Diagnostics
import Engines
import Files
package import Tensors

/// One run of a bare network on arrays.
package struct NetworkRun: Sendable {
  /// The outputs by name, in the network's order.
  package let outputs: [(name: String, tensor: Tensor)]
  /// Seconds of making the graph and the engine, and of the run.
  package let times: [(stage: String, seconds: Double)]
  /// The engine and its settings.
  package let engine: [(name: String, value: String)]

  /// Runs the network of `model` on `inputs`, each `[N, C, spatial…]`.
  /// - Throws: what is wrong with the model or the inputs; `EngineError`, `DeviceError`.
  package init(_ model: Model, _ options: NetworkOptions, _ choice: EngineChoice, inputs: [Tensor]) throws {
    var times = StageTimes()
    var choice = choice
    let engine = try times.measure("compile") {
      let source = try NetworkSource(model, options)
      // A network without spatial axes takes vectors; their length is its own affair.
      var rank = source.spatialDimensions == 0 ? inputs.first?.shape.rank : source.spatialDimensions + 2
      if case .program = source.content { rank = inputs.first?.shape.rank }
      guard let first = inputs.first, first.shape.rank == rank, first.shape.rank > 0 else {
        throw NetworkRunError.wrongRank(
          found: inputs.first?.shape, network: source.name, spatialDimensions: source.spatialDimensions)
      }
      choice.options.batch = first.shape[0]
      return try choice.compile(try source.graph(for: inputs))
    }
    let session = try engine.makeSession()
    let typed = zip(inputs, session.inputs).map { $0.converted(to: $1.elementType) }
    let results = try times.measure("run") { try session.run(inputs.count == typed.count ? typed : inputs) }
    outputs = Array(zip(session.outputs.map(\.name), results)).map { (name: $0, tensor: $1) }
    self.engine = engine.settings.map { ($0.name, $0.value) }
    self.times = times.stages
  }

  /// Writes `output_0.npy` … into `folder`; all of them, or none.
  /// - Returns: The paths.
  package func write(to folder: String) throws -> [String] {
    let paths = outputs.map { Paths.join(folder, $0.name + ".npy") }
    try Npy.write(outputs.map(\.tensor), to: paths)
    return paths
  }
}

/// How an output differs from a reference.
package struct OutputComparison: Sendable, Codable, Equatable {
  package let name: String
  /// The largest absolute difference; infinite when one side is NaN where the other isn't.
  package let maximalError: Double
  /// The same over the reference's largest absolute value.
  package let relativeError: Double
  /// The part of positions whose largest channel is the same; nil for outputs without a channel axis to compare.
  package let argmaxAgreement: Double?

  /// - Throws: ``NetworkRunError/differentShapes(name:result:reference:)``.
  package init(name: String, _ result: Tensor, _ reference: Tensor) throws {
    guard result.shape == reference.shape else {
      throw NetworkRunError.differentShapes(name: name, result: result.shape, reference: reference.shape)
    }
    self.name = name
    let left = result.converted(to: .float32)
    let right = reference.converted(to: .float32)
    (maximalError, relativeError, argmaxAgreement) = left.withElements(of: Float.self) { left in
      right.withElements(of: Float.self) { right in
        let (error, scale) = Self.errors(left, right)
        return (error, scale > 0 ? error / scale : error, Self.agreement(left, right, reference.shape))
      }
    }
  }

  private static func errors(
    _ result: UnsafeBufferPointer<Float>, _ reference: UnsafeBufferPointer<Float>
  ) -> (error: Double, scale: Double) {
    var error = 0.0
    var scale = 0.0
    for (a, b) in zip(result, reference) {
      if b.isFinite { scale = max(scale, Double(abs(b))) }
      if a == b || (a.isNaN && b.isNaN) { continue }
      let difference = abs(Double(a) - Double(b))
      error = max(error, difference.isNaN ? .infinity : difference)
    }
    return (error, scale)
  }

  /// Compares the index of the largest value along axis 1 of `[N, C, …]`, for C > 1.
  private static func agreement(
    _ result: UnsafeBufferPointer<Float>, _ reference: UnsafeBufferPointer<Float>, _ shape: Shape
  ) -> Double? {
    guard shape.rank >= 2, shape[1] > 1, shape.count > 0 else { return nil }
    let channels = shape[1]
    let plane = shape.count / (shape[0] * channels)
    func argmax(_ values: UnsafeBufferPointer<Float>, _ start: Int) -> Int {
      (1..<channels).reduce(0) { values[start + $1 * plane] > values[start + $0 * plane] ? $1 : $0 }
    }
    var equal = 0
    for sample in 0..<shape[0] {
      for position in 0..<plane {
        let start = sample * channels * plane + position
        if argmax(result, start) == argmax(reference, start) { equal += 1 }
      }
    }
    return Double(equal) / Double(shape[0] * plane)
  }
}

/// The arrays don't fit the network, or each other.
package enum NetworkRunError: DiagnosedError, Equatable {
  case wrongRank(found: Shape?, network: String, spatialDimensions: Int)
  case differentShapes(name: String, result: Shape, reference: Shape)
  case wrongReferenceCount(found: Int, outputs: [String])

  package var diagnosis: Diagnosis {
    switch self {
    case .wrongRank(let found, let network, let dimensions):
      Diagnosis(
        .data, "the input \(found.map { "has the shape \($0)" } ?? "is missing")",
        expected: "[N, C] and \(dimensions) spatial axes for \(network)")
    case .differentShapes(let name, let result, let reference):
      Diagnosis(.data, "\(name) is \(result), its reference \(reference)", expected: "the same shape")
    case .wrongReferenceCount(let found, let outputs):
      Diagnosis(.usage, "\(found) references for \(outputs.count) outputs", expected: outputs.joined(separator: ", "))
    }
  }
}
