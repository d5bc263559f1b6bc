import Archives
import Arguments
import Diagnostics
import Graphs
import Networks
import OrderedCollections
import Tensors
import Testing

/// What is refused, and how.
@Suite struct DefinitionTests {
  private func component(_ target: String, _ arguments: OrderedDictionary<String, PlainValue>) -> Component {
    Component(target: target, arguments: arguments, path: "network_def")
  }

  private let unet: OrderedDictionary<String, PlainValue> = [
    "spatial_dims": .int(2), "in_channels": .int(1), "out_channels": .int(2), "channels": .list([.int(2), .int(4)]),
    "strides": .list([.int(2)]), "num_res_units": .int(0),
  ]

  @Test(arguments: NetworkCase.all) func anArgumentThatMONAIDoesNotHaveIsRefusedByName(_ name: String) throws {
    var definition = try NetworkCase(name).component
    definition.arguments["widht"] = .int(3)
    let error = try #require(throws: ArgumentError.self) { try Networks.network(definition) }
    #expect(error.diagnosis.what.contains("'widht'"))
    #expect(error.diagnosis.location == [definition.path])
  }

  @Test(arguments: NetworkCase.all) func argumentsOfAnotherKindAreRefusedAndNeverTrap(_ name: String) throws {
    let definition = try NetworkCase(name).component
    let strangers: [PlainValue] = [
      .int(0), .int(-3), .int(.max), .int(.min), .double(.nan), .double(1e300), .string(""), .string("?"), .list([]),
      .list([.int(0)]), .list([.int(.max), .int(1)]), .list([.list([])]), .dictionary([:]), .bool(true), .null,
    ]
    for key in definition.arguments.keys {
      for stranger in strangers {
        var changed = definition
        changed.arguments[key] = stranger
        // Many of these are valid for some argument; what matters is that the others throw.
        _ = try? Networks.network(changed)
      }
    }
  }

  /// torchvision turns it on with its own weights, and the model zoo's bundle asks for these.
  @Test func aPretrainedInceptionTransformsItsInput() throws {
    var definition = try NetworkCase("torchvision_inception_transformed").component
    let network = "\(try Networks.network(definition))"
    #expect(definition.arguments.removeValue(forKey: "transform_input") == .bool(true))
    #expect("\(try Networks.network(definition))" != network)
    definition.arguments["pretrained"] = .bool(true)
    #expect("\(try Networks.network(definition))" == network)
  }

  @Test func anUnknownNetworkIsNamedWithThoseThatAreKnown() throws {
    let error = try #require(throws: NetworkError.self) { try Networks.network(component("scripts.nets.UNesT", [:])) }
    #expect(error.diagnosis.what.contains("scripts.nets.UNesT"))
    #expect(error.diagnosis.expected?.contains("SwinUNETR") == true)
  }

  @Test func everyNameBelongsToOneNetwork() {
    let names = Networks.all.flatMap { $0.names }
    #expect(Set(names).count == names.count)
  }

  @Test func allWeightsThatDoNotFitAreReportedAtOnce() throws {
    let weights = StateDict(
      source: "model.pt",
      tensors: [
        "model.0.conv.weight": Tensor(.float32, [2, 1, 5, 5]), "model.0.conv.bias": Tensor(.float32, [2]),
        "head.weight": Tensor(.float32, [1]), "model.0.adn.N.num_batches_tracked": Tensor(.int64, []),
      ])
    let error = try #require(throws: NetworkError.self) {
      try Networks.graph(component("UNet", unet), weights: weights, spatialShape: [16, 16])
    }
    guard case .weightsDoNotFit(_, let checkpoint, let problems) = error else {
      Issue.record("another error: \(error)")
      return
    }
    #expect(checkpoint == "model.pt")
    #expect(problems.unexpected == ["head.weight"])
    #expect(problems.misshaped == ["model.0.conv.weight: 2×1×5×5 instead of 2×1×3×3"])
    #expect(problems.missing.contains("model.2.conv.weight"))
  }

  @Test func unexpectedWeightsPassWhenNotStrict() throws {
    let networkCase = try NetworkCase("unet2d_instance")
    var tensors = try networkCase.weights().tensors
    tensors["extra"] = Tensor(.float32, [1])
    let weights = StateDict(source: "model.pt", tensors: tensors)
    #expect(throws: NetworkError.self) {
      try Networks.graph(networkCase.component, weights: weights, spatialShape: [48, 40])
    }
    let graph = try Networks.graph(networkCase.component, weights: weights, spatialShape: [48, 40], isStrict: false)
    #expect(graph.outputs.map(\.name) == ["output_0"])
    tensors["model.0.conv.weight"] = nil
    #expect(throws: NetworkError.self) {
      try Networks.graph(
        networkCase.component, weights: StateDict(source: "model.pt", tensors: tensors), spatialShape: [48, 40],
        isStrict: false)
    }
  }

  @Test func anImageOfOtherAxesOrAnotherSizeThanTheDefinitionFixesIsRefused() throws {
    let unet = try NetworkCase("unet2d_instance")
    #expect(throws: NetworkError.self) {
      try Networks.graph(unet.component, weights: unet.weights(), spatialShape: [32, 32, 32])
    }
    #expect(throws: NetworkError.self) {
      try Networks.graph(unet.component, weights: unet.weights(), spatialShape: [0, 32])
    }
    let vit = try NetworkCase("vit2d_sincos")
    #expect(throws: NetworkError.self) {
      try Networks.graph(vit.component, weights: vit.weights(), spatialShape: [32, 32])
    }
    #expect(throws: Never.self) { try Networks.graph(vit.component, weights: vit.weights(), spatialShape: []) }
  }

  @Test func halfPrecisionWeightsAreTakenAsFloats() throws {
    let networkCase = try NetworkCase("unet2d_instance")
    let tensors = try networkCase.weights().tensors.mapValues { $0.converted(to: .bfloat16) }
    let graph = try Networks.graph(
      networkCase.component, weights: StateDict(source: "model.pt", tensors: tensors), spatialShape: [48, 40])
    #expect(graph.constants.allSatisfy { graph.type(of: $0).elementType == .float32 || graph.type(of: $0).rank == 1 })
  }

  @Test func theBatchStaysSymbolicAndTheSpatialShapeFixed() throws {
    for name in NetworkCase.all {
      let networkCase = try NetworkCase(name)
      guard networkCase.generated == nil else { continue }
      let graph = try networkCase.graph()
      for (_, output) in graph.outputs {
        #expect(graph.type(of: output).shape[0].symbol == "batch", "\(name)")
        #expect(graph.type(of: output).shape.dropFirst().allSatisfy { $0.constant != nil }, "\(name)")
      }
    }
  }

  @Test func dictionaryOutputsCarryTheirKeys() throws {
    let graph = try NetworkCase("hovernet_fast").graph()
    #expect(graph.outputs.map(\.name) == ["nucleus_prediction", "horizontal_vertical", "type_prediction"])
  }
}
