package import Diagnostics
import Engines
import Foundation
import Graphs
import OrderedCollections
import Synchronization
import Tensors
import Transforms

/// The memory that a scan needs on its way through a pipeline, in bytes, as it is known before the work.
package struct MemoryPlan: Sendable, Equatable {
  /// What the process has before the scan: the program, the weights, the engine.
  package var program = 0
  package var preprocessing = 0
  /// The image, the engine's working memory, the windows' outputs and their sums.
  package var inference = 0
  package var postprocessing = 0
  /// The part of ``inference`` that keeps the windows' outputs: sums that wait for later windows, or all channels of the
  /// volume where the post-processing needs them.
  package var outputs = 0
  /// The part of ``inference`` that one session of the engine takes.
  package var session = 0

  /// One scan after another.
  package var alone: Int { program + max(preprocessing, inference, postprocessing) }
  /// While the scan before is post-processed and the next one preprocessed.
  package var overlapping: Int { program + preprocessing + inference + postprocessing }

  /// - Throws: ``MemoryLimitError``.
  func require(_ limit: Int?) throws {
    if let limit, alone > limit { throw MemoryLimitError(plan: self, limit: limit) }
  }
}

/// A scan needs more memory than it may take.
package struct MemoryLimitError: DiagnosedError, Equatable {
  package let plan: MemoryPlan
  package let limit: Int
  /// What the engine said to its share of the limit; nil where the whole doesn't fit.
  package var refusal: String?

  package var diagnosis: Diagnosis {
    let engine = refusal.map { "; the engine: \($0)" } ?? ""
    return Diagnosis(
      .unavailable,
      "the scan needs about \(plan.alone.byteText): \(plan.program.byteText) for the program, the weights and the engine, "
        + "\(plan.preprocessing.byteText) in preprocessing, \(plan.inference.byteText) in inference "
        + "(\(plan.outputs.byteText) of them for the network's output, \(plan.session.byteText) for the engine's work), "
        + "\(plan.postprocessing.byteText) in post-processing\(engine)",
      expected: "at most \(limit.byteText), the limit",
      hint: "raise --memory-limit, crop the scan, or let the preprocessing take larger voxels")
  }
}

extension BundlePipeline {
  /// The memory that `scan` will need, as its header tells; nil where that isn't known before it is preprocessed.
  /// - Throws: what is wrong with the scan's header, and what the engine's compilation throws.
  package func memoryPlan(for scan: Scan) throws -> MemoryPlan? {
    let image = scan.images[definition.imageKey] ?? scan.imageFiles
    guard let outline = try definition.preprocessing.outline(of: definition.imageKey, paths: image) else { return nil }
    return try memoryPlan(for: outline, sessions: sessions(for: outline))
  }

  /// How many sessions work side by side: fewer than usual where the limit asks for it.
  func sessions(for outline: ImageOutline) throws -> Int {
    guard let memoryLimit, sessionCount > 1,
      try memoryPlan(for: outline, sessions: sessionCount).alone > memoryLimit
    else { return sessionCount }
    return 1
  }

  func memoryPlan(for outline: ImageOutline, sessions: Int) throws -> MemoryPlan {
    let float = MemoryLayout<Float>.size
    let batch = try definition.inferer.batchShape(for: Shape([1] + outline.shape))
    let spatialShape = Array(batch.dimensions.dropFirst(2))
    // Without the engine at first: what it may take is what the rest leaves of the limit.
    let before = programMemory.value(.beforeEngine)
    let estimate = try engines.estimate(spatialShape: spatialShape)
    var plan = try scanMemory(outline, channels: estimate?.channels ?? 1)
    /// The plan for a limit that leaves the engine too little: with what the network's values would take.
    func refused(_ limit: Int, _ refusal: String? = nil) -> MemoryLimitError {
      var refused = plan
      refused.program = before
      refused.session = (estimate?.livingValues ?? 0) * batch[0] + batch.count * float
      refused.inference += refused.session
      return MemoryLimitError(plan: refused, limit: limit, refusal: refusal)
    }
    let share = memoryLimit.map { $0 - before - max(plan.preprocessing, plan.inference, plan.postprocessing) }
    if let share, let memoryLimit, share <= 0 { throw refused(memoryLimit) }
    let engine: any CompiledEngine
    do {
      engine = try engines.engine(spatialShape: spatialShape, memory: share)
    } catch EngineError.networkRefused(_, let reason) where share != nil {
      throw refused(memoryLimit ?? 0, reason)
    }
    let channels = engine.outputs.first?.dimensions.dropFirst().first.flatMap(\.self) ?? 1
    if estimate == nil { plan = try scanMemory(outline, channels: channels) }
    plan.program = programMemory.value(.withEngine)
    // The windows that go in and their outputs, and what the engine needs between them.
    let written = batch[0] * channels * spatialShape.reduce(1, *) * float
    let working = try engine.workingMemory([batch]) ?? (estimate?.livingValues ?? 0) * batch[0]
    plan.session = working + written + batch.count * float
    plan.inference += max(sessions, 1) * plan.session
    return plan
  }

