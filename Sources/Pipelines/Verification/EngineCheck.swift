package import Diagnostics
package import Engines
package import Graphs
import Passes
package import Tensors

/// Inputs that an engine and its reference are both given.
package struct VerificationInput: Sendable {
  /// `noise`, or the scan's name.
  package var name: String
  package var tensors: [Tensor]

  package init(name: String, tensors: [Tensor]) {
    self.name = name
    self.tensors = tensors
  }
}

/// How an export or an engine is verified.
package struct VerificationOptions: Sendable {
  package var oracle = Oracle.auto
  /// A scan whose window is an input beside noise.
  package var scan: String?
  /// Whether the first wrong node is looked for when the outputs differ.
  package var isLayerByLayer = false

  /// Whether something in it was asked for, so that files are verified too.
  package var isAskedFor: Bool { oracle != .auto || scan != nil || isLayerByLayer }

  package init() {}
}

/// Compares an engine with the network that it was made from.
package struct EngineCheck: Sendable {
  /// The graph as it was imported, of the engine's batch.
  package let original: Graph
  /// The graph that the engine was made of; nil when it isn't known.
  package var candidate: Graph?
  package let precision: Precision
  package let options: VerificationOptions
  /// OpenVINO's library, when the user names it.
  package let library: String?
  /// Beside noise.
  package var inputs: [VerificationInput] = []
  /// The samples of noise for an engine whose batch is open.
  package var batch = 1

  package init(
    original: Graph, candidate: Graph?, precision: Precision, options: VerificationOptions, library: String?
  ) {
    self.original = original
    self.candidate = candidate
    self.precision = precision
    self.options = options
    self.library = library
  }

  /// Runs both on every input.
  /// - Parameters:
  ///   - session: The engine; its inputs and outputs are in the order of the graph's.
  ///   - title: What it is, for the table.
  ///   - runCandidate: Runs another graph as the engine runs its own, for the bisection.
  /// - Returns: nil when no engine here can serve as the reference.
  /// - Throws: errors of the engines; `InterruptedError`.
  package func table(
    _ session: any Session, title: String, runCandidate: Bisection.Run?
  ) throws -> VerificationTable? {
    guard let oracle = try options.oracle.engine(for: original, library: library) else { return nil }
    let tolerance = VerificationTolerance(precision)
    let inputs = [try noise(session)] + self.inputs
    var table = VerificationTable(
      engine: title, reference: oracle.title, inputShape: inputs[0].tensors.first?.shape.dimensions ?? [],
      tolerance: tolerance.relative, rows: [])
    var wrong: VerificationInput?
    for input in inputs {
      try Cancellation.check()
      let results = try session.run(typed(input.tensors, session))
      try Cancellation.check()
      let references = try oracle.session.run(typed(input.tensors, oracle.session))
      guard results.count == references.count else {
        throw VerificationError.otherOutputs(found: results.count, expected: references.count)
      }
      for (index, pair) in zip(results, references).enumerated() {
        let name = original.outputs[index].name
        let comparison = try OutputComparison(name: name, pair.0, pair.1)
        let passed = tolerance.accepts(comparison)
        table.rows.append(.init(input: input.name, comparison: comparison, passed: passed))
        if !passed { wrong = wrong ?? input }
      }
    }
    if options.isLayerByLayer, let wrong, let candidate, let runCandidate {
      table.bisection = try bisect(candidate, wrong, runCandidate)
    }
    return table
  }

  private func bisect(
    _ candidate: Graph, _ input: VerificationInput, _ runCandidate: @escaping Bisection.Run
  ) throws -> Bisection.Finding? {
    // What a few roundings make of a value isn't wrong yet.
    let threshold = VerificationTolerance(precision).relative / 5
    return try Bisection(
      reference: original, candidate: candidate, inputs: input.tensors, threshold: threshold,
      runReference: { graph, inputs in
        guard let oracle = try options.oracle.engine(for: graph, library: library) else { return [] }
        return try oracle.session.run(typed(inputs, oracle.session))
      }, runCandidate: runCandidate
    ).find()
  }

  /// A way to run other graphs on `backend`.
  package static func run(on backend: any EngineBackend) -> Bisection.Run {
    { graph, inputs in
      try Cancellation.check()
      let session = try backend.compile(try EngineSource(graph), EngineOptions()).makeSession()
      return try session.run(zip(inputs, session.inputs).map { $0.converted(to: $1.elementType) })
    }
  }

  private func noise(_ session: any Session) throws -> VerificationInput {
    VerificationInput(name: "noise", tensors: try session.inputs.map { try Noise.tensor($0, batch: batch) })
  }

  private func typed(_ tensors: [Tensor], _ session: any Session) -> [Tensor] {
    zip(tensors, session.inputs).map { $0.converted(to: $1.elementType) }
  }
}

/// An engine can't be verified as asked.
package enum VerificationError: DiagnosedError, Equatable {
  case otherOutputs(found: Int, expected: Int)
  /// The verification failed; what was written is gone.
  case failed(String)
  case scanTooSmall(scan: String, found: [Int], window: [Int])
  case noPipeline(kind: String)
  case noOracle

  package var diagnosis: Diagnosis {
    switch self {
    case .otherOutputs(let found, let expected):
      Diagnosis(.data, "the engine gives \(found) outputs", expected: "\(expected), as the network it is compared with")
    case .failed(let table):
      Diagnosis(
        .data, "the engine doesn't compute what the network does:\n\(table)",
        hint: "nothing was kept; keep it with --keep-failed, find the node with --layer-by-layer")
    case .scanTooSmall(let scan, let found, let window):
      Diagnosis(
        .data, "the preprocessed scan has \(found.map(String.init).joined(separator: "×")) voxels", at: scan,
        expected: "\(window.count) axes, for a window of \(window.map(String.init).joined(separator: "×"))")
    case .noPipeline(let kind):
      Diagnosis(
        .usage, "a \(kind) has no preprocessing for --verify-scan", hint: "give the bundle, or leave the scan out")
    case .noOracle:
      Diagnosis(
        .usage,
        "no engine here can serve as the reference: the network is too large for the interpreter, and OpenVINO isn't here",
        hint: "fetch OpenVINO with Tools/fetch-runtimes.sh openvino, or accept minutes with --oracle reference")
    }
  }
}
