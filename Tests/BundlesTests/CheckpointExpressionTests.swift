import Arguments
import Bundles
import OrderedCollections
import TestSupport
import Testing

/// `torch.load` in configs, on checkpoints that `Tools/goldens/make_arrays.py` writes.
@Suite struct CheckpointExpressionTests {
  private static let folder = Corpus.path("arrays")

  private func value(_ expression: String, file: String = "protocol2.pt") throws -> PlainValue {
    let entries: OrderedDictionary<String, ConfigValue> = [
      "path": .string(Self.folder + "/" + file),
      "data": .string("$torch.load(@path, map_location=torch.device('cuda'))"),
      "r": .string("$" + expression),
    ]
    return try resolver(entries, folder: Self.folder).resolve("r")
  }

  @Test(arguments: ["protocol2.pt", "protocol4.pt", "protocol5.pt"])
  func arraysAndTensorsAreNestedLists(_ file: String) throws {
    let expected = try ConfigTree.read(Self.folder + "/expected.json").entries
    for (key, value) in expected where key != "nested" {
      let found = try self.value("@data['\(key)']", file: file)
      #expect(isSame(found, value.plain), "\(key): \(found)")
    }
    for (key, value) in try #require(expected["nested"]).entries {
      #expect(isSame(try self.value("@data['nested']['\(key)']", file: file), value.plain), "\(key)")
    }
  }

  @Test func functionsThatMakeArraysKeepTheValues() throws {
    let expected = try value("@data['integers']")
    for function in ["torch.from_numpy", "torch.as_tensor", "torch.tensor", "np.array", "np.asarray"] {
      #expect(try value("\(function)(@data['integers'])") == expected, "\(function)")
    }
    #expect(try value("torch.load(@path, weights_only=False).get('absent', 4)") == .int(4))
    #expect(try value("@data.get('absent')") == .null)
  }

  @Test func whatIsNoPlainDataIsRefused() throws {
    for (expression, word) in [
      ("@data['absent']", "absent"), ("@data['object']", "protocol2.pt"), ("torch.load(4)", "path"),
      ("torch.load(@path, pickle_module=4)", "pickle_module"), ("torch.from_numpy(@data)", "checkpoint"),
      ("@data['integers'].mean()", "mean"), ("@data.pop('integers')", "pop"),
    ] {
      let error = try #require(throws: (any Error).self, "\(expression)") { try value(expression) }
      #expect("\(error)".contains(word), "\(expression): \(error)")
    }
  }

  @Test func aFileOutsideOfTheFolderIsNotLoaded() throws {
    let entries: OrderedDictionary<String, ConfigValue> = [
      "r": .string("$torch.load('\(Self.folder)/protocol2.pt')['scalar']")
    ]
    #expect(
      configError { _ = try resolver(entries).resolve("r") }
        == .checkpointOutside(path: "r", file: Self.folder + "/protocol2.pt", folder: "/nowhere"))
  }
}
