import OrderedCollections
import PythonSyntax

/// Where a config names its checkpoint, and what an entry depends on.
extension ConfigResolver {
  /// Entries that may name the network's checkpoint, the likeliest first: the `load_path` of a `CheckpointLoader`
  /// for the network, then entries that are usually called so.
  package var checkpointEntries: [String] {
    var loaders: [(path: ConfigPath, isNetwork: Bool)] = []
    collectLoaders(.dictionary(tree.entries), at: ConfigPath(keys: []), into: &loaders)
    let ordered = loaders.filter(\.isNetwork) + loaders.filter { !$0.isNetwork }
    let usual = ["ckpt_path", "ckpt_file", "checkpoint", "pretrained_ckpt_path", "load_path"]
    return ordered.map { $0.path.appending("load_path").description } + usual.filter(contains)
  }

  private func collectLoaders(
    _ value: ConfigValue, at path: ConfigPath, into loaders: inout [(path: ConfigPath, isNetwork: Bool)]
  ) {
    switch value {
    case .list(let items):
      for (index, item) in items.enumerated() { collectLoaders(item, at: path.appending("\(index)"), into: &loaders) }
    case .dictionary(let entries):
      if case .string(let target)? = entries["_target_"], target.split(separator: ".").last == "CheckpointLoader",
        entries["load_path"] != nil
      {
        loaders.append((path, entries["load_dict"]?.child("model") != nil))
      }
      for (key, item) in entries { collectLoaders(item, at: path.appending(key), into: &loaders) }
    default:
      return
    }
  }

  /// Whether the entry, or one that it refers to, was set by an override.
  package func isOverridden(_ id: String) -> Bool {
    var seen: Set<ConfigPath> = []
    var pending = [ConfigPath(id)]
    while let path = pending.popLast() {
      guard seen.insert(path).inserted else { continue }
      if overridden.contains(where: { path.keys.starts(with: $0.keys) || $0.keys.starts(with: path.keys) }) {
        return true
      }
      guard case .string(let text)? = tree.value(at: path) else { continue }
      pending += references(in: text).compactMap(path.resolving)
    }
    return false
  }

  private func references(in text: String) -> [String] {
    switch ConfigToken(text) {
    case .reference(let id), .macro(let id): [id]
    case .expression(let source): (try? ExpressionParser.parse(source, readsReferences: true))?.references ?? []
    case .text: []
    }
  }
}
