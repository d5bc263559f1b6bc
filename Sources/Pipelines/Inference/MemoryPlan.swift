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

  package var diagnosis: Diagnosis {
    func text(_ bytes: Int) -> String { "\((Double(bytes) / 1e6).rounded(.up).formatted(.number.grouping(.never))) MB" }
    return Diagnosis(
      .unavailable,
      "the scan needs about \(text(plan.alone)): \(text(plan.program)) for the program, the weights and the engine, "
        + "\(text(plan.preprocessing)) in preprocessing, \(text(plan.inference)) in inference (\(text(plan.outputs)) of them "
        + "for the network's output, \(text(plan.session)) for the engine's work), \(text(plan.postprocessing)) in "
        + "post-processing",
      expected: "at most \(text(limit)), the limit",
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
    let input = Shape([1] + outline.shape)
    let batch = try definition.inferer.batchShape(for: input)
    let spatialShape = Array(batch.dimensions.dropFirst(2))
    let engine = try engines.engine(spatialShape: spatialShape)
    let channels = engine.outputs.first?.dimensions.dropFirst().first.flatMap(\.self) ?? 1
    let isReduced = definition.postprocessing.splittingReduction(of: definition.predictionKey) != nil
    let spatial = outline.shape.dropFirst().reduce(1, *)
    let original = outline.storedVoxels / max(outline.shape.first ?? 1, 1)

    var plan = MemoryPlan()
    plan.program = programMemory.value
    // The file's voxels become float32, then those of the grid that the network sees.
    plan.preprocessing = outline.storedVoxels * float + max(outline.storedBytes, outline.voxels * float)
    plan.outputs = try definition.inferer.outputMemory(for: input, channels: channels, isReduced: isReduced)
    // The windows that go in and their outputs, and what the engine needs between them.
    let written = batch[0] * channels * spatialShape.reduce(1, *) * float
    let working =
      try engine.workingMemory([batch]) ?? (try engines.livingValues(spatialShape: spatialShape) ?? 0) * batch[0]
    plan.session = working + written + batch.count * float
    plan.inference =
      outline.voxels * float + plan.outputs + max(sessions, 1) * plan.session + (isReduced ? spatial * float : 0)
    // Classes that are reduced after the inversion are inverted in slabs.
    let isReducedLater = definition.postprocessing.transforms.contains {
      ($0 as? AsDiscreted)?.reducesChannels(index: 0) == true
    }
    let kept = isReduced ? 1 : channels
    let saved = isReduced || isReducedLater ? 1 : channels
    plan.postprocessing = (outline.voxels + kept * spatial + saved * original) * float
    return plan
  }
}

/// What the process has before the first scan, told once.
final class ProgramMemory: Sendable {
  private let bytes = Mutex<Int?>(nil)

  var value: Int {
    bytes.withLock { bytes in
      let found = bytes ?? ProcessMemory.resident
      bytes = found
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
