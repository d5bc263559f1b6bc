/// What `package.json` of an engine package says. `Documentation/EnginePackage.md` describes each entry.
package struct PackageManifest: Sendable, Codable, Hashable {
  /// The version of this schema.
  package static let currentFormat = 1

  /// A file, by its path and content.
  package struct File: Sendable, Codable, Hashable {
    package var path: String
    package var bytes: Int
    package var sha256: ContentHash

    package init(path: String, bytes: Int, sha256: ContentHash) {
      self.path = path
      self.bytes = bytes
      self.sha256 = sha256
    }
  }

  /// What the engine was made from.
  package struct Source: Sendable, Codable, Hashable {
    /// The model's path as it was given, made absolute.
    package var model: String
    package var kind: String
    /// The config's entry for the network.
    package var networkID: String
    /// `UNet`
    package var network: String
    /// Configs, metadata and weights. The weights aren't copied into the package.
    package var files: [File]
    /// The package's configs to merge, by their names in `configs/`.
    package var configs: [String]
    /// Where in the checkpoint the weights stand.
    package var checkpointKey: String?
    /// Config entries that were replaced, `id=value`.
    package var overrides: [String]

    package init(
      model: String, kind: String, networkID: String, network: String, files: [File], configs: [String],
      checkpointKey: String?, overrides: [String]
    ) {
      self.model = model
      self.kind = kind
      self.networkID = networkID
      self.network = network
      self.files = files
      self.configs = configs
      self.checkpointKey = checkpointKey
      self.overrides = overrides
    }
  }

  /// One input or output of the engine.
  package struct TensorDescription: Sendable, Codable, Hashable {
    package var name: String
    package var type: String
    /// The smallest, the best and the largest shape; all equal for a fixed one.
    package var minimum: [Int]
    package var optimum: [Int]
    package var maximum: [Int]

    package init(name: String, type: String, minimum: [Int], optimum: [Int], maximum: [Int]) {
      self.name = name
      self.type = type
      self.minimum = minimum
      self.optimum = optimum
      self.maximum = maximum
    }
  }

  /// The library that built the engine, and that must run it.
  package struct Library: Sendable, Codable, Hashable {
    /// `TensorRT for RTX 1.7.1`
    package var title: String
    /// The file's name and size, by which a change of the library is seen.
    package var file: String
    package var bytes: Int

    package init(title: String, file: String, bytes: Int) {
      self.title = title
      self.file = file
      self.bytes = bytes
    }
  }

  /// One thing that was checked, or why it wasn't.
  package struct Verification: Sendable, Codable, Hashable {
    package enum Outcome: String, Sendable, Codable, Hashable { case passed, failed, notChecked = "not checked" }

    package var name: String
    package var outcome: Outcome
    package var detail: String

    package init(_ name: String, _ outcome: Outcome, _ detail: String) {
      self.name = name
      self.outcome = outcome
      self.detail = detail
    }
  }

  package var format = PackageManifest.currentFormat
  /// `tensorrt-rtx`
  package var target: String
  package var precision: String
  /// Where the engine runs: the kinds of device, and the compute capabilities it was built for (empty for all).
  package var device: String
  package var computeCapabilities: [String] = []
  package var engine: File
  package var onnx: File?
  package var inputs: [TensorDescription]
  package var outputs: [TensorDescription]
  package var library: Library
  package var source: Source
  /// The options that the engine depends on, in a fixed order and wording.
  package var options: [String]
  /// The configs and other files that were copied from the source.
  package var files: [File]
  package var verification: [Verification]
  package var notes: [String]
  package var martlet: String

  package init(
    target: String, precision: String, device: String, engine: File, inputs: [TensorDescription],
    outputs: [TensorDescription], library: Library, source: Source, options: [String], martlet: String
  ) {
    self.target = target
    self.precision = precision
    self.device = device
    self.engine = engine
    self.inputs = inputs
    self.outputs = outputs
    self.library = library
    self.source = source
    self.options = options
    files = []
    verification = []
    notes = []
    self.martlet = martlet
  }
}
