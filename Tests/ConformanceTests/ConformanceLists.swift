import Foundation
import TestSupport

/// What is known of each case, from the files in `Lists/`: a line for each case that passes, fails or is refused on an
/// engine, and one for each operator, element type or case that is out of scope for all of them, with its reason behind
/// a tab.
struct ConformanceLists {
  /// From a case to the inputs that are given to the reader as constants.
  private(set) var passing: [String: [String]] = [:]
  private(set) var failing: [String: String] = [:]
  private var operators: [String: String] = [:]
  private var types: [String: String] = [:]
  private var cases: [String: String] = [:]
  private(set) var problems: [String] = []

  /// The engines that have lists.
  static var backends: [String] {
    let suffix = "-passing.txt"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasSuffix(suffix) }.map { String($0.dropLast(suffix.count)) }.sorted()
  }

  private static let folder = Corpus.repository + "Tests/ConformanceTests/Lists/"

  init(backend: String) throws {
    for (name, rest) in try Self.lines("\(backend)-passing.txt") {
      if passing.updateValue(rest.split(separator: ",").map(String.init), forKey: name) != nil {
        problems.append("\(name) is listed twice as passing")
      }
    }
    for (name, reason) in try Self.lines("\(backend)-failing.txt") {
      if failing.updateValue(reason, forKey: name) != nil || passing[name] != nil {
        problems.append("\(name) is listed twice")
      }
      if reason.isEmpty { problems.append("\(name) is listed as failing without a reason") }
    }
    for (name, reason) in try Self.lines("\(backend)-refused.txt") {
      if cases.updateValue(reason, forKey: name) != nil || passing[name] != nil || failing[name] != nil {
        problems.append("\(name) is listed twice")
      }
      if reason.isEmpty { problems.append("\(name) is listed as refused without a reason") }
    }
    for (subject, reason) in try Self.lines("out-of-scope.txt") {
      let words = subject.split(separator: " ").map(String.init)
      switch (words.first, words.count) {
      case ("operator", 2): operators[words[1]] = reason
      case ("type", 2): types[words[1]] = reason
      case ("case", 2): cases[words[1]] = reason
      default: problems.append("out-of-scope.txt: '\(subject)' names no operator, type or case")
      }
      if reason.isEmpty { problems.append("\(subject) is out of scope without a reason") }
    }
  }

  /// Why a case is out of scope; nil when it isn't.
  func reason(_ item: ConformanceCase) -> String? {
    if let reason = cases[item.name] { return reason }
    if let name = item.operators.first(where: { operators[$0] != nil }) { return "\(name): \(operators[name] ?? "")" }
    return item.types.first { types[$0] != nil }.map { "\($0): \(types[$0] ?? "")" }
  }

  /// Names in the lists that no case has.
  func unknown(_ items: [ConformanceCase]) -> [String] {
    let names = Set(items.map(\.name))
    return Set(passing.keys).union(failing.keys).union(cases.keys).subtracting(names).sorted()
  }

  private static func lines(_ name: String) throws -> [(String, String)] {
    try String(contentsOfFile: folder + name, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("#") }.map
    {
      let parts = $0.split(separator: "\t", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      return (parts[0], parts.count > 1 ? parts[1] : "")
    }
  }
}
