import Diagnostics
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Ctrl-C asks the work to stop at its next step, so that unfinished files are removed; a second one ends at once.
enum Interruption {
  private static let count = Atomic<Int>(0)

  static func install() {
    signal(SIGINT, handler)
    signal(SIGTERM, handler)
    // Passing a file-size limit is an error of that write, with a message, not the end of the process.
    signal(SIGXFSZ, SIG_IGN)
  }

  /// Ends the process at once, after what was printed is out.
  static func exit() -> Never {
    fflush(nil)
    _exit(Diagnosis.Kind.interrupted.exitCode)
  }

  private static let handler: @convention(c) (Int32) -> Void = { _ in
    Cancellation.request()
    if count.add(1, ordering: .relaxed).newValue > 1 { _exit(Diagnosis.Kind.interrupted.exitCode) }
  }
}
