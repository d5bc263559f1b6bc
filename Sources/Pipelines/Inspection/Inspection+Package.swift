import Engines

extension Inspection {
  /// The facts of an engine package; its files' contents are compared with their hashes.
  mutating func inspect(_ package: EnginePackage) {
    let manifest = package.manifest
    let capabilities = manifest.computeCapabilities.joined(separator: ", ")
    add(
      "engine",
      [
        ("target", manifest.target), ("library", manifest.library.title), ("precision", manifest.precision),
        ("device", manifest.device), ("compute capabilities", capabilities.isEmpty ? nil : capabilities),
        ("file", "\(manifest.engine.path), \(manifest.engine.bytes) bytes"), ("content", Self.integrity(of: package)),
        ("ONNX", manifest.onnx?.path), ("exported by", "martlet \(manifest.martlet)"),
      ])
    add("inputs", manifest.inputs.map { ($0.name, Self.text($0)) })
    add("outputs", manifest.outputs.map { ($0.name, Self.text($0)) })
    add(
      "source",
      [("model", manifest.source.model), ("network", "\(manifest.source.networkID): \(manifest.source.network)")]
        + manifest.source.overrides.map { ("override", $0) })
    add("options", manifest.options.map { ("", $0) })
    let edited = package.editedFiles()
    add(
      "files",
      manifest.files.map { ($0.path, edited.contains($0.path) ? "edited or gone since the export" : "as exported") })
    add("verification", manifest.verification.map { ($0.name, "\($0.outcome.rawValue): \($0.detail)") })
    add("notes", manifest.notes.map { ("", $0) })
  }

  private static func integrity(of package: EnginePackage) -> String {
    do {
      return try package.isEngineIntact() ? "as exported" : "not what was exported: its SHA-256 differs"
    } catch {
      return "\(error)"
    }
  }

  /// `float32 1×1×96×96×96 to 8×1×96×96×96, tuned for 2×1×96×96×96`
  private static func text(_ tensor: PackageManifest.TensorDescription) -> String {
    func shape(_ extents: [Int]) -> String { extents.map(String.init).joined(separator: "×") }
    if tensor.minimum == tensor.maximum { return "\(tensor.type) \(shape(tensor.minimum))" }
    return "\(tensor.type) \(shape(tensor.minimum)) to \(shape(tensor.maximum)), tuned for \(shape(tensor.optimum))"
  }
}
