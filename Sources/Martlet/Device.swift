import Engines

/// Where a network runs.
///
///     let device = try Device("cuda:1")
///     print(device)   // cuda:1
public struct Device: Sendable, Hashable, CustomStringConvertible {
  let wrapped: Engines.Device

  /// The processor.
  public static let cpu = Device(.cpu)

  /// The NVIDIA GPU of that ordinal.
  public static func cuda(_ ordinal: Int) throws(MartletError) -> Device { try Device("cuda:\(ordinal)") }

  private init(_ wrapped: Engines.Device) { self.wrapped = wrapped }

  /// What users write: `cpu`, `cuda`, `cuda:1`, `gpu:1`, `1`, `dla:0`.
  /// - Throws: ``MartletError`` of kind `usage` for anything else.
  public init(_ text: String) throws(MartletError) {
    wrapped = try MartletError.wrapping { try Engines.Device.parse(text) }
  }

  /// PyTorch's form.
  public var description: String { wrapped.description }
}
