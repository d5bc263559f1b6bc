import Bundles
package import Diagnostics
package import Engines
import Files
import Foundation
import OrderedCollections

/// `results.json` in the folder of the results: what became of each scan, for programs, and for `--resume`.
package struct RunJournal: Sendable {
  package static let name = "results.json"

  /// One scan.
  package struct Entry: Codable, Sendable, Equatable {
    package enum Status: String, Codable, Sendable {
      case done, failed
      /// It was done by an earlier run.
      case resumed
      /// The run was stopped before it was done.
      case notDone
    }

    package struct Output: Codable, Sendable, Equatable {
      /// Below the folder of the results where it lies in it.
      package var path: String
      package var bytes: Int
    }

    package struct Label: Codable, Sendable, Equatable {
      package var value: Int
      package var name: String?
      package var voxels: Int
      package var millilitres: Double

      package init(value: Int, name: String?, voxels: Int, millilitres: Double) {
        self.value = value
        self.name = name
        self.voxels = voxels
        self.millilitres = millilitres
      }
    }

    /// The image's first file, which the results are named after, as an absolute path.
    package var scan: String
    /// All files, when there are several.
    package var files: [String]?
    package var status: Status
    /// The hash of the scan's content, the model and the options: what the results depend on.
    package var key: ContentHash?
    package var outputs: [Output]
    package var labels: [Label]
    /// By stage.
    package var seconds: [String: Double]
    package var error: String?
    package var exitCode: Int32?
  }

  package struct Summary: Codable, Sendable, Equatable {
    package var done = 0
    package var resumed = 0
    package var failed = 0
    /// nil in journals of older versions.
    package var notDone: Int?
  }

  private struct Content: Codable {
    var format = 1
    var model: String
    var summary: Summary
    var scans: [Entry]
  }

  /// Why the file that is there can't be read as a journal; nil when it can or there is none. It is set aside under
  /// ``damagedName`` before a new one is written.
  package private(set) var damage: String?
  package static let damagedName = name + ".damaged"

  private let folder: String
  private let model: String
  private let modelKey: ContentHash
  private var entries: [Entry]
  /// By the scan's path.
  private var places: [String: Int]
  private var lastWrite = 0.0
  private var costOfWriting = 0.0

  /// Reads the journal of an earlier run in `folder`, if there is one; its entries are kept. Of one that can't be read no scan
  /// counts as done, and ``damage`` says why.
  /// - Parameters:
  ///   - model: The bundle, for readers.
  ///   - modelKey: The hash of all that the results depend on beside the scan.
  package init(folder: String, model: String, modelKey: ContentHash) {
    self.folder = folder
    self.model = model
    self.modelKey = modelKey
    let path = Paths.join(folder, Self.name)
    entries = []
    if PathKind(path: path) != nil {
      do {
        let file = try FileReader(path: path)
        entries = try JSONDecoder().decode(Content.self, from: Data(try file.prefix(file.count))).scans
      } catch let error as any DiagnosedError {
        damage = error.diagnosis.what
      } catch {
        damage = "it isn't the journal of a run"
      }
    }
    places = Dictionary(entries.enumerated().map { ($1.scan, $0) }) { $1 }
  }

  package var path: String { Paths.join(folder, Self.name) }

  /// What the results of a scan depend on: its files' content, the model and its options.
  /// - Throws: `FileError`.
  package func key(of scan: Scan) throws -> ContentHash {
    var text = "\(modelKey)\n"
    let image = Set(scan.imageFiles)
    for (name, files) in scan.images {
      for file in files {
        // What the pipeline doesn't load, such as a label for training, may be missing.
        let hash = image.contains(file) ? try ContentHash(file: file) : try? ContentHash(file: file)
        text += "\(name) \(Paths.name(of: file)) \(hash.map(\.description) ?? "missing")\n"
      }
    }
    return ContentHash(text)
  }

  /// The entry of an earlier run whose results are still right: the same scan, model and options, and the files there
  /// with the sizes that they had.
  package func finished(_ scan: Scan, key: ContentHash) -> Entry? {
    guard let place = places[SourceFiles.absolute(scan.path)] else { return nil }
    let entry = entries[place]
    guard entry.status == .done || entry.status == .resumed, entry.key == key, !entry.outputs.isEmpty else {
      return nil
    }
    let isThere = entry.outputs.allSatisfy { output in
      let path = output.path.hasPrefix("/") ? output.path : Paths.join(folder, output.path)
      return PathKind(path: path) == .file && FileSize.bytes(of: path) == output.bytes
    }
    return isThere ? entry : nil
  }

  // MARK: Writing

  package mutating func add(_ result: ScanResult, key: ContentHash?, labels: [Entry.Label]) {
    let outputs = result.outputs.map { path in
      Entry.Output(path: relative(path), bytes: FileSize.bytes(of: path) ?? 0)
    }
    set(
      Entry(
        scan: SourceFiles.absolute(result.scan.path), files: Self.files(result.scan), status: .done, key: key,
        outputs: outputs, labels: labels, seconds: Dictionary(result.times.map { ($0.stage, $0.seconds) }) { $0 + $1 }))
  }

  package mutating func add(resumed entry: Entry) {
    var entry = entry
    entry.status = .resumed
    set(entry)
  }

  package mutating func add(_ scan: Scan, failure: Diagnosis) {
    set(
      Entry(
        scan: SourceFiles.absolute(scan.path), files: Self.files(scan), status: .failed, outputs: [], labels: [],
        seconds: [:], error: failure.description, exitCode: failure.kind.exitCode))
  }

  /// The run ends before this scan is done. What an earlier run told of it stays.
  package mutating func add(notDone scan: Scan) {
    let path = SourceFiles.absolute(scan.path)
    guard places[path] == nil else { return }
    set(
      Entry(scan: path, files: Self.files(scan), status: .notDone, outputs: [], labels: [], seconds: [:]))
  }

  private static func files(_ scan: Scan) -> [String]? {
    scan.files.count > 1 ? scan.files.map(SourceFiles.absolute) : nil
  }

  private mutating func set(_ entry: Entry) {
    if let place = places[entry.scan] {
      entries[place] = entry
    } else {
      places[entry.scan] = entries.count
      entries.append(entry)
    }
  }

  private func relative(_ path: String) -> String {
    let inside = Paths.normalized(folder) + "/"
    let clean = Paths.normalized(path)
    return clean.hasPrefix(inside) ? String(clean.dropFirst(inside.count)) : SourceFiles.absolute(path)
  }

  /// Writes the journal unless the last time is so near that writing would cost a noticeable part of the run.
  /// - Throws: `FileError`.
  package mutating func writeNowAndThen() throws {
    let now = Date().timeIntervalSince1970
    guard now - lastWrite >= 20 * costOfWriting else { return }
    try write()
  }

  /// - Throws: `FileError`; an older journal is left as it was.
  package mutating func write() throws {
    let begin = Date().timeIntervalSince1970
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    var summary = Summary(notDone: 0)
    for entry in entries {
      switch entry.status {
      case .done: summary.done += 1
      case .resumed: summary.resumed += 1
      case .failed: summary.failed += 1
      case .notDone: summary.notDone = (summary.notDone ?? 0) + 1
      }
    }
    let data: Data
    do {
      data = try encoder.encode(Content(model: model, summary: summary, scans: entries))
    } catch {
      throw DefectError("the results can't be encoded: \(error)", at: [path])
    }
    if damage != nil {
      try Folders.move(path, to: Paths.join(folder, Self.damagedName))
      damage = nil
    }
    do {
      try AtomicFile.write(Array(data) + [UInt8(ascii: "\n")], to: path)
    } catch is InterruptedError {
      // The user stops the run; the next one needs to know what is done.
      do {
        try data.write(to: URL(filePath: path), options: .atomic)
      } catch {
        throw FileError.cannotWrite(path: path, reason: error.localizedDescription)
      }
    }
    lastWrite = Date().timeIntervalSince1970
    costOfWriting = lastWrite - begin
  }
}

extension BundlePipeline {
  /// The hash of all that results depend on beside the scan: the model's files, the options, and the engine.
  /// - Throws: what is wrong with the model; `FileError`.
  package static func key(of model: Model, _ options: NetworkOptions, _ choice: EngineChoice) throws -> ContentHash {
    var text = "martlet results 1\n"
    if case .package(let package) = model {
      text += "package \(package.manifest.engine.sha256)\n"
      // The configs count as they are now, also where they were edited after the export.
      for file in package.manifest.files {
        let hash = try? ContentHash(file: try Paths.resolve(file.path, inside: package.path))
        text += "\(file.path) \(hash ?? file.sha256)\n"
      }
    } else {
      for file in try SourceFiles(model, options).files { text += "\(Paths.name(of: file.path)) \(file.sha256)\n" }
    }
    text += "\(options.networkID) \(options.checkpointKey ?? "") \(options.isStrict)\n"
    for override in options.overrides { text += "\(override.path) \(override.value)\n" }
    text += "\(choice.runtime.rawValue) \(choice.options.device)\n"
    return ContentHash(text)
  }
}
