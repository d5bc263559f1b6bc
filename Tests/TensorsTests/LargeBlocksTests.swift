import Tensors
import Testing

/// Large blocks are used again without anybody noticing.
@Suite struct LargeBlocksTests {
  @Test func aBlockThatIsUsedAgainIsZeroWhereItIsAskedToBe() {
    for round in 0..<20 {
      let count = (3 << 20) + round % 3 * 64
      var tensor = Tensor(.uint8, [count])
      #expect(tensor.withElements(of: UInt8.self) { $0.allSatisfy { $0 == 0 } })
      tensor.withMutableElements(of: UInt8.self) { $0.update(repeating: 0xFF) }
    }
  }

  @Test func whatIsHeldIsNobodyElses() {
    let held = (0..<8).map { number in Tensor([UInt8](repeating: UInt8(number), count: 2 << 20), [2 << 20]).copy() }
    LargeBlocks.keep(upTo: 0)
    LargeBlocks.keep(upTo: LargeBlocks.usualCapacity)
    for (number, tensor) in held.enumerated() {
      _ = Tensor(.uint8, [2 << 20])
      #expect(tensor.withElements(of: UInt8.self) { $0.allSatisfy { $0 == UInt8(number) } })
    }
  }
}
