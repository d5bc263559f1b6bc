import Passes
import Pipelines
import Tensors
import TestSupport
import Testing

/// A last layer on the windows' mean features gives what it gives in every window.
@Suite struct HeadReductionTests {
  private struct Same: VoxelwiseReduction {
    func apply(_ means: Tensor) throws -> Tensor { means }
  }

  /// Refuses the voxels of some part.
  private struct Refusing: VoxelwiseReduction {
    struct Refusal: Error {}
    func apply(_ means: Tensor) throws -> Tensor {
      if means.shape[3] < 2000 { throw Refusal() }
      return means
    }
  }

  private func numbers(_ shape: Shape, seed: Int) -> Tensor {
    Tensor((0..<shape.count).map { Float(($0 * 7919 + seed * 131) % 2003 - 1000) / 1000 }, shape)
  }

  private func expected(_ features: [Float], _ head: PointwiseHead, voxels: Int) -> [Float] {
    let (weights, bias) = (head.weights.array(of: Float.self), head.bias?.array(of: Float.self))
    var result: [Float] = []
    for k in 0..<head.outputs {
      for voxel in 0..<voxels {
        let sum = (0..<head.channels).reduce(Double(bias?[k] ?? 0)) {
          $0 + Double(weights[k * head.channels + $1]) * Double(features[$1 * voxels + voxel])
        }
        result.append(Float(sum))
      }
    }
    return result
  }

  @Test(
    "any number of channels, classes and voxels",
    arguments: [(1, 2), (3, 4), (5, 13), (32, 105), (7, 12)], [[1, 1, 1], [3, 5, 7], [1, 1, 2033], [9, 41, 17]])
  func givesTheLayersResult(_ channels: (Int, Int), _ extents: [Int]) throws {
    let voxels = extents.reduce(1, *)
    for bias in [numbers([channels.1], seed: 3), nil] {
      let head = PointwiseHead(weights: numbers([channels.1, channels.0], seed: 1), bias: bias)
      let features = numbers(Shape([channels.0] + extents), seed: 2)
      let result = try HeadReduction(head: head, reduction: Same()).apply(features)
      #expect(result.shape == Shape([channels.1] + extents))
      let reference = Tensor(expected(features.array(of: Float.self), head, voxels: voxels), result.shape)
      #expect(Difference(result, reference).relative <= 2e-6)
    }
  }

  @Test func theMeanOfTheWindowsComesBeforeTheLayerOrBehindIt() throws {
    let head = PointwiseHead(weights: numbers([5, 2], seed: 1), bias: numbers([5], seed: 2))
    var window = SlidingWindow(roiSize: .perAxis([6, 7, 8]), overlap: .uniform(0.4))
    let input = numbers([1, 1, 17, 12, 19], seed: 3)
    for mode in BlendMode.allCases {
      window.mode = mode
      let features = try window.infer(input, predictors: [RampPredictor()])[0]
      let reduced = try window.infer(
        input, predictors: [RampPredictor()], reducing: HeadReduction(head: head, reduction: Same()), progress: nil)
      let voxels = 17 * 12 * 19
      let reference = Tensor(expected(features.array(of: Float.self), head, voxels: voxels), reduced.shape)
      #expect(Difference(reduced, reference).relative <= 2e-6)
    }
  }

  @Test func whatTheReductionThrowsComesOut() throws {
    let head = PointwiseHead(weights: numbers([3, 2], seed: 1), bias: nil)
    #expect(throws: Refusing.Refusal.self) {
      try HeadReduction(head: head, reduction: Refusing()).apply(numbers([2, 1, 1, 4070], seed: 1))
    }
    #expect(throws: (any Error).self) {
      try HeadReduction(head: head, reduction: Same()).apply(numbers([3, 2, 2, 2], seed: 1))
    }
  }
}
