import Graphs
import OrderedCollections

/// Padding.
let paddingOperators: [ATenOperator] =
  [
    .value(
      """
      pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None) -> Tensor
      """
    ) { call in
      let modes: [String: PaddingMode] = [
        "constant": .constant, "reflect": .reflect, "replicate": .edge, "circular": .wrap,
      ]
      let name = try call.string("mode")
      guard let mode = modes[name] else {
        throw call.unsupported("the mode is '\(name)'", expected: modes.keys.sorted().joined(separator: ", "))
      }
      return try pad(call, "pad", mode, value: call.optionalDouble("value") ?? 0)
    },
    .value("constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor") {
      try pad($0, "pad", .constant, value: $0.double("value"))
    },
  ]
  + [
    "reflection_pad1d(Tensor self, SymInt[2] padding) -> Tensor",
    "reflection_pad2d(Tensor self, SymInt[4] padding) -> Tensor",
    "reflection_pad3d(Tensor self, SymInt[6] padding) -> Tensor",
  ].map { schema in
    .value(schema) { try pad($0, "padding", .reflect) }
  }
  + [
    "replication_pad1d(Tensor self, SymInt[2] padding) -> Tensor",
    "replication_pad2d(Tensor self, SymInt[4] padding) -> Tensor",
    "replication_pad3d(Tensor self, SymInt[6] padding) -> Tensor",
  ].map { schema in
    .value(schema) { try pad($0, "padding", .edge) }
  }

/// The pads are pairs, those of the last axis first; negative ones cut off.
private func pad(_ call: ATenCall, _ name: String, _ mode: PaddingMode, value: Double = 0) throws -> Value {
  var input = try call.value("self")
  let rank = call.type(input).rank
  let pairs = try call.ints(name)
  guard pairs.count % 2 == 0, pairs.count <= 2 * rank, pairs.allSatisfy({ abs($0) < 1 << 20 }) else {
    throw call.unsupported("the pads are \(pairs)", expected: "pairs for at most \(rank) axes")
  }
  var before = Array(repeating: 0, count: rank)
  var after = before
  for index in 0..<pairs.count / 2 {
    before[rank - 1 - index] = pairs[2 * index]
    after[rank - 1 - index] = pairs[2 * index + 1]
  }
  for axis in 0..<rank where before[axis] < 0 || after[axis] < 0 {
    guard let extent = call.type(input).shape[axis].constant,
      max(-before[axis], 0) < extent - max(-after[axis], 0)
    else { throw call.unsupported("axis \(axis) of \(call.type(input)) is cut by \(pairs)") }
    input = try call.graph.slice(input, axis: axis, max(-before[axis], 0)..<extent - max(-after[axis], 0))
  }
  before = before.map { max($0, 0) }
  after = after.map { max($0, 0) }
  if (before + after).allSatisfy({ $0 == 0 }) { return input }
  guard mode == .constant else { return try call.graph.pad(input, before: before, after: after, mode: mode) }
  let type = call.type(input).elementType
  let pads = call.graph.constant((before + after).map(Int64.init), name: "pads")
  return try call.graph.apply(
    "Pad", [input, pads, call.scalar(value, type)], ["mode": .string(mode.rawValue)])[0]
}
