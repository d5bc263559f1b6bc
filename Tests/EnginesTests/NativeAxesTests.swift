import Engines
import Graphs
import OrderedCollections
import Tensors
import TestSupport
import Testing

/// Interpolation, picks and places of extremes along axes, against the interpreter over random shapes.
@Suite struct NativeAxesTests {
  @Test func interpolationsOfEveryKind() throws {
    var numbers = RandomNumbers(state: 31)
    for _ in 0..<60 {
      let rank = Int.random(in: 1...3, using: &numbers)
      let channels = [1, 3, 16, 17].randomElement(using: &numbers)!
      let extents = (0..<rank).map { _ in Int.random(in: 4...11, using: &numbers) }
      let scales = (0..<rank).map { _ in [0.5, 0.75, 1, 1.5, 2].randomElement(using: &numbers)! as Float }
      var graph = Graph(name: "resize")
      let x = try graph.input(
        "x", TensorType(.float32, [Dimension("batch"), Dimension(channels)] + extents.map { Dimension($0) }))
      let attributes: OrderedDictionary<String, Attribute> = [
        "mode": .string(["cubic", "linear"].randomElement(using: &numbers)!),
        "coordinate_transformation_mode": .string(["half_pixel", "align_corners"].randomElement(using: &numbers)!),
        "antialias": .int(Int.random(in: 0...1, using: &numbers)),
        "exclude_outside": .int(Int.random(in: 0...1, using: &numbers)),
        "cubic_coeff_a": .float([-0.75, -0.5].randomElement(using: &numbers)!),
      ]
      let factors = graph.constant([1, 1] + scales, name: "scales")
      let resized = try graph.apply("Resize", [try graph.tanh(x), nil, factors], attributes)[0]
      try graph.output(resized, name: "y")
      try graph.output(graph.sigmoid(resized), name: "z")
      let comment = "\(channels) \(extents) \(scales) \(attributes)"
      try expectNativeComputes(graph, [numbers.tensor([2, channels] + extents)], comment)
      try expectNoInterpreter(graph, comment)
    }
  }

  @Test func picksAndPlacesOfExtremes() throws {
    var numbers = RandomNumbers(state: 32)
    for _ in 0..<60 {
      let rank = Int.random(in: 1...4, using: &numbers)
      let shape = (0..<rank).map { _ in Int.random(in: 1...9, using: &numbers) }
      let axis = Int.random(in: 0..<rank, using: &numbers)
      var graph = Graph(name: "axes")
      let x = try graph.input("x", TensorType(.float32, shape.map { Dimension($0) }))
      let count = Int.random(in: 1...6, using: &numbers)
      let indices = (0..<2 * count).map { _ in
        Int64.random(in: Int64(-shape[axis])..<Int64(shape[axis]), using: &numbers)
      }
      let places = graph.constant(Tensor(indices, [2, count]), name: "places")
      try graph.output(graph.apply("Gather", [x, places], ["axis": .int(axis)])[0], name: "picked")
      for name in ["ArgMax", "ArgMin"] {
        let place = try graph.apply(
          name, [x],
          [
            "axis": .int(axis - rank), "keepdims": .int(Int.random(in: 0...1, using: &numbers)),
            "select_last_index": .int(Int.random(in: 0...1, using: &numbers)),
          ])[0]
        try graph.output(place, name: name)
      }
      let comment = "\(shape) axis \(axis), \(indices)"
      // Few different numbers, so that some are equal.
      let input = Tensor(
        (0..<shape.reduce(1, *)).map { _ in Float(Int.random(in: -3...3, using: &numbers)) }, Shape(shape))
      let expected = try runEngine(ReferenceBackend(), graph, [input])
      for (found, expected) in zip(try runEngine(NativeBackend(), graph, [input]), expected) {
        #expect(found.shape == expected.shape, "\(comment)")
        #expect(found.elementType == expected.elementType, "\(comment)")
        #expect(
          found.converted(to: .float32).array(of: Float.self) == expected.converted(to: .float32).array(of: Float.self),
          "\(comment)")
      }
      try expectNoInterpreter(graph, comment)
    }
  }
}
