import Images
import Tensors
import TestSupport
import Testing
import Transforms

/// Every transform gives MONAI's result on the corpus.
@Suite struct CorpusTests {
  /// Cases of transforms that aren't there yet, each with the reason.
  static let uncovered: [String: String] = [:]

  static let covered = CorpusCase.all.filter { uncovered[$0.name] == nil }

  @Test func theCorpusIsThere() {
    #expect(CorpusCase.all.count == 90)
    #expect(CorpusCase.options.count == 315)
  }

  @Test(arguments: covered + CorpusCase.options) func resultMatchesMONAI(_ corpusCase: CorpusCase) throws {
    let result = try corpusCase.run()
    let reference = try corpusCase.reference()
    let difference = Difference(result.voxels, reference.voxels)
    #expect(result.voxels.shape == reference.voxels.shape)
    if corpusCase.isLabelMap {
      #expect(difference.agreement >= Tolerance.labelAgreement, "\(difference)")
    } else {
      #expect(difference.relative <= Tolerance.transform, "\(difference)")
    }
    let affine = Difference(Tensor(result.affine.elements, [4, 4]), reference.affine)
    #expect(affine.maximum <= Tolerance.affine, "\(affine)")
  }

  @Test(arguments: CorpusCase.all.filter { uncovered[$0.name] != nil })
  func uncoveredCaseStillFails(_ corpusCase: CorpusCase) {
    #expect(throws: (any Error).self, "covered now: take it off the list") { try corpusCase.run() }
  }

  @Test func uncoveredCasesExist() {
    let names = Set(CorpusCase.all.map(\.name))
    #expect(Set(Self.uncovered.keys).isSubset(of: names))
  }
}
