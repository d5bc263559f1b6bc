package import Arguments
import Images
import Tensors

/// Keeps the largest connected regions of labels: MONAI's `KeepLargestConnectedComponentd`.
package struct KeepLargestConnectedComponentd: ImageTransform {
  package let keys: Keys
  let appliedLabels: [Int]?
  let isOneHot: Bool?
  let isIndependent: Bool
  let connectivity: Int?
  let kept: Int

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    appliedLabels = try arguments.optionalInts("applied_labels")
    isOneHot = try arguments.optionalBool("is_onehot")
    isIndependent = try arguments.bool("independent", default: true)
    connectivity = try arguments.optionalInt("connectivity")
    kept = try arguments.int("num_components", default: 1)
    try arguments.finish()
    guard kept > 0 else { throw arguments.unsupported("num_components", "\(kept)", supported: "a positive number") }
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let shape = image.spatialShape
    let rank = try checkedConnectivity(connectivity, rank: shape.count, transform: name)
    let channels = image.voxels.shape[0]
    let length = shape.reduce(1, *)
    let isOneHot = isOneHot ?? (channels > 1)
    let type = image.voxels.elementType
    image.voxels.becomeDenseFloat()
    let labels = try labels(image.voxels, isOneHot: isOneHot, length: length)
    image.voxels.withMutableElements(of: Float.self) { elements in
      /// Zeroes what `isForeground` selects but lies outside the largest regions, in the planes of `channels`.
      func clean(_ channels: [Int], _ isForeground: (Int) -> Bool) {
        let mask = (0..<length).map(isForeground)
        let keeps = largest(mask, shape: shape, connectivity: rank)
        for place in 0..<length where mask[place] && !keeps[place] {
          for channel in channels { elements[channel * length + place] = 0 }
        }
      }
      if isIndependent {
        for label in labels {
          let plane = isOneHot ? label * length : 0
          clean([isOneHot ? label : 0]) { isOneHot ? elements[plane + $0] > 0 : elements[$0] == Float(label) }
        }
      } else if isOneHot {
        clean(labels) { place in labels.contains { elements[$0 * length + place] == 1 } }
      } else {
        let values = Set(labels.map { Float($0) })
        clean([0]) { values.contains(elements[$0]) }
      }
    }
    image.voxels = image.voxels.converted(to: type)
  }

  /// The labels to clean: those asked for, or all that occur but the background.
  private func labels(_ voxels: Tensor, isOneHot: Bool, length: Int) throws -> [Int] {
    let channels = voxels.shape[0]
    // MONAI cleans the first channel of several, if it is told the labels.
    guard isOneHot || channels == 1 || (isIndependent && appliedLabels != nil) else {
      throw TransformError.unsuitable(
        transform: name, what: "\(channels) channels that aren't one-hot", expected: "one channel of labels")
    }
    if let appliedLabels {
      guard !isOneHot || appliedLabels.allSatisfy({ (0..<channels).contains($0) }) else {
        throw TransformError.unsuitable(
          transform: name, what: "'applied_labels' names a channel beyond the \(channels)", expected: "channels")
      }
      return appliedLabels
    }
    return voxels.withElements(of: Float.self) { elements in
      if isOneHot {
        return (1..<max(channels, 1)).filter { channel in
          elements[channel * length..<(channel + 1) * length].reduce(0, +) > 0
        }
      }
      return Set(elements).filter { $0 != 0 }.map { Int(saturating: Double($0)) }.sorted()
    }
  }

  private func largest(_ mask: [Bool], shape: [Int], connectivity: Int) -> [Bool] {
    let components = ConnectedComponents(mask, shape: shape, connectivity: connectivity)
    guard components.count > kept else { return mask }
    // Of equal sizes the later one counts as larger.
    let order = (1...components.count).sorted { (components.sizes[$0], $0) > (components.sizes[$1], $1) }
    var keeps = [Bool](repeating: false, count: components.sizes.count)
    for label in order.prefix(kept) { keeps[label] = true }
    return components.labels.map { keeps[Int($0)] }
  }
}

