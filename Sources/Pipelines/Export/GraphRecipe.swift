import Engines
import Graphs
import Passes

/// How an imported network becomes the graph that an engine is made of. The same recipe gives the same graph, so that a
/// package needn't keep it.
struct GraphRecipe: Sendable {
  /// What the batch is fixed to; nil where it stays open.
  var batch: Int?
  var optimizes: Bool
  var precision: Precision
  /// The target's name.
  var target: String

  init(batch: Int?, optimizes: Bool, precision: Precision, target: String) {
    self.batch = batch
    self.optimizes = optimizes
    self.precision = precision
    self.target = target
  }

  /// What a package was made by.
  /// - Throws: `ExportError` for a precision that isn't known.
  init(_ manifest: PackageManifest) throws {
    let isOpen = manifest.inputs.contains { $0.minimum != $0.maximum }
    self.init(
      batch: isOpen ? nil : manifest.inputs.first?.minimum.first ?? 1,
      optimizes: !manifest.options.contains("optimize=no"), precision: try .parse(manifest.precision),
      target: manifest.target)
  }

  /// - Parameter observer: Told of each pass that changed the graph.
  /// - Throws: `PassError`; what the observer throws.
  func apply(
    to graph: Graph, observer: (_ pass: String, _ result: PassResult) throws -> Void = { _, _ in }
  ) throws -> PassResult {
    var result = PassResult(graph)
    for driver in drivers {
      let next = try driver.run(result.graph, observer: observer)
      result = PassResult(next.graph, notes: result.notes + next.notes)
    }
    return result
  }

  private var drivers: [PassDriver] {
    var drivers: [PassDriver] = []
    if let batch { drivers.append(PassDriver([FixedBatch(batch)])) }
    if optimizes { drivers.append(Optimization.driver) }
    if precision == .fp16 { drivers.append(PassDriver([HalfPrecision()])) }
    if optimizes { drivers.append(Lowering.driver(for: target)) }
    return drivers
  }
}

/// Tells apart what different builds make of the same network.
package enum ExportRevision {
  /// To be raised whenever an importer, a pass or a lowering gives another graph than before, which
  /// `Tests/PipelinesTests/Export/GraphRecipeTests.swift` notices.
  package static let current = 3
}
