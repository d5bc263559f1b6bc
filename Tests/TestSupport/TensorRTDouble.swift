import Foundation
import Synchronization

/// The double of TensorRT and the CUDA driver (`Tests/TensorRTDouble`), opened from the folder of the test's program.
///
/// It has one state for the whole process, so that ``use(version:scenario:_:)`` lets one test in at a time.
package struct TensorRTDouble {
  /// The shared library's path; it is TensorRT, its parser, the CUDA driver and NVML in one.
  package static let path: String = {
    let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    return program.appending(path: "libTensorRTDouble.so").path(percentEncoded: false)
  }()

  private let transcriptFunction: @convention(c) () -> UnsafePointer<CChar>?
  private let liveFunction: @convention(c) () -> Int32
  private let resetFunction: @convention(c) (Int32, UnsafePointer<CChar>) -> Void

  private static let turn = Mutex(())

  /// Runs `body` with the double in a fresh state, answering as `version` does.
  /// - Parameter scenario: Words of `TensorRTDouble.h`, separated by spaces.
  @discardableResult
  package static func use<Result>(
    version: Int32, scenario: String = "", _ body: (TensorRTDouble) throws -> sending Result
  ) throws -> sending Result {
    try turn.withLock { _ in
      let double = try TensorRTDouble()
      double.resetFunction(version, scenario)
      return try body(double)
    }
  }

  private init() throws {
    guard let library = dlopen(Self.path, RTLD_NOW | RTLD_LOCAL),
      let transcript = dlsym(library, "tensorrt_double_transcript"),
      let live = dlsym(library, "tensorrt_double_live"), let reset = dlsym(library, "tensorrt_double_reset")
    else { throw CocoaError(.fileReadNoSuchFile, userInfo: [NSFilePathErrorKey: Self.path]) }
    transcriptFunction = unsafeBitCast(transcript, to: (@convention(c) () -> UnsafePointer<CChar>?).self)
    liveFunction = unsafeBitCast(live, to: (@convention(c) () -> Int32).self)
    resetFunction = unsafeBitCast(reset, to: (@convention(c) (Int32, UnsafePointer<CChar>) -> Void).self)
  }

  /// The calls so far, in order.
  package var transcript: [String] {
    transcriptFunction().map { String(cString: $0) }?.split(separator: "\n").map(String.init) ?? []
  }

  /// What the real library would not have forgiven.
  package var violations: [String] { transcript.filter { $0.hasPrefix("VIOLATION") } }

  /// Objects, memory, streams and contexts that were made and not given back.
  package var live: Int { Int(liveFunction()) }

  /// Changes the scenario, and forgets all objects.
  package func reset(version: Int32, scenario: String) { resetFunction(version, scenario) }
}
