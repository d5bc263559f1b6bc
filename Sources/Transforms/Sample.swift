package import Arguments
package import OrderedCollections
package import Tensors

/// What the transforms pass on: items by key, in the order in which they came.
package struct Sample: Sendable {
  package enum Item: Sendable {
    /// A file that LoadImaged will read.
    case path(String)
    case image(TransformedImage)
    case value(PlainValue)

    /// What kind of item it is, for messages.
    package var summary: String {
      switch self {
      case .path: "a path"
      case .image: "an image"
      case .value(let value): value.summary
      }
    }
  }

  package private(set) var items: OrderedDictionary<String, Item>
  /// The files that SaveImaged wrote.
  package var savedPaths: [String] = []

  package init(_ items: OrderedDictionary<String, Item> = [:]) { self.items = items }

  package subscript(key: String) -> Item? {
    get { items[key] }
    set { items[key] = newValue }
  }

  package var keys: [String] { Array(items.keys) }

  /// - Throws: ``TransformError`` when the key is missing or isn't an image.
  package func image(_ key: String, for transform: String) throws -> TransformedImage {
    switch items[key] {
    case .image(let image): return image
    case .some(let item): throw TransformError.notAnImage(transform: transform, key: key, found: item.summary)
    case nil: throw TransformError.missingKey(transform: transform, key: key, available: keys)
    }
  }

  /// Changes an image in place. The sample gives up its own reference meanwhile, so voxels that nobody else holds are
  /// written without a copy. The image stays as `body` left it, also when `body` throws.
  package mutating func updateImage(
    _ key: String, for transform: String, _ body: (inout TransformedImage) throws -> Void
  ) throws {
    var image = try image(key, for: transform)
    items[key] = .value(.null)
    defer { items[key] = .image(image) }
    try body(&image)
  }

  /// Puts a network's output beside the image that it was computed from: it has the image's place in the world, its
  /// source and its trace, so that Invertd and SaveImaged treat it as that image.
  ///
  /// - Parameter voxels: `[C, X, Y, Z]` or `[C, X, Y]`.
  /// - Throws: ``TransformError`` when `image` is missing or isn't an image.
  package mutating func setPrediction(_ key: String, _ voxels: Tensor, like image: String) throws {
    var prediction = try self.image(image, for: "the prediction '\(key)'")
    prediction.voxels = voxels
    items[key] = .image(prediction)
  }
}
