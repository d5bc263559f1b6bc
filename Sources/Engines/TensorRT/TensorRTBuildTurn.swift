import Diagnostics
import Dispatch

/// Lets one build at a time run in this process.
///
/// TensorRT for RTX 1.7 keeps the compute capabilities of a build in a place that all its builders share: two builds at
/// once for different GPUs fail with "Target SM 80 is not found in the accelerator list". Standard TensorRT measures
/// its kernels on the GPU, which another build beside it would disturb.
enum TensorRTBuildTurn {
  private static let turn = DispatchSemaphore(value: 1)

  /// Runs `body` when no other build is under way.
  /// - Throws: `InterruptedError` when a stop is requested while it waits; whatever `body` throws.
  static func take<Result>(_ body: () throws -> Result) throws -> Result {
    while turn.wait(timeout: .now() + .milliseconds(50)) == .timedOut { try Cancellation.check() }
    defer { turn.signal() }
    return try body()
  }
}
