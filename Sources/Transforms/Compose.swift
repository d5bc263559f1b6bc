package import Arguments
package import Diagnostics

/// Transforms in a row.
package struct Compose: InvertibleTransform {
  package let name = "Compose"
  package let path: String
  package let transforms: [any Transform]

  package init(_ transforms: [any Transform], path: String) {
    self.transforms = transforms
    self.path = path
  }

  /// - Throws: ``TransformError`` for a transform that isn't known, `ArgumentError` for wrong arguments.
  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    path = component.path
    // How several samples at once are handled, and what is logged, doesn't change the result.
    arguments.ignore("map_items", "unpack_items", "log_stats")
    try arguments.refuseLazy()
    try arguments.refuse("overrides", supported: "no overrides; they belong to lazy resampling")
    switch arguments.present("transforms") {
    case nil: transforms = []
    case .component(let single): transforms = [try TransformTable.make(single)]
    case .some: transforms = try arguments.components("transforms").map(TransformTable.make)
    }
    try arguments.finish()
  }

  package func apply(_ sample: inout Sample) throws {
    try apply(&sample, progress: nil)
  }

  /// Applies the transforms in order, tells each step and stops between steps when asked to.
  /// - Throws: What a transform throws, with its config path; `InterruptedError`.
  package func apply(_ sample: inout Sample, stage: String = "preprocessing", progress: ProgressObserver?) throws {
    var index = 0
    while index < transforms.count {
      try Cancellation.check()
      progress?(ProgressUpdate(stage: stage, completed: index, total: transforms.count))
      index += try applyStep(index, to: &sample)
    }
    progress?(ProgressUpdate(stage: stage, completed: transforms.count, total: transforms.count))
  }

  /// Applies the transform at `index`, together with the next one where that spares memory.
  /// - Returns: how many were applied.
  private func applyStep(_ index: Int, to sample: inout Sample) throws -> Int {
    if let inversion = transforms[index] as? Invertd, index + 1 < transforms.count,
      let step = transforms[index + 1] as? any VoxelwiseTransform,
      try located(inversion.path, { try inversion.apply(&sample, reducing: step) })
    {
      return 2
    }
    try transforms[index].applyLocated(&sample)
    return 1
  }

  package func undoes(_ step: TransformIdentity) -> Bool {
    transforms.contains { ($0 as? any InvertibleTransform)?.undoes(step) == true }
  }

  /// Undoes the invertible transforms, the last one first.
  package func invert(_ sample: inout Sample) throws {
    for case let transform as any InvertibleTransform in transforms.reversed() {
      try Cancellation.check()
      try transform.invert(&sample)
    }
  }
}

extension Transform {
  /// Applies the transform; an error of its own gets its config path. A Compose's errors have those of its parts.
  func applyLocated(_ sample: inout Sample) throws {
    guard !(self is Compose) else { return try apply(&sample) }
    try located(path) { try apply(&sample) }
  }
}
