package import Diagnostics

/// A program can't be turned into a graph.
package enum ImportError: DiagnosedError, Equatable {
  /// Operators that the table lacks, all at once, each with the places that call it.
  case unsupportedOperators([UnsupportedOperator])
  /// What an operator is asked to do is not supported, or can't be.
  case unsupported(operator: String, reason: String, expected: String?)
  /// A number or a condition depends on the batch in a way that differs between batches.
  case undecidable(what: String)
  /// The program converts for the batch of the given shape alone.
  case fixedBatch(Int, Diagnosis)
  /// The values of a tensor would have to be known while the network is being converted.
  case dataDependent(what: String)
  /// The program itself raises an error for the given input.
  case raised(message: String)
  /// The archive's parts contradict each other, or aren't what their format says.
  case malformed(reason: String, expected: String?)
  /// The program has a kind of value or statement that is not supported.
  case notSupported(reason: String, hint: String?)
  /// The given input doesn't fit the program.
  case wrongInput(reason: String, expected: String?)

  package var diagnosis: Diagnosis {
    switch self {
    case .unsupportedOperators(let operators):
      Diagnosis(
        .data,
        "\(operators.count) operator\(operators.count == 1 ? " is" : "s are") not supported: "
          + operators.prefix(40).map(\.description).joined(separator: "; "),
        expected: "the operators of Documentation/SupportedOperators.md",
        hint: "export the network without them, or add them (Documentation/AddingAnOperator.md)")
    case .unsupported(let name, let reason, let expected):
      Diagnosis(.data, reason, at: "operator \(name)", expected: expected)
    case .undecidable(let what):
      Diagnosis(
        .data, "\(what) depends on the batch",
        expected: "a network that does the same for every batch",
        hint: "convert it for the batch of the input's shape with --static-batch")
    case .fixedBatch(let batch, let cause):
      Diagnosis(
        .data, "the program is made for a batch of \(batch) alone: \(cause.what)", at: cause.location,
        expected: "a network that does the same for every batch",
        hint: "convert it for the batch of the input's shape with --static-batch")
    case .dataDependent(let what):
      Diagnosis(
        .data, "\(what) depends on the values of a tensor, so that the network can't be one fixed graph",
        hint: "export the network without control flow that depends on its data")
    case .raised(let message): Diagnosis(.data, "the program raises an error for this input: \(message)")
    case .malformed(let reason, let expected):
      Diagnosis(
        .data, reason, expected: expected,
        hint: "the file is damaged or not what it claims to be; export it again")
    case .notSupported(let reason, let hint): Diagnosis(.data, reason, hint: hint)
    case .wrongInput(let reason, let expected):
      Diagnosis(.usage, reason, expected: expected, hint: "give the input's shape with --input-shape")
    }
  }
}

/// An operator that the table lacks, and where the program calls it.
package struct UnsupportedOperator: Sendable, Hashable, CustomStringConvertible {
  /// `aten::fft_fftn`.
  package var name: String
  /// Module paths and source lines.
  package var places: [String]

  package init(name: String, places: [String]) {
    self.name = name
    self.places = places
  }

  package var description: String {
    let shown = places.prefix(3).joined(separator: ", ")
    let more = places.count > 3 ? " and \(places.count - 3) more" : ""
    return places.isEmpty ? name : "\(name) (\(shown)\(more))"
  }
}
