// Operators that pick elements by computed indices, search, sort and sample. https://onnx.ai/onnx/operators/

import Foundation
import Graphs
import Tensors

let indexingRules: [String: Evaluation.Rule] = [
  "ArgMax": { call in
    let takesLast = call.int("select_last_index", default: 0) != 0
    return [try extreme(call) { $0 > $1 || takesLast && $0 == $1 }]
  },
  "ArgMin": { call in
    let takesLast = call.int("select_last_index", default: 0) != 0
    return [try extreme(call) { $0 < $1 || takesLast && $0 == $1 }]
  },
  "GatherElements": { call in
    let (input, indices) = (try call.tensor(0), try call.tensor(1))
    let places = try elementPlaces(call, in: input.shape, indices, axis: call.axis(default: 0, rank: input.shape.rank))
    return [picked(input, places, indices.shape)]
  },
  "GatherND": { call in
    let (input, indices) = (try call.tensor(0), try call.tensor(1))
    let batchRank = call.int("batch_dims", default: 0)
    let rows = try rowPlaces(call, in: input.shape, indices, batchRank: batchRank)
    let shape = Shape(Array(indices.shape.dimensions.dropLast()) + rows.shape)
    return [picked(input, rows.places, length: rows.shape.reduce(1, *), shape)]
  },
  "TopK": { call in
    let count = try call.ints(operand: 1)[0]
    let isLargest = call.int("largest", default: 1) != 0
    let axis = call.axis(default: -1, rank: try call.tensor(0).shape.rank)
    let chosen = try alongAxis(call, axis, count: count) { row in
      let order = row.indices.sorted {
        row[$0] == row[$1] ? $0 < $1 : isLargest ? row[$0] > row[$1] : row[$0] < row[$1]
      }
      return order.prefix(count).map { Double($0) }
    }
    let values = try alongAxis(call, axis, count: count) { row in
      Array((isLargest ? row.sorted(by: >) : row.sorted()).prefix(count))
    }
    return [values, chosen]
  },
  "CumSum": { call in
    let rank = try call.tensor(0).shape.rank
    let axis = try call.ints(operand: 1)[0]
    let isExclusive = call.int("exclusive", default: 0) != 0
    let isReverse = call.int("reverse", default: 0) != 0
    return [
      try alongAxis(call, axis < 0 ? axis + rank : axis, count: nil) { row in
        var sum = 0.0
        let sums = (isReverse ? row.reversed() : row).map { value -> Double in
          defer { sum += value }
          return isExclusive ? sum : sum + value
        }
        return isReverse ? sums.reversed() : sums
      }
    ]
  },
  "Expand": { call in
    let input = try call.tensor(0)
    return [input.expanded(to: try commonShape(call, input.shape, Shape(try call.ints(operand: 1)))).contiguous()]
  },
  "Tile": { call in
    var input = try call.tensor(0).contiguous()
    for (axis, count) in try call.ints(operand: 1).enumerated() where count != 1 {
      var (split, tiled) = (input.shape.dimensions, input.shape.dimensions)
      split.insert(1, at: axis)
      var stretched = split
      stretched[axis] = count
      tiled[axis] *= count
      input = input.reshaped(Shape(split)).expanded(to: Shape(stretched)).reshaped(Shape(tiled))
    }
    return [input]
  },
  "GridSample": { call in [try sampled(call)] },
]

/// For each index, the place of the element that it names along `axis`, at its own position on the other axes.
func elementPlaces(_ call: Evaluation, in shape: Shape, _ indices: Tensor, axis: Int) throws -> [Int] {
  let (strides, extent) = (shape.contiguousStrides, shape[axis])
  return try indices.converted(to: .int64).array(of: Int64.self).enumerated().map { position, index in
    guard (-extent..<extent).contains(Int(index)) else {
      throw call.error("the index \(index) lies outside axis \(axis) of \(shape)")
    }
    var (rest, place) = (position, 0)
    for other in (0..<indices.shape.rank).reversed() {
      let here = rest % indices.shape[other]
      place += (other == axis ? (index < 0 ? Int(index) + extent : Int(index)) : here) * strides[other]
      rest /= indices.shape[other]
    }
    return place
  }
}

/// For each row of indices, which name the axes from `batchRank` on, the place of the block that it names, and the
/// block's shape.
func rowPlaces(
  _ call: Evaluation, in shape: Shape, _ indices: Tensor, batchRank: Int
) throws -> (places: [Int], shape: [Int]) {
  let depth = indices.shape[indices.shape.rank - 1]
  let strides = shape.contiguousStrides
  let numbers = indices.converted(to: .int64).array(of: Int64.self)
  let batches = indices.shape.dimensions.prefix(batchRank).reduce(1, *)
  let rows = indices.shape.dimensions.dropLast().reduce(1, *)
  let batchLength = shape.dimensions.dropFirst(batchRank).reduce(1, *)
  let places = try (0..<rows).map { row -> Int in
    var place = row / max(rows / max(batches, 1), 1) * batchLength
    for axis in 0..<depth {
      let (index, extent) = (Int(numbers[row * depth + axis]), shape[batchRank + axis])
      guard (-extent..<extent).contains(index) else {
        throw call.error("the index \(index) lies outside axis \(batchRank + axis) of \(shape)")
      }
      place += (index < 0 ? index + extent : index) * strides[batchRank + axis]
    }
    return place
  }
  return (places, Array(shape.dimensions.dropFirst(batchRank + depth)))
}

