import CKernels
import Graphs
import Interpreter
import Tensors

/// Sums, picks and extremes along one axis.
extension NativePlanner {
  /// Interpolation of any kind, one axis after the other.
  mutating func resampling(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], constant(input) == nil, isFloat(input) else { return false }
    let (from, to) = (try shape(of: input), try shape(of: node.outputs[0]))
    guard NativeValue.isSpatial(from), from[..<2] == to[..<2], (from + to).allSatisfy({ $0 > 0 }),
      let mode = ResizeMode(rawValue: node.string("mode") ?? "nearest"),
      let rounding = NearestRounding(rawValue: node.string("nearest_mode") ?? "round_prefer_floor"),
      let coordinates = ResizeCoordinates(rawValue: node.string("coordinate_transformation_mode") ?? "half_pixel")
    else { return false }
    let scales = node.inputs.count > 2 ? floats(node.inputs[2]).flatMap { $0.isEmpty ? nil : $0 } : nil
    let steepness = node.float("cubic_coeff_a").map(Double.init) ?? -0.75
    var form = try preferred(input)
    // What comes between two axes is nobody else's.
    var between: Slot?
    for axis in 2..<from.count where to[axis] != from[axis] || (scales?[axis] ?? 1) != 1 {
      let terms = AxisTerms(
        AxisSamples(
          extent: from[axis], count: to[axis], scale: scales?[axis], mode, coordinates, steepness, rounding: rounding,
          smooths: node.int("antialias") ?? 0 != 0, excludesOutside: node.int("exclude_outside") ?? 0 != 0))
      var shape = form.shape
      shape[axis] = to[axis]
      let target = arena.allocate(NativeValue.count(shape, isBlocked: form.isBlocked))
      let next = NativeValue(slot: target, shape: shape, isBlocked: form.isBlocked)
      let inner = shape[(axis + 1)...].reduce(1, *) * (form.isBlocked ? 16 : 1)
      sum(
        terms, outer: form.count / (from[axis] * inner), extent: from[axis], inner: inner, form.slot, target, node.name,
        "resize")
      if let between { arena.release(between) }
      (between, form) = (target, next)
    }
    if between == nil { arena.retain(form.slot) }
    form.statistics = nil
    define(node.outputs[0], form)
    return true
  }

  /// Entries of an axis, chosen by constants.
  mutating func picking(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], constant(input) == nil, isFloat(input), let given = integers(node, 1) else {
      return false
    }
    let source = try plain(input)
    let number = node.int("axis") ?? 0
    let axis = number < 0 ? number + source.shape.count : number
    let extent = source.shape[axis]
    let indices = given.map { $0 < 0 ? $0 + extent : $0 }
    // Places outside are the interpreter's to refuse.
    guard !indices.isEmpty, source.count > 0, indices.allSatisfy({ (0..<extent).contains($0) }) else { return false }
    let shape = try shape(of: node.outputs[0])
    let target = arena.allocate(shape.reduce(1, *))
    define(node.outputs[0], NativeValue(slot: target, shape: shape))
    sum(
      AxisTerms(picking: indices), outer: source.shape[..<axis].reduce(1, *), extent: extent,
      inner: source.shape[(axis + 1)...].reduce(1, *), source.slot, target, node.name, "pick")
    return true
  }

  private mutating func sum(
    _ terms: AxisTerms, outer: Int, extent: Int, inner: Int, _ source: Slot, _ target: Slot, _ node: String,
    _ title: String
  ) {
    step(node, title) { run in
      var table = terms.table
      martlet_sum_along(run.pool.pool, outer, extent, inner, &table, run.pointer(source), run.pointer(target))
    }
  }

  /// The places of the greatest or least elements along an axis.
  mutating func extreme(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], constant(input) == nil, isFloat(input) else { return false }
    let source = try plain(input)
    let given = node.int("axis") ?? 0
    let axis = given < 0 ? given + source.shape.count : given
    let (outer, count) = (source.shape[..<axis].reduce(1, *), source.shape[axis])
    let inner = source.shape[(axis + 1)...].reduce(1, *)
    guard source.count > 0, count <= Int32.max else { return false }
    let shape = Shape(try shape(of: node.outputs[0]))
    let place = foreignPlace(node.outputs[0])
    let isLeast: Int32 = node.operator == "ArgMin" ? 1 : 0
    let takesLast: Int32 = node.int("select_last_index") ?? 0 != 0 ? 1 : 0
    step(node.name, isLeast == 1 ? "place of the least" : "place of the greatest") { run in
      var result = Tensor(.int64, shape, isZeroed: false)
      result.withMutableElements(of: Int64.self) { target in
        martlet_extreme_along(
          run.pool.pool, outer, count, inner, isLeast, takesLast, run.pointer(source.slot), target.baseAddress)
      }
      run.foreign.tensors[place] = result
    }
    return true
  }
}

/// What the indices of a new axis are made of, at addresses that stay.
private struct AxisTerms: Sendable {
  private let numbers: Tensor
  private let weights: FixedFloats
  private let count: Int

  init(_ samples: AxisSamples) { self.init(indices: samples.indices, weights: samples.weights) }

  init(picking indices: [Int]) { self.init(indices: indices.map { [$0] }, weights: indices.map { _ in [1] }) }

  private init(indices: [[Int]], weights: [[Double]]) {
    count = indices.count
    var first: [Int32] = [0]
    for terms in indices { first.append(first[first.count - 1] + Int32(terms.count)) }
    numbers = Tensor(first + indices.joined().map { Int32($0) }, [first.count + Int(first[first.count - 1])])
    self.weights = FixedFloats(weights.joined().map { Float($0) })
  }

  /// Valid as long as this value lives.
  var table: martlet_axis_terms {
    let base = numbers.withBase { $0.assumingMemoryBound(to: Int32.self) }
    return martlet_axis_terms(first: base, indices: base + count + 1, weights: weights.pointer, count: Int32(count))
  }
}
