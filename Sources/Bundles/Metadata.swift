package import OrderedCollections

/// What a bundle's metadata.json says about the network. Every entry is optional, as bundles in use leave out any
/// of them; an entry of a wrong kind is an error that names it.
package struct Metadata: Sendable, Hashable {
  /// An input or output of the network, from `network_data_format`.
  package struct TensorFormat: Sendable, Hashable {
    package var name: String
    /// What the values are: `image`, `probabilities`, `latent`, …
    package var type: String?
    /// How they are to be read: `magnitude`, `segmentation`, …
    package var format: String?
    package var modality: String?
    package var channelCount: Int?
    package var spatialShape: [SpatialSize]?
    package var dtype: String?
    package var isPatchData: Bool?
    /// Names of channels or labels by their index.
    package var channelNames: OrderedDictionary<Int, String>

    /// `[1, C, …]`: the shape of one sample for given factors of its spatial patterns; nil where the metadata
    /// doesn't tell it.
    package func shape(n: Int = 1, p: Int = 1, any: Int = 1) -> [Int]? {
      guard let channelCount, let spatialShape else { return nil }
      let sizes = spatialShape.compactMap { $0.size(n: n, p: p, any: any) }
      return sizes.count == spatialShape.count ? [1, channelCount] + sizes : nil
    }
  }

  package var version: String?
  package var name: String?
  package var task: String?
  package var description: String?
  package var inputs: [TensorFormat]
  package var outputs: [TensorFormat]

  /// - Throws: ``BundleError/badMetadata(file:entry:found:expected:)``.
  package init(_ value: ConfigValue, file: String) throws {
    let reader = MetadataReader(file: file)
    let root = try reader.dictionary(value, at: "the whole file")
    version = try reader.string(root, "version")
    name = try reader.string(root, "name")
    task = try reader.string(root, "task")
    description = try reader.string(root, "description")
    let formats = try reader.optionalDictionary(root, "network_data_format")
    inputs = try reader.formats(formats, "inputs")
    outputs = try reader.formats(formats, "outputs")
  }
}

/// Reads entries of metadata, naming the entry in every error.
private struct MetadataReader {
  typealias Entries = OrderedDictionary<String, ConfigValue>

  let file: String

  func wrong(_ entry: String, _ value: ConfigValue, expected: String) -> BundleError {
    .badMetadata(file: file, entry: entry, found: value.summary, expected: expected)
  }

  func dictionary(_ value: ConfigValue, at entry: String) throws -> Entries {
    guard case .dictionary(let entries) = value else { throw wrong(entry, value, expected: "a dictionary") }
    return entries
  }

  func present(_ entries: Entries, _ key: String) -> ConfigValue? {
    entries[key].flatMap { $0 == .null ? nil : $0 }
  }

  func optionalDictionary(_ entries: Entries, _ key: String, in path: String = "") throws -> Entries {
    try present(entries, key).map { try dictionary($0, at: path + key) } ?? [:]
  }

  func string(_ entries: Entries, _ key: String, in path: String = "") throws -> String? {
    try present(entries, key).map { value in
      switch value {
      case .string(let text): return text
      case .int(let number): return "\(number)"
      case .double(let number): return "\(number)"
      default: throw wrong(path + key, value, expected: "a string")
      }
    }
  }

  func int(_ entries: Entries, _ key: String, in path: String) throws -> Int? {
    try present(entries, key).map { value in
      guard case .int(let number) = value, number >= 0 else {
        throw wrong(path + key, value, expected: "a number of channels")
      }
      return number
    }
  }

  func formats(_ entries: Entries, _ key: String) throws -> [Metadata.TensorFormat] {
    let path = "network_data_format#\(key)#"
    return try optionalDictionary(entries, key, in: "network_data_format#").map { name, value in
      try format(name, try dictionary(value, at: path + name), in: path + name + "#")
    }
  }

  private func format(_ name: String, _ entries: Entries, in path: String) throws -> Metadata.TensorFormat {
    Metadata.TensorFormat(
      name: name, type: try string(entries, "type", in: path), format: try string(entries, "format", in: path),
      modality: try string(entries, "modality", in: path), channelCount: try int(entries, "num_channels", in: path),
      spatialShape: try spatialShape(entries, in: path), dtype: try string(entries, "dtype", in: path),
      isPatchData: try bool(entries, "is_patch_data", in: path), channelNames: try channelNames(entries, in: path))
  }

  private func bool(_ entries: Entries, _ key: String, in path: String) throws -> Bool? {
    try present(entries, key).map { value in
      guard case .bool(let flag) = value else { throw wrong(path + key, value, expected: "true or false") }
      return flag
    }
  }

  private func spatialShape(_ entries: Entries, in path: String) throws -> [SpatialSize]? {
    try present(entries, "spatial_shape").map { value in
      guard case .list(let items) = value else {
        throw wrong(path + "spatial_shape", value, expected: "a list of sizes")
      }
      return try items.enumerated().map { index, item in
        switch item {
        case .int(let size) where size > 0: return .fixed(size)
        case .string("*"): return .any
        case .string(let text):
          let pattern = SpatialSize.pattern(text)
          guard pattern.size() != nil else { fallthrough }
          return pattern
        default:
          throw wrong(
            path + "spatial_shape#\(index)", item, expected: "a number, \"*\", or a product like \"8*n\" in n and p")
        }
      }
    }
  }

  private func channelNames(_ entries: Entries, in path: String) throws -> OrderedDictionary<Int, String> {
    var names: OrderedDictionary<Int, String> = [:]
    for (key, value) in try optionalDictionary(entries, "channel_def", in: path) {
      guard let index = Int(key), index >= 0, case .string(let name) = value else { continue }
      names[index] = name
    }
    return names
  }
}
