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
    // A program that starts this one from a thread of Dispatch hands down that its signals are blocked.
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGINT, SIGTERM] { sigaddset(&signals, signal) }
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  private static let handler: @convention(c) (Int32) -> Void = { _ in
    Cancellation.request()
    if count.add(1, ordering: .relaxed).newValue > 1 { _exit(Diagnosis.Kind.interrupted.exitCode) }
  }
}
