import Diagnostics
import Tensors
import Testing

@Suite struct TensorTests {
  private let matrix = Tensor([1, 2, 3, 4, 5, 6] as [Float], [2, 3])

  @Test func viewsReadTheSameElements() {
    #expect(matrix.permuted([1, 0]).array(of: Float.self) == [1, 4, 2, 5, 3, 6])
    #expect(matrix.flipped([1]).array(of: Float.self) == [3, 2, 1, 6, 5, 4])
    #expect(matrix.flipped([0, 1]).permuted([1, 0]).array(of: Float.self) == [6, 3, 5, 2, 4, 1])
    #expect(matrix.sliced(1, 1..<3).array(of: Float.self) == [2, 3, 5, 6])
    #expect(matrix.permuted([1, 0]).reshaped([6]).array(of: Float.self) == [1, 4, 2, 5, 3, 6])
    #expect(Tensor(scalar: Float(7)).expanded(to: [2, 2]).array(of: Float.self) == [7, 7, 7, 7])
  }

  @Test func writingToAViewLeavesTheOriginalAlone() {
    var view = matrix.flipped([0])
    view.withMutableElements(of: Float.self) { $0[0] = 9 }
    #expect(view.array(of: Float.self) == [9, 5, 6, 1, 2, 3])
    #expect(matrix.array(of: Float.self) == [1, 2, 3, 4, 5, 6])
  }

  @Test func theOnlyOwnerWritesInPlace() {
    var tensor = Tensor(.float32, [1000])
    let before = tensor.withBase { $0 }
    tensor.withMutableElements(of: Float.self) { $0[1] = 2 }
    #expect(tensor.withBase { $0 } == before)
  }

  @Test func largeTensorsCopyOnAllCores() {
    let values = (0..<90_000).map { Float($0) }
    let tensor = Tensor(values, [300, 300]).permuted([1, 0])
    let copied = tensor.array(of: Float.self)
    #expect(copied[1] == 300 && copied[300] == 1 && copied[89_999] == 89_999)
  }

  @Test(arguments: [
    ([2, 3], [3, 1], 4), ([7], [1], 0), ([2], [-1], 0), ([Int.max, 2], [1, 1], 0), ([2, 2], [Int.max, 1], 0),
    ([3], [1], -4), ([0], [1], 25), ([0, 1 << 62, 1 << 62], [1, 1, 1], 0),
  ])
  func viewsOutsideTheStorageAreRefused(shape: [Int], strides: [Int], offset: Int) {
    let storage = Storage(byteCount: 24)
    #expect(throws: TensorError.self) {
      try Tensor(storage: storage, elementType: .float32, shape: Shape(shape), strides: strides, byteOffset: offset)
    }
  }

  @Test func misalignedViewsAreRefused() {
    #expect(throws: TensorError.misaligned(elementType: .float32, byteOffset: 2)) {
      try Tensor(storage: Storage(byteCount: 8), elementType: .float32, shape: [1], byteOffset: 2)
    }
  }
}

@Suite struct ConversionTests {
  @Test func everyHalfSurvivesTheWayThroughFloat() {
    for bits in UInt16.min ... .max {
      let value = Float(halfBits: bits)
      if value.isNaN {
        #expect(value.halfBits & 0x7c00 == 0x7c00 && value.halfBits & 0x3ff != 0)
      } else {
        #expect(value.halfBits == bits)
      }
    }
  }

  @Test func halvesRoundToNearestEvenAndOverflowToInfinity() {
    #expect(Float(1 + 0x1p-11).halfBits == Float(1).halfBits)
    #expect(Float(1 + 3 * 0x1p-11).halfBits == Float(1 + 0x1p-9).halfBits)
    #expect(Float(65519).halfBits == 0x7bff)
    #expect(Float(65520).halfBits == 0x7c00)
    #expect(Float(-0x1p-24).halfBits == 0x8001)
    #expect(Float(0x1p-25).halfBits == 0)
  }

  @Test func bfloat16RoundsToNearestEven() {
    #expect(Float(1).bfloat16Bits == 0x3f80)
    #expect(Float(bitPattern: 0x3f80_8000).bfloat16Bits == 0x3f80)
    #expect(Float(bitPattern: 0x3f81_8000).bfloat16Bits == 0x3f82)
    #expect(Float(bfloat16Bits: 0xc000) == -2)
  }

  @Test func integersTruncateAndSaturate() {
    let source = Tensor([-1.9, 1.9, 300, -300, .nan, .infinity] as [Float], [6])
    #expect(source.converted(to: .int8).array(of: Int8.self) == [-1, 1, 127, -128, 0, 127])
    #expect(source.converted(to: .uint8).array(of: UInt8.self) == [0, 1, 255, 0, 0, 255])
    #expect(Tensor([Int64.max], [1]).converted(to: .uint64).array(of: UInt64.self) == [UInt64(Int64.max)])
    #expect(Tensor([0, 2] as [Int32], [2]).converted(to: .bool).array(of: UInt8.self) == [0, 1])
  }
}
