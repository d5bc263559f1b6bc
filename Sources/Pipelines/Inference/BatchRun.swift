package import Diagnostics
import Dispatch
import Synchronization
import Tensors

/// Takes many scans through a pipeline: while one is with the network, the next is read and preprocessed, and the last
/// one is post-processed and written. No more than these three are in memory; where the pipeline's memory limit doesn't
/// leave room for them, one scan is done after another.
package struct BatchRun: Sendable {
  /// What became of the scan of that index.
  package typealias Outcome = Result<ScanResult, any Error>
  package typealias Observer = @Sendable (_ scan: Int, _ update: ProgressUpdate) -> Void

  private let pipeline: BundlePipeline
  private let scans: [Scan]
  private let progress: Observer?

  package init(_ pipeline: BundlePipeline, scans: [Scan], progress: Observer? = nil) {
    self.pipeline = pipeline
    self.scans = scans
    self.progress = progress
  }

  /// Takes the scans `indices` to their results, in this order, and gives each to `receive` as soon as it is written.
  ///
  /// A scan that fails doesn't end the run, but one whose result can't be written does: the others would fail as well.
  /// - Throws: `InterruptedError`; what writing threw, after `receive` had it; what `receive` throws. No work goes on
  ///   after that.
  package func run(_ indices: [Int], receive: (Int, Outcome) throws -> Void) throws {
    // The next scan asks for the same blocks of memory as the last one.
    if indices.count > 1, pipeline.memoryLimit == nil { LargeBlocks.keep(upTo: Self.keptMemory) }
    defer { LargeBlocks.keep(upTo: LargeBlocks.usualCapacity) }
    var finishing: (index: Int, result: Later<ScanResult>)?
    var next: Later<PreparedScan>?
    var predicting: Later<PreparedScan>?
    // Whatever happens, nothing is at work any more afterwards.
    defer {
      next?.finish()
      predicting?.finish()
      finishing?.result.finish()
    }
    for (place, index) in indices.enumerated() {
      let current = next ?? prepare(index)
      next = nil
      current.finish()
      let overlaps = pipeline.overlaps(scans[index])
      if overlaps, place + 1 < indices.count, !Cancellation.isRequested { next = prepare(indices[place + 1]) }
      let observer = observer(index)
      let prediction = Later { [pipeline] in try pipeline.predict(try current.value(), progress: observer) }
      predicting = prediction
      // What is told of the last scan is told while the network is at work on this one.
      if let last = finishing {
        finishing = nil
        try deliver(last.index, Self.outcome { try last.result.value() }, receive)
      }
      prediction.finish()
      predicting = nil
      if let error = prediction.failure {
        try deliver(index, .failure(error), receive)
      } else {
        // Handed over, so that the prediction has one holder and is changed in place.
        finishing = (index, Later { [pipeline] in try pipeline.finish(try prediction.value(), progress: observer) })
        // The next one may need what this one has.
        if !overlaps || (place + 1 < indices.count && !pipeline.overlaps(scans[indices[place + 1]])) {
          finishing?.result.finish()
        }
      }
    }
    if let last = finishing {
      finishing = nil
      try deliver(last.index, Self.outcome { try last.result.value() }, receive)
    }
  }

  /// Bytes of released blocks that are kept for the next scan.
  private static let keptMemory = 512 << 20

  private func deliver(_ index: Int, _ outcome: Outcome, _ receive: (Int, Outcome) throws -> Void) throws {
    guard case .failure(let error) = outcome else { return try receive(index, outcome) }
    if error is InterruptedError { throw error }
    try receive(index, outcome)
    if let failure = error as? OutputFailure { throw failure.underlying }
  }

  private func prepare(_ index: Int) -> Later<PreparedScan> {
    let (scan, observer) = (scans[index], observer(index))
    return Later { [pipeline] in try pipeline.prepare(scan, progress: observer) }
  }

  private func observer(_ index: Int) -> ProgressObserver? {
    guard let progress else { return nil }
    return { update in progress(index, update) }
  }

  private static func outcome<Value>(_ body: () throws -> Value) -> Result<Value, any Error> {
    Result { try body() }
  }
}

/// A result can't be written, so that the run can't go on.
package struct OutputFailure: DiagnosedError {
  package let underlying: any DiagnosedError

  package var diagnosis: Diagnosis { underlying.diagnosis }
}

/// Work that is done on another thread.
private final class Later<Value: Sendable>: Sendable {
  private let result = Mutex<Result<Value, any Error>?>(nil)
  private let group = DispatchGroup()

  init(_ body: @escaping @Sendable () throws -> Value) {
    DispatchQueue.global(qos: .userInitiated).async(group: group) { [self] in
      let value = Result { try body() }
      result.withLock { $0 = value }
    }
  }

  func finish() { group.wait() }

  /// What the work threw, once it is done.
  var failure: (any Error)? {
    result.withLock { result in
      guard case .failure(let error)? = result else { return nil }
      return error
    }
  }

  /// Waits for the value and hands it over: it is given once.
  func value() throws -> Value {
    group.wait()
    let value = result.withLock { result in
      defer { result = nil }
      return result
    }
    guard let value else { throw DefectError("the result of a stage was asked for twice") }
    return try value.get()
  }
}
