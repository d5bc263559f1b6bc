import Graphs
import Testing

@Suite struct DimensionTests {
  private let batch = Dimension("batch")

  @Test func arithmeticKeepsTheSymbols() {
    let size = (batch + 1) * (batch - 1) * 8
    #expect(size.description == "8·batch·batch + -8")
    #expect(size.evaluated(["batch": 3]) == 64)
    #expect(size.evaluated([:]) == nil)
    #expect((batch - batch).constant == 0)
    #expect((batch * 1).symbol == "batch")
  }

  @Test func divisionIsExactOrRefused() {
    #expect((batch * 96).exactQuotient(by: batch * 32) == 3)
    #expect((batch * 8 + 4).exactQuotient(by: 4) == batch * 2 + 1)
    #expect((batch + 1).exactQuotient(by: batch + 1) == 1)
    #expect((batch * 8).exactQuotient(by: 3) == nil)
    #expect((batch + 1).exactQuotient(by: batch) == nil)
    #expect(Dimension(0).exactQuotient(by: 0) == nil)
  }

  @Test func valuesThatOverflowAreNotInvented() {
    #expect((batch * batch).evaluated(["batch": Int.max]) == nil)
  }
}
