/// The connected regions of a mask.
struct ConnectedComponents {
  /// For each voxel the number of its region from 1, in the order of their first voxels; 0 outside the mask.
  let labels: [Int32]
  /// The voxels of each region; index 0 is unused.
  let sizes: [Int]

  var count: Int { sizes.count - 1 }

  /// - Parameters:
  ///   - mask: Row-major voxels of `shape`.
  ///   - connectivity: How many axes a step to a neighbour may change, 1 for faces only, `shape.count` for all.
  init(_ mask: [Bool], shape: [Int], connectivity: Int) {
    var parents: [Int32] = [0]
    var labels = [Int32](repeating: 0, count: mask.count)
    let neighbours = Neighbourhood(shape: shape, connectivity: connectivity)
    var position = [Int](repeating: 0, count: shape.count)
    for place in mask.indices {
      if mask[place] {
        var label: Int32 = 0
        neighbours.forEachEarlier(of: place, at: position) { other in
          guard labels[other] != 0 else { return }
          let root = Self.root(of: labels[other], &parents)
          if label == 0 {
            label = root
          } else if root != label {
            parents[Int(max(label, root))] = min(label, root)
            label = min(label, root)
          }
        }
        if label == 0 {
          label = Int32(parents.count)
          parents.append(label)
        }
        labels[place] = label
      }
      Self.advance(&position, shape)
    }
    // Provisional numbers become consecutive ones.
    var final = [Int32](repeating: 0, count: parents.count)
    var sizes = [0]
    for label in 1..<max(parents.count, 1) {
      let root = Int(Self.root(of: Int32(label), &parents))
      if root == label {
        final[label] = Int32(sizes.count)
        sizes.append(0)
      } else {
        final[label] = final[root]
      }
    }
    for place in labels.indices where labels[place] != 0 {
      labels[place] = final[Int(labels[place])]
      sizes[Int(labels[place])] += 1
    }
    self.labels = labels
    self.sizes = sizes
  }

  private static func root(of label: Int32, _ parents: inout [Int32]) -> Int32 {
    var root = label
    while parents[Int(root)] != root {
      parents[Int(root)] = parents[Int(parents[Int(root)])]
      root = parents[Int(root)]
    }
    return root
  }

  private static func advance(_ position: inout [Int], _ shape: [Int]) {
    for axis in stride(from: shape.count - 1, through: 0, by: -1) {
      position[axis] += 1
      if position[axis] < shape[axis] { return }
      position[axis] = 0
    }
  }

  /// The voxels of `mask` that can be reached from outside the array, stepping as `connectivity` allows.
  static func reachedFromOutside(_ mask: [Bool], shape: [Int], connectivity: Int) -> [Bool] {
    let components = ConnectedComponents(mask, shape: shape, connectivity: connectivity)
    var isOpen = [Bool](repeating: false, count: components.sizes.count)
    var position = [Int](repeating: 0, count: shape.count)
    for place in mask.indices {
      if zip(position, shape).contains(where: { $0 == 0 || $0 == $1 - 1 }) {
        isOpen[Int(components.labels[place])] = true
      }
      advance(&position, shape)
    }
    isOpen[0] = false
    return components.labels.map { isOpen[Int($0)] }
  }
}

/// The steps to the neighbours of a voxel that come before it in row-major order.
private struct Neighbourhood {
  private let shape: [Int]
  private let steps: [(delta: [Int], offset: Int)]

  init(shape: [Int], connectivity: Int) {
    self.shape = shape
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in stride(from: shape.count - 2, through: 0, by: -1) {
      strides[axis] = strides[axis + 1] * shape[axis + 1]
    }
    var deltas: [[Int]] = [[]]
    for _ in shape { deltas = deltas.flatMap { delta in [-1, 0, 1].map { delta + [$0] } } }
    steps = deltas.filter { delta in
      let moved = delta.filter { $0 != 0 }
      return moved.count <= connectivity && moved.first == -1
    }.map { delta in (delta, zip(delta, strides).reduce(0) { $0 + $1.0 * $1.1 }) }
  }

  func forEachEarlier(of place: Int, at position: [Int], _ body: (Int) -> Void) {
    for step in steps {
      var isInside = true
      for axis in 0..<shape.count {
        let index = position[axis] + step.delta[axis]
        if index < 0 || index >= shape[axis] {
          isInside = false
          break
        }
      }
      if isInside { body(place + step.offset) }
    }
  }
}
