import Archives
import Arguments
import Bundles
import Foundation
import Graphs
import Networks
import OrderedCollections
import Pipelines
import Tensors
import TestSupport
import Testing

/// The networks of the model zoo, as `Tools/goldens/make_zoo.py` took them from it.
@Suite struct ModelZooTests {
  private static let folder = Corpus.path("zoo")

  /// Networks for which MONAI's own state dict is known.
  private static let known: [String] = ((try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? [])
    .filter { $0.hasSuffix(".keys") }.sorted()

  @Test func thePageIsWhatTheCommandPrints() throws {
    let page = try String(contentsOfFile: Corpus.repository + "Documentation/ModelZoo.md", encoding: .utf8)
    #expect(
      page == (try NetworkSurvey(folder: Self.folder)).document,
      "write it again: martlet survey Tests/Corpus/zoo > Documentation/ModelZoo.md")
  }

  @Test func allBundlesOfTheZooAreThere() throws {
    let rows = try NetworkSurvey(folder: Self.folder).rows
    #expect(Set(rows.map(\.bundle)).count == 29)
    let own = rows.filter { row in
      if case .refused(let reason) = row.verdict { reason.contains("import its .ts or .pt2") } else { false }
    }
    for bundle in [
      "mednist_reg", "renalStructures_UNEST_segmentation", "valve_landmarks", "wholeBrainSeg_Large_UNEST_segmentation",
    ] { #expect(own.contains { $0.bundle == bundle }) }
  }

  /// The weights are those of MONAI's network, neither more nor fewer.
  @Test(arguments: known) func theWeightsAreThoseOfMONAI(_ path: String) throws {
    let place = path.split(separator: "/").map(String.init)
    let entry = String(try #require(place.last).dropLast(".keys".count))
    let bundle = try Bundles.Bundle(path: "\(Self.folder)/\(place[0])")
    let config = try ModelConfig(.bundle(bundle), NetworkOptions())
    let component = try config.component(entry)
    guard Networks.all.contains(where: { $0.names.contains(component.className) }) else { return }
    let graph = try Networks.graph(
      component, weights: try weights(path),
      spatialShape: try NetworkSurvey.spatialShape(of: component, entry, config, bundle))
    #expect(!graph.outputs.isEmpty)
  }

  /// Zeros of the shapes that the file lists, without storage of their own.
  private func weights(_ path: String) throws -> StateDict {
    var tensors: OrderedDictionary<String, Tensor> = [:]
    for line in try String(contentsOfFile: "\(Self.folder)/\(path)", encoding: .utf8).split(separator: "\n") {
      let parts = line.split(separator: " ", omittingEmptySubsequences: false)
      let shape = parts.last?.split(separator: ",").compactMap { Int($0) } ?? []
      tensors[parts.dropLast().joined(separator: " ")] = Tensor(scalar: Float(0)).expanded(to: Shape(shape))
    }
    return StateDict(source: path, tensors: tensors)
  }

  @Test func theArchitectureOfDiNTSComesFromItsCheckpoint() throws {
    let bundle = try Bundles.Bundle(path: Self.folder + "/multi_organ_segmentation")
    let component = try ModelConfig(.bundle(bundle), NetworkOptions()).component("network_def")
    guard case .component(let space)? = component.arguments["dints_space"],
      case .list(let codes)? = space.arguments["arch_code"], case .list(let blocks)? = codes.first
    else {
      Issue.record("no arch_code: \(component)")
      return
    }
    #expect(codes.count == 2)
    #expect(blocks.count == 12)
    #expect(blocks.first?.asInts?.count == 10)
    #expect(component.arguments["node_a"]?.summary == "a list of 13")
  }

  @Test func aCheckpointOutsideOfTheBundleIsOnlyLoadedWhereAnOverrideNamesIt() throws {
    let bundle = try Bundles.Bundle(path: Self.folder + "/multi_organ_segmentation")
    let other = Self.folder + "/pancreas_ct_dints_segmentation/models/search_code_18590.pt"
    func component(_ path: String, _ value: String) throws -> Component {
      var options = NetworkOptions()
      options.overrides = [ConfigOverride(path: ConfigPath(path), value: .string(value))]
      return try ModelConfig(.bundle(bundle), options).component("network_def")
    }
    #expect(throws: Never.self) { try component("arch_ckpt_path", other) }
    let error = try #require(throws: (any Error).self) {
      try component(
        "arch_ckpt_path", "$'\(Self.folder)' + '/pancreas_ct_dints_segmentation/models/search_code_18590.pt'")
    }
    #expect("\(error)".contains("outside the bundle"))
  }

  @Test func retinaNetIsMadeOfCallsWithAndWithoutNames() throws {
    let bundle = try Bundles.Bundle(path: Self.folder + "/lung_nodule_ct_detection")
    let component = try ModelConfig(.bundle(bundle), NetworkOptions()).component("network_def")
    guard case .component(let extractor)? = component.arguments["feature_extractor"] else {
      Issue.record("no feature extractor: \(component)")
      return
    }
    #expect(extractor.positional.count == 5)
    #expect(try Networks.network(component).spatialDimensions == 3)
  }
}
