package import Diagnostics
package import Tensors

/// What is wrong with an archive, in the words of its format.
package protocol ArchiveProblem: Error, Equatable {
  /// What was found.
  var what: String { get }
  var expected: String? { get }
  /// What to do next.
  var hint: String? { get }
}

extension ArchiveProblem {
  package var expected: String? { nil }
  package var hint: String? { "the file is damaged or not what it claims to be; get it again from its source" }
}

/// A file can't be read as the archive that it should be, or an archive can't hold what should be written.
package enum ArchiveError: DiagnosedError, Equatable {
  /// A zip archive is damaged, or uses what isn't supported. `entry` is nil when the archive as a whole is meant.
  case zip(ZipProblem, file: String, entry: String?)
  case pickle(PickleProblem, file: String, entry: String)
  case checkpoint(CheckpointProblem, file: String)
  /// A tensor of a checkpoint; `name` is its key.
  case tensor(TensorProblem, file: String, name: String)
  case safetensors(SafetensorsProblem, file: String)
  case npy(NpyProblem, file: String)

  package var diagnosis: Diagnosis {
    switch self {
    case .zip(let problem, let file, let entry):
      Self.diagnosis(problem, file, entry.map { "entry \($0.plainForMessage)" })
    case .pickle(let problem, let file, let entry): Self.diagnosis(problem, file, "entry \(entry.plainForMessage)")
    case .checkpoint(let problem, let file): Self.diagnosis(problem, file)
    case .tensor(let problem, let file, let name): Self.diagnosis(problem, file, "tensor \(name.quotedForMessage)")
    case .safetensors(let problem, let file): Self.diagnosis(problem, file)
    case .npy(let problem, let file): Self.diagnosis(problem, file)
    }
  }

  private static func diagnosis(_ problem: some ArchiveProblem, _ file: String, _ place: String? = nil) -> Diagnosis {
    Diagnosis(
      .data, problem.what, at: [file] + (place.map { [$0] } ?? []), expected: problem.expected, hint: problem.hint)
  }
}

/// A tensor's description in a checkpoint can't be followed.
package enum TensorProblem: ArchiveProblem {
  /// The arguments of the tensor's record aren't those that PyTorch writes.
  case malformed(String)
  /// A kind of tensor that isn't supported: `complex64`, `quantized`, `sparse`.
  case unsupported(String)
  case missingStorage(key: String)
  case storageTooSmall(declared: Int, found: Int)
  case invalidShape([Int], strides: [Int])
  case outsideStorage(TensorError)
  /// A view repeats the elements of its storage so often that it would fill the memory.
  case expandsTooFar(Shape, limit: Int)

  package var what: String {
    switch self {
    case .malformed(let reason): "the tensor's record is malformed: \(reason)"
    case .unsupported(let kind): "the tensor is \(kind), which is not supported"
    case .missingStorage(let key): "the archive has no data for storage \(key.quotedForMessage)"
    case .storageTooSmall(let declared, let found):
      "the tensor's storage should hold \(declared) bytes, but holds \(found)"
    case .invalidShape(let shape, let strides):
      "the tensor has the impossible shape \(shape.prefix(16)) with strides \(strides.prefix(16))"
    case .outsideStorage(let error): error.diagnosis.what
    case .expandsTooFar(let shape, _): "the expanded tensor \(shape) is far larger than its file"
    }
  }

  package var expected: String? {
    switch self {
    case .unsupported: "a dense tensor of \(ElementType.allCases.map(\.rawValue).joined(separator: ", "))"
    case .outsideStorage(let error): error.diagnosis.expected
    case .expandsTooFar(_, let limit): "expanded tensors of at most \(limit) bytes in all"
    default: nil
    }
  }

  package var hint: String? {
    switch self {
    case .unsupported: "convert the tensor in PyTorch and save the state dict again"
    case .expandsTooFar: "save the tensor with .contiguous() if it really is that large"
    default: "the file is damaged or not what it claims to be; get it again from its source"
    }
  }
}
