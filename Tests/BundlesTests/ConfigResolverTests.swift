import Arguments
import Bundles
import Diagnostics
import Files
import OrderedCollections
import TestSupport
import Testing

@Suite struct ConfigResolverTests {
  @Test func resolvesAsMONAI() throws {
    for item in try Golden.cases("resolutions.json") {
      let config = try #require(item.child("config")?.entries)
      let id = try #require(item.child("id")?.text)
      let expected = try #require(item.child("value").flatMap(Golden.plain))
      let value = try resolver(config).resolve(id)
      #expect(isSame(value, expected), "\(config) at \(id)")
    }
  }

  @Test func componentsCarryResolvedArgumentsAndTheirPath() throws {
    let config = try resolver(
      json: """
        {"key": "image", "pre": {"_target_": "Compose", "transforms": [
            {"_target_": "LoadImaged", "keys": "@key", "_desc_": "text", "_requires_": "$open('never')"},
            {"_target_": "Skipped", "_disabled_": "$1 > 0"},
            {"_target_": "Kept", "_disabled_": " False "}]},
         "post": {"_target_": "Invertd", "transform": "@pre", "first": "@pre#transforms#0"}}
        """)
    guard case .component(let post) = try config.resolve("post"),
      case .component(let pre)? = post.arguments["transform"],
      case .list(let transforms)? = pre.arguments["transforms"],
      case .component(let load)? = transforms.first
    else { throw TestFailure() }
    #expect(pre.path == "pre")
    #expect(load.path == "pre#transforms#0")
    #expect(load.arguments == ["keys": .string("image")])
    #expect(transforms.count == 2)
    #expect(post.arguments["first"] == .component(load))
  }

  @Test func argumentsWithoutNamesKeepTheirOrder() throws {
    let config = try resolver(
      json: """
        {"n": 3, "a": {"_target_": "UNet", "_args_": [2, "$@n + 1"], "out_channels": "@n"},
         "b": "$monai.networks.nets.UNet(2, @n + 1, out_channels=@n)", "c": {"_target_": "UNet", "_args_": 2}}
        """)
    for id in ["a", "b"] {
      guard case .component(let component) = try config.resolve(id) else { throw TestFailure() }
      #expect(component.positional == [.int(2), .int(4)])
      #expect(component.arguments == ["out_channels": .int(3)])
    }
    #expect(throws: ConfigError.self) { try config.resolve("c") }
  }

  @Test func aDisabledComponentIsNoneWhereItIsReferredTo() throws {
    let config = try resolver(
      json:
        #"{"a": {"_target_": "T", "_disabled_": true}, "b": ["@a"], "c": [1, {"_target_": "T", "_disabled_": "true"}]}"#
    )
    #expect(try config.resolve("a") == .null)
    #expect(try config.resolve("b") == .list([.null]))
    #expect(try config.resolve("c") == .list([.int(1)]))
  }

