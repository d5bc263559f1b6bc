package import Diagnostics

/// Where an engine runs: `cpu`, `cuda:1`, `dla:0`.
///
/// A value, not a string: a backend asks for exactly what it needs (``cudaOrdinal(for:)``, ``dlaCore(for:)``,
/// ``requireCPU(for:)``), and a device of another kind is an error that names both.
package enum Device: Sendable, Hashable {
  case cpu
  /// The NVIDIA GPU with this ordinal, as `nvidia-smi` and `CUDA_VISIBLE_DEVICES` count.
  case cuda(Int)
  /// This core of a Jetson's deep-learning accelerator.
  case dla(Int)

  package enum Kind: String, Sendable, Hashable, CaseIterable {
    case cpu, cuda, dla

    /// How a person would call it.
    package var title: String {
      switch self {
      case .cpu: "the CPU"
      case .cuda: "an NVIDIA GPU (cuda:0)"
      case .dla: "a deep-learning accelerator (dla:0)"
      }
    }
  }

  /// The highest index that is taken; PyTorch's device index is an 8-bit number.
  package static let maximalIndex = 127

  package var kind: Kind {
    switch self {
    case .cpu: .cpu
    case .cuda: .cuda
    case .dla: .dla
    }
  }

  /// The ordinal of a GPU or the number of a core; nil for the CPU, as in PyTorch.
  package var index: Int? {
    switch self {
    case .cpu: nil
    case .cuda(let index), .dla(let index): index
    }
  }

  /// Reads what users write: `cpu`, `cuda`, `cuda:1`, `gpu:1`, `1` (MONAI's integer), `dla:0`.
  /// A kind without an index is its first device.
  /// - Throws: ``DeviceError/unreadable(_:)``.
  package static func parse(_ text: String) throws -> Device {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count == 1, let ordinal = index(of: parts[0]) { return .cuda(ordinal) }
    guard let name = parts.first, let index = parts.count == 1 ? 0 : index(of: parts[1]) else {
      throw DeviceError.unreadable(text)
    }
    switch name {
    case "cpu" where index == 0: return .cpu
    case "cuda", "gpu": return .cuda(index)
    case "dla": return .dla(index)
    default: throw DeviceError.unreadable(text)
    }
  }

  /// A plain decimal number up to ``maximalIndex``: no sign, no leading zero.
  private static func index(of text: Substring) -> Int? {
    guard !text.isEmpty, text.count <= 3, text.utf8.allSatisfy({ (48...57).contains($0) }),
      text.count == 1 || text.first != "0", let index = Int(text), index <= maximalIndex
    else { return nil }
    return index
  }

  /// The ordinal of the GPU.
  /// - Throws: ``DeviceError/wrongKind(asked:backend:takes:)`` when this isn't one.
  package func cudaOrdinal(for backend: String = "this engine") throws -> Int {
    guard case .cuda(let ordinal) = self else {
      throw DeviceError.wrongKind(asked: self, backend: backend, takes: [.cuda])
    }
    return ordinal
  }

  /// The core of the deep-learning accelerator.
  /// - Throws: ``DeviceError/wrongKind(asked:backend:takes:)`` when this isn't one.
  package func dlaCore(for backend: String = "this engine") throws -> Int {
    guard case .dla(let core) = self else {
      throw DeviceError.wrongKind(asked: self, backend: backend, takes: [.dla])
    }
    return core
  }

  /// - Throws: ``DeviceError/wrongKind(asked:backend:takes:)`` when this isn't the CPU.
  package func requireCPU(for backend: String = "this engine") throws {
    guard case .cpu = self else { throw DeviceError.wrongKind(asked: self, backend: backend, takes: [.cpu]) }
  }
}

extension Device: CustomStringConvertible {
  /// PyTorch's form: `cpu`, `cuda:1`, `dla:0`.
  package var description: String {
    guard let index else { return kind.rawValue }
    return "\(kind.rawValue):\(index)"
  }
}

/// A device can't be read, or isn't of the kind that a backend takes.
package enum DeviceError: DiagnosedError, Equatable {
  case unreadable(String)
  case wrongKind(asked: Device, backend: String, takes: [Device.Kind])

  package var diagnosis: Diagnosis {
    switch self {
    case .unreadable(let text):
      return Diagnosis(
        .usage, "'\(text.prefix(80))' names no device",
        expected: "cpu, cuda, cuda:N, gpu:N, N or dla:N, with N from 0 to \(Device.maximalIndex)",
        hint: "for example --device cpu or --device cuda:0")
    case .wrongKind(let asked, let backend, let takes):
      let titles = takes.map(\.title).joined(separator: " or ")
      let examples = takes.map { $0 == .cpu ? "--device cpu" : "--device \($0.rawValue):0" }
      return Diagnosis(
        .usage, "\(backend) can't run on \(asked)", expected: titles,
        hint: "use \(examples.joined(separator: " or ")), or choose an engine that runs on \(asked.kind.rawValue)")
    }
  }
}
