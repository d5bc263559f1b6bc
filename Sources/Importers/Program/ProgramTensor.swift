import Graphs

/// A tensor of a program, by reference: operators that work in place change what it stands for, in it and in everything
/// that shares its elements.
package final class ProgramTensor {
  enum Content {
    case value(Value)
    /// A scalar integer that may depend on the batch, as a trace makes of sizes.
    case symbol(Dimension)
  }

  /// How a tensor follows from the one whose elements it shows, and how that one follows from it.
  struct View {
    let base: ProgramTensor
    let derive: (ProgramWriter, Value) throws -> Value
    /// The base with the view's elements replaced; nil where that isn't supported.
    let writeBack: ((ProgramWriter, _ base: Value, _ view: Value) throws -> Value)?
  }

  private var content: Content
  /// The graph's value of an integer, where it was asked for.
  private var scalar: Value?
  private let view: View?
  /// Counts the changes in place.
  private var version = 0
  /// The base's version that the content belongs to.
  private var baseVersion: Int
  /// What a change through a view has still to do to the content.
  private var pending: ((ProgramWriter, Value) throws -> Value)?

  init(_ value: Value, view: View? = nil) {
    content = .value(value)
    self.view = view
    baseVersion = view?.base.version ?? 0
  }

  init(symbol: Dimension) {
    content = .symbol(symbol)
    view = nil
    baseVersion = 0
  }

  /// The integer that a scalar stands for, where it is known without a value of the graph.
  var symbol: Dimension? {
    if case .symbol(let dimension) = content { dimension } else { nil }
  }

  /// The value of the graph that it stands for now.
  func value(_ writer: ProgramWriter) throws -> Value {
    guard case .value(var value) = content else {
      if let scalar { return scalar }
      let value = try writer.scalar(of: symbol ?? 0)
      scalar = value
      return value
    }
    try refresh(writer)
    if case .value(let current) = content { value = current }
    if let change = pending {
      pending = nil
      value = writer.folded(try change(writer, value))
      content = .value(value)
    }
    return value
  }

  /// Follows what became of the tensor whose elements it shows.
  private func refresh(_ writer: ProgramWriter) throws {
    guard let view else { return }
    try view.base.refresh(writer)
    guard view.base.version != baseVersion else { return }
    content = .value(writer.folded(try view.derive(writer, try view.base.value(writer))))
    baseVersion = view.base.version
    pending = nil
    version += 1
  }

  /// Lets it stand for another value, as an operator in place does; `operator` is for the message.
  func assign(_ value: Value, _ writer: ProgramWriter, operator name: String) throws {
    content = .value(value)
    pending = nil
    version += 1
    guard let view else { return }
    guard let writeBack = view.writeBack else {
      throw ImportError.unsupported(
        operator: name, reason: "it changes a view of another tensor in place",
        expected: "a change of a slice, a selection or a reshaped tensor, or no change in place")
    }
    // Only when the base is read again does it cost anything.
    view.base.change { try writeBack($0, $1, value) }
    baseVersion = view.base.version
  }

  private func change(_ step: @escaping (ProgramWriter, Value) throws -> Value) {
    if let earlier = pending {
      pending = { try step($0, $0.folded(earlier($0, $1))) }
    } else {
      pending = step
    }
    version += 1
    guard let view, let writeBack = view.writeBack else { return }
    view.base.change { writer, base in try writeBack(writer, base, self.value(writer)) }
    baseVersion = view.base.version
  }

  /// Replaces the value by one that holds the same elements.
  func replaceValue(_ change: (Value) -> Value) {
    if case .value(let value) = content { content = .value(change(value)) }
  }
}
