import Arguments
import Bundles
import Diagnostics
import Files
import OrderedCollections
import TestSupport
import Testing

@Suite struct BundleTests {
  func component(_ value: PlainValue) throws -> Component {
    guard case .component(let component) = value else { throw TestFailure() }
    return component
  }

  func transforms(_ value: PlainValue) throws -> [Component] {
    var arguments = ArgumentReader(try component(value))
    return try arguments.components("transforms")
  }

  @Test func theDemoBundleResolves() throws {
    let path = Corpus.example("brain-tissue")
    let bundle = try Bundle(path: path)
    let config = try bundle.configResolver()
    #expect(
      try component(config.resolve("network_def")).arguments["channels"] == .list([8, 16, 32, 64].map { .int($0) }))
    #expect(try transforms(config.resolve("preprocessing")).map(\.className).first == "LoadImaged")
    let post = try transforms(config.resolve("postprocessing"))
    #expect(post.map(\.className) == ["Activationsd", "Invertd", "AsDiscreted", "SaveImaged"])
    #expect(post[1].arguments["transform"] == (try config.resolve("preprocessing")))
    #expect(post[3].arguments["output_dir"] == .string(path + "/eval"))
    #expect(post[3].path == "postprocessing#transforms#3")
    #expect(try component(config.resolve("inferer")).className == "SlidingWindowInferer")
    #expect(try bundle.checkpoint(of: config) == path + "/models/model.pt")
    #expect(bundle.torchScript == path + "/models/model.ts")
    #expect(bundle.exportedProgram == nil)
    #expect(bundle.license != nil && bundle.readme != nil)

