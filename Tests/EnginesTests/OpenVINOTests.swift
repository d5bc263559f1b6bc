import Diagnostics
import Dispatch
import Engines
import Files
import Graphs
import OrderedCollections
import Synchronization
import TestSupport
import Tensors
import Testing

@Suite struct OpenVINOTests {
  @Test func batchesOneTwoAndThreeOfOneEngineGiveTheReference() throws {
    let (input, output) = try EngineCorpus.convReluCase()
    let session = try EngineCorpus.openVINO().compile(EngineCorpus.convRelu(), EngineOptions()).makeSession()
    for batch in [1, 2, 3, 1] {
      let result = try session.run([input.sliced(0, 0..<batch)])
      #expect(result.count == 1)
      #expect(Difference(result[0], output.sliced(0, 0..<batch)).relative < Tolerance.network)
    }
  }

  /// What the library would leave out or compute otherwise without a word.
  @Test(arguments: [
    "antialias", "exclude_outside", "half_pixel_symmetric", "align_corners", "wrap", "sample", "divide",
  ])
  func whatItWouldComputeAsSomethingElseIsRefusedByName(_ feature: String) throws {
    var graph = Graph(name: "Refused")
    let isInteger = feature == "divide"
    let image = try graph.input("image", TensorType(isInteger ? .uint8 : .float32, [1, 2, 9, 9, 9]))
    let scales = graph.constant(Tensor([Float(1), 1, 0.6, 0.6, 0.6], [5]), name: "scales")
    let pads = graph.constant(Tensor([Int64(0), 0, 1, 0, 0, 0, 0, 1, 0, 0], [10]), name: "pads")
    func resized(_ attributes: OrderedDictionary<String, Attribute>) throws -> Value {
      try graph.apply("Resize", [image, nil, scales], attributes, named: "place")[0]
    }
    let result =
      switch feature {
      case "antialias": try resized(["mode": .string("linear"), "antialias": .int(1)])
      case "exclude_outside": try resized(["mode": .string("cubic"), "exclude_outside": .int(1)])
      case "wrap": try graph.apply("Pad", [image, pads], ["mode": .string("wrap")], named: "place")[0]
      case "sample":
        try graph.apply(
          "GridSample", [image, graph.constant(Tensor(.float32, [1, 2, 2, 2, 3]), name: "grid")],
          ["mode": .string("linear")], named: "place")[0]
      case "divide": try graph.apply("Div", [image, image], named: "place")[0]
      default: try resized(["mode": .string("linear"), "coordinate_transformation_mode": .string(feature)])
      }
    try graph.output(result, name: "output_0")
    let source = try EngineSource(graph)
    #expect {
      try EngineCorpus.openVINO().compile(source, EngineOptions())
    } throws: { error in
      guard case .nodeRefused("OpenVINO", "place", _, _)? = error as? EngineError else { return false }
      return (error as? EngineError)?.diagnosis.hint?.contains("--runtime native") ?? false
    }
    #expect(throws: Never.self) { try ReferenceBackend().compile(source, EngineOptions()) }
  }

  @Test func freeHeightAndWidthTakeTheShapeOfEachRun() throws {
    let (input, output) = try EngineCorpus.convReluCase()
    let session = try EngineCorpus.openVINO().compile(EngineCorpus.convRelu(side: nil), EngineOptions()).makeSession()
    for side in [16, 8, 7, 6, 5, 4, 16] {
      let window = input.sliced(2, 0..<side).sliced(3, 0..<side)
      let result = try session.run([window])[0]
      #expect(result.shape == [3, 8, side, side])
      // The last row and column of a cut window see padding instead of the neighbours.
      let inner = side == 16 ? 16 : side - 1
      let cut = result.sliced(2, 0..<inner).sliced(3, 0..<inner)
      let expected = output.sliced(2, 0..<inner).sliced(3, 0..<inner)
      #expect(Difference(cut, expected).relative < Tolerance.network)
    }
  }

  @Test func aStridedInputIsReadInItsOwnOrder() throws {
    let (input, output) = try EngineCorpus.convReluCase()
    let session = try EngineCorpus.openVINO().compile(EngineCorpus.convRelu(), EngineOptions()).makeSession()
    let strided = input.permuted([0, 1, 3, 2]).copy().permuted([0, 1, 3, 2])
    #expect(!strided.isContiguous)
    #expect(Difference(try session.run([strided])[0], output).relative < Tolerance.network)
  }

  @Test func severalInputsAndOutputsOfOtherTypesKeepTheirOrder() throws {
    let session = try EngineCorpus.openVINO().compile(EngineCorpus.routing(), EngineOptions()).makeSession()
    let a = Tensor((0..<12).map(Float.init), [2, 2, 3])
    let b = Tensor([Int64(-5), 1_000_000], [2])
    let c = Tensor((0..<8).map { UInt8($0 * 31) }, [2, 4])
    let outputs = try session.run([a, b, c])
    #expect(outputs.map(\.shape) == [[2, 4], [2, 2, 3], [2]])
    #expect(outputs[0].array(of: UInt8.self) == c.array(of: UInt8.self))
    #expect(outputs[1].array(of: Float.self) == a.array(of: Float.self))
    #expect(outputs[2].array(of: Int64.self) == b.array(of: Int64.self))
  }

  @Test func outputsThatFitAreWrittenInPlaceAndSharedOnesAreNot() throws {
    let (input, output) = try EngineCorpus.convReluCase()
    let session = try EngineCorpus.openVINO().compile(EngineCorpus.convRelu(), EngineOptions()).makeSession()
    var outputs: [Tensor] = []
    try session.run([input.sliced(0, 0..<1)], into: &outputs)
    let first = outputs[0].storage.bytes.baseAddress
    try session.run([input.sliced(0, 1..<2)], into: &outputs)
    #expect(outputs[0].storage.bytes.baseAddress == first)
    #expect(Difference(outputs[0], output.sliced(0, 1..<2)).relative < Tolerance.network)

    let kept = outputs[0]
    try session.run([input.sliced(0, 2..<3)], into: &outputs)
    #expect(Difference(kept, output.sliced(0, 1..<2)).relative < Tolerance.network)
    #expect(Difference(outputs[0], output.sliced(0, 2..<3)).relative < Tolerance.network)

    outputs = [Tensor(.float32, [2]), Tensor(.int8, [1]), Tensor(.int8, [1])]
    try session.run([input], into: &outputs)
    #expect(outputs.count == 1)
    #expect(Difference(outputs[0], output).relative < Tolerance.network)
  }

  @Test func sessionsOfOneEngineRunSideBySide() throws {
    let (input, output) = try EngineCorpus.convReluCase()
    var options = EngineOptions()
    options.parallelSessions = 2
    let engine = try EngineCorpus.openVINO().compile(EngineCorpus.convRelu(), options)
    let sessions = Handed(value: try (0..<4).map { _ in try engine.makeSession() })
    let worst = Mutex(0.0)
    let failures = Mutex<[String]>([])
    DispatchQueue.concurrentPerform(iterations: 4) { index in
      for run in 0..<30 {
        let range = (index + run) % 3..<3
        do {
          let result = try sessions.value[index].run([input.sliced(0, range)])[0]
          let error = Difference(result, output.sliced(0, range)).relative
          worst.withLock { $0 = max($0, error) }
        } catch { failures.withLock { $0.append("\(error)") } }
      }
    }
    #expect(failures.withLock { $0 }.isEmpty)
    #expect(worst.withLock { $0 } < Tolerance.network)
  }

  @Test func oneSessionOnTwoThreadsIsRefusedNotRaced() throws {
    let (input, _) = try EngineCorpus.convReluCase()
    let engine = try EngineCorpus.openVINO().compile(EngineCorpus.convRelu(), EngineOptions())
    let session = Handed(value: try engine.makeSession())
    let refused = Atomic(0)
    let finished = Atomic(0)
    let other = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 4) { _ in
      for _ in 0..<200 {
        do {
          _ = try session.value.run([input])
          finished.add(1, ordering: .relaxed)
        } catch EngineError.sessionInUse {
          refused.add(1, ordering: .relaxed)
        } catch {
          other.add(1, ordering: .relaxed)
        }
      }
    }
    #expect(other.load(ordering: .relaxed) == 0)
    #expect(refused.load(ordering: .relaxed) + finished.load(ordering: .relaxed) == 800)
    #expect(finished.load(ordering: .relaxed) > 0)
  }

  @Test func settingsSayWhatIsInForce() throws {
    var options = EngineOptions()
    options.threads = 1
    let engine = try EngineCorpus.openVINO().compile(EngineCorpus.convRelu(), options)
    let settings = Dictionary(uniqueKeysWithValues: engine.settings.map { ($0.name, $0.value) })
    #expect(settings["INFERENCE_PRECISION_HINT"] == "f32")
    #expect(settings["INFERENCE_NUM_THREADS"] == "1")
    #expect(settings["NUM_STREAMS"] == "1")
    #expect(settings["engine"]?.hasPrefix("OpenVINO 2026.4.1") == true)
    #expect(settings["library"]?.hasPrefix(EngineCorpus.runtimeFolder) == true)
  }

  @Test func aCacheFolderKeepsTheCompiledNetwork() throws {
    let folder = try TemporaryFolder()
    var options = EngineOptions()
    options.cacheFolder = folder.file("cache")
    let (input, output) = try EngineCorpus.convReluCase()
    for _ in 0..<2 {
      let engine = try EngineCorpus.openVINO().compile(EngineCorpus.convRelu(), options)
      let result = try engine.makeSession().run([input])[0]
      #expect(Difference(result, output).relative < Tolerance.network)
    }
    #expect(try Folders.names(in: folder.file("cache")).contains { $0.hasSuffix(".blob") })
  }

  // MARK: Wrong inputs

  @Test func inputsThatDontFitAreNamedBeforeTheyReachTheLibrary() throws {
    let source = try EngineCorpus.convRelu()
    let session = try EngineCorpus.openVINO().compile(source, EngineOptions()).makeSession()
    #expect(throws: EngineError.wrongInputCount(expected: ["x"], found: 0)) { try session.run([]) }
    #expect(throws: EngineError.wrongInputCount(expected: ["x"], found: 2)) {
      try session.run([Tensor(.float32, [1, 3, 16, 16]), Tensor(.float32, [1, 3, 16, 16])])
    }
    for shape in [[1, 3, 16, 15], [1, 4, 16, 16], [0, 3, 16, 16], [3, 16, 16], []] as [Shape] {
      #expect(throws: EngineError.wrongInput(expected: source.inputs[0], elementType: .float32, shape: shape)) {
        try session.run([Tensor(.float32, shape)])
      }
    }
    let error = #expect(throws: EngineError.self) { try session.run([Tensor(.float64, [2, 3, 16, 16])]) }
    let diagnosis = try #require(error?.diagnosis)
    #expect(diagnosis.what == "input 'x' is float64 2×3×16×16")
    #expect(diagnosis.expected == "float32 ?×3×16×16")
    #expect(diagnosis.kind == .data)
    // It still works afterwards.
    #expect(try session.run([Tensor(.float32, [1, 3, 16, 16])])[0].shape == [1, 8, 16, 16])
  }

  @Test func otherDevicesAndOptionsAreRefused() throws {
    let backend = try EngineCorpus.openVINO()
    var options = EngineOptions()
    options.device = .cuda(1)
    #expect(throws: DeviceError.wrongKind(asked: .cuda(1), backend: "OpenVINO", takes: [.cpu])) {
      try backend.compile(EngineCorpus.convRelu(), options)
    }
    for change: (inout EngineOptions) -> Void in [{ $0.threads = 0 }, { $0.parallelSessions = -1 }, { $0.batch = 0 }] {
      var options = EngineOptions()
      change(&options)
      let error = #expect(throws: EngineError.self) { try backend.compile(EngineCorpus.convRelu(), options) }
      #expect(error?.diagnosis.kind == .usage)
    }
  }

  // MARK: Wrong networks

  @Test func bytesThatAreNoModelAreRefusedWithTheLibrarysReason() throws {
    let backend = try EngineCorpus.openVINO()
    let whole = try EngineCorpus.convRelu()
    let model = try EngineCorpus.bytes("conv_relu.onnx")
    let damaged: [[UInt8]] =
      [[], Array("not a model".utf8), [UInt8](repeating: 0, count: 4096), [UInt8](repeating: 0xff, count: 4096)]
      + stride(from: 1, to: model.count, by: 97).map { Array(model.prefix($0)) }
    for bytes in damaged {
      let source = EngineSource(onnx: bytes, inputs: whole.inputs, outputs: whole.outputs)
      let error = #expect(throws: EngineError.self, "\(bytes.count) bytes") {
        try backend.compile(source, EngineOptions())
      }
      #expect(error?.diagnosis.kind == .data)
    }
  }

  @Test func aDescriptionThatDoesntMatchTheModelIsRefused() throws {
    let backend = try EngineCorpus.openVINO()
    let good = try EngineCorpus.convRelu()
    let changes: [(inout EngineSource) -> Void] = [
      { $0.inputs.append($0.inputs[0]) }, { $0.outputs = [] }, { $0.inputs[0].elementType = .float64 },
      { $0.outputs[0].elementType = .int32 }, { $0.inputs[0].dimensions = [nil, 4, 16, 16] },
      { $0.inputs[0].dimensions = [nil, 3, 16] }, { $0.outputs[0].dimensions = [nil, 9, 16, 16] },
      { $0.outputs[0].dimensions = [nil, 8, 16, 15] },
    ]
    for change in changes {
      var source = good
      change(&source)
      let error = #expect(throws: EngineError.self) { try backend.compile(source, EngineOptions()) }
      guard case .portMismatch? = error else {
        Issue.record("expected a port mismatch, got \(error.map(String.init(describing:)) ?? "no error")")
        continue
      }
    }
  }

  @Test func anOutputWhoseShapeDependsOnValuesIsRefused() throws {
    let source = EngineSource(
      onnx: try EngineCorpus.bytes("nonzero.onnx"),
      inputs: [TensorSpecification(name: "x", elementType: .float32, dimensions: [4])],
      outputs: [TensorSpecification(name: "places", elementType: .int64, dimensions: [1, nil])])
    #expect(throws: EngineError.unboundedOutput(backend: "OpenVINO", name: "places")) {
      try EngineCorpus.openVINO().compile(source, EngineOptions())
    }
  }
}
