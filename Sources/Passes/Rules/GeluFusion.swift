import Foundation
package import Graphs
import OrderedCollections

/// x · ½ · (1 + erf(x / √2)), in whatever order it is written, is Gelu; so is its approximation
/// x · ½ · (1 + tanh(√(2/π) · (x + 0.044715 · x³))) (https://arxiv.org/abs/1606.08415).
package struct GeluFusion: RewriteRule {
  package let name = "gelu-fusion"
  package let operators: Set<String> = ["Mul"]

  package init() {}

  package func patch(_ node: Node, _ index: GraphIndex) throws -> Patch? {
    // Asked at each product of the chain, only the last one has all factors.
    let (number, factors) = index.product(of: node)
    guard factors.count == 2, isClose(number, 0.5) else { return nil }
    for (input, sum) in [(factors[0], factors[1]), (factors[1], factors[0])] {
      guard let add = index.producer(of: sum, "Add"), let pair = index.constantOperand(of: add),
        index.scalar(pair.constant) == 1, let function = index.producer(of: pair.other, "Erf", "Tanh"),
        let argument = function.inputs[0]
      else { continue }
      let isExact = function.operator == "Erf"
      guard isExact ? isScaled(argument, input, 0.5.squareRoot(), index) : isCubic(argument, of: input, index) else {
        continue
      }
      return Patch("\(function.name) to \(node.name)", operands: [input]) { rebuilder in
        let operand = try rebuilder.value(input)
        let attributes = ["approximate": Attribute.string(isExact ? "none" : "tanh")]
        return [
          try rebuilder.apply(
            "Gelu", [operand], .init(uniqueKeysWithValues: attributes.map { ($0.key, $0.value) }), named: node.name)
        ]
      }
    }
    return nil
  }

  /// Float32 holds the constants to 6e-8.
  private func isClose(_ number: Double, _ expected: Double) -> Bool { abs(number - expected) <= 1e-6 * expected }

  private func isScaled(_ value: Value, _ input: Value, _ factor: Double, _ index: GraphIndex) -> Bool {
    guard let scaling = index.scaling(index.producer(of: value)) else { return false }
    return scaling.input == input && isClose(scaling.factor, factor)
  }

  /// √(2/π) · (x + 0.044715 · x³)
  private func isCubic(_ value: Value, of input: Value, _ index: GraphIndex) -> Bool {
    guard let scaling = index.scaling(index.producer(of: value)), isClose(scaling.factor, (2 / Double.pi).squareRoot()),
      let sum = index.producer(of: scaling.input, "Add")
    else { return false }
    let others = sum.inputs.compactMap(\.self).filter { $0 != input }
    guard others.count == 1, let term = index.scaling(index.producer(of: others[0])), isClose(term.factor, 0.044715)
    else { return false }
    if let power = index.producer(of: term.input, "Pow") {
      return power.inputs[0] == input && index.scalar(power.inputs[1]) == 3
    }
    guard let cube = index.producer(of: term.input, "Mul") else { return false }
    let squares = cube.inputs.compactMap(\.self).filter { $0 != input }
    return squares.count == 1 && cube.inputs.contains(input)
      && index.producer(of: squares[0], "Mul")?.inputs == [input, input]
  }
}

extension GraphIndex {
  /// A product's constant factor and its other factors, through products that nothing else reads.
  func product(of node: Node) -> (number: Double, factors: [Value]) {
    var number = 1.0
    var factors: [Value] = []
    for case let input? in node.inputs {
      if let constant = scalar(input) {
        number *= constant
      } else if let inner = producer(of: input, "Mul", "Div"), isReadOnce(input), let scaling = scaling(inner) {
        number *= scaling.factor
        factors.append(scaling.input)
      } else if let inner = producer(of: input, "Mul"), isReadOnce(input),
        inner.inputs.allSatisfy({ constant($0) == nil })
      {
        factors += inner.inputs.compactMap(\.self)
      } else {
        factors.append(input)
      }
    }
    return (number, factors)
  }
}