/// Removes what has at most `min_size` voxels: MONAI's `RemoveSmallObjectsd` with scikit-image 0.26, which takes the number
/// for the largest size to remove. (With older versions of it a region of exactly that size stays.)
///
/// Masks lose their small connected regions, over the channels too; label maps with values above 1 lose the labels that
/// are small as a whole.
package struct RemoveSmallObjectsd: ImageTransform {
  package let keys: Keys
  let minimum: Double
  let connectivity: Int
  let isPerChannel: Bool
  let isVolume: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    minimum = try arguments.double("min_size", default: 64)
    connectivity = try arguments.int("connectivity", default: 1)
    isPerChannel = try arguments.bool("independent_channels", default: true)
    isVolume = try arguments.bool("by_measure", default: false)
    // The image's own spacing counts.
    arguments.ignore("pixdim")
    try arguments.finish()
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let shape = image.voxels.shape.dimensions
    let connectivity = try checkedConnectivity(connectivity, rank: shape.count, transform: name)
    var largest = minimum
    if isVolume {
      let voxel = SpacingGeometry.spacing(of: image.affine.matrix(rank: image.spatialRank)).reduce(1, *)
      largest = (minimum / voxel).rounded(.up)
    }
    let type = image.voxels.elementType
    image.voxels.becomeDenseFloat()
    image.voxels.withMutableElements(of: Float.self) { elements in
      guard let first = elements.first, elements.contains(where: { $0 != first }) else { return }
      if isPerChannel, (elements.max() ?? 0) > 1 {
        removeLabels(elements, upTo: largest)
      } else {
        removeRegions(elements, shape: shape, connectivity: connectivity, upTo: largest)
      }
    }
    image.voxels = image.voxels.converted(to: type)
  }

  private func removeLabels(_ elements: UnsafeMutableBufferPointer<Float>, upTo largest: Double) {
    var counts: [Float: Int] = [:]
    for element in elements { counts[element.rounded(.towardZero), default: 0] += 1 }
    for place in elements.indices {
      let label = elements[place].rounded(.towardZero)
      elements[place] = Double(counts[label] ?? 0) <= largest ? 0 : label
    }
  }

  private func removeRegions(
    _ elements: UnsafeMutableBufferPointer<Float>, shape: [Int], connectivity: Int, upTo largest: Double
  ) {
    let mask = elements.map { isPerChannel ? $0 != 0 : $0 > 0 }
    let components = ConnectedComponents(mask, shape: shape, connectivity: connectivity)
    for place in elements.indices {
      let keeps = mask[place] && Double(components.sizes[Int(components.labels[place])]) > largest
      elements[place] = keeps ? (isPerChannel ? 1 : elements[place]) : 0
    }
  }
}

/// Fills what a label encloses: MONAI's `FillHolesd`.
package struct FillHolesd: ImageTransform {
  package let keys: Keys
  let appliedLabels: [Int]?
  let connectivity: Int?

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    let labels = try arguments.optionalInts("applied_labels")
    appliedLabels = labels == [] || labels == [0] ? nil : labels
    connectivity = try arguments.optionalInt("connectivity")
    try arguments.finish()
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let shape = image.spatialShape
    let connectivity = try checkedConnectivity(
      connectivity == 0 ? nil : connectivity, rank: shape.count, transform: name)
    let channels = image.voxels.shape[0]
    let length = shape.reduce(1, *)
    let type = image.voxels.elementType
    image.voxels.becomeDenseFloat()
    let labels = try labels(image.voxels)
    image.voxels.withMutableElements(of: Float.self) { elements in
      for label in labels {
        let plane = channels > 1 ? label * length : 0
        let background = (0..<length).map { place in
          channels > 1 ? elements[plane + place] == 0 : elements[place] != Float(label)
        }
        let open = ConnectedComponents.reachedFromOutside(background, shape: shape, connectivity: connectivity)
        for place in 0..<length {
          if channels > 1 {
            elements[plane + place] = open[place] ? 0 : 1
          } else if !open[place] {
            elements[place] = Float(label)
          }
        }
      }
    }
    image.voxels = image.voxels.converted(to: type)
  }

  /// The labels to fill, without the background: channels of a one-hot image, values otherwise.
  private func labels(_ voxels: Tensor) throws -> [Int] {
    let channels = voxels.shape[0]
    if let appliedLabels {
      guard channels == 1 || appliedLabels.allSatisfy({ (0..<channels).contains($0) }) else {
        throw TransformError.unsuitable(
          transform: name, what: "'applied_labels' names a channel beyond the \(channels)", expected: "channels")
      }
      return appliedLabels.filter { $0 != 0 }
    }
    return voxels.withElements(of: Float.self) { elements in
      guard channels > 1 else { return Set(elements).map { Int(saturating: Double($0)) }.filter { $0 != 0 }.sorted() }
      let length = elements.count / channels
      return (1..<channels).filter { elements[$0 * length..<($0 + 1) * length].reduce(0, +) > 0 }
    }
  }
}

/// The number of axes that a step to a neighbour may change; all of them for nil.
private func checkedConnectivity(_ connectivity: Int?, rank: Int, transform: String) throws -> Int {
  guard rank >= 1, let connectivity else { return rank }
  guard (1...rank).contains(connectivity) else {
    throw TransformError.unsuitable(
      transform: transform, what: "'connectivity' is \(connectivity)", expected: "1 to \(rank)")
  }
  return connectivity
}
