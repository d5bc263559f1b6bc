package import Diagnostics
package import Tensors

/// An engine can't be found, made or run.
package enum EngineError: DiagnosedError, Equatable {
  /// The library of a backend isn't in any of the places where it may be.
  case libraryMissing(backend: String, places: [String], remedy: String)
  /// The backend can't be used on this machine, for a reason in its own words.
  case unavailable(backend: String, reason: String, remedy: String)
  /// A file was found but isn't a library that can be used.
  case libraryUnusable(backend: String, path: String, reason: String, remedy: String)
  case libraryTooOld(backend: String, path: String, found: String, needed: String, remedy: String)
  /// The options ask for something that no engine can do.
  case invalidOption(name: String, value: String, expected: String)
  /// The backend can't read or compile the network.
  case networkRefused(backend: String, reason: String)
  /// The backend would compute a node as something else than it is.
  case nodeRefused(backend: String, node: String, operator: String, reason: String)
  /// The backend reads other inputs or outputs from the network than its description says.
  case portMismatch(backend: String, port: String, expected: String, found: String)
  /// The extents of an output depend on values, not only on the shapes of the inputs.
  case unboundedOutput(backend: String, name: String)
  case wrongInputCount(expected: [String], found: Int)
  case wrongInput(expected: TensorSpecification, elementType: ElementType, shape: Shape)
  case runFailed(backend: String, reason: String)
  case sessionInUse(backend: String)

  package var diagnosis: Diagnosis {
    switch self {
    case .libraryMissing(let backend, let places, let remedy):
      Diagnosis(.unavailable, "the \(backend) library isn't here", at: places, hint: remedy)
    case .unavailable(let backend, let reason, let remedy):
      Diagnosis(.unavailable, "\(backend) can't be used here: \(reason)", hint: remedy)
    case .libraryUnusable(let backend, let path, let reason, let remedy):
      Diagnosis(
        .unavailable, "this file can't be used as the \(backend) library: \(reason)", at: path,
        expected: "a recent \(backend) library for this machine", hint: remedy)
    case .libraryTooOld(let backend, let path, let found, let needed, let remedy):
      Diagnosis(
        .unavailable, "this \(backend) library is of version \(found)", at: path, expected: "\(needed) or newer",
        hint: remedy)
    case .invalidOption(let name, let value, let expected):
      Diagnosis(.usage, "\(name) can't be \(value)", expected: expected)
    case .networkRefused(let backend, let reason):
      Diagnosis(
        .data, "\(backend) can't compile the network: \(reason)", hint: "try another engine with --runtime")
    case .nodeRefused(let backend, let node, let name, let reason):
      Diagnosis(
        .data, "\(backend) can't compute node '\(node)' (\(name)): \(reason)",
        hint: "take Martlet's own engine, --runtime native, which can")
    case .portMismatch(let backend, let port, let expected, let found):
      Diagnosis(
        .data, "\(backend) reads the network's \(port) as \(found)", expected: expected,
        hint: "the ONNX model doesn't match its description; export it again")
    case .unboundedOutput(let backend, let name):
      Diagnosis(
        .data, "the shape of output '\(name)' depends on the values of the inputs",
        expected: "a shape that \(backend) knows before it runs",
        hint: "export the network without its value-dependent part")
    case .wrongInputCount(let expected, let found):
      Diagnosis(
        .data, "the network got \(found) input\(found == 1 ? "" : "s")",
        expected: "\(expected.count): \(expected.joined(separator: ", "))")
    case .wrongInput(let specification, let elementType, let shape):
      Diagnosis(
        .data, "input '\(specification.name)' is \(elementType) \(shape)", expected: "\(specification)",
        hint: "reshape or convert it before the network")
    case .runFailed(let backend, let reason):
      Diagnosis(.unavailable, "\(backend) failed to run the network: \(reason)", hint: "try a smaller batch or window")
    case .sessionInUse(let backend):
      Diagnosis(
        .defect, "a \(backend) session was asked to run twice at the same time",
        expected: "one session for each thread")
    }
  }
}
