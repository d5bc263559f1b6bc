import CKernels
import Synchronization
import Tensors

/// A network for inputs of fixed shapes as a list of steps over one block of memory.
struct NativePlan: Sendable {
  /// One call of a kernel.
  struct Step: Sendable {
    /// The node that it computes, with those fused into it.
    var node: String
    /// The kernel: `winograd 4×4×4`, `direct`, `interpreter`.
    var kernel: String
    /// Multiplications and additions of the layer as it is written; 0 where memory decides the time.
    var operations = 0
    /// Elements that the interpreter touches for it; 0 for a kernel.
    var interpretedElements = 0
    /// Bytes of the layer's operands and result, when the step ends a layer.
    var bytes = 0
    /// How the result lies: `blocks of 16`, `plain`, `view`.
    var layout = ""
    var body: @Sendable (borrowing NativeRun) throws -> Void
  }

  var inputShapes: [Shape]
  var outputShapes: [Shape]
  var steps: [Step]
  /// Floats of working memory.
  var arenaCount: Int
  /// Where each of its blocks begins.
  var offsets: [Int]
  /// Values that aren't float32, which stay tensors.
  var foreignCount: Int

  /// Whether the interpreter's part takes less than a second or so.
  var isMostlyPlanned: Bool { steps.reduce(0) { $0 + $1.interpretedElements } <= 200_000_000 }

  /// Nodes that no kernel of this engine computes.
  var interpreted: [String] { steps.filter { $0.kernel == "interpreter" }.map(\.node) }

  /// The plan as text: for each step the kernel, the layer, how its result lies, its operations and bytes, the time
  /// expected of two cores with AVX-512, and the time of one run when `seconds` has it.
  func description(seconds: [Double]? = nil) -> String {
    func number(_ value: Double, _ digits: Int) -> String { value == 0 ? "" : decimal(value, digits) }
    var rows = [["kernel", "layer", "layout", "GFLOP", "MB", "expected ms"] + (seconds == nil ? [] : ["measured ms"])]
    for (index, step) in steps.enumerated() {
      var row = [
        step.kernel, step.node, step.layout, number(Double(step.operations) / 1e9, 3),
        number(Double(step.bytes) / 1e6, 1),
        number(Self.expectedSeconds(step) * 1e3, 2),
      ]
      if let seconds { row.append(number(seconds[index] * 1e3, 2)) }
      rows.append(row)
    }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    let lines = rows.map { row in
      row.enumerated().map { column, cell in
        let filler = String(repeating: " ", count: widths[column] - cell.count)
        return column < 3 ? cell + filler : filler + cell
      }.joined(separator: "  ")
    }
    let total = steps.reduce(0) { $0 + $1.operations }
    let interpreted = interpreted.isEmpty ? "no layer" : "\(interpreted.count) layers"
    return lines.joined(separator: "\n")
      + "\n\(decimal(Double(total) / 1e9, 1)) GFLOP, working memory \(arenaCount >> 18) MiB, \(interpreted) interpreted, "
      + "expected ratio to OpenVINO \(decimal(expectedRatio, 2))\n"
  }
}

/// A number with this many digits behind the point.
private func decimal(_ value: Double, _ digits: Int) -> String {
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  let whole = Int((value * scale).rounded())
  guard digits > 0 else { return "\(whole)" }
  let fraction = String(whole.magnitude % UInt(scale))
  return "\(whole / Int(scale))." + String(repeating: "0", count: digits - fraction.count) + fraction
}

/// What the steps of one run work on.
struct NativeRun: ~Copyable {
  var pool: NativeThreads
  let arena: UnsafeMutablePointer<Float>
  let offsets: [Int]
  let inputs: [Tensor]
  let outputs: [UnsafeMutableRawPointer]
  let foreign: ForeignValues

  func pointer(_ slot: Slot) -> UnsafeMutablePointer<Float> { arena + offsets[slot.block] + slot.offset }
}

/// Values that aren't float32 during a run.
final class ForeignValues {
  var tensors: [Tensor?]
  init(count: Int) { tensors = Array(repeating: nil, count: count) }
}

/// Threads that compute one run, or one layer, at a time.
final class NativeThreads: @unchecked Sendable {
  // Unchecked: the pool is used within `use` only, which lets one caller in at a time.
  let pool: OpaquePointer
  private let turn = Mutex(())

  init(count: Int) { pool = martlet_thread_pool_create(Int32(count)) }
  deinit { martlet_thread_pool_destroy(pool) }

  var count: Int { Int(martlet_thread_pool_count(pool)) }

  func use<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    try turn.withLock { _ throws(Failure) in try body() }
  }
}

/// Floats that live as long as a plan, at an address that doesn't change.
struct FixedFloats: Sendable {
  private let tensor: Tensor

  init(_ values: [Float]) { tensor = Tensor(values, [values.count]) }

  /// The elements of a constant, where they lie.
  init(_ constant: Tensor) { tensor = constant.converted(to: .float32).contiguous() }

  init(count: Int, _ fill: (UnsafeMutablePointer<Float>) -> Void) {
    var tensor = Tensor(.float32, [max(count, 1)])
    tensor.withMutableElements(of: Float.self) { if let base = $0.baseAddress { fill(base) } }
    self.tensor = tensor
  }

  /// Valid as long as this value lives; the tensor's bytes are never written again.
  var pointer: UnsafePointer<Float> { tensor.withBase { $0.assumingMemoryBound(to: Float.self) } }
}

/// The transformed weights of an engine, shared by its plans.
final class PreparedWeights: Sendable {
  private let weights = Mutex<[String: FixedFloats]>([:])
  private let counts = Mutex<[String: Int]>([:])
  /// Whether weights are only counted, so that a plan can be looked at before any work.
  let isDry: Bool

  init(isDry: Bool = false) { self.isDry = isDry }

  /// The floats of all weights asked for so far.
  var count: Int { counts.withLock { $0.values.reduce(0, +) } }

  /// The `count` floats that `fill` writes when they are first asked for.
  func weights(_ key: String, count: Int, fill: (UnsafeMutablePointer<Float>) -> Void) -> FixedFloats {
    counts.withLock { $0[key] = count }
    if isDry { return FixedFloats(count: 1) { _ in } }
    return weights.withLock { weights in
      if let known = weights[key] { return known }
      let made = FixedFloats(count: count, fill)
      weights[key] = made
      return made
    }
  }
}

func copyBytes(_ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int) {
  target.copyMemory(from: source, byteCount: count)
}
