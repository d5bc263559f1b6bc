import Arguments
import OrderedCollections
import Pipelines
import Tensors
import Testing

@Suite struct InfererTests {
  private func component(_ target: String, _ arguments: OrderedDictionary<String, PlainValue> = [:]) -> Component {
    Component(target: target, arguments: arguments, path: "inferer")
  }

  @Test func readsEveryArgumentOfSlidingWindowInferer() throws {
    let window = try SlidingWindow(
      component(
        "SlidingWindowInferer",
        [
          "roi_size": .list([.int(96), .null, .int(-1)]), "sw_batch_size": .int(4),
          "overlap": .list([.double(0.5), .int(0), .double(0.25)]), "mode": .string("gaussian"),
          "sigma_scale": .double(0.25), "padding_mode": .string("replicate"), "cval": .int(-1),
          "sw_device": .string("cuda"), "device": .string("cpu"), "progress": .bool(true),
          "cache_roi_weight_map": .bool(true), "cpu_thresh": .int(1000), "buffer_steps": .int(2),
          "buffer_dim": .int(0), "with_coord": .bool(false),
        ]))
    #expect(
      window
        == SlidingWindow(
          roiSize: .perAxis([96, 0, -1]), batchSize: 4, overlap: .perAxis([0.5, 0, 0.25]), mode: .gaussian,
          sigmaScale: .uniform(0.25), paddingMode: .replicate, fill: -1))
  }

  @Test func theAdaptiveInfererIsTheSame() throws {
    let adaptive = try Inferers.make(component("SlidingWindowInfererAdapt", ["roi_size": .int(64)]))
    #expect(adaptive as? SlidingWindow == SlidingWindow(roiSize: .uniform(64)))
  }

  @Test func defaultsAreMonais() throws {
    let window = try SlidingWindow(component("monai.inferers.SlidingWindowInferer", ["roi_size": .int(64)]))
    #expect(window == SlidingWindow(roiSize: .uniform(64)))
    #expect(window.overlap == .uniform(0.25))
    #expect(window.sigmaScale == .uniform(0.125))
  }

  @Test(
    "arguments out of range are refused by name",
    arguments: [
      ("overlap", PlainValue.double(1)), ("overlap", .list([.double(0.5), .double(-0.1)])), ("overlap", .double(.nan)),
      ("sigma_scale", .int(0)), ("sw_batch_size", .int(0)), ("mode", .string("cubic")),
      ("padding_mode", .string("zeros")), ("with_coord", .bool(true)),
    ])
  func refusesArguments(_ name: String, _ value: PlainValue) {
    #expect {
      try Inferers.make(component("SlidingWindowInferer", ["roi_size": .int(64), name: value]))
    } throws: { error in
      guard case .unsupported(_, "inferer", name, _, _)? = error as? ArgumentError else { return false }
      return true
    }
  }

  @Test func refusesUnknownAndMissingArguments() {
    #expect(throws: ArgumentError.self) {
      try Inferers.make(component("SlidingWindowInferer", ["roi_size": .int(64), "overlaps": .int(0)]))
    }
    #expect(throws: ArgumentError.missing(component: "SlidingWindowInferer", path: "inferer", name: "roi_size")) {
      try Inferers.make(component("SlidingWindowInferer"))
    }
    #expect(throws: ArgumentError.self) { try Inferers.make(component("SimpleInferer", ["x": .int(1)])) }
  }

  @Test("unknown inferers are refused with the list", arguments: ["SaliencyInferer", "scripts.own.SimpleInferer", ""])
  func refusesUnknownInferers(_ target: String) {
    let known = ["SimpleInferer", "SliceInferer", "SlidingWindowInferer", "SlidingWindowInfererAdapt"]
    #expect(throws: InfererError.unknown(target: target, path: "inferer", known: known)) {
      try Inferers.make(component(target))
    }
  }

  @Test func simpleInfererGivesTheWholeImageToTheNetwork() throws {
    let inferer = try Inferers.make(component("SimpleInferer"))
    let input = Tensor((0..<64).map(Float.init), [1, 1, 8, 8]).permuted([0, 1, 3, 2])
    #expect(try inferer.batchShape(for: input.shape) == [1, 1, 8, 8])
    var calls = 0
    let outputs = try inferer.infer(input, predictors: [RampPredictor { _ in calls += 1 }], progress: nil)
    var expected: [Tensor] = []
    try RampPredictor().predict(input.contiguous(), into: &expected)
    #expect(calls == 1)
    #expect(outputs[0].shape == [1, 2, 8, 8])
    #expect(outputs[0].array(of: Float.self) == expected[0].array(of: Float.self))
  }
}
