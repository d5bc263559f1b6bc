/// Something that is timed.
struct Benchmark {
  /// What it does, as the table shows it.
  let name: String
  /// How much one run works on, and in which unit, for the throughput.
  let work: (amount: Double, unit: String)
  /// Makes what one run needs and gives the run. Only the run is timed.
  let prepare: () throws -> () throws -> Void

  /// Times `repeats` runs after one that isn't counted.
  func measure(repeats: Int) throws -> Measurement {
    try prepare()()
    let clock = ContinuousClock()
    let seconds = try (0..<repeats).map { _ in
      let run = try prepare()
      return try clock.measure(run) / .seconds(1)
    }
    return Measurement(name: name, seconds: seconds, work: work)
  }
}

/// The times of one benchmark, in seconds.
struct Measurement: Encodable {
  let name: String
  let median: Double
  let fastest: Double
  let slowest: Double
  /// Of the median run, in `unit` per second.
  let throughput: Double
  let unit: String

  init(name: String, seconds: [Double], work: (amount: Double, unit: String)) {
    let sorted = seconds.sorted()
    let middle = sorted.count / 2
    self.name = name
    median = sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    fastest = sorted[0]
    slowest = sorted[sorted.count - 1]
    throughput = work.amount / median
    unit = work.unit
  }
}
