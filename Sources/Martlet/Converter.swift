import Bundles
import Pipelines

/// Converts the network of a MONAI bundle, without Python and without executing anything of the bundle.
///
///     try Converter(bundle: "Examples/brain-tissue").exportONNX(to: "brain.onnx")
public struct Converter: Sendable {
  let bundle: String
  /// The input's extents without batch and channels; nil for the inferer's window or what the metadata says.
  public var inputShape: [Int]?

  /// A converter for the bundle in that folder.
  public init(bundle: String) { self.bundle = bundle }

  /// Writes the network as an ONNX model of opset 20 with an open batch dimension.
  /// - Throws: ``MartletError``; nothing is left half-written.
  public func exportONNX(to path: String) throws(MartletError) {
    try MartletError.wrapping {
      var options = ExportOptions()
      options.network.inputShape = inputShape
      let export = Export(try Model(path: bundle), options, to: ONNXTarget(), at: path)
      _ = try export.run()
    }
  }
}
