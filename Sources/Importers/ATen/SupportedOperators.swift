/// The list of Documentation/SupportedOperators.md, made from the table.
package enum SupportedOperators {
  /// The document. `martlet operators` prints it.
  package static var markdown: String {
    var lines = [
      "# Operators of PyTorch that programs may use",
      "",
      "TorchScript and torch.export programs are turned into graphs with these operators. The form in place (`relu_`) goes",
      "with each that has one. An overload is written behind the point, as PyTorch's schemas do; `default` has none.",
      "Further names of an operator stand behind it.",
      "",
      "Written by `martlet operators > Documentation/SupportedOperators.md`; a test fails when it is out of date.",
      "How one is added: [AddingAnOperator.md](AddingAnOperator.md).",
    ]
    let synonyms = Dictionary(grouping: ATenOperator.synonyms.keys.sorted()) { ATenOperator.synonyms[$0] ?? "" }
    for (family, operators) in ATenOperator.families {
      lines += ["", "## \(family)", "", "| operator | overloads |", "|---|---|"]
      let names = Dictionary(grouping: operators) { $0.schema.name }
      for name in names.keys.sorted() {
        let overloads = (names[name] ?? []).map { $0.schema.overload.isEmpty ? "default" : $0.schema.overload }
        let others = (synonyms[name] ?? []).map { ", `\($0)`" }.joined()
        lines.append("| `\(name)`\(others) | \(overloads.map { "`\($0)`" }.joined(separator: ", ")) |")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Every entry of the table by its name and its parameters' names, in the table's order.
  package static var entries: [(name: String, parameters: [String])] {
    ATenOperator.all.map { ($0.name, $0.schema.parameters.map(\.name)) }
  }
}
