import Arguments
import Diagnostics
import Images
import OrderedCollections
import Synchronization
import TestSupport
import Tensors
import Testing
import Transforms

/// How images share their voxels, carry their trace, and fail.
@Suite struct SampleTests {
  private static func make(_ target: String, _ arguments: OrderedDictionary<String, PlainValue> = [:]) throws
    -> any Transform
  {
    var all: OrderedDictionary<String, PlainValue> = ["keys": .string("image")]
    all.merge(arguments) { $1 }
    return try TransformTable.make(Component(target: target, arguments: all, path: "test"))
  }

  private static func ramp(_ shape: Shape) -> Tensor {
    Tensor((0..<shape.count).map { Float($0 % 97) - 20 }, shape)
  }

  private static func address(_ tensor: Tensor) -> UnsafeRawPointer { tensor.withBase { $0 } }

  private static let inPlace: [(String, OrderedDictionary<String, PlainValue>)] = [
    ("ScaleIntensityRanged", ["a_min": .int(0), "a_max": .int(9), "b_min": .int(0), "b_max": .int(1)]),
    ("ScaleIntensityd", [:]), ("NormalizeIntensityd", ["nonzero": .bool(true)]),
    ("Activationsd", ["softmax": .bool(true)]), ("Activationsd", ["sigmoid": .bool(true)]),
    ("AsDiscreted", ["threshold": .double(0.5)]),
  ]

  @Test(arguments: 0..<6) func voxelsThatAnotherHoldsStayAsTheyAre(_ index: Int) throws {
    let (target, arguments) = Self.inPlace[index]
    let voxels = Self.ramp([2, 5, 4, 3])
    let before = voxels.array(of: Float.self)
    var sample = Sample(["image": .image(TransformedImage(voxels: voxels, affine: .identity))])
    try Self.make(target, arguments).apply(&sample)
    #expect(voxels.array(of: Float.self) == before)
    #expect(try sample.image("image", for: "test").voxels.array(of: Float.self) != before)
  }

  @Test(arguments: 0..<6) func voxelsOfASingleOwnerAreChangedInPlace(_ index: Int) throws {
    let (target, arguments) = Self.inPlace[index]
    // Flipped and permuted, so that the view isn't contiguous.
    var sample = Sample([
      "image": .image(
        TransformedImage(voxels: Self.ramp([2, 5, 4, 3]).flipped([1, 3]).permuted([0, 2, 1, 3]), affine: .identity))
    ])
    let before = Self.address(try sample.image("image", for: "test").voxels)
    try Self.make(target, arguments).apply(&sample)
    #expect(Self.address(try sample.image("image", for: "test").voxels) == before)
  }

  @Test(arguments: 0..<6) func theOrderInMemoryDoesNotChangeTheResult(_ index: Int) throws {
    let (target, arguments) = Self.inPlace[index]
    let view = Self.ramp([2, 5, 4, 3]).flipped([1, 3]).permuted([0, 2, 1, 3])
    let results = try [view, view.copy()].map { voxels in
      var sample = Sample(["image": .image(TransformedImage(voxels: voxels, affine: .identity))])
      try Self.make(target, arguments).apply(&sample)
      return try sample.image("image", for: "test").voxels
    }
    #expect(Difference(results[0], results[1]).relative <= Tolerance.transform)
    #expect(results[0].shape == view.shape)
  }

  @Test func orientationCopiesNothing() throws {
    var sample = Sample(["image": .image(TransformedImage(voxels: Self.ramp([1, 5, 4, 3]), affine: .identity))])
    let storage = ObjectIdentifier(try sample.image("image", for: "test").voxels.storage)
    try Self.make("Orientationd", ["axcodes": .string("PIL")]).apply(&sample)
    let image = try sample.image("image", for: "test")
    #expect(ObjectIdentifier(image.voxels.storage) == storage)
    #expect(image.voxels.shape == [1, 4, 3, 5])
    #expect(image.applied.count == 1)
  }

  @Test(arguments: ["Spacingd", "Orientationd"]) func anAffineThatIsNotANumberIsRefused(_ target: String) throws {
    var affine = Affine.identity
    affine[0, 0] = .nan
    var sample = Sample(["image": .image(TransformedImage(voxels: Self.ramp([1, 5, 4, 3]), affine: affine))])
    let arguments: OrderedDictionary<String, PlainValue> =
      target == "Spacingd" ? ["pixdim": .double(1)] : ["axcodes": .string("RAS")]
    let error = #expect(throws: (any Error).self) { try Self.make(target, arguments).apply(&sample) }
    #expect(error is any DiagnosedError)
  }

  @Test func aSingularAffineIsRefused() throws {
    let affine = Affine(rows: [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    var sample = Sample(["image": .image(TransformedImage(voxels: Self.ramp([1, 5, 4, 3]), affine: affine))])
    #expect(throws: TransformError.singularAffine(transform: "Spacingd")) {
      try Self.make("Spacingd", ["pixdim": .double(1.5)]).apply(&sample)
    }
  }

  @Test(arguments: [1e9, 1e300]) func geometryBeyondTheMemoryIsRefused(_ spacing: Double) throws {
    let affine = Affine.scaling([spacing, spacing, spacing])
    var sample = Sample(["image": .image(TransformedImage(voxels: Self.ramp([1, 5, 4, 3]), affine: affine))])
    #expect(throws: TransformError.self) { try Self.make("Spacingd", ["pixdim": .double(1e-3)]).apply(&sample) }
  }

  @Test func aMissingKeyIsNamedUnlessItIsAllowed() throws {
    var sample = Sample(["scan": .path("a.nii")])
    #expect(throws: TransformError.missingKey(transform: "EnsureChannelFirstd", key: "image", available: ["scan"])) {
      try Self.make("EnsureChannelFirstd").apply(&sample)
    }
    try Self.make("EnsureChannelFirstd", ["allow_missing_keys": .bool(true)]).apply(&sample)
  }

