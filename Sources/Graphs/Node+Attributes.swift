import OrderedCollections

/// Attributes by name; nil for one that is left out or of another kind.
extension Node {
  package func int(_ name: String) -> Int? { if case .int(let value)? = attributes[name] { value } else { nil } }
  package func ints(_ name: String) -> [Int]? { if case .ints(let values)? = attributes[name] { values } else { nil } }
  package func float(_ name: String) -> Float? { if case .float(let value)? = attributes[name] { value } else { nil } }
  package func string(_ name: String) -> String? {
    if case .string(let value)? = attributes[name] { value } else { nil }
  }
}
