import Bundles
import Engines
import Files
import Pipelines
import TestSupport
import Testing

/// What `martlet inspect` and `martlet verify` say of a bundle.
@Suite struct InspectionTests {
  /// A bundle without weights whose pipeline has a disabled step, a wrong one and none after the network.
  private func bundle(in folder: TemporaryFolder) throws -> Bundles.Bundle {
    try Folders.create(folder.file("configs"))
    _ = try folder.write(
      """
      {"network_def": {"_target_": "AutoEncoder", "spatial_dims": 2, "in_channels": 1, "out_channels": 1,
          "channels": [4], "strides": [2]},
       "inferer": {"_target_": "SimpleInferer"},
       "preprocessing": {"_target_": "Compose", "transforms": [
          {"_target_": "monai.transforms.LoadImaged", "keys": "image"},
          {"_target_": "monai.transforms.Flipd", "keys": "image", "_disabled_": "$not False"},
          {"_target_": "NoSuchd", "keys": "image"},
          {"_target_": "NormalizeIntensityd", "keys": "image", "nonzero": "True"},
          {"_target_": "NormalizeIntensityd", "keys": "image", "nonzero": "False"}]},
       "table": "$torch.load('models/none.pt')['a']", "engine": "$setattr(torch, 'x', @table)"}
      """, to: "configs/inference.json")
    _ = try folder.write(
      """
      {"network_data_format": {"inputs": {"image": {"num_channels": 1, "spatial_shape": [8, 8]}},
         "outputs": {"pred": {"format": "image", "num_channels": 1, "channel_def": {"0": "image"}}}}}
      """, to: "configs/metadata.json")
    return try Bundles.Bundle(path: folder.path)
  }

  @Test func inspectTellsTheStepsAndTheNetworkWithoutItsWeights() throws {
    let folder = try TemporaryFolder()
    _ = try bundle(in: folder)
    let sections = try Inspection(path: folder.path, NetworkOptions()).sections
    func facts(_ title: String) -> [String] {
      sections.first { $0.title == title }?.facts.map { "\($0.name): \($0.value)" } ?? []
    }
    let steps = facts("preprocessing")
    #expect(steps.count == 5)
    #expect(steps.first == "LoadImaged: keys='image'")
    #expect(steps.dropFirst().first == "Flipd: disabled")
    #expect(steps.dropFirst(2).first?.contains("no transform is called 'NoSuchd'") == true)
    #expect(steps.dropFirst(3).first == "NormalizeIntensityd: keys='image', nonzero='True'")
    #expect(steps.last?.contains("'nonzero' is 'False'") == true)
    let network = facts("network")
    #expect(network.first == "class: AutoEncoder")
    #expect(network.contains { $0.hasPrefix("arguments: spatial_dims=2, ") })
    #expect(network.last?.hasPrefix("can't be used: the bundle has no checkpoint") == true)
    #expect(network.allSatisfy { !$0.contains("\n") })
    #expect(facts("postprocessing") == ["missing: the config has no such entry"])
    #expect(facts("output channels") == ["0: image"])
    // The file is named, and what refers to the entry isn't listed again for it.
    let expressions = facts("expressions that aren't evaluated")
    #expect(expressions.first?.contains("models/none.pt") == true)
    #expect(expressions.count == 2 && expressions.last?.contains("'setattr'") == true)
  }

  @Test func verifyNamesDisabledStepsAndEachProblemOnOneLine() throws {
    let folder = try TemporaryFolder()
    let checks = try BundleVerification(try bundle(in: folder), NetworkOptions(), EngineChoice()).checks
    func check(_ name: String) throws -> BundleVerification.Check {
      try #require(checks.first { $0.name == name })
    }
    let preprocessing = try check("preprocessing")
    #expect(preprocessing.outcome == .failed && preprocessing.details.count == 2)
    #expect(
      preprocessing.details.first?.hasPrefix("no transform is called 'NoSuchd', at preprocessing#transforms#2") == true)
    #expect(preprocessing.details.allSatisfy { $0.count < 400 && !$0.contains("\n") })
    #expect(try check("inferer").outcome == .passed)
    #expect(try check("network").details.first?.contains("download the bundle's large files") == true)
  }

  /// The demo's network beside other metadata: open extents become the inferer's window, half precision is no mismatch.
  @Test(arguments: [
    (#"["*", "*", "*"]"#, "float16", 4, [Int]?.none, "1×1×64×64×64 to 1×4×64×64×64"),
    (#"["8*n", "16*n", 8]"#, "float32", 4, nil, "1×1×8×16×8 to 1×4×8×16×8"),
    (#"["8*n", "8*n", "8*n"]"#, "float32", 4, [16, 8, 8], "1×1×16×8×8 to 1×4×16×8×8"),
    (#"["8*n", "8*n", "8*n"]"#, "float32", 5, nil, "has 5 channels, the network's 4"),
    (#"["8*n", "8*n", "8*n"]"#, "int64", 4, nil, "is int64, the network's float32"),
  ]) func verifyRunsTheNetworkAsTheMetadataSays(
    _ shape: String, _ type: String, _ channels: Int, _ given: [Int]?, _ found: String
  ) throws {
    let folder = try TemporaryFolder()
    var options = NetworkOptions()
    options.inputShape = given
    options.metaFile = try folder.write(
      """
      {"network_data_format": {"inputs": {"image": {"num_channels": 1, "spatial_shape": \(shape)}},
         "outputs": {"pred": {"num_channels": \(channels), "dtype": "\(type)"}}}}
      """, to: "metadata.json")
    var choice = EngineChoice()
    choice.runtime = .native
    let bundle = try Bundles.Bundle(path: Corpus.repository + "Examples/brain-tissue")
    let check = try #require(
      BundleVerification(bundle, options, choice).checks.first { $0.name == "inputs and outputs" })
    #expect(check.details.joined().hasSuffix(found), "\(check)")
    #expect(check.outcome == (found.contains(" to ") ? .passed : .failed))
  }
}
