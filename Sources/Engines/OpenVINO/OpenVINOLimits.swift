import Graphs
import Tensors

/// What OpenVINO takes without an error and computes as something else, or refuses without naming the node.
enum OpenVINOLimits {
  /// - Throws: ``EngineError/nodeRefused(backend:node:operator:reason:)`` for the first such node.
  static func check(_ graph: Graph) throws {
    for node in graph.nodes {
      guard let reason = reason(node, graph) else { continue }
      throw EngineError.nodeRefused(
        backend: "OpenVINO", node: node.name, operator: node.operator, reason: reason)
    }
  }

  private static func reason(_ node: Node, _ graph: Graph) -> String? {
    switch node.operator {
    case "Resize": resize(node, graph)
    case "Pad": pad(node, graph)
    case "GridSample" where node.inputs[0].map({ graph.type(of: $0).rank != 4 }) ?? false:
      "it samples images of two axes alone"
    case "Div" where [.int8, .uint8].contains(graph.type(of: node.outputs[0]).elementType):
      "it rounds quotients of 8-bit integers, where the standard cuts them off"
    case "Celu" where graph.type(of: node.outputs[0]).elementType != .float32: "it takes float32 alone"
    default: nil
    }
  }

  private static func resize(_ node: Node, _ graph: Graph) -> String? {
    guard let input = node.inputs[0] else { return nil }
    let from = graph.type(of: input).shape.map(\.constant)
    let to = graph.type(of: node.outputs[0]).shape.map(\.constant)
    let mode = node.string("coordinate_transformation_mode") ?? "half_pixel"
    let isShrinking = zip(from, to).contains { before, after in
      guard let before, let after else { return false }
      return after < before
    }
    if node.int("antialias") ?? 0 != 0, isShrinking { return "it ignores antialias" }
    if node.int("exclude_outside") ?? 0 != 0, node.string("mode") == "cubic" { return "it ignores exclude_outside" }
    if mode == "half_pixel_symmetric" { return "it doesn't know the coordinates of half_pixel_symmetric" }
    guard mode == "align_corners", node.inputs.count > 2, let scales = node.inputs[2].flatMap({ graph.constant($0) })
    else { return nil }
    let factors = scales.converted(to: .float64).array(of: Double.self)
    let isRounded = zip(zip(from, to), factors).contains { extents, factor in
      guard let before = extents.0, let after = extents.1 else { return false }
      return abs(Double(before) * factor - Double(after)) > 1e-3
    }
    guard isRounded else { return nil }
    return "it aligns the corners of the rounded extents, where the standard aligns those of the scaled ones"
  }

  private static func pad(_ node: Node, _ graph: Graph) -> String? {
    if node.string("mode") == "wrap" { return "it has no wrapping padding" }
    guard node.string("mode") ?? "constant" == "constant", node.inputs.count > 2, let value = node.inputs[2],
      graph.constant(value) == nil
    else { return nil }
    return "it pads with zeros where the value is computed; a constant value it takes"
  }
}
