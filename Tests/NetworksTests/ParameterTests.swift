import Archives
import Arguments
import Diagnostics
import Foundation
import Networks
import OrderedCollections
import TestSupport
import Testing

/// Parameters are those of MONAI's constructors, which `Tools/goldens/make_parameters.py` writes down.
@Suite struct ParameterTests {
  private struct Parameter {
    var name: String
    var fallback: PlainValue?
  }

  private static let signatures: OrderedDictionary<String, [Parameter]> = {
    guard let data = try? Data(contentsOf: URL(filePath: Corpus.path("network_parameters.json"))),
      case .dictionary(let content)? = try? JSONDecoder().decode(JSONValue.self, from: data).plain(at: ""),
      case .dictionary(let classes)? = content["parameters"]
    else { return [:] }
    return classes.mapValues { value in
      guard case .list(let parameters) = value else { return [] }
      return parameters.compactMap { parameter in
        guard case .list(let parts) = parameter, let name = parts.first?.asString else { return nil }
        return Parameter(name: name, fallback: parts.count > 1 ? parts[1] : nil)
      }
    }
  }()

  @Test func theOrderIsMONAIs() {
    #expect(Self.signatures.count > 55)
    for (name, parameters) in Self.signatures {
      guard let type = Networks.all.first(where: { $0.names.contains(name) }) else {
        #expect(["TopologyInstance", "resnet_fpn_feature_extractor"].contains(name), "\(name) is no network here")
        continue
      }
      #expect(type.parameters(of: name) == parameters.map(\.name), "\(name)")
    }
  }

  @Test(arguments: NetworkCase.all) func argumentsMayComeWithoutNames(_ name: String) throws {
    let named = try NetworkCase(name).component
    let parameters = try #require(Networks.all.first { $0.names.contains(named.className) })
      .parameters(of: named.className)
    var component = named
    for parameter in parameters {
      guard let value = component.arguments.removeValue(forKey: parameter) else { break }
      component.positional.append(value)
    }
    let network = try Networks.network(component)
    #expect("\(network)" == "\(try Networks.network(named))")
    component.positional += Array(repeating: .null, count: parameters.count + 1)
    #expect(throws: ArgumentError.self) { try Networks.network(component) }
  }

  @Test func anArgumentGivenTwiceIsRefused() throws {
    var component = try NetworkCase("unet2d_instance").component
    component.positional = [.int(2)]
    #expect(
      throws: ArgumentError.twice(component: "UNet", path: "network_def", name: "spatial_dims")
    ) { try Networks.network(component) }
  }

  /// Spelling out a default changes nothing.
  @Test(arguments: NetworkCase.all) func defaultsOfMONAIAreAccepted(_ name: String) throws {
    let definition = try NetworkCase(name).component
    let network = "\(try Networks.network(definition))"
    for parameter in Self.signatures[definition.className] ?? [] where definition.arguments[parameter.name] == nil {
      guard let fallback = parameter.fallback else { continue }
      var spelled = definition
      spelled.arguments[parameter.name] = fallback
      // A layer's description carries the place where it stands.
      if network.contains("LayerDescription"), parameter.name == "act" { continue }
      #expect("\(try Networks.network(spelled))" == network, "\(parameter.name)")
    }
  }
}