/// The place of each row's extreme, the first of equals, or the last.
private func extreme(_ call: Evaluation, _ isBetter: (Double, Double) -> Bool) throws -> Tensor {
  let axis = call.axis(default: 0, rank: try call.tensor(0).shape.rank)
  let result = try alongAxis(call, axis, count: 1) { row in
    [Double(row.indices.reduce(0) { isBetter(row[$1], row[$0]) ? $1 : $0 })]
  }
  guard call.int("keepdims", default: 1) == 0 else { return result }
  var shape = result.shape.dimensions
  shape.remove(at: axis)
  return result.reshaped(Shape(shape))
}

/// Each row along `axis` replaced by one of `count` elements, or as many as it had.
private func alongAxis(
  _ call: Evaluation, _ axis: Int, count: Int?, _ transform: ([Double]) -> [Double]
) throws -> Tensor {
  let input = try call.tensor(0)
  let values = input.converted(to: .float64).array(of: Double.self)
  var shape = input.shape
  let extent = shape[axis]
  shape[axis] = count ?? extent
  let inner = shape.dimensions[(axis + 1)...].reduce(1, *)
  var result = [Double](repeating: 0, count: shape.count)
  for row in 0..<(shape[axis] == 0 ? 0 : shape.count / shape[axis]) {
    let (outer, column) = (row / inner, row % inner)
    let changed = transform((0..<extent).map { values[(outer * extent + $0) * inner + column] })
    for (index, value) in changed.enumerated() { result[(outer * shape[axis] + index) * inner + column] = value }
  }
  return Tensor(result, shape)
}

/// The input at the places of a grid, whose last axis has the coordinates from -1 to 1, the last spatial axis first.
private func sampled(_ call: Evaluation) throws -> Tensor {
  let (input, grid) = (try call.float(0), try call.float(1))
  let mode = call.string("mode", default: "linear")
  let padding = call.string("padding_mode", default: "zeros")
  guard ["linear", "nearest", "cubic"].contains(mode) else { throw call.error("the mode is \(mode)") }
  let alignsCorners = call.int("align_corners", default: 0) != 0
  let extents = Array(input.shape.dimensions[2...])
  let rank = extents.count
  let strides = Shape(extents).contiguousStrides
  let (channels, plane) = (input.shape[1], extents.reduce(1, *))
  let count = grid.shape.dimensions[1..<grid.shape.rank - 1].reduce(1, *)
  let (values, places) = (input.array(of: Float.self), grid.array(of: Float.self))
  let shape = Shape(Array(input.shape.dimensions[..<2]) + grid.shape.dimensions[1..<grid.shape.rank - 1])
  var result = [Float](repeating: 0, count: shape.count)
  for sample in 0..<input.shape[0] {
    for position in 0..<count {
      // The elements around the place and their weights, one axis after the other.
      var corners = [(offset: 0, weight: 1.0)]
      for axis in 0..<rank {
        let coordinate = Double(places[(sample * count + position) * rank + rank - 1 - axis])
        let extent = extents[axis]
        let position = unnormalized(coordinate, extent, alignsCorners)
        // Cubic weights belong to the place itself; each of their neighbours is padded alone.
        let place = mode == "cubic" ? position : padded(position: position, extent, alignsCorners, padding)
        let neighbours =
          mode == "cubic"
          ? cubicNeighbours(place).map { (padded(position: $0, extent, alignsCorners, padding), $1) }
          : linearNeighbours(place, isNearest: mode == "nearest")
        corners = corners.flatMap { corner in
          neighbours.compactMap { index, weight in
            guard index >= 0, index < Double(extent) else { return nil }
            return (corner.offset + Int(index) * strides[axis], corner.weight * weight)
          }
        }
      }
      for channel in 0..<channels {
        let start = (sample * channels + channel) * plane
        let sum = corners.reduce(0.0) { $0 + $1.weight * Double(values[start + $1.offset]) }
        result[(sample * channels + channel) * count + position] = Float(sum)
      }
    }
  }
  return Tensor(result, shape)
}

private func linearNeighbours(_ place: Double, isNearest: Bool) -> [(Double, Double)] {
  if isNearest { return [(place.rounded(.toNearestOrEven), 1)] }
  let floor = place.rounded(.down)
  return [(floor, 1 - (place - floor)), (floor + 1, place - floor)]
}

private func cubicNeighbours(_ place: Double) -> [(Double, Double)] {
  guard place.isFinite else { return [] }
  let floor = place.rounded(.down)
  return AxisSamples.cubicWeights(place - floor, -0.75).enumerated().map { (floor + Double($0) - 1, $1) }
}

/// The index that a coordinate from -1 to 1 stands for.
private func unnormalized(_ coordinate: Double, _ extent: Int, _ alignsCorners: Bool) -> Double {
  alignsCorners ? (coordinate + 1) / 2 * Double(extent - 1) : ((coordinate + 1) * Double(extent) - 1) / 2
}

/// The index after the padding rule: as it is for zeros, held at the border, or mirrored there.
private func padded(position: Double, _ extent: Int, _ alignsCorners: Bool, _ padding: String) -> Double {
  guard position.isFinite else { return padding == "zeros" ? -2 : 0 }
  let last = Double(extent - 1)
  switch padding {
  case "border": return min(max(position, 0), last)
  case "reflection":
    let (low, length) = alignsCorners ? (0, last) : (-0.5, Double(extent))
    guard length > 0 else { return 0 }
    let distance = abs(position - low).truncatingRemainder(dividingBy: 2 * length)
    return min(max((distance > length ? 2 * length - distance : distance) + low, 0), last)
  default: return min(max(position, -2), Double(extent) + 1)
  }
}
