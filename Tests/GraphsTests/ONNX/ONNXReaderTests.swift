import Diagnostics
import Files
import Foundation
import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct ONNXReaderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func reader(_ model: ModelBuilder) throws -> ONNXReader {
    try ONNXReader(path: folder.write(model.bytes, to: "model.onnx"))
  }

  /// What is said of a model that can't be read.
  private func refusal(_ model: ModelBuilder) throws -> String? {
    try diagnose { _ = try reader(model).graph() }?.description
  }

  /// `input_0` of [batch, 2, 4, 4], and whatever `body` adds; the output is `y`.
  private func model(opset: Int = 17, _ body: (inout ModelBuilder) -> Void) -> ModelBuilder {
    var model = ModelBuilder(opset: opset)
    model.input("x", ["N", 2, 4, 4])
    body(&model)
    model.output("y")
    return model
  }

  private func graph(opset: Int = 17, _ body: (inout ModelBuilder) -> Void) throws -> Graph {
    let graph = try reader(model(opset: opset, body)).graph()
    try graph.verify()
    return graph
  }

  private func dump(opset: Int = 17, _ body: (inout ModelBuilder) -> Void) throws -> [String] {
    try graph(opset: opset, body).dump.split(separator: "\n").dropFirst().map(String.init)
  }

  // MARK: What is read

  @Test func anOpenFirstAxisIsTheBatch() throws {
    let graph = try graph { $0.node("Relu", ["x"], ["y"]) }
    #expect(graph.type(of: graph.inputs[0]).description == "float32[batch, 2, 4, 4]")
    #expect(graph.outputs.map(\.name) == ["y"])
  }

  @Test func weightsStayInTheMappedFile() throws {
    let model = model { model in
      model.initializer("w", (0..<36).map(Float.init), [2, 2, 3, 3])
      model.node("Conv", ["x", "w"], ["y"])
    }
    let graph = try reader(model).graph()
    let weight = try #require(graph.constants.first.flatMap { graph.constant($0) })
    #expect(weight.array(of: Float.self) == (0..<36).map(Float.init))
    // The file has no padding, so that each initializer lies at any address; the bytes are the file's own.
    let file = try MappedFile(path: folder.file("model.onnx"))
    let bytes = weight.withStoredBytes { Array($0) }
    #expect(file.withBytes { Array($0) }.firstRange(of: bytes) != nil)
    #expect(weight.storage.bytes.count == bytes.count)
  }

  @Test func shapeArithmeticLeavesNoNode() throws {
    let lines = try dump { model in
      model.initializer("zero", [Int64(0)])
      model.initializer("rest", [Int64(-1)])
      model.node("Shape", ["x"], ["s"])
      model.node("Gather", ["s", "zero"], ["n"])
      model.node("Concat", ["n", "rest"], ["target"], name: "join")
      model.node("Reshape", ["x", "target"], ["y"], name: "reshape")
    }
    #expect(lines.count == 2)
    #expect(lines[0].contains("Reshape(x, reshape/shape: int64[2])  float32[batch, 32]"))
  }

  @Test func nodesThatNobodyReadsAreLeftOut() throws {
    let lines = try dump { model in
      model.node("NotAnOperator", ["x"], ["unused"])
      model.node("Relu", ["x"], ["y"])
    }
    #expect(lines.count == 1)
    #expect(lines[0].contains("Relu(x)"))
  }

  @Test func nodesInAnyOrderAreSorted() throws {
    let lines = try dump { model in
      model.node("Relu", ["a"], ["y"], name: "second")
      model.node("Sigmoid", ["x"], ["a"], name: "first")
    }
    #expect(lines.map { $0.prefix(6) } == ["first ", "second", "y = se"])
  }

  @Test func axesOfOldOperatorSetsBecomeOperands() throws {
    var old = ModelBuilder(opset: 11)
    old.input("x", ["N", 2, 4, 4])
    old.graph.message(1) { node in
      node.text(1, "x")
      node.text(2, "y")
      node.text(4, "ReduceMean")
      node.message(5) { attribute in
        attribute.text(1, "axes")
        attribute.number(8, -1)
        attribute.number(8, 2)
        attribute.number(20, 7)
      }
    }
    old.output("y")
    let graph = try reader(old).graph()
    #expect(graph.constant(graph.nodes[0].inputs[1]!)?.array(of: Int64.self) == [3, 2])
    #expect(graph.type(of: graph.outputs[0].value).description == "float32[batch, 2, 1, 1]")
  }

  @Test func softmaxRanOverAllLaterAxesBeforeOpset13() throws {
    let old = try dump(opset: 12) { $0.node("Softmax", ["x"], ["y"], name: "s") }
    #expect(
      old.map { $0.contains("Flatten") || $0.contains("Softmax") || $0.contains("Reshape") }.prefix(3) == [
        true, true, true,
      ])
    let new = try dump(opset: 13) { $0.node("Softmax", ["x"], ["y"], name: "s") }
    #expect(new[0].contains("axis: 3"))
  }

  @Test func whatIsWrittenReadsBackTheSame() throws {
    var source = Graph(name: "net")
    let image = try source.input("image", TensorType(.float32, [Dimension("batch"), 2, 8, 8]))
    let weight = source.constant(Tensor((0..<72).map(Float.init), [4, 2, 3, 3]), name: "w")
    let features = try source.relu(source.conv(image, weight: weight, padding: [1, 1]))
    try source.output(source.resize(features, scales: [2, 2], mode: .linear, coordinates: .halfPixel), name: "out")
    try ONNXWriter(source).write(to: folder.file("model.onnx"))
    let copy = try ONNXReader(path: folder.file("model.onnx")).graph()
    #expect(copy.nodes.map(\.operator) == source.nodes.map(\.operator))
    #expect(copy.nodes.map { "\($0.attributes)" } == source.nodes.map { "\($0.attributes)" })
    #expect(copy.outputs.map { copy.type(of: $0.value) } == source.outputs.map { source.type(of: $0.value) })
  }

  // MARK: External data

  @Test func externalDataIsMapped() throws {
    let values = (0..<36).map(Float.init)
    _ = try folder.write([0, 0, 0, 0, 0] + values.withUnsafeBytes { Array($0) }, to: "w.bin")
    let graph = try reader(
      model { model in
        model.external("w", [2, 2, 3, 3], ["location": "w.bin", "offset": "5", "length": "144"])
        model.node("Conv", ["x", "w"], ["y"])
      }
    ).graph()
    #expect(graph.constants.first.flatMap { graph.constant($0) }?.array(of: Float.self) == values)
  }

  @Test func aSparseFileOfThreeGigabytesCostsNoMemory() throws {
    let path = folder.file("big.bin")
    #expect(FileManager.default.createFile(atPath: path, contents: nil))
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.truncate(atOffset: 3 << 30)
    try handle.close()
    let clock = ContinuousClock()
    let time = try clock.measure {
      let graph = try reader(
        model { model in
          model.external("w", [805_306_368], ["location": "big.bin"])
          model.initializer("i", [Int64(805_306_367)])
          model.node("Gather", ["w", "i"], ["g"])
          model.node("Add", ["x", "g"], ["y"])
        }
      ).graph()
      #expect(graph.constantByteCount == 3 << 30 + 8)
    }
    #expect(time < .seconds(2))
  }

  @Test(arguments: [
    (["location": "../w.bin"], "leaves its folder"), (["location": "/etc/passwd"], "leaves its folder"),
    (["location": "missing.bin"], "can't open the file"), ([:], "has no location"),
    (["location": "w.bin", "offset": "8"], "from 8 on"), (["location": "w.bin", "offset": "-1"], "the offset"),
    (["location": "w.bin", "length": "99999999999999999999"], "the length"),
    (["location": "w.bin", "offset": "9223372036854775807", "length": "9223372036854775807"], "a place inside"),
    (["location": "link.bin"], "leaves its folder"),
  ])
  func externalDataElsewhereIsRefused(_ entries: [String: String], _ reason: String) throws {
    _ = try folder.write([UInt8](repeating: 0, count: 8), to: "w.bin")
    try FileManager.default.createSymbolicLink(atPath: folder.file("link.bin"), withDestinationPath: "/etc/hostname")
    let text = try refusal(
      model { model in
        model.external("w", [2], entries)
        model.node("Add", ["x", "w"], ["y"])
      })
    #expect(text?.contains(reason) == true, "\(text ?? "read")")
  }

  // MARK: What is refused

  @Test func unsupportedOperatorsAreNamedAllAtOnce() throws {
    let text = try #require(
      try refusal(
        model { model in
          model.node("LSTM", ["x"], ["a"], name: "lstm")
          model.node("NonZero", ["a"], ["b"], name: "first")
          model.node("NonZero", ["b"], ["y"], name: "second")
        }))
    #expect(text.contains("LSTM (lstm), NonZero (first, second)"))
  }

  @Test func brokenGraphsAreRefused() throws {
    let cases: [(String, (inout ModelBuilder) -> Void)] = [
      (
        "depends on its own result",
        { model in
          model.node("Add", ["x", "b"], ["a"], name: "one")
          model.node("Relu", ["a"], ["b"])
          model.node("Relu", ["b"], ["y"])
        }
      ),
      ("reads 'nothing', which nothing defines", { $0.node("Add", ["x", "nothing"], ["y"], name: "sum") }),
      (
        "'y' stands for two things",
        { model in
          model.node("Relu", ["x"], ["y"])
          model.node("Relu", ["x"], ["y"])
        }
      ),
      ("'x' stands for two things", { $0.node("Relu", ["x"], ["x"]) }),
      (
        "'w' stands for two things",
        { model in
          model.initializer("w", [1], [1])
          model.initializer("w", [1], [1])
          model.node("Add", ["x", "w"], ["y"])
        }
      ),
      (
        "it has 4 bytes",
        { model in
          model.initializer("w", [1], [2])
          model.node("Add", ["x", "w"], ["y"])
        }
      ),
      (
        "its shape is [-1]",
        { model in
          model.initializer("w", [-1], raw: [])
          model.node("Add", ["x", "w"], ["y"])
        }
      ),
      (
        "its shape is",
        { model in
          model.initializer("w", [1 << 40, 1 << 40], raw: [])
          model.node("Add", ["x", "w"], ["y"])
        }
      ),
      (
        "it has 0 elements",
        { model in
          model.graph.message(5) { tensor in
            tensor.number(1, 1 << 40)
            tensor.number(2, 1)
            tensor.text(8, "w")
          }
          model.node("Add", ["x", "w"], ["y"])
        }
      ),
      ("no node computes it", { $0.node("Relu", ["x"], ["z"]) }),
      (
        "is in training mode",
        { model in
          for name in ["s", "b", "m", "v"] { model.initializer(name, [1, 1], [2]) }
          model.graph.message(1) { node in
            for name in ["x", "s", "b", "m", "v"] { node.text(1, name) }
            node.text(2, "y")
            node.text(4, "BatchNormalization")
            node.message(5) { attribute in
              attribute.text(1, "training_mode")
              attribute.number(3, 1)
              attribute.number(20, 2)
            }
          }
        }
      ),
    ]
    for (reason, body) in cases {
      let text = try refusal(model(body))
      #expect(text?.contains(reason) == true, "\(reason): \(text ?? "read")")
    }
  }

  @Test(arguments: [6, 29, 1000]) func otherOperatorSetsAreRefused(_ opset: Int) throws {
    let text = try refusal(model(opset: opset) { $0.node("Relu", ["x"], ["y"]) })
    #expect(text?.contains("operator set \(opset)") == true)
  }

  @Test func aFileCutAnywhereIsRefusedOrReadAsLess() throws {
    let whole = model { model in
      model.initializer("w", (0..<36).map(Float.init), [2, 2, 3, 3])
      model.node("Conv", ["x", "w"], ["y"], name: "conv")
    }.bytes
    for count in 0..<whole.count {
      let path = try folder.write(Array(whole[..<count]), to: "cut.onnx")
      // Only what a reader has no way to notice may pass: the operator set behind the graph.
      #expect(throws: (any Error).self) { try ONNXReader(path: path).graph() }
    }
  }

  @Test func randomBytesNeverTrap() throws {
    var state: UInt64 = 7
    func random() -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33)
    }
    let whole = model { model in
      model.initializer("w", (0..<36).map(Float.init), [2, 2, 3, 3])
      model.initializer("shape", [Int64(0), -1])
      model.node("Conv", ["x", "w"], ["c"], name: "conv")
      model.node("Reshape", ["c", "shape"], ["y"])
    }.bytes
    for _ in 0..<3000 {
      var bytes = whole
      for _ in 0...random() % 4 { bytes[random() % bytes.count] = UInt8(random() & 0xff) }
      let path = try folder.write(bytes, to: "random.onnx")
      _ = try? ONNXReader(path: path).graph()
    }
  }

  // MARK: Time

  @Test func timeGrowsWithTheNumberOfNodesOnly() throws {
    func seconds(_ count: Int) throws -> Double {
      let path = try folder.write(
        model { model in
          for index in 0..<count {
            model.node("Relu", [index == 0 ? "x" : "v\(index)"], [index == count - 1 ? "y" : "v\(index + 1)"])
          }
        }.bytes, to: "many.onnx")
      let clock = ContinuousClock()
      let time = try clock.measure {
        let graph = try ONNXReader(path: path).graph()
        #expect(graph.nodes.count == count)
      }
      return Double(time.components.seconds) + Double(time.components.attoseconds) * 1e-18
    }
    let small = try seconds(10_000)
    let large = try seconds(100_000)
    #expect(large < 30 * small + 0.5, "\(small) s and \(large) s")
    #expect(large < 20)
  }
}
