package import Arguments
package import Bundles
import Diagnostics
import Files
import Graphs
import Networks
import OrderedCollections
import Tensors

/// What becomes of each network of a folder of bundles, such as the model zoo's: whether its definition can be built,
/// without weights, and why not.
package struct NetworkSurvey: Sendable {
  package struct Row: Sendable {
    package var bundle: String
    /// The config's entry, such as `network_def`.
    package var entry: String
    package var network: String
    package var verdict: Verdict
  }

  package enum Verdict: Sendable {
    /// With the inputs' types, and the elements of all weights.
    case converts(inputs: String, elements: Int)
    case refused(String)
  }

  package private(set) var rows: [Row] = []

  /// - Throws: `FileError` when the folder can't be read. What is wrong with a bundle stands in its row.
  package init(folder: String) throws {
    for name in try Folders.names(in: folder) where Bundle.isBundle(Paths.join(folder, name)) {
      do {
        let bundle = try Bundle(path: Paths.join(folder, name))
        let config = try ModelConfig(.bundle(bundle), NetworkOptions())
        let entries = Self.networkEntries(of: config)
        if entries.isEmpty { add(name, "", "", .refused("its config has no entry named …_def")) }
        for entry in entries { survey(name, entry, config, bundle) }
      } catch let error as any DiagnosedError {
        add(name, "", "", .refused(Self.text(error.diagnosis)))
      }
    }
  }

  /// Networks are defined in entries named `network_def`, `autoencoder_def` …
  package static func networkEntries(of config: ModelConfig) -> [String] {
    config.resolver.tree.entries.keys.filter { $0.hasSuffix("_def") }.sorted()
  }

  private mutating func add(_ bundle: String, _ entry: String, _ network: String, _ verdict: Verdict) {
    rows.append(Row(bundle: bundle, entry: entry, network: network, verdict: verdict))
  }

  private mutating func survey(_ name: String, _ entry: String, _ config: ModelConfig, _ bundle: Bundle) {
    var network = ""
    do {
      let component = try config.component(entry)
      network = component.className
      let shape = try Self.spatialShape(of: component, entry, config, bundle)
      let (graph, weights) = try Networks.outline(component, spatialShape: shape)
      let inputs = graph.inputs.map { graph.type(of: $0).shape.map(\.description).joined(separator: "×") }
      let elements = weights.values.reduce(0) { $0 + $1.count }
      add(name, entry, network, .converts(inputs: inputs.joined(separator: ", "), elements: elements))
    } catch let error as any DiagnosedError {
      add(name, entry, network, .refused(Self.text(error.diagnosis)))
    } catch {
      add(name, entry, network, .refused("\(error)"))
    }
  }

  /// The size that an export would take, or 64 along each axis where only `--input-shape` could tell.
  package static func spatialShape(
    of component: Component, _ entry: String, _ config: ModelConfig, _ bundle: Bundle
  ) throws -> [Int] {
    let network = try Networks.network(component)
    // The inferer and the metadata are about the bundle's main network.
    let metadata = entry == "network_def" ? bundle.metadata : nil
    let known =
      entry == "network_def" || network.fixedSpatialShape != nil
      ? try NetworkSource.inputShape(config, NetworkOptions(), metadata, network) : nil
    return known.map { Array($0.shape.dropFirst(2)) } ?? Array(repeating: 64, count: network.spatialDimensions)
  }

  private static func text(_ diagnosis: Diagnosis) -> String {
    [diagnosis.what, diagnosis.hint].compactMap(\.self).joined(separator: "; ")
  }

  /// `Documentation/ModelZoo.md`.
  package var document: String {
    """
    # The model zoo

    Which networks of [MONAI's model zoo](https://github.com/Project-MONAI/model-zoo) Martlet builds from the two files that
    every bundle has, its config and `model.pt`. The networks with their shapes and sizes are those of the zoo's inference
    configs, as `Tests/Corpus/zoo` keeps them (`source.json` says of which commit); a network whose input size only
    `--input-shape` could tell is built for 64 along each axis. The page is written by

        martlet survey Tests/Corpus/zoo > Documentation/ModelZoo.md

    and `martlet survey CLONE/models` does the same for a clone of the zoo itself. A test compares the page with what the
    command prints, and the weights of every network that converts with the keys and shapes of MONAI's own state dict.

    \(table)
    - DiNTS takes its architecture from a second checkpoint, `models/search_code_18590.pt`. The config's
      `$torch.load(…)['arch_code_a']` is evaluated as data: the arrays it names are read, nothing is executed.
    - RetinaNet's backbone and feature extractor are calls in the config, with and without the arguments' names.
    - A network in the bundle's own Python needs that Python to be executed, which Martlet never does. Its TorchScript
      (`.ts`) or torch.export (`.pt2`) file holds the same network as a program.

    """
  }

  private var table: String {
    let converting = rows.count { if case .converts = $0.verdict { true } else { false } }
    let bundles = Set(rows.map(\.bundle)).count
    var lines = [
      "\(bundles) bundles with \(rows.count) networks: \(converting) convert, \(rows.count - converting) are refused.",
      "",
      "| bundle | entry | network | from config and checkpoint |", "|---|---|---|---|",
    ]
    for row in rows {
      let verdict =
        switch row.verdict {
        case .converts(let inputs, let elements): "converts: \(inputs), \(Self.millions(elements)) M parameters"
        case .refused(let reason): "refused: \(reason)"
        }
      lines.append("| \(row.bundle) | \(row.entry) | \(row.network) | \(verdict) |")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// With one digit behind the point.
  private static func millions(_ count: Int) -> String {
    let tenths = (count + 50_000) / 100_000
    return "\(tenths / 10).\(tenths % 10)"
  }
}