  @Test func aPathIsNotAnImage() throws {
    var sample = Sample(["image": .path("a.nii")])
    #expect(throws: TransformError.notAnImage(transform: "ScaleIntensityd", key: "image", found: "a path")) {
      try Self.make("ScaleIntensityd").apply(&sample)
    }
  }

  @Test func invertingWithoutATraceIsRefused() throws {
    let flip = Component(target: "Flipd", arguments: ["keys": .string("image")], path: "pre")
    var sample = Sample(["image": .image(TransformedImage(voxels: Self.ramp([1, 5, 4, 3]), affine: .identity))])
    try sample.setPrediction("pred", Self.ramp([2, 5, 4, 3]), like: "image")
    let invert = try Self.make(
      "Invertd", ["keys": .string("pred"), "orig_keys": .string("image"), "transform": .component(flip)])
    #expect(throws: TransformError.noTrace(transform: "Flipd")) { try invert.apply(&sample) }
  }

  @Test func invertingTakesTheTraceOfTheImageAndLeavesItThere() throws {
    let flip = Component(target: "Flipd", arguments: ["keys": .string("image"), "spatial_axis": .int(0)], path: "pre")
    var sample = Sample(["image": .image(TransformedImage(voxels: Self.ramp([1, 5, 4, 3]), affine: .identity))])
    try TransformTable.make(flip).apply(&sample)
    let prediction = Self.ramp([2, 5, 4, 3])
    try sample.setPrediction("pred", prediction, like: "image")
    try Self.make(
      "Invertd", ["keys": .string("pred"), "orig_keys": .string("image"), "transform": .component(flip)]
    ).apply(&sample)
    let inverted = try sample.image("pred", for: "test")
    #expect(Difference(inverted.voxels, prediction.flipped([1])).maximum == 0)
    #expect(inverted.affine == .identity)
    #expect(inverted.applied.isEmpty)
    #expect(try sample.image("image", for: "test").applied.count == 1)
  }

  @Test("an argmax after an inversion gives the same labels slab by slab", arguments: ["RAS", "LPI", "SAR"])
  func invertingAndReducingAtOnceGivesTheSameLabels(_ codes: String) throws {
    let before = Component(
      target: "Compose",
      arguments: [
        "transforms": .list([
          .component(
            Component(
              target: "Orientationd", arguments: ["keys": .string("image"), "axcodes": .string(codes)], path: "pre#0")),
          .component(
            Component(
              target: "Spacingd",
              arguments: ["keys": .string("image"), "pixdim": .list([.double(1.5), .double(0.8), .double(2)])],
              path: "pre#1")),
          .component(
            Component(
              target: "Flipd", arguments: ["keys": .string("image"), "spatial_axis": .int(1)], path: "pre#2")),
        ])
      ], path: "pre")
    var sample = Sample(["image": .image(TransformedImage(voxels: Self.ramp([1, 150, 160, 70]), affine: .identity))])
    try TransformTable.make(before).apply(&sample)
    let shape = try sample.image("image", for: "test").voxels.shape
    let values = (0..<3 * shape.count).map { Float($0 * 7919 % 10_007) }
    try sample.setPrediction("pred", Tensor(values, Shape([3] + shape.dimensions.dropFirst())), like: "image")
    let invert = try Self.make(
      "Invertd",
      [
        "keys": .string("pred"), "orig_keys": .string("image"), "transform": .component(before),
        "nearest_interp": .bool(false),
      ])
    let argmax = try Self.make("AsDiscreted", ["keys": .string("pred"), "argmax": .bool(true)])
    var expected = sample
    try invert.apply(&expected)
    try argmax.apply(&expected)
    let step = try #require(argmax as? any VoxelwiseTransform)
    #expect(try (invert as? Invertd)?.apply(&sample, reducing: step) == true)
    let (found, reference) = (try sample.image("pred", for: "test"), try expected.image("pred", for: "test"))
    #expect(found.voxels.shape == [1, 150, 160, 70])
    #expect(found.affine == reference.affine)
    #expect(Difference(found.voxels, reference.voxels).maximum == 0)
  }

  @Test func composeTellsEachStepAndNamesTheEntryThatFails() throws {
    let compose = Component(
      target: "Compose",
      arguments: [
        "transforms": .list([
          .component(
            Component(target: "ScaleIntensityd", arguments: ["keys": .string("image")], path: "pre#transforms#0")),
          .component(
            Component(target: "ScaleIntensityd", arguments: ["keys": .string("label")], path: "pre#transforms#1")),
        ])
      ], path: "pre")
    var sample = Sample(["image": .image(TransformedImage(voxels: Self.ramp([1, 5, 4, 3]), affine: .identity))])
    let steps = Mutex<[Int]>([])
    let error = #expect(throws: LocatedError.self) {
      try Compose(compose).apply(&sample) { update in steps.withLock { $0.append(update.completed) } }
    }
    #expect(error?.diagnosis.location == ["pre#transforms#1"])
    #expect(steps.withLock { $0 } == [0, 1])
  }
}
