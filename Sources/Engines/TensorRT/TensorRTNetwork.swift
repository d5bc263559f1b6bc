import CTensorRT
import Tensors

/// An ONNX model as TensorRT's parser read it, with the builder that it belongs to.
///
/// The parser may own weights, so it lives as long as the network; it goes before the network, the network before
/// the builder, and the error recorder last. Use it while its log is listening.
final class TensorRTNetwork {
  let library: TensorRTLibrary
  let log: TensorRTLog
  let recorder: OpaquePointer
  let builder: trt_builder
  let network: trt_network
  private let parser: trt_parser
  private(set) var inputs: [TensorSpecification] = []
  private(set) var outputs: [TensorSpecification] = []
  private(set) var layerCount = 0

  /// Parses the bytes of an ONNX model; they aren't needed afterwards.
  /// - Parameter modelPath: The model's own path, for weights in files beside it.
  /// - Throws: ``TensorRTError/refused(library:errors:)`` with everything that the parser complained of;
  ///   ``TensorRTError/emptyGraph``; ``EngineError/networkRefused(backend:reason:)``.
  init(library: TensorRTLibrary, log: TensorRTLog, onnx: UnsafeRawBufferPointer, modelPath: String?) throws {
    let builder = trt_builder_create(library.handle, library.logger)
    guard builder.object != nil else { throw Self.failure(library, log, "it makes no builder") }
    let network = trt_builder_create_network(builder)
    guard network.object != nil else {
      trt_builder_delete(builder)
      throw Self.failure(library, log, "it makes no network")
    }
    let parser = trt_parser_create(library.handle, network, library.logger)
    guard parser.object != nil, let recorder = trt_error_recorder_create() else {
      trt_parser_delete(parser)
      trt_network_delete(network)
      trt_builder_delete(builder)
      throw Self.failure(library, log, "it makes no ONNX parser")
    }
    self.library = library
    self.log = log
    self.builder = builder
    self.network = network
    self.parser = parser
    self.recorder = recorder
    trt_builder_set_error_recorder(builder, recorder)

    let isParsed = trt_parser_parse(parser, onnx.baseAddress, onnx.count, modelPath)
    let errors = Self.errors(of: parser)
    guard isParsed, errors.isEmpty else {
      throw errors.isEmpty
        ? Self.failure(library, log, "its parser refuses the model")
        : TensorRTError.refused(library: library.title, errors: errors)
    }
    layerCount = Int(trt_network_layer_count(network))
    inputs = try (0..<trt_network_input_count(network)).map { try Self.specification(trt_network_input(network, $0)) }
    outputs = try (0..<trt_network_output_count(network)).map {
      try Self.specification(trt_network_output(network, $0))
    }
    guard layerCount > 0, !outputs.isEmpty else { throw TensorRTError.emptyGraph }
  }

  deinit {
    log.listening {
      trt_parser_delete(parser)
      trt_network_delete(network)
      trt_builder_delete(builder)
    }
    trt_error_recorder_delete(recorder)
  }

  private static func failure(_ library: TensorRTLibrary, _ log: TensorRTLog, _ reason: String) -> EngineError {
    .networkRefused(backend: library.title, reason: log.takeErrors().first ?? reason)
  }

  private static func errors(of parser: trt_parser) -> [TensorRTParserError] {
    (0..<max(0, trt_parser_error_count(parser))).map { index in
      let error = trt_parser_error_at(parser, index)
      func text(_ pointer: UnsafePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "" }
      return TensorRTParserError(
        code: Int(error.code), description: text(error.description), file: text(error.file), line: Int(error.line),
        node: error.node < 0 ? nil : Int(error.node), nodeName: text(error.node_name),
        nodeOperator: text(error.node_operator))
    }
  }

  private static func specification(_ tensor: trt_tensor) throws -> TensorSpecification {
    guard tensor.object != nil, let text = trt_tensor_name(tensor) else { throw TensorRTError.emptyGraph }
    let name = String(cString: text)
    guard !trt_tensor_is_shape(tensor) else { throw TensorRTError.shapeInput(name: name) }
    guard let dimensions = trt_tensor_dimensions(tensor).dimensions,
      let elementType = ElementType(tensorRT: trt_tensor_type(tensor))
    else {
      throw TensorRTError.unsupportedTensor(name: name, what: "has no known shape, or a type that Martlet doesn't have")
    }
    return TensorSpecification(name: name, elementType: elementType, dimensions: dimensions)
  }

  /// The names of the convolutions, transposed ones included, that are float32 and in three dimensions.
  var floatVolumeConvolutions: [String] {
    (0..<Int32(clamping: layerCount)).compactMap { index in
      let layer = trt_network_layer(network, index)
      guard layer.object != nil, Self.convolutionKinds.contains(trt_layer_kind(layer)), trt_layer_input_count(layer) > 0
      else { return nil }
      let input = trt_layer_input(layer, 0)
      // [N, C, D, H, W]
      guard input.object != nil, trt_tensor_type(input) == 0, trt_tensor_dimensions(input).count == 5 else {
        return nil
      }
      return trt_layer_name(layer).map { String(cString: $0) } ?? "number \(index)"
    }
  }

  /// Convolution and deconvolution in NVIDIA's `LayerType`.
  private static let convolutionKinds: Set<Int32> = [0, 7]
}
