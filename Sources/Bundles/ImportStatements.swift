import OrderedCollections

/// The `$import …` statements of a config. They bind names to modules; nothing is imported.
enum ImportStatements {
  struct Statement: Equatable {
    var name: String
    var module: String
  }

  /// Names that every expression knows, as MONAI has them.
  private static let builtin = ["monai": "monai", "torch": "torch", "np": "numpy", "numpy": "numpy"]

  /// What the names of modules mean in the config's expressions: MONAI runs all import statements, wherever
  /// they stand, before anything else.
  static func modules(of tree: ConfigTree) -> [String: String] {
    var modules = builtin
    collect(from: .dictionary(tree.entries), into: &modules)
    return modules
  }

  private static func collect(from value: ConfigValue, into modules: inout [String: String]) {
    switch value {
    case .string(let text):
      guard case .expression(let source) = ConfigToken(text), let statement = parse(source) else { return }
      modules[statement.name] = statement.module
    case .list(let items):
      for item in items { collect(from: item, into: &modules) }
    case .dictionary(let entries):
      for item in entries.values { collect(from: item, into: &modules) }
    default:
      return
    }
  }

  /// `import a.b`, `import a as b`, `from a import b`, `from a import b as c`; of several names the first, as
  /// MONAI takes it. Nil for anything else.
  static func parse(_ source: String) -> Statement? {
    let words = source.prefix { !",;#".contains($0) }.split { $0.isWhitespace || "()".contains($0) }.map(String.init)
    switch words.count {
    case 2 where words[0] == "import": return Statement(name: words[1], module: words[1])
    case 4 where words[0] == "import" && words[2] == "as": return Statement(name: words[3], module: words[1])
    case 4 where words[0] == "from" && words[2] == "import":
      return Statement(name: words[3], module: "\(words[1]).\(words[3])")
    case 6 where words[0] == "from" && words[2] == "import" && words[4] == "as":
      return Statement(name: words[5], module: "\(words[1]).\(words[3])")
    default: return nil
    }
  }
}
