import Arguments
import OrderedCollections
import Pipelines
import Tensors
import Testing

/// A two-dimensional network sees a volume slice by slice.
@Suite struct SliceInfererTests {
  private static let volume: Tensor = {
    let shape: Shape = [1, 2, 11, 9, 7]
    var values: [Float] = []
    for index in 0..<shape.count { values.append(Float(index * 31 % 101)) }
    return Tensor(values, shape)
  }()

  private func component(_ arguments: OrderedDictionary<String, PlainValue>) -> Component {
    Component(target: "SliceInferer", arguments: arguments, path: "inferer")
  }

  /// Each slice of the result is what a two-dimensional sliding window makes of that slice of the volume.
  @Test(arguments: [0, 1, 2]) func theResultIsThatOfEachSlice(_ axis: Int) throws {
    let options: OrderedDictionary<String, PlainValue> = [
      "roi_size": .list([.int(6), .int(12)]), "overlap": .double(0.5), "padding_mode": .string("replicate"),
    ]
    let slices = try Inferers.make(component(options.merging(["spatial_dim": .int(axis)]) { $1 }))
    let result = try slices.infer(Self.volume, predictors: [RampPredictor(), RampPredictor()], progress: nil)[0]
    let plane = try SlidingWindow(
      Component(target: "SlidingWindowInferer", arguments: options, path: "inferer"))
    let extent = Self.volume.shape[axis + 2]
    #expect(result.shape[axis + 2] == extent)
    for place in 0..<extent {
      var shape = Self.volume.shape
      shape.dimensions.remove(at: axis + 2)
      let slice = Self.volume.sliced(axis + 2, place..<place + 1).reshaped(shape)
      let expected = try plane.infer(slice, predictors: [RampPredictor()], progress: nil)[0]
      let found = result.sliced(axis + 2, place..<place + 1).reshaped(expected.shape)
      let pairs = zip(found.array(of: Float.self), expected.array(of: Float.self))
      #expect(pairs.allSatisfy { abs($0 - $1) <= 1e-5 * max(1, abs($1)) }, "slice \(place)")
    }
  }

  @Test func theNetworkGetsPlanes() throws {
    let slices = try SliceInferer(component(["roi_size": .list([.int(16), .int(8)]), "spatial_dim": .int(2)]))
    #expect(slices.fixedShape == [16, 8])
    #expect(try slices.batchShape(for: [1, 3, 20, 20, 5]) == [1, 3, 16, 8])
  }

  @Test func whatDoesNotFitIsRefused() {
    for arguments: OrderedDictionary<String, PlainValue> in [
      ["roi_size": .list([.int(8), .int(8), .int(8)])],
      ["roi_size": .list([.int(8), .int(8)]), "spatial_dim": .int(3)],
      ["roi_size": .list([.int(8), .int(8)]), "overlaps": .int(0)], ["spatial_dim": .int(0)],
    ] {
      #expect(throws: ArgumentError.self) { try Inferers.make(component(arguments)) }
    }
    #expect(throws: SliceError.self) {
      try SliceInferer(component(["roi_size": .list([.int(8), .int(8)])])).batchShape(for: [1, 1, 20, 20])
    }
  }
}
