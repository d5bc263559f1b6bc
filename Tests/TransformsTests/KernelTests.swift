import Arguments
import Foundation
import Images
import OrderedCollections
import Tensors
import TestSupport
import Testing
import Transforms

/// The kernels agree with plain arithmetic and don't depend on how the voxels lie in memory.
@Suite struct KernelTests {
  private func apply(
    _ target: String, _ arguments: OrderedDictionary<String, PlainValue>, _ voxels: Tensor, affine: Affine = .identity
  ) throws -> TransformedImage {
    var all: OrderedDictionary<String, PlainValue> = ["keys": .string("image")]
    all.merge(arguments) { $1 }
    var sample = Sample(["image": .image(TransformedImage(voxels: voxels, affine: affine))])
    try TransformTable.make(Component(target: target, arguments: all, path: "test")).apply(&sample)
    return try sample.image("image", for: "test")
  }

  private func noise(_ shape: Shape) -> Tensor {
    var state: UInt64 = 88_172_645_463_325_252
    return Tensor(
      (0..<shape.count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Float(state % 20_001) / 1000 - 10
      }, shape)
  }

  /// The same voxels with the axis `fastest` dense in memory, forward or backward.
  private func stored(_ tensor: Tensor, fastest: Int, reversed: Bool) -> Tensor {
    var order = [0, 1, 2, 3].filter { $0 != fastest } + [fastest]
    let copy = (reversed ? tensor.flipped([fastest]) : tensor).permuted(order).copy()
    order = (0..<4).map { axis in order.firstIndex(of: axis) ?? axis }
    let view = copy.permuted(order)
    return reversed ? view.flipped([fastest]) : view
  }

  @Test(arguments: [1, 2, 3, 0], ["bilinear", "nearest"])
  func resamplingDoesNotDependOnTheOrderInMemory(_ fastest: Int, _ mode: String) throws {
    // Extents around the vector width and the tile of the kernels.
    for shape in [[2, 19, 8, 70], [1, 7, 3, 1], [1, 5, 70, 9], [3, 33, 4, 6]] as [Shape] {
      let voxels = noise(shape)
      for spacing in [0.7, 1.6] {
        let arguments: OrderedDictionary<String, PlainValue> = [
          "pixdim": .list([.double(spacing), .double(1.3), .double(spacing)]), "mode": .string(mode),
        ]
        let reference = try apply("Spacingd", arguments, voxels)
        for reversed in [false, true] {
          let result = try apply("Spacingd", arguments, stored(voxels, fastest: fastest, reversed: reversed))
          #expect(Difference(result.voxels, reference.voxels).relative <= Tolerance.transform)
        }
      }
    }
  }

