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

  /// The name of an output's file without its ending: the output's own where that is a plain file name. A model may call
  /// its outputs anything, also a path that leads elsewhere.
  package static func fileName(_ name: String, index: Int) -> String {
    let isPlain = !name.hasPrefix(".") && name.utf8.allSatisfy { $0 != UInt8(ascii: "/") && $0 >= 0x20 }
    return isPlain && (1...200).contains(name.utf8.count) ? name : "output_\(index)"
  }

  /// Writes `output_0.npy` … into `folder`, by the outputs' names; all of them, or none.
  /// - Returns: The paths.
  package func write(to folder: String) throws -> [String] {
    let paths = outputs.enumerated().map { Paths.join(folder, Self.fileName($1.name, index: $0) + ".npy") }
    try Npy.write(outputs.map(\.tensor), to: paths)
    return paths
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
