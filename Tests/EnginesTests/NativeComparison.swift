import Engines
import Graphs
import TestSupport
import Tensors
import Testing

/// A generator whose numbers are the same in every run.
struct RandomNumbers: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state ^ (state >> 33)) &* 0xff51_afd7_ed55_8ccd
  }

  mutating func tensor(_ shape: [Int]) -> Tensor {
    Tensor((0..<shape.reduce(1, *)).map { _ in Float.random(in: -1...1, using: &self) }, Shape(shape))
  }
}

func runEngine(_ backend: any EngineBackend, _ graph: Graph, _ inputs: [Tensor], threads: Int? = nil) throws
  -> [Tensor]
{
  var options = EngineOptions()
  options.threads = threads
  return try backend.compile(try EngineSource(graph), options).makeSession().run(inputs)
}

/// Expects of Martlet's CPU engine what the interpreter computes.
func expectNativeComputes(_ graph: Graph, _ inputs: [Tensor], _ comment: String) throws {
  let expected = try runEngine(ReferenceBackend(), graph, inputs)
  for (found, expected) in zip(try runEngine(NativeBackend(), graph, inputs), expected) {
    let difference = Difference(found, expected)
    #expect(difference.relative <= Tolerance.kernel, "\(comment): \(difference)")
  }
}

/// Expects that no layer but those named needs the interpreter.
func expectNoInterpreter(_ graph: Graph, _ comment: String) throws {
  let engine = try NativeBackend().compile(try EngineSource(graph), EngineOptions())
  let settings = engine.settings.filter { $0.name == "layers without a fast kernel" }.map(\.value)
  #expect(settings == ["0"], "\(comment)")
}
