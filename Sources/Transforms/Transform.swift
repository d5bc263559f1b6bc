package import Arguments
import Diagnostics

/// One step of preprocessing or postprocessing.
package protocol Transform: Sendable {
  /// The class name, as MONAI spells it.
  var name: String { get }
  /// Where its config entry stands.
  var path: String { get }
  func apply(_ sample: inout Sample) throws
}

/// A transform that can be undone.
package protocol InvertibleTransform: Transform {
  /// Whether ``invert(_:)`` undoes the step of that identity.
  func undoes(_ step: TransformIdentity) -> Bool
  /// Undoes what this transform did to the images of the sample. Its keys may be missing.
  func invert(_ sample: inout Sample) throws
}

/// What makes a transform the same as the one that left a trace: its class and arguments, wherever its entry stands.
package struct TransformIdentity: Sendable, Hashable {
  let className: String
  let arguments: PlainValue

  package init(_ component: Component) {
    className = component.className
    arguments = .dictionary(component.arguments)
  }
}

/// The keys that a dictionary transform works on, and who it is.
package struct Keys: Sendable {
  package let names: [String]
  package let allowMissing: Bool
  package let component: Component
  package let identity: TransformIdentity

  /// Reads `keys` and `allow_missing_keys`.
  /// - Throws: `ArgumentError`.
  package init(_ arguments: inout ArgumentReader) throws {
    component = arguments.component
    identity = TransformIdentity(component)
    names = try arguments.strings("keys")
    allowMissing = try arguments.bool("allow_missing_keys", default: false)
    guard !names.isEmpty else {
      throw arguments.unsupported("keys", "empty", supported: "at least one key")
    }
  }

  /// The keys that the sample has, each with its index among all keys.
  /// - Throws: ``TransformError/missingKey(transform:key:available:)`` unless missing keys are allowed.
  package func present(in sample: Sample) throws -> [(index: Int, key: String)] {
    try names.enumerated().compactMap { index, key in
      if sample[key] != nil { return (index, key) }
      if allowMissing { return nil }
      throw TransformError.missingKey(transform: component.className, key: key, available: sample.keys)
    }
  }
}

/// A transform that works on each of its keys.
package protocol KeyedTransform: Transform {
  var keys: Keys { get }
}

extension KeyedTransform {
  package var name: String { keys.component.className }
  package var path: String { keys.component.path }
}

/// A transform that changes each of its images on its own.
package protocol ImageTransform: KeyedTransform {
  /// - Parameter index: The key's place among the keys, for arguments that are given per key.
  func apply(to image: inout TransformedImage, index: Int) throws
}

extension ImageTransform {
  package func apply(_ sample: inout Sample) throws {
    for (index, key) in try keys.present(in: sample) {
      try sample.updateImage(key, for: name) { try apply(to: &$0, index: index) }
    }
  }
}

extension KeyedTransform where Self: InvertibleTransform {
  /// Leaves the trace from which ``invert(_:)`` undoes the step.
  func record(_ inverse: any InverseOperation, on image: inout TransformedImage) {
    image.applied.append(AppliedOperation(transform: keys.identity, inverse: inverse))
  }

  package func undoes(_ step: TransformIdentity) -> Bool { step == keys.identity }

  package func invert(_ sample: inout Sample) throws {
    for key in keys.names where sample[key] != nil {
      try sample.updateImage(key, for: name) { image in
        guard let index = image.applied.lastIndex(where: { $0.transform == keys.identity }) else {
          throw TransformError.noTrace(transform: name)
        }
        try image.applied.remove(at: index).inverse.apply(to: &image)
      }
    }
  }
}
