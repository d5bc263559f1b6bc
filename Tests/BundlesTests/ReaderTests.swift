import Arguments
import Bundles
import Diagnostics
import OrderedCollections
import TestSupport
import Testing

@Suite struct JSONReaderTests {
  func read(_ text: String) throws -> ConfigValue { try JSONReader.read(Array(text.utf8), file: "x.json") }

  @Test func keepsTheOrderOfKeysAndTheKindOfNumbers() throws {
    let value = try read(#" {"z": 1, "a": 1.0, "m": [true, null, "x"], "e": 1e5, "z": -0} "#)
    #expect(Array(value.entries.keys) == ["z", "a", "m", "e"])
    #expect(value.child("z") == .int(0))
    #expect(value.child("a") == .double(1))
    #expect(value.child("e") == .double(100000))
    #expect(value.child("m") == .list([.bool(true), .null, .string("x")]))
  }

  @Test func readsEscapesAndNumbersThatAreNone() throws {
    #expect(try read(#""a\n\t\"\\\/\u0041\u00e9\ud83d\ude00""#) == .string("a\n\t\"\\/Aé😀"))
    guard case .list(let items) = try read("[NaN, Infinity, -Infinity]"), case .double(let nan) = items[0] else {
      throw TestFailure()
    }
    #expect(nan.isNaN && items[1] == .double(.infinity) && items[2] == .double(-.infinity))
  }

  @Test(arguments: [
    "", "{", "[1,]", "{\"a\":1,}", "{a:1}", "[1 2]", "01", "1.", ".5", "+1", "1e", "nul", "'a'", "\"a", "\"\\x\"",
    "\"\\ud800\"", "\"\\u12\"", "{} {}", "\"\u{01}\"", "99999999999999999999", "[", "{\"a\"", "{\"a\":", "-", "tru",
    "// c\n1",
  ])
  func refusesWhatIsNotJSON(_ text: String) {
    guard case .notJSON? = configError({ _ = try read(text) }) else {
      Issue.record("'\(text)' was accepted")
      return
    }
  }

  @Test func errorsTellLineAndColumn() {
    #expect(
      configError { _ = try read("{\n  \"é\": 1\n  \"b\": 2\n}") }
        == .notJSON(file: "x.json", line: 3, column: 3, reason: "expected ',' or '}' after the value"))
  }

  @Test(arguments: [
    ("", "empty"), ("{\n// c\n}", "comments"), ("[1, # c\n2]", "comments"), ("{'a': 1}", "double quotes"),
    ("['a']", "double quotes"), ("{\"a\": 1,}", "a comma stands"), ("[1,]", "a comma stands"),
  ]) func whatOtherReadersTakeIsNamed(_ text: String, _ reason: String) {
    #expect(configError { _ = try read(text) }?.description.contains(reason) == true)
  }

  @Test func boundsTheNesting() throws {
    _ = try read(String(repeating: "[", count: 99) + String(repeating: "]", count: 99))
    #expect(throws: ConfigError.self) { try read(String(repeating: "[", count: 1_000_000)) }
    #expect(throws: ConfigError.self) { try read(String(repeating: "{\"a\":", count: 1_000_000)) }
  }

  @Test func truncatedOrFlippedFilesNeverTrap() throws {
    let whole = try Corpus.bytes("bundles/wholeBody_ct_segmentation/configs/inference.json")
    let end = try #require(whole.lastIndex(of: UInt8(ascii: "}")))
    for length in 0...end {
      #expect(throws: ConfigError.self) { try JSONReader.read(Array(whole.prefix(length)), file: "x") }
    }
    var random = FixedRandom()
    for _ in 0..<500 {
      var bytes = whole
      bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      guard case .dictionary(let entries)? = try? JSONReader.read(bytes, file: "x") else { continue }
      let config = resolver(entries)
      for id in ["network_def", "preprocessing", "postprocessing"] { _ = try? config.resolve(id) }
    }
  }
}

@Suite struct YAMLReaderTests {
  func read(_ text: String) throws -> ConfigValue { try YAMLReader.read(Array(text.utf8), file: "x.yaml") }