  /// What a scan needs beside the program and the engine's sessions.
  private func scanMemory(_ outline: ImageOutline, channels: Int) throws -> MemoryPlan {
    let float = MemoryLayout<Float>.size
    let isReduced = reduction != nil
    let spatial = outline.shape.dropFirst().reduce(1, *)
    let original = outline.storedVoxels / max(outline.shape.first ?? 1, 1)
    var plan = MemoryPlan()
    // The file's voxels become float32, then those of the grid that the network sees.
    plan.preprocessing =
      outline.storedVoxels * float + max(outline.storedBytes, outline.voxels * float) + outline.workingBytes
    plan.outputs = try definition.inferer.outputMemory(
      for: Shape([1] + outline.shape), channels: channels, isReduced: isReduced)
    plan.inference = outline.voxels * float + plan.outputs + (isReduced ? spatial * float : 0)
    // Classes that are reduced after the inversion are inverted in slabs.
    let isReducedLater = definition.postprocessing.transforms.contains {
      ($0 as? AsDiscreted)?.reducesChannels(index: 0) == true
    }
    let kept = isReduced ? 1 : channels
    let saved = isReduced || isReducedLater ? 1 : channels
    plan.postprocessing = (outline.voxels + kept * spatial + saved * original) * float + outline.workingBytes
    return plan
  }
}

/// What the process has before the first scan, told once for each of two moments.
final class ProgramMemory: Sendable {
  enum Moment { case beforeEngine, withEngine }

  private let bytes = Mutex<[Moment: Int]>([:])

  func value(_ moment: Moment) -> Int {
    bytes.withLock { bytes in
      let found = bytes[moment] ?? ProcessMemory.resident
      bytes[moment] = found
      return found
    }
  }
}

/// The memory that this process has now.
enum ProcessMemory {
  /// Bytes in memory; where the system doesn't tell, the most that there were so far.
  static var resident: Int {
    if let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) {
      let numbers = text.split(separator: " ").compactMap { Int($0) }
      if numbers.count > 1 { return numbers[1] * sysconf(Int32(_SC_PAGESIZE)) }
    }
    var usage = rusage()
    #if canImport(Darwin)
      getrusage(RUSAGE_SELF, &usage)
      return usage.ru_maxrss
    #else
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return usage.ru_maxrss * 1024
    #endif
  }
}

extension Graph {
  /// The bytes of the values that are alive at once, at the most, for a batch of one: what is computed and still to be read.
  var livingValues: Int {
    let symbols = Set(inputs.flatMap { type(of: $0).shape.flatMap(\.symbols) })
    let ones = Dictionary(uniqueKeysWithValues: symbols.map { ($0, 1) })
    func bytes(_ value: Value) -> Int {
      let type = type(of: value)
      return (type.count.evaluated(ones) ?? 0) * type.elementType.byteCount
    }
    var lastUse: [Value: Int] = [:]
    for (index, node) in nodes.enumerated() {
      for case let input? in node.inputs { lastUse[input] = index }
    }
    for output in outputs { lastUse[output.value] = nodes.count }
    var ending: [Int: Int] = [:]
    var (now, most) = (0, 0)
    for (index, node) in nodes.enumerated() {
      for output in node.outputs {
        let size = bytes(output)
        now += size
        ending[lastUse[output] ?? index, default: 0] += size
      }
      most = max(most, now)
      now -= ending[index] ?? 0
    }
    return most
  }
}
