import Arguments
import Bundles
import Diagnostics
import OrderedCollections
import TestSupport
import Testing

@Suite struct ExpressionTests {
  static let imports: ConfigValue = .list(
    ["os", "pathlib", "glob", "copy"].map { .string("$import \($0)") })

  func evaluate(_ expression: String) throws -> PlainValue {
    try resolver(["imports": Self.imports, "r": .string("$" + expression)]).resolve("r")
  }

  @Test func agreesWithPython() throws {
    let golden = try Golden.read("expressions.json")
    let cases = golden.child("cases")?.items ?? []
    #expect(cases.count > 150)
    for item in cases {
      let expression = try #require(item.child("expression")?.text)
      let expected = try #require(item.child("value").flatMap(Golden.plain))
      var config = try #require(golden.child("context")?.entries)
      config["result"] = .string("$" + expression)
      do {
        let value = try resolver(config).resolve("result")
        #expect(isSame(value, expected), "\(expression) is \(expected), not \(value)")
      } catch {
        Issue.record("\(expression): \(error)")
      }
    }
  }

  @Test func failsWherePythonFails() throws {
    let golden = try Golden.read("failures.json")
    let context = try #require(golden.child("context")?.entries)
    let expressions = golden.child("expressions")?.items.compactMap(\.text) ?? []
    #expect(expressions.count > 40)
    for expression in expressions {
      var config = context
      config["result"] = .string("$" + expression)
      #expect(throws: ConfigError.self, "\(expression)") { try resolver(config).resolve("result") }
    }
  }

  @Test(arguments: [
    "__import__('os').system('x')", "open('x')", "(lambda: 1)()", "().__class__", "eval('1')", "exec('1')",
    "getattr(1, 'real')", "os.system('x')", "os.environ", "os.__dict__", "torch.save(1, 'x')", "np.load('x')",
    "monai.bundle.run()", "monai.networks.nets.__init__(a=1)", "pathlib.Path('x').read_text()", "'a'.__class__",
    "'%s' % 1",
    "'{}'.format(1)", "[].append(1)", "@net.forward(1)", "@net.weights", "@net(1)", "@net[0]", "type(1)", "print(1)",
    "globals()", "torch.__version__", "torch._C", "[c for c in ().__class__.__bases__]", "lambda x: @net",
    "sorted([1], key=len)", "setattr(torch, 'x', 1)", "str(@net)", "isinstance(1, torch.Tensor)",
    "isinstance(@net, dict)",
    "os.path.realpath('x')", "pathlib.Path('x').mkdir()", "pathlib.Path('x').parents", "'a'.encode()", "f'{1}'", "b'x'",
    "1j", "(yield 1)",
    "(x := 1)", "await x", "torch.nn.Linear(3)", "subprocess.run('x')", "len", "glob.glob",
  ])
  func refusesWhatItDoesNotEvaluateAndNamesTheEntry(_ expression: String) throws {
    let config = resolver([
      "imports": Self.imports, "net": .dictionary(["_target_": .string("UNet")]),
      "outer": .dictionary(["inner": .string("$" + expression)]),
    ])
    let error = try #require(configError { _ = try config.resolve("outer") }, "\(expression) was accepted")
    switch error {
    case .refusedExpression(let path, _, let construct, _):
      #expect(path == "outer#inner")
      #expect(!construct.isEmpty)
    case .notAnExpression(let path, _, _): #expect(path == "outer#inner")
    default: Issue.record("\(expression): \(error)")
    }
    #expect(error.diagnosis.kind == .data)
  }

  @Test func boundsWorkAndSize() {
    let bombs = [
      "'a' * 10**15", "[0] * 10**15", "list(range(10**15))", "[i for i in range(10**9)]", "10**400", "2**63",
      "9223372036854775807 + 1", "-9223372036854775807 - 2", "9223372036854775807 * 2",
      "[[0] * 100000 for i in range(100000)]", "['a' * 1000000 for i in range(100000)]",
      "(-9223372036854775807 - 1) // -1", "-(-9223372036854775807 - 1)", "abs(-9223372036854775807 - 1)",
      "sum([[0] * 100000 for i in range(10)] * 100, [])", "round(1e300)", "range(-2**62, 2**62, 1)",
      "[1, 2][-9223372036854775807 - 1]", "99999999999999999999",
      "[z for a in range(9999) for b in range(9999) for z in range(9999)]",
    ]
    for expression in bombs {
      #expect(throws: ConfigError.self, "\(expression)") { try evaluate(expression) }
    }
  }

