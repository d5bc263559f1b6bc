package import Diagnostics
package import Engines
package import Graphs
import Tensors

/// Something that a network can be exported to. To add one, write a file in `Targets/` and put it into
/// ``ExportTargets/all``.
package protocol ExportTarget: Sendable {
  /// As `--target` calls it: `tensorrt-rtx`.
  var name: String { get }
  /// What it is, for the help text.
  var summary: String { get }
  /// The kinds of device that its products run on.
  var deviceKinds: [Device.Kind] { get }
  /// Whether each export is for one batch or range of batches; else the batch stays open.
  var fixesBatch: Bool { get }
  /// Says what in the options can't be done, before anything is read.
  func check(_ options: ExportOptions) throws
  /// The library that makes the engine, found but not loaded; nil for a target that writes a plain file.
  func library(_ options: ExportOptions) throws -> PackageManifest.Library?
  /// Makes the product.
  func build(_ network: ExportedNetwork, _ options: ExportOptions, progress: ProgressObserver?) throws -> ExportProduct
  /// Opens the engine of a package for this target.
  /// - Throws: ``EnginePackageError``; errors of the engine's library and device.
  func open(_ package: EnginePackage, _ choice: EngineChoice) throws -> any CompiledEngine
}

/// A network ready for its target.
package struct ExportedNetwork: Sendable {
  /// In the wanted precision; its batch is fixed, or the symbol `batch`.
  package let graph: Graph
  /// The batches: all equal for a fixed one.
  package let batch: BatchRange
}

/// What a target made.
package struct ExportProduct {
  /// The file's ending in the package: `trt` for `models/engine.trt`.
  package var fileExtension: String
  /// `TensorRT for RTX 1.7.1`; nil for a plain file.
  package var libraryTitle: String?
  /// Writes the product to a file.
  package var write: (_ path: String) throws -> Void
  /// Whether ``write`` also writes the weights, to a file of their own beside it.
  package var writesDataBeside: Bool
  /// Opens what was written at `path` on this machine; nil where that can't be run here.
  package var open: ((_ path: String) throws -> any CompiledEngine)?
  /// Runs another graph as the product runs its own; nil where that can't be done here.
  package var runCandidate: Bisection.Run?
  /// The graph that the product was made of, as far as the product tells: it is verified where the product can't be run.
  package var graph: () throws -> Graph
  /// What was found out about the product itself.
  package var verification: [PackageManifest.Verification]
  package var notes: [String]

  package init(
    fileExtension: String, libraryTitle: String?, write: @escaping (_ path: String) throws -> Void,
    open: ((_ path: String) throws -> any CompiledEngine)? = nil, runCandidate: Bisection.Run? = nil,
    graph: @escaping () throws -> Graph, writesDataBeside: Bool = false,
    verification: [PackageManifest.Verification], notes: [String]
  ) {
    self.fileExtension = fileExtension
    self.libraryTitle = libraryTitle
    self.write = write
    self.open = open
    self.runCandidate = runCandidate
    self.graph = graph
    self.writesDataBeside = writesDataBeside
    self.verification = verification
    self.notes = notes
  }
}

extension PackageManifest.TensorDescription {
  /// As engines describe it: extents that differ between the smallest and the largest shape are free.
  var specification: TensorSpecification {
    TensorSpecification(
      name: name, elementType: ElementType(rawValue: type) ?? .float32,
      dimensions: zip(minimum, maximum).map { $0 == $1 ? $0 : nil })
  }
}

extension ExportTarget {
  /// - Throws: ``DeviceError/wrongKind(asked:backend:takes:)`` for a device that the target's products don't run on.
  func requireDevice(_ options: ExportOptions, title: String) throws {
    guard let device = options.device, !deviceKinds.contains(device.kind) else { return }
    throw DeviceError.wrongKind(asked: device, backend: title, takes: deviceKinds)
  }
}

/// All targets.
package enum ExportTargets {
  package static let all: [any ExportTarget] = [
    TensorRTTarget(product: .rtx), TensorRTTarget(product: .standard), OpenVINOTarget(), ONNXTarget(),
  ]

  package static var names: [String] { all.map(\.name) }

  package static func named(_ name: String) -> (any ExportTarget)? { all.first { $0.name == name } }
}
