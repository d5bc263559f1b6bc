import Arguments
import Diagnostics
import Images
import OrderedCollections
import Tensors
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

  @Test(arguments: [
    ("lambda x: x.numpy()", "the call of 'x.numpy'"), ("lambda x: torch.load('a')", "the call of 'torch.load'"),
    ("lambda x: os.system('ls')", "the call of 'os.system'"), ("lambda x: y + 1", "the name 'y'"),
    ("lambda x: x.__class__", "'x.__class__'"), ("lambda x: [i for i in x]", "'[i for i in x]'"),
    ("lambda x: x ** 2", "'**'"), ("lambda x: x[::-1]", "a step backwards"), ("lambda x: x[::0]", "the index"),
    ("lambda x: x[y]", "the index"),
    ("lambda x: 0 < x < 1", "the comparison"), ("lambda x, y: x", "no lambda of one argument"),
    ("lambda x: 'a'", "'a'"), ("lambda: 1", "no lambda of one argument"),
    ("lambda x: isinstance(x, Image)", "the call 'isinstance"),
    ("lambda x: torch.median(x)", "the call of 'torch.median'"), ("lambda x: x.mean(dim=y)", "the name 'y'"),
    ("lambda x: torch.where(*x)", "'*' in a call"), ("lambda x: (lambda y: y)(x)", "the call of"), ("3", "no lambda"),
  ]) func whatALambdaMayNotDoIsRefusedByName(_ source: String, _ construct: String) {
    let text = message("Lambdad", ["func": .lambda(source)])
    #expect(text.contains(construct), "\(text)")
    #expect(text.contains("preprocessing#transforms#2"))
  }

  @Test(arguments: [
    ("lambda x: x[[7]]", "the index 7"), ("lambda x: x[0, 0, 0, 0, 0]", "5 indices"), ("lambda x: 3", "no tensor"),
    ("lambda x: x + x[:, :2]", "the shapes"), ("lambda x: ~x", "'~'"), ("lambda x: x & x", "floats"),
    ("lambda x: (x > 0) - (x > 1)", "on masks"), ("lambda x: torch.where(x, 1, 0)", "without a mask"),
    ("lambda x: x.to(torch.uint8) + 1", "on uint8"), ("lambda x: x * (9223372036854775807 + 1)", "64 bits"),
    ("lambda x: torch.clamp(x)", "without bounds"), ("lambda x: torch.maximum(x)", "'other'"),
    ("lambda x: not x", "a condition of the shape"), ("lambda x: x if x > 0 else -x", "a condition of the shape"),
    ("lambda x: x.mean()", "no tensor of channels"), ("lambda x: x - x.long().mean()", "'mean' of int64"),
    ("lambda x: x.max(dim=0)", "gives a pair"), ("lambda x: x.sum(4)", "the axis 4"),
    ("lambda x: x[:, :0].amax(1)", "no elements"),
    ("lambda x: x.mean((0, -4))", "the same axis twice"), ("lambda x: x.argmax((0, 1))", "along 2 axes"),
    ("lambda x: x.unsqueeze(5)", "the axis 5"), ("lambda x: x.std(0, 1, True, 3)", "more arguments"),
    ("lambda x: x.round(2)", "more arguments"), ("lambda x: x + 1 / 0", "'/' of these numbers"),
  ]) func whatPyTorchWouldRefuseInALambdaIsAnError(_ source: String, _ reason: String) throws {
    let voxels = Tensor((0..<24).map { Float($0) }, [1, 4, 3, 2])
    var sample = Sample(["image": .image(TransformedImage(voxels: voxels, affine: .identity))])
    let transform = try build("Lambdad", ["func": .lambda(source)])
    let error = #expect(throws: TransformError.self) { try transform.apply(&sample) }
    #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
  }

  @Test func anUnknownArgumentIsNamed() {
    #expect(message("Orientationd", ["axcodes": .string("RAS"), "axcode": .string("RAS")]).contains("'axcode'"))
  }

  @Test(arguments: [
    ("Orientationd", "axcodes", PlainValue.string("RAX")),
    ("Orientationd", "axcodes", .string("RRS")),
    ("Spacingd", "mode", .string("bicubic")),
    ("Spacingd", "mode", .int(6)),
    ("Spacingd", "mode", .int(-1)),
    ("Spacingd", "padding_mode", .string("mirror")),
    ("SaveImaged", "mode", .int(7)),
    ("GaussianSmoothd", "approx", .string("box")),
    ("Spacingd", "lazy", .bool(true)),
    ("Spacingd", "dtype", .symbol("torch.float16")),
    ("Spacingd", "pixdim", .list([])),
    ("Activationsd", "other", .string("relu")),
    ("Invertd", "post_func", .string("relu")),
    ("AsDiscreted", "threshold", .string("half")),
    ("AsDiscreted", "argmax", .list([.bool(true), .bool(false)])),
    ("AsDiscreted", "to_onehot", .list([.int(2), .null])),
    ("AsDiscreted", "rounding", .string("floor")),
    ("AsDiscreted", "to_onehot", .bool(true)),
    ("AsDiscreted", "dim", .int(1)),
    ("EnsureTyped", "data_type", .string("numpy")),
    ("EnsureTyped", "track_meta", .bool(false)),
    ("LoadImaged", "reader", .string("PILReader")),
    ("SaveImaged", "output_ext", .string(".png")),
    ("SaveImaged", "writer", .string("ITKWriter")),
    ("CropForegroundd", "select_fn", .string("positive")),
  ]) func anUnsupportedValueIsNamed(_ target: String, _ argument: String, _ value: PlainValue) {
    var arguments: OrderedDictionary<String, PlainValue> =
      switch target {
      case "Orientationd": ["axcodes": .string("RAS")]
      case "Spacingd": ["pixdim": .double(1)]
      case "CropForegroundd": ["source_key": .string("image")]
      case "Resized": ["spatial_size": .int(3)]
      case "GaussianSmoothd": ["sigma": .double(1)]
      case "Invertd":
        ["transform": .component(Component(target: "Flipd", arguments: ["keys": .string("image")], path: "pre"))]
      default: [:]
      }
    #expect(message(target, arguments) == "")
    arguments[argument] = value
    #expect(message(target, arguments).contains("'\(argument)'"))
  }

  private static let tooLarge: [(String, OrderedDictionary<String, PlainValue>, [String])] = [
    ("SpatialPadd", ["spatial_size": .int(3_000_000_000)], ["'spatial_size' is [3000000000", "2147483647"]),
    (
      "SpatialPadd", ["spatial_size": .list([.int(4), .int(2_000_000_000), .int(2_000_000_000)])],
      ["[1, 4, 2000000000, 2"]
    ),
    (
      "ResizeWithPadOrCropd", ["spatial_size": .int(9_000_000_000_000)],
      ["'spatial_size'", "9000000000000", "2147483647"]
    ),
    ("DivisiblePadd", ["k": .int(2_147_483_647)], ["2147483647", "values"]),
    ("BorderPadd", ["spatial_border": .int(2_000_000_000)], ["[1, 4000000004,", "2147483647"]),
    (
      "Resized", ["spatial_size": .list([.int(70_000), .int(70_000), .int(70_000)])],
      ["[1, 70000, 70000, 70000]", "values"]
    ),
    ("Zoomd", ["zoom": .double(1000), "keep_size": .bool(false)], ["[1, 4000, 5000, 3000]", "values"]),
    ("Spacingd", ["pixdim": .double(1e-7)], ["Spacingd", "values"]),
  ]

  /// The transform, the size and the limit stand in the message, whatever the size comes from.
  @Test(arguments: tooLarge.indices) func aSizeThatIsTooLargeIsNamedWithItsLimit(_ index: Int) throws {
    let (target, arguments, words) = Self.tooLarge[index]
    var sample = Sample([
      "image": .image(TransformedImage(voxels: Tensor(.float32, [1, 4, 5, 3]), affine: .identity))
    ])
    let transform = try build(target, arguments)
    let error = #expect(throws: TransformError.self) { try transform.apply(&sample) }
    let text = error?.description ?? ""
    for word in words + [target] { #expect(text.contains(word), "\(text)") }
  }

  /// MONAI returns early, before it converts to `dtype`.
  @Test func aRangeOfNothingKeepsTheTypeOfFloats() throws {
    for (type, expected) in [(ElementType.float32, ElementType.float32), (.float64, .float64)] {
      var sample = Sample(["image": .image(TransformedImage(voxels: Tensor(type, [1, 4, 5, 3]), affine: .identity))])
      let arguments: OrderedDictionary<String, PlainValue> = [
        "a_min": .int(3), "a_max": .int(3), "b_max": .int(1), "dtype": .symbol("numpy.float64"),
      ]
      try build("ScaleIntensityRanged", arguments).apply(&sample)
      #expect(try sample.image("image", for: "the test").voxels.elementType == expected)
    }
  }

  /// A box that reaches beyond the image is the whole image.
  @Test func aCropBeyondTheImageKeepsIt() throws {
    var sample = Sample([
      "image": .image(TransformedImage(voxels: Tensor(.float32, [1, 4, 5, 3]), affine: .identity))
    ])
    try build("CenterSpatialCropd", ["roi_size": .int(9_000_000_000_000)]).apply(&sample)
    #expect(try sample.image("image", for: "the test").voxels.shape == [1, 4, 5, 3])
  }

  /// A function of the whole image can't be applied part by part.
  @Test func anArgmaxBehindAFunctionIsNotSplitOff() throws {
    func steps(_ activation: OrderedDictionary<String, PlainValue>) -> Component {
      func entry(_ target: String, _ arguments: OrderedDictionary<String, PlainValue>) -> PlainValue {
        let all = arguments.merging(["keys": .string("pred")]) { $1 }
        return .component(Component(target: target, arguments: all, path: "post"))
      }
      let transforms = [entry("Activationsd", activation), entry("AsDiscreted", ["argmax": .bool(true)])]
      return Component(target: "Compose", arguments: ["transforms": .list(transforms)], path: "post")
    }
    #expect(try Compose(steps(["softmax": .bool(true)])).splittingReduction(of: "pred") != nil)
    #expect(try Compose(steps(["other": .lambda("lambda x: x - x[0]")])).splittingReduction(of: "pred") == nil)
  }

  /// PyTorch has no padding like SciPy's 'mirror', which only splines take.
  @Test func aMirroredSplineHasNoInverseOfNearestVoxels() throws {
    let spacing: OrderedDictionary<String, PlainValue> = [
      "pixdim": .double(0.7), "mode": .int(3), "padding_mode": .string("mirror"),
    ]
    var all: OrderedDictionary<String, PlainValue> = ["keys": .string("image")]
    all.merge(spacing) { $1 }
    for (nearest, isPossible) in [(false, true), (true, false)] {
      var sample = Sample([
        "image": .image(TransformedImage(voxels: Tensor(.float32, [1, 4, 5, 3]), affine: .identity))
      ])
      let transform = try build("Spacingd", spacing)
      try transform.apply(&sample)
      let inversion = try build(
        "Invertd",
        [
          "orig_keys": .string("image"), "nearest_interp": .bool(nearest),
          "transform": .component(
            Component(target: "Spacingd", arguments: all, path: "preprocessing#transforms#2")),
        ])
      if isPossible {
        try inversion.apply(&sample)
        #expect(try sample.image("image", for: "the test").voxels.shape == [1, 4, 5, 3])
      } else {
        let error = #expect(throws: (any Error).self) { try inversion.apply(&sample) }
        #expect("\(error.map { "\($0)" } ?? "")".contains("'mirror'"))
      }
    }
  }

  @Test func imagesAreJoinedAlongAnAxisThatTheyHave() throws {
    let image = TransformedImage(voxels: Tensor(.float32, [1, 4, 5, 3]), affine: .identity)
    let other = TransformedImage(voxels: Tensor(.float32, [1, 4, 6, 3]), affine: .identity)
    for (axis, shape) in [(2, [1, 4, 11, 3]), (-2, [1, 4, 11, 3]), (0, nil), (1, nil), (4, nil), (-5, nil)] {
      var sample = Sample(["image": .image(image), "b": .image(other)])
      let transform = try build(
        "ConcatItemsd",
        ["keys": .list([.string("image"), .string("b")]), "name": .string("image"), "dim": .int(axis)])
      if let shape {
        try transform.apply(&sample)
        #expect(try sample.image("image", for: "the test").voxels.shape.dimensions == shape)
      } else {
        #expect(throws: TransformError.self) { try transform.apply(&sample) }
      }
    }
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

  @Test func slicesAreBounds() throws {
    func slice(_ ends: PlainValue...) -> PlainValue {
      .component(Component(target: "slice", positional: ends, path: ""))
    }
    func box(_ arguments: OrderedDictionary<String, PlainValue>) throws -> [Int] {
      var sample = Sample([
        "image": .image(TransformedImage(voxels: Tensor(.float32, [1, 9, 8, 7]), affine: .identity))
      ])
      try build("SpatialCropd", arguments).apply(&sample)
      let image = try sample.image("image", for: "the test")
      return image.voxels.shape.dimensions + (0..<3).map { Int(image.affine[$0, 3]) }
    }
    let slices: PlainValue = .list([slice(.int(2), .int(-1)), slice(.null), slice(.int(-3), .null, .int(1))])
    #expect(try box(["roi_slices": slices]) == [1, 6, 8, 3, 2, 0, 4])
    #expect(try box(["roi_slices": .list([slice(.int(4))])]) == [1, 4, 8, 7, 0, 0, 0])
    #expect(
      message("SpatialCropd", ["roi_slices": .list([slice(.int(0), .int(4), .int(2))])]).contains("without a step"))
    #expect(message("SpatialCropd", ["roi_slices": .list([.int(3)])]).contains("slice(None)"))
  }

  @Test func pythonsOwnFloatHas64Bits() throws {
    for (name, type) in [
      ("float", ElementType.float64), ("torch.float", .float32), ("int", .int64), ("torch.int", .int32),
      ("np.float32", .float32),
    ] {
      var sample = Sample([
        "image": .image(TransformedImage(voxels: Tensor(.float32, [1, 2, 2, 2]), affine: .identity))
      ])
      try build("CastToTyped", ["dtype": .symbol(name)]).apply(&sample)
      #expect(try sample.image("image", for: "the test").voxels.elementType == type)
    }
  }

  @Test func theDefaultNameFormatterIsAccepted() throws {
    _ = try build(
      "SaveImaged",
      ["output_name_formatter": .symbol("monai.data.folder_layout.default_name_formatter")])
    #expect(
      message("SaveImaged", ["output_name_formatter": .lambda("lambda m, t: m")]).contains("default_name_formatter"))
  }
}
