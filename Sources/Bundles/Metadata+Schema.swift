import OrderedCollections

extension Metadata {
  /// What is wrong with a metadata.json after the MONAI bundle specification: entries that it demands and that aren't
  /// there, and entries of another kind. In the file's order; empty when all is well.
  ///
  /// Source: https://docs.monai.io/en/stable/mb_specification.html, the table of `metadata.json`.
  package static func problems(in value: ConfigValue) -> [String] {
    guard case .dictionary(let root) = value else { return ["the whole file is \(value.summary), not a dictionary"] }
    var problems: [String] = []
    for name in required where root[name] == nil { problems.append("'\(name)' is missing") }
    if root["required_packages_version"] == nil, root["optional_packages_version"] == nil {
      problems.append("'required_packages_version' is missing (in older bundles: 'optional_packages_version')")
    }
    for name in texts {
      if let entry = root[name], !entry.isText { problems.append("'\(name)' is \(entry.summary), not a string") }
    }
    for name in ["changelog", "required_packages_version", "optional_packages_version"] {
      if let entry = root[name] { problems += pairsProblems(entry, name) }
    }
    if let formats = root["network_data_format"] { problems += formatProblems(formats, "network_data_format") }
    return problems
  }

  private static let required = [
    "version", "changelog", "monai_version", "pytorch_version", "numpy_version", "task", "description", "authors",
    "copyright", "network_data_format",
  ]
  private static let texts = [
    "schema", "version", "monai_version", "pytorch_version", "numpy_version", "task", "description", "authors",
    "copyright", "data_source", "data_type", "intended_use", "name",
  ]

  /// A dictionary of texts.
  private static func pairsProblems(_ value: ConfigValue, _ name: String) -> [String] {
    guard case .dictionary(let entries) = value else { return ["'\(name)' is \(value.summary), not a dictionary"] }
    return entries.filter { !$0.value.isText }.map { "'\(name)#\($0.key)' is \($0.value.summary), not a string" }
  }

  private static func formatProblems(_ value: ConfigValue, _ path: String) -> [String] {
    guard case .dictionary(let entries) = value else { return ["'\(path)' is \(value.summary), not a dictionary"] }
    return ["inputs", "outputs"].flatMap { side -> [String] in
      guard let value = entries[side] else { return ["'\(path)#\(side)' is missing"] }
      guard case .dictionary(let tensors) = value, !tensors.isEmpty else {
        return ["'\(path)#\(side)' is \(value.summary), not a dictionary of tensors"]
      }
      return tensors.flatMap { tensorProblems($0.value, "\(path)#\(side)#\($0.key)") }
    }
  }

  /// Kinds of values that a tensor's entries may have, and what they are called.
  private static let tensorEntries: [(name: String, expected: String, isRight: @Sendable (ConfigValue) -> Bool)] = [
    ("type", "a string", \.isText), ("format", "a string", \.isText),
    ("num_channels", "a number of channels", { if case .int(let count) = $0 { count >= 0 } else { false } }),
    ("spatial_shape", "a list of sizes", \.isSpatialShape), ("dtype", "a string", \.isText),
    ("value_range", "a list of numbers", \.isNumbers),
    ("is_patch_data", "true or false", { if case .bool = $0 { true } else { false } }),
    ("channel_def", "a dictionary of strings", { pairsProblems($0, "").isEmpty }),
  ]

  private static func tensorProblems(_ value: ConfigValue, _ path: String) -> [String] {
    guard case .dictionary(let entries) = value else { return ["'\(path)' is \(value.summary), not a dictionary"] }
    var problems: [String] = []
    for (name, expected, isRight) in tensorEntries {
      guard let entry = entries[name] else {
        if ["type", "format", "num_channels", "spatial_shape", "dtype"].contains(name) {
          problems.append("'\(path)#\(name)' is missing")
        }
        continue
      }
      if !isRight(entry) { problems.append("'\(path)#\(name)' is \(entry.summary), not \(expected)") }
    }
    return problems
  }
}

extension ConfigValue {
  fileprivate var isText: Bool {
    if case .string = self { true } else { false }
  }

  fileprivate var isSpatialShape: Bool {
    guard case .list(let sizes) = self else { return false }
    return sizes.allSatisfy { size in
      switch size {
      case .int(let extent): extent > 0
      case .string("*"): true
      case .string(let text): SpatialSize.pattern(text).size() != nil
      default: false
      }
    }
  }

  fileprivate var isNumbers: Bool {
    guard case .list(let items) = self else { return false }
    return items.allSatisfy { item in
      switch item {
      case .int, .double: true
      default: false
      }
    }
  }
}
