package import Arguments
import Tensors

/// The images of several keys that are combined voxel by voxel.
private struct EnsembleMembers {
  /// The first one, whose place, trace and type the result has.
  let first: TransformedImage
  /// float32, contiguous, all of the same shape.
  let voxels: [Tensor]

  init(_ keys: Keys, _ sample: Sample, transform: String) throws {
    let images = try keys.present(in: sample).map { try sample.image($0.key, for: transform) }
    guard let first = images.first, keys.names.count > 1 else {
      throw TransformError.unsuitable(
        transform: transform, what: "one image alone", expected: "'keys' of several predictions")
    }
    for image in images where image.voxels.shape != first.voxels.shape {
      throw TransformError.unsuitable(
        transform: transform, what: "images of the shapes \(first.voxels.shape) and \(image.voxels.shape)",
        expected: "the same shape in all")
    }
    self.first = first
    voxels = images.map { $0.voxels.converted(to: .float32).contiguous() }
  }

  /// The sum of the members, each channel times its weight.
  func sum(weights: [[Float]]?) -> Tensor {
    var result = Tensor(.float32, first.voxels.shape)
    let channels = max(first.voxels.shape.dimensions.first ?? 1, 1)
    let length = result.count / channels
    result.withMutableElements(of: Float.self) { target in
      let target = Shared(target)
      for (member, tensor) in voxels.enumerated() {
        tensor.withElements(of: Float.self) { values in
          let values = Shared(values)
          Parallel.forEach(values.value.count, grain: 1 << 16) { range in
            for place in range {
              let weight = weights.map { $0[member][$0[member].count == 1 ? 0 : place / length] } ?? 1
              target.value[place] += values.value[place] * weight
            }
          }
        }
      }
    }
    return result
  }
}

/// The mean of several predictions, weighted where asked for: MONAI's `MeanEnsembled`.
package struct MeanEnsembled: KeyedTransform {
  package let keys: Keys
  let target: String
  /// Per member, one weight or one per channel.
  let weights: [[Double]]?

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    target = try arguments.outputKey(keys)
    if case .list(let items)? = arguments.present("weights") {
      let rows = items.compactMap(\.asDoubles)
      guard rows.count == items.count, rows.count == keys.names.count, Set(rows.map(\.count)).count == 1 else {
        throw arguments.unsupported(
          "weights", "of another form", supported: "a number for each of the keys, or one for each of its channels")
      }
      weights = rows
    } else {
      try arguments.refuse("weights", supported: "a list with one weight for each of the keys")
      weights = nil
    }
    try arguments.finish()
  }

  package func apply(_ sample: inout Sample) throws {
    let members = try EnsembleMembers(keys, sample, transform: name)
    var image = members.first
    guard image.voxels.elementType.isFloatingPoint else {
      throw TransformError.unsuitable(
        transform: name, what: "images of \(image.voxels.elementType)", expected: "floats, of which a mean can be taken"
      )
    }
    let count = Float(members.voxels.count)
    var sum = members.sum(weights: try scaledWeights(channels: image.voxels.shape.dimensions.first ?? 1))
    VoxelMath.update(&sum) { elements, length in
      for place in 0..<length { elements[place] /= count }
    }
    image.voxels = sum.converted(to: image.voxels.elementType)
    sample[target] = .image(image)
  }

  /// The weights over their mean.
  private func scaledWeights(channels: Int) throws -> [[Float]]? {
    guard let weights, let columns = weights.first?.count else { return nil }
    guard columns == 1 || columns == channels, weights.count == keys.names.count else {
      throw TransformError.unsuitable(
        transform: name, what: "\(columns) weights for \(channels) channels", expected: "one, or one per channel")
    }
    let rows = weights.map { $0.map { Float($0) } }
    let means = (0..<columns).map { column in rows.reduce(0) { $0 + $1[column] } / Float(rows.count) }
    return rows.map { row in zip(row, means).map { $0 / $1 } }
  }
}

/// What most of several label maps say: MONAI's `VoteEnsembled`. With `num_classes` the maps hold labels, without they
/// are one-hot.
package struct VoteEnsembled: KeyedTransform {
  package let keys: Keys
  let target: String
  let classes: Int?

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    target = try arguments.outputKey(keys)
    classes = try arguments.optionalInt("num_classes")
    try arguments.finish()
    if let classes, !(1...65_536).contains(classes) {
      throw arguments.unsupported("num_classes", "\(classes)", supported: "a number of classes")
    }
  }

  package func apply(_ sample: inout Sample) throws {
    let members = try EnsembleMembers(keys, sample, transform: name)
    var image = members.first
    let type = image.voxels.elementType
    if let classes {
      image.voxels =
        image.voxels.shape.dimensions.first ?? 1 > 1
        ? mostVoted(members) : try mostCommon(members, classes: classes)
    } else {
      let count = Float(members.voxels.count)
      var sum = members.sum(weights: nil)
      VoxelMath.update(&sum) { elements, length in
        for place in 0..<length { elements[place] = (elements[place] / count).rounded(.toNearestOrEven) }
      }
      image.voxels = sum
    }
    image.voxels = image.voxels.converted(to: type)
    sample[target] = .image(image)
  }

  /// The channel with the most votes, the first of several.
  private func mostVoted(_ members: EnsembleMembers) -> Tensor {
    let sum = members.sum(weights: nil)
    let channels = sum.shape[0]
    let length = sum.count / channels
    var shape = sum.shape
    shape[0] = 1
    var result = Tensor(.float32, shape)
    sum.withElements(of: Float.self) { votes in
      result.withMutableElements(of: Float.self) { target in
        for place in 0..<length {
          var best = 0
          for channel in 1..<channels where votes[channel * length + place] > votes[best * length + place] {
            best = channel
          }
          target[place] = Float(best)
        }
      }
    }
    return result
  }

  /// The most common label of each voxel, the smallest of several.
  private func mostCommon(_ members: EnsembleMembers, classes: Int) throws -> Tensor {
    var result = Tensor(.float32, members.first.voxels.shape)
    let maps = members.voxels.map { $0.array(of: Float.self) }
    var votes = [Int](repeating: 0, count: classes)
    try result.withMutableElements(of: Float.self) { target in
      for place in target.indices {
        for map in maps {
          let label = Int(saturating: Double(map[place]))
          guard !map[place].isNaN, (0..<classes).contains(label) else {
            throw TransformError.unsuitable(
              transform: name, what: "a label lies outside of the \(classes) classes of 'num_classes'",
              expected: "labels from 0 to \(classes - 1)")
          }
          votes[label] += 1
        }
        var best = 0
        for label in 1..<max(classes, 1) where votes[label] > votes[best] { best = label }
        target[place] = Float(best)
        for map in maps { votes[Int(map[place])] = 0 }
      }
    }
    return result
  }
}

extension ArgumentReader {
  /// Where the result of several keys is put.
  fileprivate mutating func outputKey(_ keys: Keys) throws -> String {
    let key = try optionalString("output_key")
    guard let result = key ?? (keys.names.count == 1 ? keys.names[0] : nil) else {
      throw unsupported("output_key", "missing", supported: "a key for the result of several keys")
    }
    return result
  }
}
