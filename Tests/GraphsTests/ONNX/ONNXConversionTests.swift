import Diagnostics
import Files
import Foundation
import Graphs
import TestSupport
import Tensors
import Testing

/// What becomes of operators that the graph writes with others, and what is refused rather than misread. Their numbers
/// are tested by the standard's own cases (`Tests/ConformanceTests`).
@Suite struct ONNXConversionTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func graph(opset: Int = 23, _ body: (inout ModelBuilder) -> Void) throws -> Graph {
    var model = ModelBuilder(opset: opset)
    body(&model)
    let graph = try ONNXReader(path: folder.write(model.bytes, to: "model.onnx")).graph()
    try graph.verify()
    return graph
  }

  @Test func attentionOfAnOpenBatchBecomesProductsAndASoftmax() throws {
    let graph = try graph { model in
      for name in ["q", "k", "v"] { model.input(name, ["N", 4, 10, 16]) }
      model.node("Attention", ["q", "k", "v"], ["y"])
      model.output("y")
    }
    #expect(graph.nodes.map(\.operator) == ["Mul", "Transpose", "Mul", "MatMul", "Softmax", "MatMul"])
    #expect(graph.type(of: graph.outputs[0].value).description == "float32[batch, 4, 10, 16]")
  }

  @Test func anAttributeThatNoConversionKnowsIsRefused() throws {
    let refusal = try diagnose {
      _ = try graph { model in
        model.input("x", ["N", 4, 10])
        model.graph.message(1) { node in
          node.text(1, "x")
          node.text(2, "y")
          node.text(4, "Softmax")
          node.message(5) { attribute in
            attribute.text(1, "sharpness")
            attribute.number(3, 2)
            attribute.number(20, 2)
          }
        }
        model.output("y")
      }
    }
    #expect(refusal?.description.contains("the attribute 'sharpness' isn't supported") == true)
  }

  /// PyTorch's newer exporter writes it beside scales, where it says nothing.
  @Test func anAspectRatioPolicyBesideScalesIsRead() throws {
    let graph = try graph(opset: 18) { model in
      model.input("x", ["N", 2, 4, 4])
      model.initializer("scales", [1, 1, 2, 2], [4])
      model.graph.message(1) { node in
        for name in ["x", "", "scales"] { node.text(1, name) }
        node.text(2, "y")
        node.text(4, "Resize")
        for (name, value) in [("mode", "nearest"), ("keep_aspect_ratio_policy", "stretch")] {
          node.message(5) { attribute in
            attribute.text(1, name)
            attribute.text(4, value)
            attribute.number(20, 3)
          }
        }
      }
      model.output("y")
    }
    #expect(graph.nodes.map(\.operator) == ["Resize"])
    #expect(graph.type(of: graph.outputs[0].value).description == "float32[batch, 2, 8, 8]")
  }

  /// What exporters compute from a list of extents goes through Split too.
  @Test func splittingAShapeLeavesNoNode() throws {
    let graph = try graph(opset: 18) { model in
      model.input("x", ["N", 2, 4, 4])
      model.initializer("lengths", [Int64(1), 3])
      model.initializer("rest", [Int64(-1)])
      model.node("Shape", ["x"], ["s"])
      model.node("Split", ["s", "lengths"], ["n", "others"])
      model.node("Concat", ["n", "rest"], ["target"])
      model.node("Reshape", ["x", "target"], ["y"])
      model.output("y")
    }
    #expect(graph.nodes.map(\.operator) == ["Reshape"])
    #expect(graph.type(of: graph.outputs[0].value).description == "float32[batch, 32]")
  }

  @Test func whatOnlyARunCouldTellIsRefused() throws {
    let refusal = try diagnose {
      _ = try graph { model in
        model.input("x", ["N", 4])
        model.input("training", [], type: 9)
        model.initializer("ratio", [Float(0.5)], [])
        model.node("Dropout", ["x", "ratio", "training"], ["y"])
        model.output("y")
      }
    }
    #expect(refusal?.description.contains("whether it is in training mode isn't known") == true)
  }

  @Test func aLoopOfAKnownNumberOfRoundsIsWrittenOut() throws {
    let graph = try graph { model in
      model.input("x", ["N", 4])
      model.initializer("rounds", [Int64(3)])
      model.graph.message(1) { node in
        for input in ["rounds", "", "x"] { node.text(1, input) }
        node.text(2, "y")
        node.text(4, "Loop")
        node.message(5) { attribute in
          attribute.text(1, "body")
          attribute.number(20, 5)
          attribute.message(6) { body in
            for (operatorName, input, output) in [("Identity", "goes_on", "goes_on_out"), ("Relu", "state", "next")] {
              body.message(1) { inner in
                inner.text(1, input)
                inner.text(2, output)
                inner.text(4, operatorName)
              }
            }
            for name in ["round", "goes_on", "state"] { body.message(11) { $0.text(1, name) } }
            for name in ["goes_on_out", "next"] { body.message(12) { $0.text(1, name) } }
          }
        }
      }
      model.output("y")
    }
    #expect(graph.nodes.map(\.operator) == ["Relu", "Relu", "Relu"])
  }
}
