package import Graphs

/// A rewrite of one place in a graph. A rule only proposes patches; ``RuleSweep`` applies them.
///
/// A rule looks backwards: it is asked at the last node of what it recognises. Each file of `Rules/` holds one.
package protocol RewriteRule: Sendable {
  /// As `--dump-passes` and error messages call it: `fold-affine`.
  var name: String { get }
  /// The operators of the nodes that it is asked at.
  var operators: Set<String> { get }
  /// What should stand for the node's outputs; nil where there is nothing to do. A rule that keeps proposing patches
  /// for its own results would never come to an end, so each of its patches leaves less for it to do.
  func patch(_ node: Node, _ index: GraphIndex) throws -> Patch?
}

/// A proposed change: other values for the outputs of one node.
package struct Patch {
  /// What is done, with the names of nodes: `model.0.norm/BatchNormalization into model.0.conv/Conv`.
  let label: String
  /// The values of the old graph that the new nodes read, constants aside.
  let operands: [Value]
  /// Appends the new nodes and gives what stands for each output, of the same types. `rebuilder.value(old)` is what
  /// stands for an operand.
  let build: (_ rebuilder: inout GraphRebuilder) throws -> [Value]

  init(_ label: String, operands: [Value], build: @escaping (_ rebuilder: inout GraphRebuilder) throws -> [Value]) {
    self.label = label
    self.operands = operands
    self.build = build
  }

  /// `value` in place of a node's only output.
  static func replacement(_ label: String, by value: Value) -> Patch {
    Patch(label, operands: [value]) { [try $0.value(value)] }
  }
}
