package import Tensors

/// The shapes that one input may have: the engine takes everything between, and is tuned for the optimum.
package struct TensorRTShapeRange: Sendable, Hashable {
  package var minimum: Shape
  package var optimum: Shape
  package var maximum: Shape

  package init(minimum: Shape, optimum: Shape, maximum: Shape) {
    self.minimum = minimum
    self.optimum = optimum
    self.maximum = maximum
  }

  /// The three shapes in the order of the library's selectors.
  var selectors: [Shape] { [minimum, optimum, maximum] }

  /// - Throws: ``TensorRTError/invalidShapeRange(input:reason:)`` when the shapes contradict each other or `dimensions`,
  ///   the extents of the model's input with nil for free ones.
  func check(input: String, dimensions: [Int?]) throws {
    func refuse(_ reason: String) -> TensorRTError { .invalidShapeRange(input: input, reason: reason) }
    for shape in selectors {
      guard shape.rank == dimensions.count else {
        throw refuse("\(shape) has \(shape.rank) axes, the input has \(dimensions.count)")
      }
      guard shape.dimensions.allSatisfy({ $0 >= 1 }), shape.checkedCount != nil else {
        throw refuse("\(shape) has an extent below 1 or too many elements")
      }
      for (axis, (extent, expected)) in zip(shape.dimensions, dimensions).enumerated() {
        if let expected, extent != expected {
          throw refuse("axis \(axis) is \(extent), the model fixes it to \(expected)")
        }
      }
    }
    for axis in dimensions.indices {
      guard minimum[axis] <= optimum[axis], optimum[axis] <= maximum[axis] else {
        throw refuse("axis \(axis) has minimum \(minimum[axis]), optimum \(optimum[axis]), maximum \(maximum[axis])")
      }
    }
  }
}

/// Which other GPUs an engine of standard TensorRT runs on.
package enum TensorRTHardwareCompatibility: Int32, Sendable, Hashable, CaseIterable {
  /// Only GPUs of the kind that built it.
  case none
  /// All of compute capability 8.0 and newer.
  case ampereAndNewer
  /// All of the same compute capability. TensorRT 10.9 and newer.
  case sameComputeCapability

  /// As the command line calls it.
  package var name: String {
    switch self {
    case .none: "none"
    case .ampereAndNewer: "ampere+"
    case .sameComputeCapability: "same"
    }
  }

  /// Reads a ``name``.
  /// - Throws: ``EngineError/invalidOption(name:value:expected:)``.
  package static func parse(_ text: String) throws -> TensorRTHardwareCompatibility {
    if let choice = allCases.first(where: { $0.name == text }) { return choice }
    throw EngineError.invalidOption(
      name: "the hardware compatibility", value: "'\(text.prefix(40))'",
      expected: allCases.map(\.name).joined(separator: ", "))
  }
}

/// How an engine is built.
package struct TensorRTBuildOptions: Sendable, Hashable {
  /// The shapes of the inputs with free extents, by name; inputs without free extents may be left out.
  /// Several entries make several profiles, of which a run takes the first that fits.
  package var profiles: [[String: TensorRTShapeRange]] = []
  /// GPU memory that a layer may use for intermediate results, in bytes; nil for the library's choice.
  package var workspaceLimit: Int?
  /// How long the library searches for fast kernels, 0 to 5; nil for its default, 3.
  package var optimizationLevel: Int?
  /// The GPUs to build for, TensorRT for RTX only; empty for all of compute capability 8.0 and newer.
  package var computeCapabilities: [ComputeCapability] = []
  /// Standard TensorRT only.
  package var hardwareCompatibility: TensorRTHardwareCompatibility = .none
  /// Whether float32 convolutions and products may round their inputs to TF32 (10 bits of mantissa), as PyTorch's
  /// convolutions do by default.
  package var allowsTF32 = true

  package init() {}

  /// - Throws: ``EngineError/invalidOption(name:value:expected:)``, or a ``TensorRTError`` for options that `library` lacks.
  func check(for library: TensorRTLibrary) throws {
    if let workspaceLimit, workspaceLimit <= 0 {
      throw EngineError.invalidOption(
        name: "the workspace limit", value: "\(workspaceLimit)", expected: "a positive number of bytes")
    }
    if let optimizationLevel, !(0...5).contains(optimizationLevel) {
      throw EngineError.invalidOption(
        name: "the optimisation level", value: "\(optimizationLevel)", expected: "a number from 0 to 5")
    }
    switch library.product {
    case .rtx:
      if let refused = computeCapabilities.first(where: { !ComputeCapability.rtx.contains($0) }) {
        throw TensorRTError.unsupportedComputeCapability(refused, library: library.title)
      }
      guard hardwareCompatibility == .none else {
        throw TensorRTError.hardwareCompatibilityIsBuiltIn(library: library.title)
      }
    case .standard:
      guard computeCapabilities.isEmpty else {
        throw TensorRTError.computeCapabilitiesAreFixed(library: library.title)
      }
      if hardwareCompatibility == .sameComputeCapability, library.version.number < 100_900 {
        throw EngineError.invalidOption(
          name: "hardware compatibility", value: "the same compute capability",
          expected: "TensorRT 10.9 or newer for this choice")
      }
    }
  }
}