  @Test func readsWhatMONAIReads() throws {
    let documents = try Golden.cases("yaml.json")
    #expect(documents.count > 90)
    for document in documents {
      let text = try #require(document.child("text")?.text)
      guard document.child("fails") == nil else {
        #expect(throws: ConfigError.self, "\(text)") { try read(text) }
        continue
      }
      let expected = try #require(document.child("value").flatMap(Golden.plain))
      do {
        let value = try read(text).plain
        #expect(isSame(value, expected), "\(text) is \(expected), not \(value)")
      } catch {
        Issue.record("\(text): \(error)")
      }
    }
  }

  @Test(arguments: [
    "a: [1", "a: {b: 1", "a: b: c", "\ta: 1", "a: *none", "? &x a\n: 1\n? &y a\n: 2", "a: !!python/object:os.system x",
    "a: !custom x",
    "a: 2024-01-31", "--- 1\n--- 2", "a: 'x", "? [a, b]\n: 1", "a: !!int x", "<<: 3", "a: \"\\q\"",
    "a: 99999999999999999999",
  ])
  func refusesWhatIsNotPlainYAML(_ text: String) {
    guard case .notYAML? = configError({ _ = try read(text) }) else {
      Issue.record("'\(text)' was accepted")
      return
    }
  }

  /// YAML knows more ends of lines than the search for the key does.
  @Test(arguments: ["\r", "\r\n", "\u{85}", "\u{2028}", "\n\n", "\r\r\n", "\n#\n"])
  func repeatedKeysBetweenOtherLineEndsNeverTrap(_ end: String) {
    for text in [
      "a: 1ENDa: 2ENDb: 3", "ENDx:END  a: 1END  a: 2", "{a: 1,END a: 2}", "? a\n: 1END? a\n: 2END", "ENDENDa:ENDa:END",
    ] {
      let text = text.replacing("END", with: end)
      if let value = try? read(text), case .dictionary(let entries) = value { #expect(!entries.isEmpty, "\(text)") }
    }
  }

  @Test func manyRepeatedKeysAreAnError() throws {
    #expect(try read(String(repeating: "a: 1\n", count: 60) + "a: 2") == .dictionary(["a": .int(2)]))
    let error = try #require(configError { _ = try read(String(repeating: "a: 1\n", count: 200)) })
    #expect(error.description.contains("repeated keys a"))
    #expect(throws: ConfigError.self) {
      try read("a: '" + String(repeating: "x", count: 1 << 20) + "'\na: 1\nb: 2\na: 3")
    }
  }

  @Test func aliasesCannotMultiplyWithoutBound() {
    var text = "a0: &a0 [x, x]\n"
    for level in 1...40 { text += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
    #expect(throws: ConfigError.self) { try read(text) }
    #expect(throws: ConfigError.self) { try read(text + "? *a40\n: 1\n") }
    var merged = "a0: &a0 {x: 1}\n"
    for level in 1...40 { merged += "a\(level): &a\(level) {<<: [*a\(level - 1), *a\(level - 1)]}\n" }
    #expect(throws: ConfigError.self) { try read(merged) }
  }

  @Test func boundsTheNesting() {
    for piece in ["[", "{a: ", "- ", "? "] {
      #expect(throws: ConfigError.self, "\(piece)") { try read(String(repeating: piece, count: 20_000)) }
    }
  }

  @Test func truncatedFilesNeverTrap() throws {
    let text = """
      base: &b {x: 1, 'y': [1.5, yes]}
      derived:
        <<: *b
        text: |
          lines
        "q\\n": $@a + 1
      list: [a, {b: ~}, !!str 5]
      """
    let bytes = Array(text.utf8)
    for length in 0...bytes.count { _ = try? YAMLReader.read(Array(bytes.prefix(length)), file: "x") }
    var random = FixedRandom()
    for _ in 0..<2000 {
      var changed = bytes
      changed[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      _ = try? YAMLReader.read(changed, file: "x")
    }
  }
}
