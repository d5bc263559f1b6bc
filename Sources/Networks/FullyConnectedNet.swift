package import Arguments
package import Graphs

/// `monai.networks.nets.FullyConnectedNet`: linear layers over a vector of features.
///
/// State-dict keys: `hidden_<i>.0`, `hidden_<i>.1`, `output`.
package struct FullyConnectedNet: Network {
  package static let names = ["FullyConnectedNet"]
  package static let parameters = [
    "in_channels", "out_channels", "hidden_channels", "dropout", "act", "bias", "adn_ordering",
  ]

  package let spatialDimensions = 0
  package let inputChannels: [Int]
  let outputChannels: Int
  let hiddenChannels: [Int]
  let adn: ADN
  let hasBias: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    inputChannels = [try arguments.int("in_channels")]
    outputChannels = try arguments.int("out_channels")
    hiddenChannels = try arguments.ints("hidden_channels")
    arguments.ignore("dropout")
    let ordering = try arguments.string("adn_ordering", default: "NDA")
    adn = ADN(
      ordering: ordering, activation: try arguments.activation("act", default: LayerDescription("prelu")))
    hasBias = try arguments.bool("bias", default: true)
    try arguments.finish()
    try Self.require(
      component, spatialDimensions: 1, channels: inputChannels + hiddenChannels + [outputChannels])
    try Self.require(
      ADN.isValid(ordering), component, "adn_ordering is '\(ordering)'",
      expected: "the letters A, D, N, each at most once")
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    var features = inputs[0]
    for (index, width) in hiddenChannels.enumerated() {
      features = try builder.module("hidden_\(index)") { builder in
        let result = try builder.linear("0", features, outputs: width, hasBias: hasBias)
        return try builder.module("1") { try adn.build(&$0, result) }
      }
    }
    return [try builder.linear("output", features, outputs: outputChannels, hasBias: hasBias)]
  }
}
