package import Diagnostics

/// A graph can't be rewritten.
package enum PassError: DiagnosedError, Equatable {
  /// A pass left a graph that breaks a rule.
  case invalidGraph(pass: String, reason: String)
  /// A symbol of the graph's shapes has no value.
  case unboundSymbol(input: String, shape: String)

  package var diagnosis: Diagnosis {
    switch self {
    case .invalidGraph(let pass, let reason):
      Diagnosis(.defect, "the pass \(pass) left an invalid graph: \(reason)", hint: "report this with the model")
    case .unboundSymbol(let input, let shape):
      Diagnosis(
        .data, "input '\(input)' is \(shape)", expected: "a shape that is known but for the batch",
        hint: "give an engine the shape with --further-input, once for each input behind the first, for example "
          + "--further-input 1:int64 --further-input 1,77,768; or export with --target onnx, which leaves it open")
    }
  }
}
