import Diagnostics
import Testing

@Suite struct DiagnosisTests {
  private struct Broken: DiagnosedError {
    var diagnosis: Diagnosis {
      Diagnosis(.data, "the key is missing", at: "entry 3", expected: "a key", hint: "add it")
    }
  }

  @Test func theDescriptionSaysWhatWhereExpectedAndHint() {
    #expect(Broken().description == "the key is missing\n  at: entry 3\n  expected: a key\nhint: add it")
  }

  @Test func theLineSaysTheSameAndCutsLongEnumerations() {
    #expect(Broken().diagnosis.line == "the key is missing, at entry 3, expected a key; add it")
    let names = (0..<100).map { "name\($0)" }.joined(separator: ", ")
    let line = Diagnosis(.data, "what", expected: "one of \(names)", hint: "hint").line
    #expect(line.hasPrefix("what, expected one of name0, name1, ") && line.hasSuffix(", …; hint"))
    #expect(line.count < 160)
  }

  @Test func outerPlacesComeFirst() throws {
    let error = try #require(throws: LocatedError.self) {
      try located("model.pt") { try located("data.pkl") { throw Broken() } }
    }
    #expect(error.diagnosis.location == ["model.pt", "data.pkl", "entry 3"])
    #expect(error.diagnosis.kind == .data)
  }

  @Test func exitCodesAreThoseOfSysexits() {
    #expect(Diagnosis.Kind.allCases.map(\.exitCode) == [64, 65, 66, 69, 70, 73, 74, 130])
  }

  @Test func aCancelledTaskStopsAtTheNextCheck() async {
    let task = Task {
      while !Task.isCancelled { await Task.yield() }
      try Cancellation.check()
    }
    task.cancel()
    await #expect(throws: InterruptedError.self) { try await task.value }
  }

  @Test(arguments: [
    (0, "0 B"), (999, "999 B"), (1000, "1 kB"), (999_400, "999 kB"), (999_600, "1 MB"), (412_345_678, "412 MB"),
    (3_221_225_472, "3.22 GB"), (5_000_000_000_000, "5 TB"),
  ]) func bytesAreToldInUnits(_ bytes: Int, _ text: String) {
    #expect(bytes.byteText == text)
  }
}
