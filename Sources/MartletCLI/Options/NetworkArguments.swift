import ArgumentParser
import Bundles
import Diagnostics
import Engines
import Pipelines
import Tensors

/// Which network of a model is meant, and with which weights.
struct NetworkArguments: ParsableArguments {
  @Option(name: .customLong("net-id"), help: "The config's entry for the network.")
  var networkID = "network_def"

  @Option(help: "A config file; several merge from left to right. Default: the bundle's inference config.")
  var configFile: [String] = []

  @Option(help: "The metadata file. Default: the bundle's configs/metadata.json.")
  var metaFile: String?

  @Option(help: "The checkpoint. Default: the one that the bundle names.")
  var ckptFile: String?

  @Option(help: "Where in the checkpoint the state_dict stands, a or a#b.")
  var keyInCkpt: String?

  @Flag(help: "Accept weights in the checkpoint that the network doesn't have.")
  var noStrict = false

  @Flag(help: "Convert a program (.ts, .pt2) for the batch of the input's shape alone.")
  var staticBatch = false

  @Option(help: ArgumentHelp("Replaces a config entry: a#b=value.", valueName: "a#b=value"))
  var set: [String] = []

  func options(inputShape: String? = nil) throws -> NetworkOptions {
    var options = NetworkOptions()
    options.networkID = networkID
    options.configFiles = configFile.isEmpty ? nil : configFile
    options.metaFile = metaFile
    options.checkpointFile = ckptFile
    options.checkpointKey = keyInCkpt
    options.overrides = try set.map { try ConfigOverride(parsing: $0) }
    options.isStrict = !noStrict
    options.isBatchStatic = staticBatch
    options.inputShape = try inputShape.map { try OptionError.numbers($0, option: "--input-shape") }
    return options
  }
}

/// How the network is run.
struct EngineArguments: ParsableArguments {
  @Option(help: "cpu, cuda, cuda:1, gpu:1, 1, dla:0. Default: cpu, or what an engine package is for.")
  var device: String?

  @Option(help: "The engine: \(Runtime.allCases.map(\.rawValue).joined(separator: ", ")).")
  var runtime = Runtime.auto

  @Option(help: "The engine library's file or folder. Default: it is found.")
  var engineLibrary: String?

  @Option(help: "Threads. Default: all cores.")
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "The memory that may be taken, such as 3G: of a run over scans in all, else by Martlet's own engine beside the "
        + "checkpoint. What needs more is refused before the work. Default: no limit.",
      valueName: "bytes"))
  var memoryLimit: String?

  @Flag(help: "Run the graph as it was imported, without the optimisation passes.")
  var noOptimize = false

  func choice() throws -> EngineChoice {
    var choice = EngineChoice()
    choice.runtime = runtime
    choice.library = engineLibrary
    choice.namedDevice = try device.map { try .parse($0) }
    choice.options.threads = threads
    choice.options.memoryLimit = try memoryLimit.map { try OptionError.bytes($0, option: "--memory-limit") }
    choice.optimizes = !noOptimize
    return choice
  }
}

extension Runtime: ExpressibleByArgument {}

/// How an engine is compared with the network that it was made from.
struct VerificationArguments: ParsableArguments {
  @Option(help: "What runs the network as it was imported: \(Oracle.allCases.map(\.rawValue).joined(separator: ", ")).")
  var oracle = Oracle.auto

  @Option(help: "A scan: a window of it, preprocessed as the bundle says, is an input beside noise.")
  var verifyScan: String?

  @Flag(help: "When the outputs differ, name the first node that is wrong.")
  var layerByLayer = false

  var options: VerificationOptions {
    var options = VerificationOptions()
    options.oracle = oracle
    options.scan = verifyScan
    options.isLayerByLayer = layerByLayer
    return options
  }
}

extension Oracle: ExpressibleByArgument {}

/// How much is printed, and in which form.
struct OutputArguments: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Print nothing but errors; with --json only the facts.")
  var quiet = false

  @Flag(help: "Print the facts as JSON.")
  var json = false

  /// Prints what a command found out, in the form that was asked for.
  /// - Throws: ``TerminalError``.
  func show(_ facts: some Encodable, _ text: @autoclosure () -> String) throws {
    if json { return try Terminal.printJSON(facts) }
    try show(text())
  }

  /// Prints text unless the command is to be quiet.
  /// - Throws: ``TerminalError``.
  func show(_ text: @autoclosure () -> String) throws {
    if !quiet { try Terminal.print(text()) }
  }

  /// Tells a person something that isn't the result.
  func note(_ text: @autoclosure () -> String) {
    if !quiet { Terminal.printError(text()) }
  }
}

/// An option's value can't be read.
enum OptionError: DiagnosedError {
  case notNumbers(option: String, text: String)
  case notBytes(option: String, text: String)
  case unknownElementType(String)
  case unknownTarget(String, known: [String])
  case emptyFolder

  var diagnosis: Diagnosis {
    switch self {
    case .notNumbers(let option, let text):
      Diagnosis(.usage, "\(option) is '\(text)'", expected: "whole numbers with commas, such as 1,1,96,96,96")
    case .notBytes(let option, let text):
      Diagnosis(.usage, "\(option) is '\(text)'", expected: "a number of bytes above 0, such as 1073741824, 512M or 2G")
    case .unknownElementType(let name):
      Diagnosis(
        .usage, "there is no element type '\(name)'",
        expected: ElementType.allCases.map(\.rawValue).joined(separator: ", "))
    case .unknownTarget(let name, let known):
      Diagnosis(.usage, "there is no target '\(name)'", expected: known.joined(separator: ", "))
    case .emptyFolder:
      Diagnosis(.usage, "--output is empty", expected: "a folder", hint: "use --output . for the current folder")
    }
  }

  /// The bytes of `2G`; K, M and G are powers of 1024.
  static func bytes(_ text: String, option: String) throws -> Int {
    let shifts: [Character: Int] = ["K": 10, "M": 20, "G": 30]
    let shift = text.last.flatMap { shifts[Character($0.uppercased())] }
    guard let number = Int(shift == nil ? text : String(text.dropLast())), number > 0 else {
      throw notBytes(option: option, text: text)
    }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << (shift ?? 0))
    guard !overflow else { throw notBytes(option: option, text: text) }
    return bytes
  }

  /// An unset variable of a script must not scatter results over the current folder.
  static func requireFolder(_ output: String) throws {
    guard !output.isEmpty else { throw emptyFolder }
  }

  /// The shape and type of `1,77,768` or `1:int64`.
  static func inputType(_ text: String) throws -> NetworkOptions.InputType {
    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
    let name = parts.count > 1 ? parts[1] : ElementType.float32.rawValue
    guard let type = ElementType(rawValue: name) else { throw unknownElementType(name) }
    let shape = try numbers(parts.first ?? "", option: "--further-input")
    guard shape.allSatisfy({ $0 > 0 }), shape.count <= 16 else {
      throw notNumbers(option: "--further-input", text: text)
    }
    return NetworkOptions.InputType(shape: shape, elementType: type)
  }

  /// The numbers of `1,1,96,96,96`.
  static func numbers(_ text: String, option: String) throws -> [Int] {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).map {
      Int($0.filter { !$0.isWhitespace })
    }
    let numbers = parts.compactMap(\.self)
    guard numbers.count == parts.count, !numbers.isEmpty else { throw notNumbers(option: option, text: text) }
    return numbers
  }
}
