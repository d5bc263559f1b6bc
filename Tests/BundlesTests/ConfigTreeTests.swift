import Arguments
import Bundles
import Diagnostics
import OrderedCollections
import TestSupport
import Testing

@Suite struct ConfigTreeTests {
  @Test func mergesAndOverridesAsMONAI() throws {
    let cases = try Golden.cases("merges.json")
    #expect(cases.count > 12)
    for (number, item) in cases.enumerated() {
      let folder = try TemporaryFolder()
      let files = try (item.child("files")?.items ?? []).enumerated().map { index, content in
        try folder.write(json(content), to: "\(index).json")
      }
      var tree = try ConfigTree(files: files)
      for (id, value) in item.child("overrides")?.entries ?? [:] {
        try tree.apply(ConfigOverride(path: ConfigPath(id), value: value))
      }
      let expected = try #require(item.child("result").flatMap(Golden.plain))
      #expect(isSame(ConfigValue.dictionary(tree.entries).plain, expected), "case \(number)")
    }
  }

  @Test func whatCannotBeMergedIsNamed() throws {
    let folder = try TemporaryFolder()
    let first = try folder.write(#"{"a": 1, "l": [1]}"#, to: "1.json")
    for second in [#"{"+a": [1]}"#, #"{"+l": {"x": 1}}"#, #"{"b#c": 1}"#, #"{"a#b": 1}"#, #"{"l#5": 1}"#] {
      let file = try folder.write(second, to: "2.json")
      guard case .badMerge? = configError({ _ = try ConfigTree(files: [first, file]) }) else {
        Issue.record("\(second) was merged")
        continue
      }
    }
  }

  @Test(arguments: [
    (#"{"evaluator#amp": 1}"#, "no entry 'evaluator' to put it into"),
    (#"{"a#x#y": 1}"#, "no entry 'a#x' to put it into"), (#"{"a#l#2": 1}"#, "'a#l' is a list of 2, which has no '2'"),
    (#"{"a#b#c": 1}"#, "'a#b' is 1, which has no 'c'"),
  ]) func aFileThatChangesAnotherConfigSaysWhatIsMissing(_ second: String, _ reason: String) throws {
    let folder = try TemporaryFolder()
    let first = try folder.write(#"{"a": {"b": 1, "l": [1, 2]}}"#, to: "1.json")
    let error = try #require(
      configError { _ = try ConfigTree(files: [first, try folder.write(second, to: "2.json")]) })
    #expect(error.diagnosis.what.contains(reason))
    #expect(error.diagnosis.hint?.contains("--config-file FIRST") == true)
  }

  @Test func overridesReadLiterals() throws {
    let cases: [(String, ConfigValue)] = [
      ("3", .int(3)), ("-3", .int(-3)), ("1e-3", .double(0.001)), ("true", .bool(true)), ("True", .bool(true)),
      ("null", .null), ("None", .null), ("text", .string("text")), ("'3'", .string("3")), ("\"3\"", .string("3")),
      ("[1, 2.5]", .list([.int(1), .double(2.5)])), ("(1, 2)", .list([.int(1), .int(2)])),
      ("[image,label]", .list([.string("image"), .string("label")])), ("{'a': 1}", .dictionary(["a": .int(1)])),
      ("@ref#a", .string("@ref#a")), ("$1 + 1", .string("$1 + 1")), ("/data/x.pt", .string("/data/x.pt")),
      ("", .string("")), ("a=b", .string("a=b")), ("1 + 1", .string("1 + 1")), ("f(x)", .string("f(x)")),
      ("1,2", .string("1,2")), ("model.pt", .string("model.pt")), ("[1, f(x)]", .string("[1, f(x)]")),
    ]
    for (text, expected) in cases {
      #expect(try ConfigOverride(parsing: "id=\(text)").value == expected, "\(text)")
    }
  }

  @Test func overridesReachNestedEntriesAndLists() throws {
    var tree = ConfigTree(entries: [
      "net": .dictionary(["channels": .list([.int(1), .int(2)])]), "l": .list([.dictionary(["a": .int(1)])]),
    ])
    for text in ["net#channels#1=5", "net::new=x", "l#0#a=[2]", "+l=[3]", "top=1"] {
      try tree.apply(ConfigOverride(parsing: text))
    }
    #expect(tree.value(at: ConfigPath("net#channels")) == .list([.int(1), .int(5)]))
    #expect(tree.value(at: ConfigPath("net#new")) == .string("x"))
    #expect(tree.value(at: ConfigPath("l")) == .list([.dictionary(["a": .list([.int(2)])]), .int(3)]))
    #expect(tree.value(at: ConfigPath("top")) == .int(1))
  }

  @Test func badOverridesAreUsageErrorsWithTheNearestNames() throws {
    var tree = ConfigTree(entries: ["network_def": .dictionary(["channels": .int(1)])])
    for text in ["novalue", "=1", "network_dev#channels=2", "network_def#channels#0=2", "+network_def=[1]"] {
      let error = try #require(configError { try tree.apply(ConfigOverride(parsing: text)) }, "\(text)")
      #expect(error.diagnosis.kind == .usage)
    }
    let error = configError { try tree.apply(ConfigOverride(parsing: "network_dev#channels=2")) }
    #expect(error?.diagnosis.hint?.contains("network_def") == true)
  }

  @Test func configsThatAreNoDictionariesOrNoConfigsAreRefused() throws {
    let folder = try TemporaryFolder()
    #expect(
      configError { _ = try ConfigTree(files: [try folder.write("[1]", to: "l.json")]) }
        == .notADictionary(file: folder.file("l.json"), found: "a list of 1"))
    guard case .unknownFormat? = configError({ _ = try ConfigTree(files: [try folder.write("{}", to: "x.txt")]) })
    else { throw TestFailure() }
  }

  /// A value without floats and escapes as JSON.
  private func json(_ value: ConfigValue) -> String {
    switch value {
    case .null: "null"
    case .bool(let flag): "\(flag)"
    case .int(let number): "\(number)"
    case .double(let number): "\(number)"
    case .string(let text): "\"\(text)\""
    case .list(let items): "[\(items.map(json).joined(separator: ","))]"
    case .dictionary(let entries): "{\(entries.map { "\"\($0)\":\(json($1))" }.joined(separator: ","))}"
    }
  }
}
