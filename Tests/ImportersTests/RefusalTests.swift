import Archives
import Diagnostics
import Files
import Foundation
import Graphs
import Importers
import Tensors
import TestSupport
import Testing

/// What can't become a graph is refused with its reason.
@Suite struct RefusalTests {
  /// The message of what importing throws.
  private func refusal(_ body: () throws -> Void) throws -> String {
    do {
      try body()
    } catch let error as any DiagnosedError {
      return error.description
    }
    Issue.record("nothing was thrown")
    return ""
  }

  private func refusal(of file: String, _ shape: [Int]) throws -> String {
    try refusal { _ = try Program.graph(try Program.open(file), shape) }
  }

  @Test func aConditionOnDataIsRefusedWithItsPlace() throws {
    let message = try refusal(of: "data_dependent.ts", [2, 1, 8, 8])
    #expect(message.contains("depends on the values of a tensor"))
    #expect(message.contains("line "))
  }

  @Test func aConditionOnTheBatchIsDecidedForAFixedBatchOnly() throws {
    let message = try refusal(of: "batch_dependent.ts", [2, 1, 8, 8])
    #expect(message.contains("depends on the batch") && message.contains("--static-batch"))
    let fixed = ImportOptions(inputs: [TensorType(.float32, [2, 1, 8, 8])])
    let graph = try Program.open("batch_dependent.ts").graph(fixed)
    #expect(graph.nodes.map(\.operator) == ["Sub"])
  }

  @Test func aCustomClassIsRefused() throws {
    #expect(try refusal(of: "custom_class.ts", [2, 1, 8, 8]).contains("custom class"))
  }

  @Test func allUnsupportedOperatorsAreNamedAtOnce() throws {
    for file in ["unsupported.ts", "unsupported.pt2"] {
      let message = try refusal(of: file, [2, 1, 8, 8])
      #expect(message.contains("fft_fftn") && message.contains("special_erfcx"), "\(file): \(message)")
    }
  }

  /// The files have some kB and declare a tensor of 10 GB.
  @Test(arguments: [("huge.pt2", "impossible shape"), ("huge.ts", "outside its storage")])
  func aTensorThatIsLargerThanItsFileIsRefusedBeforeItIsMade(_ file: String, _ reason: String) throws {
    let before = peakMemory
    let message = try refusal(of: file, [2, 1, 8, 8])
    #expect(message.contains("0.weight") && message.contains(reason), "\(message)")
    // Other suites run beside this one; 10 GB are beyond what they take.
    #expect(peakMemory - before < 4_000_000, "kB")
  }

  /// The largest memory of this process so far, in kB.
  private var peakMemory: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss
  }

  @Test(arguments: ["leaving.pt2", "leaving.ts"]) func anEntryThatLeavesTheArchiveIsRefused(_ file: String) throws {
    let message = try refusal(of: file, [2, 1, 8, 8])
    #expect(message.contains("leaves its folder") && message.contains(".."), "\(message)")
  }

  @Test func elementsThatAMaskPicksAreRefusedWithTheirPlace() throws {
    let message = try refusal(of: "picked.ts", [2, 1, 8, 8])
    #expect(message.contains("a mask picks depends on the values of a tensor") && message.contains("line "))
  }

  @Test func aProgramThatOnlyFitsOneBatchIsRefusedWithTheOptionThatConvertsIt() throws {
    let program = try Program.open("fixed_batch.ts")
    let open = ImportOptions(inputs: [TensorType(.float32, [Dimension("batch"), 1, 8, 8])])
    let message = try refusal { _ = try program.graph(open, batch: 2) }
    #expect(message.contains("made for a batch of 2 alone") && message.contains("--static-batch"), "\(message)")
    // For another batch it doesn't convert at all, so that the option isn't offered.
    #expect(try !refusal { _ = try program.graph(open, batch: 3) }.contains("--static-batch"))
  }

  @Test func convolutionsWhoseWeightsTheArchiveLacksAreRefusedWithTheReason() throws {
    let message = try refusal(of: "fused.ts", [2, 1, 8, 8])
    #expect(message.contains("optimize_for_inference"), "\(message)")
  }

  @Test(arguments: ["layout.ts", "layout_files.pt2", "layout_flat.pt2", "unsupported.ts", "in_place.ts"])
  func archivesThatAreCutOffAreRefused(_ file: String) throws {
    let bytes = Array(try Data(contentsOf: URL(filePath: Corpus.path("programs/\(file)"))))
    let folder = try TemporaryFolder()
    for part in [0.1, 0.5, 0.9, 0.99] {
      let path = try folder.write(Array(bytes.prefix(Int(Double(bytes.count) * part))), to: "cut")
      _ = try refusal { _ = try Program.open(path: path) }
    }
  }

  /// A changed byte gives an error or a graph, never a crash.
  @Test(arguments: ["layout_files.pt2", "in_place.pt2", "in_place.ts", "batch_dependent.ts"])
  func archivesWithChangedBytesNeverTrap(_ file: String) throws {
    let bytes = Array(try Data(contentsOf: URL(filePath: Corpus.path("programs/\(file)"))))
    let folder = try TemporaryFolder()
    var generator = SplitMix(state: 7)
    for _ in 0..<150 {
      var changed = bytes
      for _ in 0..<3 {
        changed[Int(generator.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: generator.next())
      }
      let path = try folder.write(changed, to: "changed")
      do {
        if let program = try ImportablePrograms.open(try MappedFile(path: path)) {
          _ = try Program.graph(program, [2, 3, 6, 5])
        }
      } catch is any DiagnosedError {
        continue
      }
    }
  }

  @Test func aWrongSizeForAnExportedProgramIsRefused() throws {
    let message = try refusal(of: "layout_files.pt2", [2, 1, 8, 9])
    #expect(message.contains("axis 3 of input 0 is 9") && message.contains("8, for which"))
  }
}

/// Numbers that are the same in every run.
private struct SplitMix {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }
}