    let metadata = try #require(bundle.metadata)
    #expect(metadata.version == "0.1.0")
    #expect(metadata.inputs.map(\.name) == ["image"])
    #expect(metadata.inputs[0].shape(n: 8) == [1, 1, 64, 64, 64])
    #expect(metadata.outputs[0].channelNames[2] == "grey matter")
    #expect(try config.resolve("_meta_#version") == .string("0.1.0"))
  }

  @Test(arguments: ["spleen_ct_segmentation", "wholeBody_ct_segmentation"])
  func zooBundlesResolve(_ name: String) throws {
    let path = Corpus.path("bundles/\(name)")
    let bundle = try Bundle(path: path)
    let config = try bundle.configResolver()
    for id in [
      "network_def", "network", "preprocessing", "inferer", "postprocessing", "output_dir", "datalist", "dataset",
    ] {
      #expect(config.contains(id))
      _ = try config.resolve(id)
    }
    let save = try #require(try transforms(config.resolve("postprocessing")).last)
    #expect(save.arguments["output_dtype"] == .symbol("numpy.float32"))
    #expect(save.arguments["output_dir"] == .string(path + "/eval"))
    #expect(bundle.metadata?.inputs.first?.channelCount == 1)
    #expect(throws: BundleError.self) { try bundle.checkpoint(of: config) }
  }

  @Test func overridesSteerAWholeBundle() throws {
    let bundle = try Bundle(path: Corpus.path("bundles/wholeBody_ct_segmentation"))
    let plain = try bundle.configResolver()
    #expect(try plain.resolve("pixdim") == .list([.double(1.5), .double(1.5), .double(1.5)]))
    let lowres = try bundle.configResolver(overrides: [
      ConfigOverride(parsing: "displayable_configs#highres=False"), ConfigOverride(parsing: "bundle_root=/data"),
    ])
    #expect(try lowres.resolve("preprocessing#transforms#4#pixdim") == .list([.double(3), .double(3), .double(3)]))
    #expect(try lowres.resolve("checkpointloader#load_path") == .string("/data/models/model_lowres.pt"))
  }

  // MARK: What isn't a bundle

  @Test func foldersThatAreNoBundlesAreNamed() throws {
    let folder = try TemporaryFolder()
    #expect(throws: BundleError.notABundle(path: folder.path, found: [])) { try Bundle(path: folder.path) }
    #expect(throws: BundleError.notAFolder(path: folder.file("none"))) { try Bundle(path: folder.file("none")) }
    try Folders.create(folder.file("configs"))
    _ = try folder.write("{}", to: "configs/train.json")
    let bundle = try Bundle(path: folder.path)
    #expect(bundle.metadata == nil)
    let error = #expect(throws: BundleError.self) { try bundle.configResolver() }
    #expect(error?.diagnosis.hint?.contains("train.json") == true)
    #expect(throws: BundleError.self) { try bundle.configResolver(configFiles: ["absent.json"]) }
    _ = try bundle.configResolver(configFiles: ["train.json"])
  }

  // MARK: Checkpoints

  func bundle(_ inference: String, in folder: TemporaryFolder) throws -> Bundle {
    try Folders.create(folder.file("configs"))
    try Folders.create(folder.file("models"))
    _ = try folder.write(inference, to: "configs/inference.json")
    return try Bundle(path: folder.path)
  }

  @Test func theCheckpointIsTheOneThatTheConfigLoads() throws {
    let folder = try TemporaryFolder()
    let bundle = try bundle(
      #"{"bundle_root": ".", "x": {"_target_": "CheckpointLoader", "load_path": "$@bundle_root + '/models/b.pt'", "load_dict": {"model": 1}}}"#,
      in: folder)
    let config = try bundle.configResolver()
    #expect(throws: BundleError.self) { try bundle.checkpoint(of: config) }
    _ = try folder.write("x", to: "models/b.pt")
    #expect(try bundle.checkpoint(of: config) == folder.file("models/b.pt"))
  }

  @Test(arguments: ["", #""bundle_root": null,"#, #""bundle_root": "./","#])
  func aRootThatIsNotGivenIsTheBundlesFolder(_ root: String) throws {
    let folder = try TemporaryFolder()
    let bundle = try bundle("{\(root) \"x\": \"$@bundle_root + '/eval'\"}", in: folder)
    #expect(try bundle.configResolver().resolve("x") == .string(folder.path + "/eval"))
  }

  @Test func aRefusedLoadPathFallsBackToTheUsualFile() throws {
    let folder = try TemporaryFolder()
    let bundle = try bundle(
      #"{"x": {"_target_": "CheckpointLoader", "load_path": "$open('a').read()"}}"#, in: folder)
    _ = try folder.write("x", to: "models/model.pt")
    #expect(try bundle.checkpoint(of: bundle.configResolver()) == folder.file("models/model.pt"))
  }

  @Test func aCheckpointOutsideTheBundleNeedsTheUser() throws {
    let folder = try TemporaryFolder()
    let other = try TemporaryFolder()
    let outside = try other.write("x", to: "model.pt")
    let text = #"{"root": "%", "x": {"_target_": "CheckpointLoader", "load_path": "$@root + '/model.pt'"}}"#
    let bundle = try bundle(text.replacing("%", with: other.path), in: folder)
    #expect(throws: BundleError.self) { try bundle.checkpoint(of: bundle.configResolver()) }
    let climbing = try bundle.configResolver(overrides: [])
    #expect(throws: BundleError.self) { try bundle.checkpoint(of: climbing) }
    let given = try bundle.configResolver(overrides: [ConfigOverride(parsing: "root=\(other.path)")])
    #expect(try bundle.checkpoint(of: given) == outside)
  }

  // MARK: Metadata

  @Test func wrongMetadataNamesTheEntry() throws {
    let wrong = [
      #"[]"#, #"{"version": []}"#, #"{"network_data_format": 3}"#, #"{"network_data_format": {"inputs": {"a": 1}}}"#,
      #"{"network_data_format": {"inputs": {"a": {"num_channels": "x"}}}}"#,
      #"{"network_data_format": {"inputs": {"a": {"spatial_shape": ["__import__('os')"]}}}}"#,
      #"{"network_data_format": {"inputs": {"a": {"spatial_shape": ["2**p**p**9999999999"]}}}}"#,
      #"{"network_data_format": {"inputs": {"a": {"spatial_shape": [0]}}}}"#,
      #"{"network_data_format": {"inputs": {"a": {"spatial_shape": [1.5]}}}}"#,
    ]
    for text in wrong {
      let value = try JSONReader.read(Array(text.utf8), file: "m.json")
      #expect(throws: BundleError.self, "\(text)") { try Metadata(value, file: "m.json") }
    }
  }

  @Test func spatialPatternsAreComputedNotRun() {
    #expect(SpatialSize.pattern("8*n").size(n: 12) == 96)
    #expect(SpatialSize.pattern("2**p*n").size(n: 3, p: 4) == 48)
    #expect(SpatialSize.pattern("16 * n + 2").size(n: 2) == 34)
    #expect(SpatialSize.any.size(any: 64) == 64)
    for text in ["x", "n.__class__", "9**9**9", "9223372036854775807*2", "1/2", "0", "n-1", "(", "print(n)"] {
      #expect(SpatialSize.pattern(text).size() == nil, "\(text)")
    }
  }
}