  @Test func arithmeticAtTheEndsOfTheIntegers() throws {
    #expect(try evaluate("(-9223372036854775807 - 1) % -1") == .int(0))
    #expect(try evaluate("[1, 2][:-9223372036854775807 - 1]") == .list([]))
    #expect(try evaluate("[1, 2][9223372036854775807:]") == .list([]))
    #expect(try evaluate("[1, 2][::9223372036854775807]") == .list([.int(1)]))
    #expect(try evaluate("range(0, 9223372036854775807, 9223372036854775806)") == .list([.int(0), .int(.max - 1)]))
  }

  @Test func namesOfModulesBecomeSymbols() throws {
    #expect(try evaluate("torch.float32") == .symbol("torch.float32"))
    #expect(try evaluate("np.uint8") == .symbol("numpy.uint8"))
    #expect(try evaluate("monai.data.PILReader") == .symbol("monai.data.PILReader"))
    let aliased = resolver(["a": .string("$from torch.nn import functional as F"), "b": .string("$F.relu")])
    #expect(try aliased.resolve("b") == .symbol("torch.nn.functional.relu"))
  }

  @Test func aModuleThatIsNotImportedIsNamed() throws {
    let error = try #require(configError { _ = try resolver(["r": .string("$glob.glob('x')")]).resolve("r") })
    #expect(error.description.contains("glob"))
  }

  @Test func devicesAreComponents() throws {
    func device(_ expression: String) throws -> OrderedDictionary<String, PlainValue> {
      guard case .component(let component) = try evaluate(expression) else { return [:] }
      #expect(component.target == "torch.device")
      return component.arguments
    }
    #expect(try device("torch.device('cpu')") == ["type": .string("cpu")])
    #expect(try device("torch.device('cuda:1')") == ["type": .string("cuda"), "index": .int(1)])
    #expect(try device("torch.device('cuda', 2)") == ["type": .string("cuda"), "index": .int(2)])
    #expect(try device("torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')") == ["type": .string("cpu")])
    for bad in ["torch.device('')", "torch.device('cuda:x')", "torch.device('cuda:-1')", "torch.device(3)"] {
      #expect(throws: ConfigError.self, "\(bad)") { try evaluate(bad) }
    }
  }

  @Test func theHostDecidesWhetherThereIsCUDA() throws {
    let config = ConfigResolver(
      tree: ConfigTree(entries: ["r": .string("$torch.cuda.is_available()")]), folder: "/",
      environment: ConfigEnvironment(isCUDAAvailable: true))
    #expect(try config.resolve("r") == .bool(true))
  }

  @Test func constructorsOfMONAIAreComponents() throws {
    let value = try evaluate("monai.networks.nets.UNet(spatial_dims=3, channels=[1, 2])")
    guard case .component(let component) = value else { throw TestFailure() }
    #expect(component.className == "UNet")
    #expect(component.path == "r")
    #expect(component.arguments == ["spatial_dims": .int(3), "channels": .list([.int(1), .int(2)])])
  }

  @Test func lambdasAreKeptAsCanonicalSource() throws {
    #expect(try evaluate("lambda x : x[1:]") == .lambda("lambda x: x[1:]"))
    let labels = "lambda x: torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, torch.where(x[[1]] > 0, 2, 0)))"
    #expect(try evaluate(labels) == .lambda(labels))
  }

  @Test func globFindsFilesAsPythonDoes() throws {
    let folder = try TemporaryFolder()
    for name in ["b.nii.gz", "a.nii.gz", ".hidden.nii.gz", "c.txt", "1_seg.jpg", "1_img.jpg"] {
      _ = try folder.write("", to: name)
    }
    func glob(_ pattern: String) throws -> [String] {
      let config = resolver([
        "imports": Self.imports, "d": .string(folder.path), "r": .string("$glob.glob(@d + '\(pattern)')"),
      ])
      guard case .list(let items) = try config.resolve("r") else { return [] }
      return items.compactMap(\.asString).map { String($0.dropFirst(folder.path.count)) }
    }
    #expect(try glob("/*.nii.gz") == ["/a.nii.gz", "/b.nii.gz"])
    #expect(try glob("/[ab].nii*") == ["/a.nii.gz", "/b.nii.gz"])
    #expect(try glob("/?.txt") == ["/c.txt"])
    #expect(try glob("/.h*") == ["/.hidden.nii.gz"])
    #expect(try glob("/*[!g].jpg") == [])
    #expect(try glob("/*_[!s]*.jpg") == ["/1_img.jpg"])
    #expect(try glob("/absent/*") == [])
    #expect(try glob("/c.txt") == ["/c.txt"])
  }
}

/// A value was not of the shape that a test is about.
struct TestFailure: Error {}
