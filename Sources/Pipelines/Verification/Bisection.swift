import Engines
import Foundation
package import Graphs
package import Tensors

/// Looks for the first node whose result differs: intermediate values that both graphs have are made outputs of both,
/// some at a time, and the range between the last that agrees and the first that doesn't is halved and halved again.
///
/// Values are matched by name and shape: a pass gives what it makes of a value the value's name. A node whose value only
/// one graph has can't be compared itself; it is among ``Finding/suspects`` of the next value that can.
package struct Bisection {
  package struct Finding: Sendable, Codable, Hashable {
    /// The first node whose value differs, and its operator.
    package var node: String
    package var operatorName: String
    /// The largest error over the reference's largest value, there and at the last value before it that agrees.
    package var relativeError: Double
    package var errorBefore: Double
    /// The reference's nodes between the values that agree and this one: one of them is computed differently.
    package var suspects: [String]
    /// Those among them that the engine's graph doesn't have.
    package var missing: [String]

    package var text: String {
      func short(_ number: Double) -> String { String(format: "%.3g", number) }
      var text = "\(node) (\(operatorName)): relative error \(short(relativeError)) after \(short(errorBefore))"
      if suspects.count > 1 { text += "; computed from values that agree by \(suspects.joined(separator: ", "))" }
      if !missing.isEmpty { text += "; the engine's graph has no \(missing.joined(separator: ", "))" }
      return text
    }
  }

  /// Makes an engine of a graph with more outputs, and runs it.
  package typealias Run = (_ graph: Graph, _ inputs: [Tensor]) throws -> [Tensor]

  /// Values that one run gives beside the outputs: they stay in memory until its end.
  private static let probesPerRun = 12

  private let reference: Graph
  private let candidate: Graph
  private let runReference: Run
  private let runCandidate: Run
  private let inputs: [Tensor]
  private let threshold: Double

  /// - Parameter threshold: The relative error from which a value counts as wrong.
  package init(
    reference: Graph, candidate: Graph, inputs: [Tensor], threshold: Double, runReference: @escaping Run,
    runCandidate: @escaping Run
  ) {
    self.reference = reference
    self.candidate = candidate
    self.inputs = inputs
    self.threshold = threshold
    self.runReference = runReference
    self.runCandidate = runCandidate
  }

  /// A value of both graphs.
  private struct Point {
    var name: String
    var node: Node
    var candidate: Value
    var reference: Value
  }

  /// - Returns: nil when every value that can be compared agrees.
  /// - Throws: `EngineError` when an engine doesn't take the graph with more outputs.
  package func find() throws -> Finding? {
    let points = commonPoints()
    guard !points.isEmpty else { return nil }
    var errors: [Int: Double] = [:]
    // The range of points that may be the first wrong one.
    var (low, high) = (0, points.count)
    while low < high {
      let count = min(Self.probesPerRun, high - low)
      let places = (0..<count).map { low + ($0 + 1) * (high - low) / count - 1 }
      for (place, error) in zip(places, try measure(places.map { points[$0] })) { errors[place] = error }
      guard let wrong = places.first(where: { errors[$0] ?? 0 > threshold }) else {
        // Nothing wrong where it was looked: only the last range of all ends so.
        low = high
        break
      }
      low = places.last { $0 < wrong }.map { $0 + 1 } ?? low
      high = wrong
    }
    guard low < points.count, let error = errors[low], error > threshold else { return nil }
    return finding(points, low, errors)
  }

  private func finding(_ points: [Point], _ place: Int, _ errors: [Int: Double]) -> Finding {
    let agreeing = Set(points[..<place].map(\.reference)).union(reference.inputs)
    var producers: [Value: Node] = [:]
    for node in reference.nodes { for output in node.outputs { producers[output] = node } }
    var between: Set<String> = []
    var open = [points[place].reference]
    while let value = open.popLast() {
      guard let node = producers[value], between.insert(node.name).inserted else { continue }
      open += node.inputs.compactMap(\.self).filter { !agreeing.contains($0) && reference.constant($0) == nil }
    }
    let suspects = reference.nodes.map(\.name).filter(between.contains)
    let known = Set(candidate.nodes.map(\.name))
    return Finding(
      node: points[place].node.name, operatorName: points[place].node.operator,
      relativeError: errors[place] ?? 0,
      errorBefore: errors[place - 1] ?? errors.filter { $0.key < place }.values.max() ?? 0,
      suspects: suspects, missing: suspects.filter { !known.contains($0) })
  }

  private func commonPoints() -> [Point] {
    var named: [String: Value] = [:]
    for node in reference.nodes { for output in node.outputs { named[reference.name(of: output)] = output } }
    var outputs: [Value: Value] = [:]
    for (mine, other) in zip(candidate.outputs, reference.outputs) { outputs[mine.value] = other.value }
    return candidate.nodes.flatMap { node in
      node.outputs.compactMap { value -> Point? in
        let name = candidate.name(of: value)
        guard let other = outputs[value] ?? named[name], isComparable(value, other) else { return nil }
        return Point(name: name, node: node, candidate: value, reference: other)
      }
    }
  }

  private func isComparable(_ value: Value, _ other: Value) -> Bool {
    let (mine, theirs) = (candidate.type(of: value), reference.type(of: other))
    let batch = ["batch": inputs.first?.shape.dimensions.first ?? 1]
    return mine.elementType.isFloatingPoint && theirs.elementType.isFloatingPoint
      && mine.shape.map { $0.evaluated(batch) } == theirs.shape.map { $0.evaluated(batch) }
  }

  /// The relative error of each point.
  private func measure(_ points: [Point]) throws -> [Double] {
    func results(_ graph: Graph, _ values: [Value], _ run: Run) throws -> [Tensor] {
      var marked = graph
      // A value may be an output already.
      var places: [Int] = []
      for (number, value) in values.enumerated() {
        if let known = marked.outputs.firstIndex(where: { $0.value == value }) {
          places.append(known)
        } else {
          try marked.output(value, name: "probe.\(number)")
          places.append(marked.outputs.count - 1)
        }
      }
      let all = try run(marked, inputs)
      return places.map { all[$0] }
    }
    let mine = try results(candidate, points.map(\.candidate), runCandidate)
    let theirs = try results(reference, points.map(\.reference), runReference)
    return try zip(points, zip(mine, theirs)).map { point, pair in
      try OutputComparison(name: point.name, pair.0, pair.1).relativeError
    }
  }
}