  /// A grid whose axes lean towards each other, so that none of the target's axes is one of the source's.
  @Test(arguments: [1, 2, 3, 0], ["bilinear", "nearest"])
  func obliqueSamplingDependsNeitherOnTheOrderInMemoryNorOnTheOtherChannels(_ fastest: Int, _ mode: String) throws {
    var leaning = Affine.identity
    for (row, column, value) in [(0, 1, 0.2), (0, 2, -0.1), (1, 2, 0.15), (2, 0, 0.05)] { leaning[row, column] = value }
    // Rows around the vector width and the number of vectors that are sampled together.
    for shape in [[2, 9, 8, 150], [1, 7, 3, 1], [3, 1, 6, 9], [4, 33, 4, 13]] as [Shape] {
      let voxels = noise(shape)
      for padding in ["zeros", "border", "reflection"] {
        let arguments: OrderedDictionary<String, PlainValue> = [
          "pixdim": .list([.double(0.9), .double(1.1), .double(1.3)]), "mode": .string(mode),
          "padding_mode": .string(padding),
        ]
        let reference = try apply("Spacingd", arguments, voxels, affine: leaning).voxels
        for reversed in [false, true] {
          let result = try apply(
            "Spacingd", arguments, stored(voxels, fastest: fastest, reversed: reversed), affine: leaning
          ).voxels
          #expect(result.array(of: Float.self) == reference.array(of: Float.self))
        }
        for channel in 0..<shape[0] {
          let alone = try apply("Spacingd", arguments, voxels.sliced(0, channel..<channel + 1), affine: leaning).voxels
          #expect(
            alone.array(of: Float.self) == reference.sliced(0, channel..<channel + 1).copy().array(of: Float.self))
        }
      }
    }
  }

  @Test func obliqueInterpolationOfALinearFieldIsThatField() throws {
    var leaning = Affine.identity
    for (row, column, value) in [(0, 1, 0.2), (0, 2, -0.1), (1, 2, 0.15), (2, 0, 0.05)] { leaning[row, column] = value }
    func field(_ affine: Affine, _ x: Int, _ y: Int, _ z: Int) -> Double {
      let place = (0..<3).map {
        affine[$0, 0] * Double(x) + affine[$0, 1] * Double(y) + affine[$0, 2] * Double(z) + affine[$0, 3]
      }
      return place[0] + 2 * place[1] - 3 * place[2]
    }
    let extents = [14, 12, 17]
    var values: [Float] = []
    for x in 0..<extents[0] {
      for y in 0..<extents[1] { for z in 0..<extents[2] { values.append(Float(field(leaning, x, y, z))) } }
    }
    let image = try apply(
      "Spacingd", ["pixdim": .double(0.8), "padding_mode": .string("zeros")], Tensor(values, Shape([1] + extents)),
      affine: leaning)
    let (shape, result) = (image.spatialShape, image.voxels.copy().array(of: Float.self))
    let back = try #require(leaning.inverse)
    var inside = 0
    for (place, value) in result.enumerated() {
      let voxel = [place / shape[2] / shape[1], place / shape[2] % shape[1], place % shape[2]]
      let world = (0..<3).map { row in
        (0..<3).reduce(image.affine[row, 3]) { $0 + image.affine[row, $1] * Double(voxel[$1]) }
      }
      let source = (0..<3).map { row in (0..<3).reduce(back[row, 3]) { $0 + back[row, $1] * world[$1] } }
      guard zip(source, extents).allSatisfy({ $0 >= 0 && $0 <= Double($1 - 1) }) else { continue }
      inside += 1
      #expect(abs(Double(value) - (world[0] + 2 * world[1] - 3 * world[2])) <= 60 * Tolerance.transform)
    }
    #expect(inside > result.count / 3)
  }

  @Test(arguments: 0...5, ["nearest", "grid-constant", "reflect", "mirror", "wrap", "grid-wrap", "constant"])
  func aSplineGoesThroughItsSamples(_ order: Int, _ outside: String) throws {
    // SciPy's start of the recursion for 'reflect' is exact on long lines only.
    for shape in (outside == "reflect" ? [[1, 24, 20, 27]] : [[2, 6, 5, 7], [1, 3, 2, 4]]) as [Shape] {
      let voxels = noise(shape)
      // Every second voxel of the result lies on one of the image.
      for fastest in [0, 1, 3] {
        let result = try apply(
          "Spacingd",
          ["pixdim": .double(0.5), "mode": .int(order), "padding_mode": .string(outside)],
          stored(voxels, fastest: fastest, reversed: fastest == 1)
        ).voxels.copy()
        let extents = result.shape.dimensions
        #expect(extents == [shape[0]] + shape.dimensions.dropFirst().map { 2 * $0 - 1 })
        let (fine, coarse) = (result.array(of: Float.self), voxels.array(of: Float.self))
        var largest: Float = 0
        for (place, value) in coarse.enumerated() {
          let z = place % shape[3]
          let y = place / shape[3] % shape[2]
          let x = place / shape[3] / shape[2] % shape[1]
          let channel = place / shape[3] / shape[2] / shape[1]
          let twin = ((channel * extents[1] + 2 * x) * extents[2] + 2 * y) * extents[3] + 2 * z
          largest = max(largest, abs(fine[twin] - value))
        }
        #expect(Double(largest) / 10 <= Tolerance.transform, "order \(order), \(outside): \(largest)")
      }
    }
  }

  @Test func interpolationOfALinearFieldIsThatField() throws {
    func field(_ shape: [Int], _ spacing: [Double]) -> Tensor {
      var values: [Float] = []
      for x in 0..<shape[0] {
        for y in 0..<shape[1] {
          for z in 0..<shape[2] {
            // Beyond the last voxel the border goes on.
            let position = [x, y, z].enumerated().map { min(Double($1) * spacing[$0], 9) }
            values.append(Float(position[0] + 2 * position[1] - 3 * position[2]))
          }
        }
      }
      return Tensor(values, Shape([1] + shape))
    }
    let spacing = [0.5, 0.75, 0.9]
    let image = try apply("Spacingd", ["pixdim": .list(spacing.map { .double($0) })], field([10, 10, 10], [1, 1, 1]))
    #expect(image.spatialShape == [19, 13, 11])
    #expect(Difference(image.voxels, field(image.spatialShape, spacing)).relative <= Tolerance.transform)
  }

  @Test(arguments: [1, 7, 8, 255, 256, 257, 100_003]) func softmaxIsThatOfPlainArithmetic(_ count: Int) throws {
    let voxels = noise([3, count, 1, 1])
    let values = voxels.array(of: Float.self).map(Double.init)
    let result = try apply("Activationsd", ["softmax": .bool(true)], voxels).voxels
    let expected = (0..<3 * count).map { place in
      let sum = (0..<3).reduce(0.0) { $0 + exp(values[$1 * count + place % count]) }
      return exp(values[place]) / sum
    }
    #expect(Difference(result, Tensor(expected, voxels.shape)).maximum <= Tolerance.transform)
  }

  @Test func sigmoidIsThatOfPlainArithmetic() throws {
    let values: [Float] = [-200, -88, -20, -1, -1e-6, 0, 1e-6, 1, 20, 88, 200, .infinity, -.infinity, .nan]
    let result = try apply("Activationsd", ["sigmoid": .bool(true)], Tensor(values, [1, values.count, 1, 1])).voxels
    let expected = Tensor(values.map { 1 / (1 + exp(-Double($0))) }, [1, values.count, 1, 1])
    #expect(Difference(result, expected).maximum <= Tolerance.transform)
  }

  @Test func argmaxTakesTheFirstOfEqualsAndNaNAboveAll() throws {
    let voxels = Tensor([1, 5, 2, .nan, 1, 7, 2, 3, 1, 7, 3, .nan] as [Float], [3, 4, 1, 1])
    let result = try apply("AsDiscreted", ["argmax": .bool(true)], voxels).voxels
    #expect(result.array(of: Float.self) == [0, 1, 2, 0])
  }

  @Test func labelsBeyondTheClassesAreRefused() throws {
    for label in [-1, 3, .infinity, .nan] as [Float] {
      let labels = Tensor([0, 1, label, 2], [1, 4, 1, 1])
      #expect(throws: TransformError.self) { try apply("AsDiscreted", ["to_onehot": .int(3)], labels) }
    }
  }

  @Test func statisticsOfManyVoxelsKeepTheirPrecision() throws {
    let voxels = Tensor((0..<3_000_000).map { 10_000 + Float($0 % 3) }, [1, 300, 100, 100])
    let result = try apply("NormalizeIntensityd", [:], voxels).voxels.array(of: Float.self)
    let deviation = (2.0 / 3).squareRoot()
    let expected = [-1 / deviation, 0, 1 / deviation]
    #expect(Difference(Tensor(Array(result[..<3]), [3]), Tensor(expected, [3])).relative <= Tolerance.transform)
  }

  @Test func aConstantImageIsNormalizedToZero() throws {
    let voxels = Tensor([Float](repeating: 7, count: 60), [1, 5, 4, 3])
    #expect(try apply("NormalizeIntensityd", [:], voxels).voxels.array(of: Float.self).allSatisfy { $0 == 0 })
  }

  @Test func valuesThatAreNotNumbersStayVisible() throws {
    var values = [Float](repeating: 1, count: 40)
    values[37] = .nan
    let voxels = Tensor(values, [1, 40, 1, 1])
    let scaled = try apply(
      "ScaleIntensityRanged",
      ["a_min": .int(0), "a_max": .int(2), "b_min": .int(0), "b_max": .int(1), "clip": .bool(true)], voxels)
    #expect(scaled.voxels.array(of: Float.self)[37].isNaN)
    #expect(try apply("ScaleIntensityd", [:], voxels).voxels.array(of: Float.self).allSatisfy(\.isNaN))
  }

  @Test func percentilesOfManyVoxelsAreThoseOfTheSortedOnes() throws {
    let voxels = noise([1, 1_200_000, 1, 1])
    let sorted = voxels.array(of: Float.self).sorted()
    func percentile(_ percent: Double) -> Double {
      let rank = percent / 100 * Double(sorted.count - 1)
      let below = Int(rank)
      return Double(sorted[below]) + (Double(sorted[below + 1]) - Double(sorted[below])) * (rank - Double(below))
    }
    let result = try apply(
      "ScaleIntensityRangePercentilesd",
      ["lower": .double(3.3), "upper": .double(96.1), "b_min": .int(0), "b_max": .int(1)], voxels
    ).voxels
    let low = percentile(3.3)
    let span = percentile(96.1) - low
    let expected = voxels.array(of: Float.self).map { (Double($0) - low) / span }
    #expect(Difference(result, Tensor(expected, voxels.shape)).relative <= Tolerance.transform)
  }

  @Test func onlyTheLargestRegionsStay() throws {
    // Two diagonal neighbours are one region with the default connectivity, two when only faces count.
    let plane: [Float] = [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0]
    let voxels = Tensor(plane, [1, 4, 4])
    let kept = try apply("KeepLargestConnectedComponentd", [:], voxels).voxels.array(of: Float.self)
    #expect(kept == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0])
    let diagonal = try apply(
      "KeepLargestConnectedComponentd", ["num_components": .int(2), "connectivity": .int(1)],
      Tensor([1, 0, 0, 1] as [Float], [1, 2, 2]))
    #expect(diagonal.voxels.array(of: Float.self) == [1, 0, 0, 1])
    let faces = try apply(
      "KeepLargestConnectedComponentd", ["connectivity": .int(1)], Tensor([1, 0, 0, 1] as [Float], [1, 2, 2]))
    #expect(faces.voxels.array(of: Float.self) == [0, 0, 0, 1])
  }
}
