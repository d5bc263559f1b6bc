package import Arguments
import Bundles
package import Diagnostics
import OrderedCollections
import Transforms

/// One step of a bundle's pipeline as it is understood, or why it can't be, or that it is disabled.
package struct PipelineStep: Sendable {
  /// Where its entry stands.
  package let path: String
  /// The class, where it is known.
  package let name: String
  /// The resolved component.
  package let component: Component?
  /// What is wrong with it.
  package let problem: Diagnosis?
  /// Whether its `_disabled_` leaves it out of the pipeline.
  package let isDisabled: Bool

  /// The steps of `preprocessing` or `postprocessing`, or the one step that an inferer is. Each is looked at on its own,
  /// so that all problems are found at once.
  package static func steps(of id: String, _ config: ModelConfig) -> [PipelineStep] {
    let resolver = config.resolver
    guard resolver.contains(id) else {
      return [PipelineStep(id, problem: ModelError.missingEntry(id: id, config: config.name).diagnosis)]
    }
    if id == "inferer" {
      return [step(at: id, config) { _ = try Inferers.make($0) }]
    }
    let entries = (0..<maximumSteps).prefix { resolver.contains("\(id)#transforms#\($0)") }
    // A list that is a reference or an expression has no entries of its own.
    guard !entries.isEmpty else { return whole(id, config) }
    return entries.map { step(at: "\(id)#transforms#\($0)", config) { _ = try TransformTable.make($0) } }
  }

  private static let maximumSteps = 1000

  private static func whole(_ id: String, _ config: ModelConfig) -> [PipelineStep] {
    do {
      let component = try config.component(id)
      let parts = component.children
      return (parts.isEmpty ? [component] : parts).map { part in
        checked(part, at: part.path) { _ = try TransformTable.make($0) }
      }
    } catch {
      return [PipelineStep(id, problem: diagnosis(of: error))]
    }
  }

  private static func step(at path: String, _ config: ModelConfig, _ make: (Component) throws -> Void) -> PipelineStep {
    do {
      if let name = try config.resolver.disabledClass(path) { return PipelineStep(path, disabled: name) }
      let component = try config.component(path)
      return checked(component, at: path, make)
    } catch {
      return PipelineStep(path, problem: diagnosis(of: error))
    }
  }

  private static func checked(
    _ component: Component, at path: String, _ make: (Component) throws -> Void
  ) -> PipelineStep {
    do {
      try make(component)
      return PipelineStep(path, component: component)
    } catch {
      return PipelineStep(path, component: component, problem: diagnosis(of: error))
    }
  }

  private init(
    _ path: String, component: Component? = nil, problem: Diagnosis? = nil, disabled className: String? = nil
  ) {
    self.path = path
    self.component = component
    self.problem = problem
    isDisabled = className != nil
    name = component?.className ?? className ?? path
  }

  static func diagnosis(of error: any Error) -> Diagnosis {
    (error as? any DiagnosedError)?.diagnosis ?? DefectError("\(error)").diagnosis
  }
}

/// Expressions of a config that aren't evaluated.
package struct RefusedExpression: Sendable, Equatable {
  package let path: String
  package let reason: String

  /// The expressions of the config that have no value here, in its order: those that training and its engines need, and
  /// those behind a problem of the pipeline.
  package static func all(in config: ModelConfig) -> [RefusedExpression] {
    config.resolver.problems(in: config.resolver.expressionPaths).compactMap { path, error in
      let diagnosis = PipelineStep.diagnosis(of: error)
      // What it refers to is refused at its own place.
      guard diagnosis.location.first == path else { return nil }
      // The expression itself stands in the config; a file that it would read may not.
      let places = diagnosis.location.dropFirst().filter { !$0.hasPrefix("'$") && !$0.hasPrefix("line ") }
      return RefusedExpression(path: path, reason: ([diagnosis.what] + places).joined(separator: ", at "))
    }
  }
}
