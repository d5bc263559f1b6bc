import Diagnostics

/// Why Martlet couldn't do what it was asked: what was found, where, what was expected, and what to do.
public struct MartletError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure.
  public enum Kind: Sendable, Hashable {
    /// The call was wrong.
    case usage
    /// The content of an input is wrong or not supported.
    case data
    /// An input can't be opened.
    case noInput
    /// A library or device that is needed isn't there.
    case unavailable
    /// A defect of Martlet itself.
    case defect
    /// An output can't be created.
    case cantCreate
    /// Reading or writing failed.
    case inputOutput
    /// The work was stopped.
    case interrupted
  }

  /// The kind of failure.
  public let kind: Kind
  /// What was found.
  public let what: String
  /// The file, node or config path, outermost first.
  public let location: [String]
  /// What was expected instead.
  public let expected: String?
  /// What to do next.
  public let hint: String?
  /// All of it as one paragraph.
  public let description: String

  init(_ error: any Error) {
    let diagnosis =
      (error as? any DiagnosedError)?.diagnosis ?? DefectError("an error without a diagnosis: \(error)").diagnosis
    kind =
      switch diagnosis.kind {
      case .usage: .usage
      case .data: .data
      case .noInput: .noInput
      case .unavailable: .unavailable
      case .defect: .defect
      case .cantCreate: .cantCreate
      case .inputOutput: .inputOutput
      case .interrupted: .interrupted
      }
    what = diagnosis.what
    location = diagnosis.location
    expected = diagnosis.expected
    hint = diagnosis.hint
    description = diagnosis.description
  }

  /// Runs `body`; whatever it throws becomes a `MartletError`.
  static func wrapping<Result>(_ body: () throws -> Result) throws(MartletError) -> Result {
    do { return try body() } catch { throw MartletError(error) }
  }
}
