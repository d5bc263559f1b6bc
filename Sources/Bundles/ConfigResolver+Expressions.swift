import OrderedCollections

extension ConfigResolver {
  /// The entries that are expressions, in the config's order. Import statements aren't among them.
  package var expressionPaths: [String] {
    var paths: [String] = []
    collect(.dictionary(tree.entries), at: .root, into: &paths)
    return paths
  }

  private func collect(_ value: ConfigValue, at path: ConfigPath, into paths: inout [String]) {
    switch value {
    case .list(let items):
      for (index, item) in items.enumerated() { collect(item, at: path.appending("\(index)"), into: &paths) }
    case .dictionary(let entries):
      for (key, item) in entries { collect(item, at: path.appending(key), into: &paths) }
    case .string(let text):
      guard case .expression(let source) = ConfigToken(text), ImportStatements.parse(source) == nil else { return }
      paths.append(path.description)
    default: return
    }
  }
}
