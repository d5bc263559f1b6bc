import Arguments
import Diagnostics
import OrderedCollections
import Testing
import Transforms

/// What configs may say, and what is refused by name.
@Suite struct ArgumentTests {
  private func build(_ target: String, _ arguments: OrderedDictionary<String, PlainValue> = [:]) throws -> any Transform
  {
    var all: OrderedDictionary<String, PlainValue> = ["keys": .string("image")]
    all.merge(arguments) { $1 }
    return try TransformTable.make(Component(target: target, arguments: all, path: "preprocessing#transforms#2"))
  }

  private func message(_ target: String, _ arguments: OrderedDictionary<String, PlainValue> = [:]) -> String {
    do {
      _ = try build(target, arguments)
      return ""
    } catch let error as any DiagnosedError {
      return error.description
    } catch {
      return "undiagnosed"
    }
  }

  @Test(arguments: [
    "LoadImaged", "LoadImageD", "LoadImageDict", "monai.transforms.LoadImaged",
    "monai.transforms.io.dictionary.LoadImaged",
  ]) func everySpellingOfAClassIsKnown(_ target: String) throws {
    #expect(TransformTable.contains(target))
    #expect(try build(target) is LoadImaged)
  }

  @Test func aClassOfAnotherModuleIsNotTaken() {
    #expect(!TransformTable.contains("scripts.LoadImaged"))
    #expect(throws: TransformError.self) { try build("scripts.LoadImaged") }
  }

  @Test func anUnknownClassListsTheNearestFirst() {
    guard
      case TransformError.unknownTarget(let target, let path, let known)? = #expect(
        throws: TransformError.self,
        performing: {
          try build("ScaleIntensityRangd")
        })
    else { return }
    #expect(target == "ScaleIntensityRangd")
    #expect(path == "preprocessing#transforms#2")
    #expect(known.first == "ScaleIntensityRanged")
    #expect(known.count == TransformTable.names.count)
  }

  @Test func aRandomTransformIsRefusedByName() {
    #expect(message("RandFlipd").contains("RandFlipd is a random transform"))
  }

  @Test func aPythonFunctionIsRefused() {
    #expect(message("Lambdad", ["func": .lambda("lambda x: x[1:]")]).contains("never executed"))
  }

  @Test func anUnknownArgumentIsNamed() {
    #expect(message("Orientationd", ["axcodes": .string("RAS"), "axcode": .string("RAS")]).contains("'axcode'"))
  }

  @Test(arguments: [
    ("Orientationd", "axcodes", PlainValue.string("RAX")),
    ("Orientationd", "axcodes", .string("RRS")),
    ("Spacingd", "mode", .string("bicubic")),
    ("Spacingd", "mode", .int(3)),
    ("Spacingd", "padding_mode", .string("wrap")),
    ("Spacingd", "lazy", .bool(true)),
    ("Spacingd", "dtype", .symbol("torch.float16")),
    ("Spacingd", "pixdim", .list([])),
    ("Activationsd", "other", .lambda("lambda x: x")),
    ("AsDiscreted", "rounding", .string("floor")),
    ("AsDiscreted", "to_onehot", .bool(true)),
    ("AsDiscreted", "dim", .int(1)),
    ("EnsureTyped", "data_type", .string("numpy")),
    ("EnsureTyped", "track_meta", .bool(false)),
    ("LoadImaged", "reader", .string("PILReader")),
    ("SaveImaged", "output_ext", .string(".png")),
    ("SaveImaged", "writer", .string("ITKWriter")),
    ("CropForegroundd", "select_fn", .lambda("lambda x: x[0] > 1")),
    ("Resized", "anti_aliasing", .bool(true)),
  ]) func anUnsupportedValueIsNamed(_ target: String, _ argument: String, _ value: PlainValue) {
    var arguments: OrderedDictionary<String, PlainValue> =
      switch target {
      case "Orientationd": ["axcodes": .string("RAS")]
      case "Spacingd": ["pixdim": .double(1)]
      case "CropForegroundd": ["source_key": .string("image")]
      case "Resized": ["spatial_size": .int(3)]
      default: [:]
      }
    #expect(message(target, arguments) == "")
    arguments[argument] = value
    #expect(message(target, arguments).contains("'\(argument)'"))
  }

  @Test func aMissingArgumentIsNamed() {
    #expect(message("Spacingd").contains("'pixdim'"))
    #expect(message("ScaleIntensityRanged", ["a_min": .int(0)]).contains("'a_max'"))
    #expect(message("Orientationd").contains("'axcodes'"))
  }

  @Test func perKeyListsMustFitTheKeys() {
    let keys = PlainValue.list([.string("image"), .string("label")])
    let fitting: OrderedDictionary<String, PlainValue> = [
      "keys": keys, "pixdim": .double(1), "mode": .list([.string("bilinear"), .string("nearest")]),
    ]
    #expect(message("Spacingd", fitting) == "")
    var short = fitting
    short["mode"] = .list([.string("bilinear")])
    #expect(message("Spacingd", short).contains("'mode'"))
  }

  @Test func invertdNeedsSomethingInvertible() {
    let entry = Component(target: "EnsureTyped", arguments: ["keys": .string("image")], path: "x")
    #expect(message("Invertd", ["transform": .component(entry)]).contains("EnsureTyped has no inverse"))
  }
}
