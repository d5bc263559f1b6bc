import Arguments
import Diagnostics
import Foundation
import Pipelines
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite struct SlidingWindowTests {
  @Test("gives MONAI's outputs", arguments: try WindowCase.all())
  func givesMonaiOutputs(_ window: WindowCase) throws {
    let inferer = try Inferers.make(window.component)
    let outputs = try inferer.infer(
      window.input, predictors: [RampPredictor(outputCount: window.outputCount)], progress: nil)
    #expect(outputs.count == window.outputCount)
    for (index, output) in outputs.enumerated() {
      let difference = Difference(output, try window.output(index))
      #expect(difference.relative <= Tolerance.window, "output \(index): \(difference)")
    }
  }

  @Test("any number of predictors and any batch size give the same bits", arguments: try WindowCase.all())
  func isIndependentOfPredictorsAndBatchSize(_ window: WindowCase) throws {
    var inferer = try SlidingWindow(window.component)
    let input = try window.input
    let expected = try inferer.infer(input, predictors: [RampPredictor(outputCount: window.outputCount)])
    for (predictors, batchSize) in [(2, 1), (3, 2), (1, 5)] {
      inferer.batchSize = batchSize
      let outputs = try inferer.infer(
        input,
        predictors: (0..<predictors).map { number in
          RampPredictor(outputCount: window.outputCount) { _ in
            // Predictors that finish out of order.
            Thread.sleep(forTimeInterval: number == 0 ? 0.0005 : 0)
          }
        })
      #expect(outputs.map { $0.array(of: Float.self) } == expected.map { $0.array(of: Float.self) })
    }
  }

  @Test("reducing voxel by voxel as windows are done gives the reduction of the whole", arguments: try WindowCase.all())
  func reducesAsWindowsAreDone(_ window: WindowCase) throws {
    let inferer = try SlidingWindow(window.component)
    let input = try window.input
    guard input.shape[0] == 1 else { return }
    let whole = try inferer.infer(input, predictors: [RampPredictor(outputCount: window.outputCount)])[0]
    for predictors in 1...2 {
      let reduced = try inferer.infer(
        input, predictors: (0..<predictors).map { _ in RampPredictor(outputCount: window.outputCount) },
        reducing: Same(), progress: nil)
      #expect(Shape([1] + reduced.shape.dimensions) == whole.shape)
      let difference = Difference(reduced.reshaped(whole.shape), whole)
      // The order of a voxel's sums may differ, each sum is rounded to 6e-8.
      #expect(difference.relative <= 1e-6, "\(difference)")
    }
  }

  @Test(
    "reducing gives the same for any overlap and any extent",
    arguments: [[24, 13, 17], [6, 40, 9], [31, 30, 29], [5, 6, 64]], [0, 0.3, 0.5, 0.8])
  func reducesAnyGrid(_ size: [Int], _ overlap: Double) throws {
    var window = SlidingWindow(roiSize: .perAxis([6, 7, 8]), batchSize: 2, overlap: .uniform(overlap))
    let values = (0..<size.reduce(1, *)).map { Float($0 * 7919 % 1009) / 1009 }
    let input = Tensor(values, Shape([1, 1] + size))
    for mode in BlendMode.allCases {
      window.mode = mode
      let whole = try window.infer(input, predictors: [RampPredictor()])[0]
      let reduced = try window.infer(input, predictors: [RampPredictor()], reducing: Same(), progress: nil)
      #expect(Difference(reduced.reshaped(whole.shape), whole).relative <= 1e-6)
    }
  }

  @Test("strides of the input don't matter", arguments: try WindowCase.all())
  func followsStrides(_ window: WindowCase) throws {
    let inferer = try SlidingWindow(window.component)
    let input = try window.input
    let expected = try inferer.infer(input, predictors: [RampPredictor()])
    let axes = Array(0..<input.shape.rank)
    // The same values, laid out with the axes in reverse order and the last one backwards.
    let strided = input.permuted(axes.reversed()).flipped([0]).copy().flipped([0]).permuted(axes.reversed())
    #expect(!strided.isContiguous)
    let outputs = try inferer.infer(strided, predictors: [RampPredictor()])
    #expect(outputs[0].array(of: Float.self) == expected[0].array(of: Float.self))
  }

  @Test func integerImagesAreInferredAsFloats() throws {
    let values = (0..<1000).map { Int16($0 * 7 % 301 - 150) }
    let window = SlidingWindow(roiSize: .uniform(6), overlap: .uniform(0.5))
    let integers = try window.infer(Tensor(values, [1, 1, 10, 10, 10]), predictors: [RampPredictor()])
    let floats = try window.infer(Tensor(values.map(Float.init), [1, 1, 10, 10, 10]), predictors: [RampPredictor()])
    #expect(integers[0].array(of: Float.self) == floats[0].array(of: Float.self))
  }

  @Test func batchesNeverExceedTheShapeThatIsAnnounced() throws {
    let window = SlidingWindow(roiSize: .perAxis([8, 0, 6]), batchSize: 4, overlap: .uniform(0))
    let shape: Shape = [1, 2, 20, 7, 12]
    #expect(try window.batchShape(for: shape) == [4, 2, 8, 7, 6])
    var sizes: [Int] = []
    _ = try window.infer(Tensor(.float32, shape), predictors: [RampPredictor { sizes.append($0) }])
    #expect(sizes == [4, 2])
  }

  @Test func theBatchIsNotLargerThanTheNumberOfWindows() throws {
    let window = SlidingWindow(roiSize: .uniform(96), batchSize: 1 << 50)
    #expect(try window.batchShape(for: [1, 1, 50, 60, 100]) == [2, 1, 96, 96, 96])
  }

  @Test func windowsRunFastestAlongTheLastAxisAndStayInside() throws {
    let window = SlidingWindow(roiSize: .perAxis([4, 4, 4]), overlap: .uniform(0.25))
    let grid = try WindowGrid(window, input: [1, 1, 4, 9, 8])
    #expect(grid.starts == [[0], [0, 3, 5], [0, 3, 4]])
    #expect((0..<grid.count).map(grid.origin).prefix(4) == [[0, 0, 0], [0, 0, 3], [0, 0, 4], [0, 3, 0]])
  }

  @Test func progressTellsEveryBatchOnce() throws {
    let updates = Mutex<[ProgressUpdate]>([])
    let window = SlidingWindow(roiSize: .uniform(4), batchSize: 3, overlap: .uniform(0))
    _ = try window.infer(
      Tensor(.float32, [1, 1, 8, 8, 8]), predictors: [RampPredictor(), RampPredictor()],
      progress: { update in updates.withLock { $0.append(update) } })
    #expect(updates.withLock { $0.map(\.completed) } == [0, 3, 6, 8])
    #expect(updates.withLock { $0.allSatisfy { $0.total == 8 && $0.stage == "inference" } })
  }

  @Test func aPredictorsErrorEndsAllPredictors() throws {
    struct Failure: Error {}
    let window = SlidingWindow(roiSize: .uniform(4), overlap: .uniform(0))
    let calls = Mutex(0)
    #expect(throws: Failure.self) {
      try window.infer(
        Tensor(.float32, [1, 1, 40, 40, 8]),
        predictors: (0..<3).map { _ in
          RampPredictor { _ in
            let call = calls.withLock { calls in
              calls += 1
              return calls
            }
            if call == 5 { throw Failure() }
          }
        })
    }
    #expect(calls.withLock { $0 } < 20)
  }

  @Test func aCancelledTaskStops() async {
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try SlidingWindow(roiSize: .uniform(4)).infer(
        Tensor(.float32, [1, 1, 8, 8, 8]), predictors: [RampPredictor()])
    }
    await #expect(throws: InterruptedError.self) { _ = try await task.value }
  }
}