  @Test func whatIsNotReachedIsNotEvaluated() throws {
    let config = try resolver(
      json: #"{"bad": "$open('x')", "worse": "@absent", "good": "$1 if True else @bad", "%": "%none.json"}"#)
    #expect(try config.resolve("good") == .int(1))
  }

  @Test func networkMethodsThatOnlyMoveItGiveTheNetwork() throws {
    let config = try resolver(
      json: #"{"net": {"_target_": "UNet"}, "device": "$torch.device('cpu')", "network": "$@net.to(@device).eval()"}"#)
    #expect(try config.resolve("network") == config.resolve("net"))
  }

  @Test func lambdasHoldTheValuesThatTheyReferTo() throws {
    let config = try resolver(
      json: #"""
        {"t": -0.5, "l": [1, "it's"], "n": {"c": 3}, "net": {"_target_": "UNet"}, "s": {"a": 1},
         "f": "$lambda x: x > @t", "g": "$lambda x: x[@n#c:] ** @t + {@n::c: @l}", "h": "$lambda x: '@t'",
         "i": "$lambda x: [y for y in @l if not x(@n#c, k=@t)[@n#c] is None]", "j": "$lambda x: @net(x)",
         "k": "$lambda x, y=@n#c: x", "m": "$lambda x: @s"}
        """#)
    #expect(try config.resolve("f") == .lambda("lambda x: x > -0.5"))
    #expect(try config.resolve("g") == .lambda("lambda x: x[3:] ** -0.5 + {3: [1, \"it's\"]}"))
    #expect(try config.resolve("h") == .lambda("lambda x: '@t'"))
    #expect(try config.resolve("i") == .lambda("lambda x: [y for y in [1, \"it's\"] if not x(3, k=-0.5)[3] is None]"))
    #expect(try config.resolve("k") == .lambda("lambda x, y=3: x"))
    for id in ["j", "m"] {
      guard case .refusedExpression(id, _, _, _)? = configError({ _ = try config.resolve(id) }) else {
        Issue.record("\(id) was accepted")
        continue
      }
    }
  }

  @Test func aCycleIsPrinted() throws {
    let config = try resolver(json: #"{"a": "@b", "b": {"x": "$@c + 1"}, "c": ["@a"]}"#)
    #expect(configError { _ = try config.resolve("a") } == .cycle(["a", "b", "c", "a"]))
    #expect(configError { _ = try config.resolve("c") } == .cycle(["c", "a", "b", "c"]))
    let own = try resolver(json: #"{"a": {"x": "@a"}}"#)
    #expect(configError { _ = try own.resolve("a") } == .cycle(["a", "a"]))
  }

  @Test func anUnknownReferenceNamesTheEntryAndItsNeighbours() throws {
    let config = try resolver(json: #"{"network_def": {"channels": 1}, "x": ["@network_dev", "@network_def#chanels"]}"#)
    #expect(
      configError { _ = try config.resolve("x") }
        == .unknownReference(id: "network_dev", path: "x#0", nearest: ["network_def"]))
    #expect(
      configError { _ = try config.resolve("x#1") }
        == .unknownReference(id: "network_def#chanels", path: "x#1", nearest: ["network_def#channels"]))
    #expect(configError { _ = try config.resolve("netwrk_def") }?.description.contains("network_def") == true)
  }

  @Test func anEntryOfAReferenceIsLookedForWhereItLeads() throws {
    let config = try resolver(
      json: #"{"a": {"c": [1]}, "b": "@a", "x": "@b#c", "y": "@b#d", "z": {"r": "@#b", "b": "@a"}, "w": "@z#b#c#0"}"#)
    #expect(configError { _ = try config.resolve("x") } == .unknownReference(id: "b#c", path: "x", nearest: ["a#c"]))
    #expect(configError { _ = try config.resolve("y") } == .unknownReference(id: "b#d", path: "y", nearest: []))
    #expect(
      configError { _ = try config.resolve("w") } == .unknownReference(id: "z#b#c#0", path: "w", nearest: ["a#c#0"]))
  }

  @Test func longIDsOfNothingEndSoon() throws {
    let id = (0..<20_000).map { _ in "a" }.joined(separator: "::")
    let config = try resolver(json: #"{"a": {"a": {"a": 1}}, "x": "@\#(id)"}"#)
    #expect(throws: ConfigError.self) { try config.resolve("x") }
  }

  @Test func aLongExpressionThatIsNotReadIsShortenedInItsMessage() throws {
    let config = resolver(["x": .string("$" + String(repeating: "(", count: 5000))])
    let error = try #require(configError { _ = try config.resolve("x") })
    #expect(error.description.utf8.count < 600)
  }

  @Test func containsTellsWhichEntriesAreThere() throws {
    let config = try resolver(json: #"{"a": {"b": [1, {"c": null}]}}"#)
    #expect(config.contains("a") && config.contains("a#b#1#c") && config.contains("a::b::-1::c"))
    #expect(!config.contains("b") && !config.contains("a#b#2") && !config.contains("a#b#x"))
  }

  @Test func targetsThatAreNotNamesAreRefused() throws {
    for target in ["5", "[1]", "null", #""$lambda: 1""#, #""@x""#] {
      let config = try resolver(json: #"{"x": 3, "a": {"_target_": \#(target)}}"#)
      guard case .badComponent(let path, _)? = configError({ _ = try config.resolve("a") }) else {
        Issue.record("\(target) was accepted")
        continue
      }
      #expect(path == "a")
    }
    let mode = try resolver(json: #"{"a": {"_target_": "T", "_mode_": "callable"}}"#)
    #expect(throws: ConfigError.self) { try mode.resolve("a") }
  }

  // MARK: Macros

  @Test func macrosReadFilesOfTheBundleOnly() throws {
    let folder = try TemporaryFolder()
    _ = try folder.write(#"{"net": {"x": "@outer", "l": [1, 2]}}"#, to: "other.json")
    let config = try resolver(
      json: """
        {"outer": 7, "whole": "%other.json", "part": "%./other.json::net#l", "ref": "@whole#net#x",
         "out": "%../x.json", "absolute": "%/etc/x.json::a", "absent": "%none.json", "entry": "%other.json::none"}
        """, folder: folder.path)
    #expect(try config.resolve("part") == .list([.int(1), .int(2)]))
    #expect(try config.resolve("ref") == .int(7))
    #expect(try config.resolve("whole#net") == .dictionary(["x": .int(7), "l": .list([.int(1), .int(2)])]))
    for id in ["out", "absolute", "absent", "entry"] {
      #expect(throws: (any Error).self, "\(id)") { try config.resolve(id) }
    }
  }

  @Test func aMacroThatCopiesItselfSaysSo() throws {
    let config = try resolver(json: #"{"a": {"b": "%", "c": ["%a"], "d": {"e": "%###a"}, "f": "%a#f"}}"#)
    for id in ["a#b", "a#c", "a#d", "a#f"] {
      let error = try #require(configError { _ = try config.resolve(id) }, "\(id)")
      #expect(error.description.contains("into itself"), "\(error)")
    }
  }

  @Test func importsMayStandInBrackets() throws {
    let config = try resolver(
      json: #"{"i": ["$from torch import (float32 as f)", "$import numpy as n; 3"], "x": "$[f, n.uint8]"}"#)
    #expect(try config.resolve("x") == .list([.symbol("torch.float32"), .symbol("numpy.uint8")]))
  }

  @Test func endlessMacrosThrow() throws {
    let config = try resolver(json: #"{"a": "%b", "b": "%a", "c": {"d": "%c"}}"#)
    #expect(throws: ConfigError.self) { try config.resolve("a") }
    #expect(throws: ConfigError.self) { try config.resolve("c") }
  }

  // MARK: Bounds

  @Test func referencesOfReferencesCannotMultiplyWithoutBound() throws {
    for doubling in [
      #"["@A", "@A"]"#, #""$[@A, @A]""#, #"{"x": "@A", "y": "@A"}"#, #""$@A + @A""#,
      #""$[x for y in [@A] for x in [y, y]]""#,
    ] {
      var lines = [#""a0": [1, "text"]"#]
      for level in 1...60 { lines.append(#""a\#(level)": "# + doubling.replacing("@A", with: "@a\(level - 1)")) }
      let config = try resolver(json: "{\(lines.joined(separator: ", "))}")
      #expect(throws: ConfigError.self, "\(doubling)") { try config.resolve("a60") }
    }
  }

  @Test func manyLargeEntriesAreLookedAtWithinOneBudget() throws {
    let entries = (0..<3000).map { #""x\#($0)": "$list(range(1500000))""# }.joined(separator: ", ")
    let config = try resolver(
      json: "{\"bad\": \"$open('x')\", \"huge\": \"$list(range(10**15))\", \(entries), \"y\": \"$1\"}")
    let problems = config.problems(in: config.expressionPaths)
    #expect(problems.prefix(2).map(\.id) == ["bad", "huge"])
    #expect((3...5).contains(problems.count))
    #expect(try config.resolve("y") == .int(1))
  }

  @Test func longChainsOfReferencesThrow() throws {
    let chain = (0..<5000).map { #""a\#($0)": ["@a\#($0 + 1)"]"# }.joined(separator: ", ")
    let config = try resolver(json: "{\(chain), \"a5000\": 1}")
    #expect(throws: ConfigError.self) { try config.resolve("a0") }
    // From the end, every entry is short by itself, but the values grow deep.
    #expect(throws: ConfigError.self) {
      for level in stride(from: 5000, through: 0, by: -1) { _ = try config.resolve("a\(level)") }
    }
  }
}
