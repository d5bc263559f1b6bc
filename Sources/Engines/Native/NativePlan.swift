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
    var body: @Sendable (borrowing NativeRun) throws -> Void
  }

  var inputShapes: [Shape]
  var outputShapes: [Shape]
  var steps: [Step]
  /// Floats of working memory.
  var arenaCount: Int
  /// Values that aren't float32, which stay tensors.
  var foreignCount: Int

  /// Whether this engine is known to be ahead of a library: three fifths of the operations are in Winograd's layers, and
  /// the interpreter's part of the time is small. It takes some 5 ns for an element, a kernel some 3 ps for an operation.
  var isFast: Bool {
    let interpreted = steps.reduce(0) { $0 + $1.interpretedElements }
    let operations = steps.reduce(0) { $0 + $1.operations }
    let winograd = steps.reduce(0) { $0 + ($1.kernel.hasPrefix("winograd") ? $1.operations : 0) }
    return Double(interpreted) * 5e-9 <= 0.1 * Double(operations) * 3e-12
      && Double(winograd) >= 0.6 * Double(operations)
  }

  /// Nodes that no kernel of this engine computes.
  var interpreted: [String] { steps.filter { $0.kernel == "interpreter" }.map(\.node) }

  /// The plan as text, a line per step.
  var description: String {
    let lines = steps.map { step in
      "\(step.kernel)  \(step.node)"
        + (step.operations > 0 ? "  \(Double(step.operations / 1_000_000) / 1000) GFLOP" : "")
    }
    return lines.joined(separator: "\n") + "\nworking memory \(arenaCount >> 18) MiB\n"
  }
}

/// What the steps of one run work on.
struct NativeRun: ~Copyable {
  let pool: NativeThreads
  let arena: UnsafeMutablePointer<Float>
  let inputs: [Tensor]
  let outputs: [UnsafeMutableRawPointer]
  let foreign: ForeignValues

  func pointer(_ slot: Slot) -> UnsafeMutablePointer<Float> { arena + slot.offset }
}

/// Values that aren't float32 during a run.
final class ForeignValues {
  var tensors: [Tensor?]
  init(count: Int) { tensors = Array(repeating: nil, count: count) }
}

/// The threads that the sessions of an engine share: one run at a time has them all.
final class NativeThreads: @unchecked Sendable {
  // Unchecked: the pool is used within `use` only, which lets one run in at a time.
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

  func weights(_ key: String, make: () -> FixedFloats) -> FixedFloats {
    weights.withLock { weights in
      if let known = weights[key] { return known }
      let made = make()
      weights[key] = made
      return made
    }
  }
}

func copyBytes(_ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int) {
  target.copyMemory(from: source, byteCount: count)
}