/// Leaves the values as they are.
private struct Same: VoxelwiseReduction {
  func apply(_ means: Tensor) -> Tensor { means }
}

/// Gives outputs of fixed shapes, whatever it is asked.
private final class FixedPredictor: WindowPredictor {
  private var answers: [[Shape]]

  init(_ answers: [[Shape]]) { self.answers = answers }

  func predict(_ batch: Tensor, into outputs: inout [Tensor]) throws {
    outputs = answers.removeFirst().map { Tensor(.float32, $0) }
  }
}

@Suite struct SlidingWindowErrorTests {
  private let window = SlidingWindow(roiSize: .uniform(4), overlap: .uniform(0))
  private let image = Tensor(.float32, [1, 1, 8, 4, 4])

  @Test func sumsThatDontFitTheMemoryAreRefused() throws {
    let extents = 1 << 22
    let image = Tensor(.float32, [1, 1, 1, 1]).expanded(to: Shape([1, 1, extents, extents]))
    let window = SlidingWindow(roiSize: .uniform(64), overlap: .uniform(0))
    #expect(throws: SlidingWindowError.sumsTooLarge(bytes: 1 << 46)) {
      try window.infer(image, predictors: [FixedPredictor([[[1, 1, 64, 64]]])])
    }
  }

  @Test(
    "impossible inputs are refused",
    arguments: [
      ([1, 1], SlidingWindowError.inputRank([1, 1])),
      ([1, 1, 2, 2, 2, 2], .inputRank([1, 1, 2, 2, 2, 2])),
      ([1, 1, 0, 4, 4], .emptyInput([1, 1, 0, 4, 4])),
      ([0, 1, 4, 4, 4], .emptyInput([0, 1, 4, 4, 4])),
    ])
  func refusesInputs(_ shape: [Int], _ error: SlidingWindowError) {
    #expect(throws: error) { try window.infer(Tensor(.float32, Shape(shape)), predictors: [RampPredictor()]) }
  }

  @Test func outputsOfAnotherResolutionAreRefused() {
    let predictor = FixedPredictor([[[1, 2, 4, 4, 4], [1, 2, 2, 2, 2]]])
    #expect(throws: SlidingWindowError.outputShape(index: 1, found: [1, 2, 2, 2, 2], batch: [1, 1, 4, 4, 4])) {
      try window.infer(image, predictors: [predictor])
    }
  }

  @Test func outputsThatChangeAreRefused() {
    let predictor = FixedPredictor([[[1, 2, 4, 4, 4]], [[1, 3, 4, 4, 4]]])
    #expect(throws: SlidingWindowError.outputsChanged(first: [2], now: [3])) {
      try window.infer(image, predictors: [predictor])
    }
  }

  @Test func networksWithoutOutputAreRefused() {
    #expect(throws: SlidingWindowError.noOutput) { try window.infer(image, predictors: [FixedPredictor([[]])]) }
  }

  @Test("numbers per axis must be as many as the axes")
  func refusesWrongAxisCounts() {
    let windows = [
      ("roi_size", SlidingWindow(roiSize: .perAxis([4, 4]))),
      ("overlap", SlidingWindow(roiSize: .uniform(4), overlap: .perAxis([0.5]))),
      ("sigma_scale", SlidingWindow(roiSize: .uniform(4), mode: .gaussian, sigmaScale: .perAxis([1, 1, 1, 1]))),
    ]
    for (argument, window) in windows {
      #expect {
        try window.infer(image, predictors: [RampPredictor()])
      } throws: { error in
        guard case .axisCount(argument, _, _)? = error as? SlidingWindowError else { return false }
        return true
      }
    }
  }

  @Test("windows beyond the machine's memory are refused", arguments: [1 << 20, 1 << 40, Int.max])
  func refusesHugeWindows(_ extent: Int) {
    let window = SlidingWindow(roiSize: .uniform(extent), mode: .gaussian)
    #expect {
      try window.infer(image, predictors: [RampPredictor()])
    } throws: {
      guard case .windowTooLarge? = $0 as? SlidingWindowError else { return false }
      return true
    }
  }

  @Test("padding that the mode can't reach is refused", arguments: [PaddingMode.reflect, .circular])
  func refusesFarPadding(_ mode: PaddingMode) {
    let window = SlidingWindow(roiSize: .perAxis([4, 14, 4]), paddingMode: mode)
    #expect(throws: SlidingWindowError.cannotPad(mode: mode, axis: 1, before: 5, after: 5, extent: 4)) {
      try window.infer(image, predictors: [RampPredictor()])
    }
  }

  @Test func aFillValueNeedsConstantPadding() {
    let window = SlidingWindow(roiSize: .uniform(6), paddingMode: .replicate, fill: 3)
    #expect(throws: SlidingWindowError.fillWithoutConstant(mode: .replicate)) {
      try window.infer(image, predictors: [RampPredictor()])
    }
  }
}
