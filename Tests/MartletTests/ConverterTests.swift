import Martlet
import TestSupport
import Testing

@Suite struct ConverterTests {
  @Test func buildsAnEngineOfTheExampleOnce() throws {
    let folder = try TemporaryFolder()
    var options = Converter.EngineOptions()
    options.precision = .fp16
    options.dynamicBatch = (1, 2, 4)
    options.computeCapabilities = ["8.6"]
    options.engineLibrary = Corpus.repository + ".runtime/tensorrt-rtx"
    options.verifies = false
    var converter = Converter(bundle: Corpus.example("brain-tissue"))
    converter.inputShape = [32, 32, 32]
    let report = try converter.exportEngine(.tensorRTForRTX, to: folder.file("brain.engine"), options)
    #expect(!report.wasUpToDate && report.engineByteCount > 100_000)
    #expect(report.verification.contains { $0.contains("not checked") })
    #expect(try converter.exportEngine(.tensorRTForRTX, to: folder.file("brain.engine"), options).wasUpToDate)
  }

  @Test func whatCantBeDoneIsAMartletErrorOfItsKind() throws {
    let folder = try TemporaryFolder()
    var options = Converter.EngineOptions()
    options.engineLibrary = folder.path
    let converter = Converter(bundle: Corpus.example("brain-tissue"))
    let missing = #expect(throws: MartletError.self) {
      try converter.exportEngine(.openVINO, to: folder.file("brain.engine"), options)
    }
    #expect(missing?.kind == .unavailable)
    options.computeCapabilities = ["9.0"]
    let refused = #expect(throws: MartletError.self) {
      try converter.exportEngine(.tensorRTForRTX, to: folder.file("brain.engine"), options)
    }
    #expect(refused?.kind == .data)
  }
}
