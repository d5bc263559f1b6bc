import Files

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Finds files as Python's `glob.glob(pattern)` does without `recursive`: `*`, `?` and `[…]` within a path part,
/// `**` as `*`, and no hidden files unless the part starts with a dot. The results are sorted, where Python leaves
/// the order to the file system.
struct PathGlob {
  let budget: WorkBudget

  /// - Throws: ``EvaluationFailure/tooLarge(_:)``.
  func matches(of pattern: String) throws -> [String] {
    guard Self.isMagic(pattern) else {
      return Self.exists(pattern) ? [pattern] : []
    }
    let folder = PosixPath.dirname(pattern)
    let name = PosixPath.basename(pattern)
    let folders = Self.isMagic(folder) ? try matches(of: folder) : [folder]
    var found: [String] = []
    for folder in folders {
      try budget.spend(1)
      found += try matches(of: name, in: folder)
    }
    return found
  }

  private func matches(of name: String, in folder: String) throws -> [String] {
    guard Self.isMagic(name) else {
      let path = PosixPath.join([folder, name])
      // An empty name asks for the folder itself.
      let isThere = name.isEmpty ? PosixPath.isFolder(folder) : Self.exists(path)
      return isThere ? [path] : []
    }
    guard let names = try? Folders.names(in: folder.isEmpty ? "." : folder) else { return [] }
    try budget.spend(names.count)
    let pattern = FileNamePattern(name)
    return
      names
      .filter { (name.hasPrefix(".") || !$0.hasPrefix(".")) && pattern.matches($0) }
      .map { PosixPath.join([folder, $0]) }
  }

  private static func isMagic(_ text: String) -> Bool { text.utf8.contains { "*?[".utf8.contains($0) } }

  /// Whether something is there, be it a symbolic link that leads nowhere.
  private static func exists(_ path: String) -> Bool {
    var status = stat()
    return !path.utf8.contains(0) && lstat(path, &status) == 0
  }
}

/// A file name pattern of Python's `fnmatch`.
struct FileNamePattern {
  private enum Element {
    case anything
    case character
    case exactly(Unicode.Scalar)
    case oneOf([ClosedRange<Unicode.Scalar>], isNegated: Bool)
  }

  private let elements: [Element]

  init(_ pattern: String) {
    let scalars = Array(pattern.unicodeScalars)
    var elements: [Element] = []
    var index = 0
    while index < scalars.count {
      let scalar = scalars[index]
      index += 1
      switch scalar {
      case "*": elements.append(.anything)
      case "?": elements.append(.character)
      case "[":
        guard let end = Self.classEnd(in: scalars, from: index) else {
          elements.append(.exactly("["))
          continue
        }
        elements.append(Self.characterClass(scalars[index..<end]))
        index = end + 1
      default: elements.append(.exactly(scalar))
      }
    }
    self.elements = elements
  }

  /// The `]` that ends a class; one that comes first, or after `!`, belongs to it.
  private static func classEnd(in scalars: [Unicode.Scalar], from start: Int) -> Int? {
    var index = start
    if index < scalars.count, scalars[index] == "!" { index += 1 }
    if index < scalars.count, scalars[index] == "]" { index += 1 }
    return index < scalars.count ? scalars[index...].firstIndex(of: "]") : nil
  }

  private static func characterClass(_ body: ArraySlice<Unicode.Scalar>) -> Element {
    let isNegated = body.first == "!"
    let members = Array(isNegated ? body.dropFirst() : body)
    var ranges: [ClosedRange<Unicode.Scalar>] = []
    var index = 0
    while index < members.count {
      if index + 2 < members.count, members[index + 1] == "-" {
        // A range whose ends are swapped is empty.
        if members[index] <= members[index + 2] { ranges.append(members[index]...members[index + 2]) }
        index += 3
      } else {
        ranges.append(members[index]...members[index])
        index += 1
      }
    }
    return .oneOf(ranges, isNegated: isNegated)
  }

  /// Compares with one place to return to: at most the product of both lengths in steps.
  func matches(_ name: String) -> Bool {
    let scalars = Array(name.unicodeScalars)
    var element = 0
    var index = 0
    var retry: (element: Int, index: Int)?
    while index < scalars.count {
      if element < elements.count, case .anything = elements[element] {
        retry = (element, index)
        element += 1
      } else if element < elements.count, accepts(elements[element], scalars[index]) {
        element += 1
        index += 1
      } else if let place = retry {
        element = place.element + 1
        index = place.index + 1
        retry = (place.element, index)
      } else {
        return false
      }
    }
    return elements[element...].allSatisfy { if case .anything = $0 { true } else { false } }
  }

  private func accepts(_ element: Element, _ scalar: Unicode.Scalar) -> Bool {
    switch element {
    case .anything, .character: true
    case .exactly(let expected): expected == scalar
    case .oneOf(let ranges, let isNegated): ranges.contains { $0.contains(scalar) } != isNegated
    }
  }
}
