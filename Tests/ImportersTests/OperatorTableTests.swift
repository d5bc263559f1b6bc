import Foundation
import Importers
import TestSupport
import Testing

@Suite struct OperatorTableTests {
  @Test func theDocumentedOperatorsAreThoseOfTheTable() throws {
    let path = Corpus.repository + "Documentation/SupportedOperators.md"
    let document = try String(contentsOf: URL(filePath: path), encoding: .utf8)
    #expect(
      document == SupportedOperators.markdown,
      "run 'martlet operators > Documentation/SupportedOperators.md'")
  }

  @Test func everySchemaIsReadAndNoneStandsTwice() {
    let entries = SupportedOperators.entries
    for (name, parameters) in entries {
      #expect(!name.isEmpty && !name.contains(" "), "\(name)")
      for parameter in parameters {
        #expect(
          !parameter.isEmpty && parameter.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" },
          "\(name): \(parameter)")
      }
    }
    let repeated = Dictionary(grouping: entries.map(\.name)) { $0 }.filter { $0.value.count > 1 }.keys
    #expect(repeated.isEmpty, "\(repeated)")
    #expect(entries.count > 300)
    #expect(
      entries.first { $0.name == "conv2d" }?.parameters == [
        "input", "weight", "bias", "stride", "padding", "dilation", "groups",
      ])
  }
}
