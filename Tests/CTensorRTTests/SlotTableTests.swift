import CTensorRT
import TestSupport
import Testing

/// Walks through the C functions of each family against the double, whose tables are written separately.
@Suite struct SlotTableTests {
  static let versions: [Int32] = [10500, 10701, 110_000, 110_100, 100_000, 100_100, 101_600]

  @Test(arguments: versions) func reachesTheRightSlotsForBuilding(version: Int32) throws {
    try TensorRTDouble.use(version: version) { double in
      let library = try open(version)
      defer { trt_library_close(library) }
      #expect(trt_library_version(library) == version)
      let messages = Messages()
      let logger = try #require(messages.logger(library))
      defer { trt_logger_delete(logger) }
      let recorder = try #require(trt_error_recorder_create())
      let monitor = try #require(trt_progress_monitor_create(trt_progress_callbacks.ignoring))

      let builder = trt_builder_create(library, logger)
      trt_builder_set_error_recorder(builder, recorder)
      #expect(trt_error_recorder_references(recorder) == 1)
      let network = trt_builder_create_network(builder)
      let parser = trt_parser_create(library, network, logger)
      #expect(trt_parser_parse(parser, [1, 2, 3], 3, "model.onnx"))
      #expect(trt_parser_error_count(parser) == 0)
      #expect(trt_network_layer_count(network) == 2)
      #expect(trt_network_input_count(network) == 1)
      #expect(trt_network_output_count(network) == 1)
      let input = trt_network_input(network, 0)
      #expect(String(cString: trt_tensor_name(input)) == "input_0")
      #expect(String(cString: trt_tensor_name(trt_network_output(network, 0))) == "output_0")
      #expect(trt_tensor_type(input) == 0 && !trt_tensor_is_shape(input))
      let dimensions = trt_tensor_dimensions(input)
      #expect(dimensions.count == 4 && dimensions.extents.0 == -1 && dimensions.extents.3 == 8)
      let layer = trt_network_layer(network, 0)
      #expect(trt_layer_kind(layer) == 0 && trt_layer_input_count(layer) == 1)
      #expect(String(cString: trt_layer_name(layer)) == "first/conv")
      #expect(String(cString: trt_tensor_name(trt_layer_input(layer, 0))) == "input_0")

      let config = trt_builder_create_config(builder)
      trt_config_set_tf32(config, false)
      trt_config_set_workspace_limit(config, 1 << 20)
      trt_config_set_optimization_level(config, 2)
      trt_config_set_progress_monitor(config, monitor)
      let profile = trt_builder_create_profile(builder)
      #expect(trt_profile_set_dimensions(profile, "input_0", 1, dimensions))
      #expect(trt_profile_is_valid(profile))
      #expect(trt_config_add_profile(config, profile) == 0)
      let memory = trt_builder_build(builder, network, config)
      #expect(trt_host_memory_size(memory) == 24)
      #expect(trt_host_memory_data(memory) != nil)

      trt_config_delete(config)
      trt_parser_delete(parser)
      trt_network_delete(network)
      trt_builder_delete(builder)
      trt_host_memory_delete(memory)
      #expect(trt_error_recorder_references(recorder) == 0)
      trt_progress_monitor_delete(monitor)
      trt_error_recorder_delete(recorder)

      #expect(double.violations == [])
      #expect(double.live == 0)
      #expect(messages.texts == ["2: a warning of the double"])
      #expect(double.transcript.contains("createNvOnnxParser(\(version < 20_000 ? 200 : 100))"))
      #expect(double.transcript.contains("createInferBuilder(\(version))"))
      // TensorRT 10 alone makes weakly typed networks unless asked.
      #expect(double.transcript.contains("IBuilder.createNetworkV2(\((100_000..<110_000).contains(version) ? 2 : 0))"))
      // Its logger is the only one without a version.
      let versionless = (100_000..<110_000).contains(version)
      #expect(double.transcript.contains("interface ILogger 1.0 language 0") != versionless)
      #expect(double.transcript.contains("interface IProgressMonitor 1.0 language 0"))
      #expect(double.transcript.contains("interface IErrorRecorder 1.0 language 0"))
    }
  }

  @Test(arguments: versions) func reachesTheRightSlotsForRunning(version: Int32) throws {
    try TensorRTDouble.use(version: version) { double in
      let library = try open(version)
      defer { trt_library_close(library) }
      let messages = Messages()
      let logger = try #require(messages.logger(library))
      defer { trt_logger_delete(logger) }
      let runtime = trt_runtime_create(library, logger)
      let bytes = Array("an engine of the double".utf8) + [0]
      let engine = trt_runtime_deserialize(runtime, bytes, bytes.count)
      try #require(engine.object != nil)
      #expect(trt_engine_layer_count(engine) == 1)
      #expect(trt_engine_profile_count(engine) == 1)
      #expect(trt_engine_tensor_count(engine) == 2)
      #expect(String(cString: trt_engine_name(engine)) == "double")
      #expect(String(cString: trt_engine_tensor_name(engine, 1)) == "output_0")
      #expect(trt_engine_tensor_mode(engine, "input_0") == 1 && trt_engine_tensor_mode(engine, "output_0") == 2)
      #expect(trt_engine_tensor_type(engine, "input_0") == 0)
      #expect(trt_engine_tensor_location(engine, "input_0") == 0)
      #expect(trt_engine_tensor_format(engine, "input_0") == 0)
      #expect(trt_engine_tensor_dimensions(engine, "input_0").count == 4)
      #expect(trt_engine_profile_dimensions(engine, "input_0", 0, 2).extents.0 == 4)
      // TensorRT 10.0 has the older method alone.
      #expect(trt_engine_device_memory(engine) == (version == 100_000 ? 1000 : 2000))
      let inspector = trt_engine_create_inspector(engine)
      #expect(String(cString: trt_inspector_information(inspector)) == "{\"Layers\": []}")
      trt_inspector_delete(inspector)

      let context = trt_engine_create_context(engine)
      let dimensions = trt_engine_profile_dimensions(engine, "input_0", 0, 1)
      #expect(trt_context_infer_shapes(context) == 1)
      #expect(trt_context_set_input_dimensions(context, "input_0", dimensions))
      #expect(trt_context_infer_shapes(context) == 0)
      #expect(trt_context_tensor_dimensions(context, "output_0").extents.0 == 2)
      trt_context_delete(context)

      #expect(trt_runtime_judges_engines(runtime) == (version < 20_000))
      var diagnostics: UInt64 = 99
      let validity = trt_runtime_validity(runtime, bytes, Int64(bytes.count), &diagnostics)
      #expect(validity == (version < 20_000 ? 0 : -1) && diagnostics == 0)
      #expect(trt_runtime_header_size(runtime) == (version < 20_000 ? 8 : -1))
      trt_engine_delete(engine)
      trt_runtime_delete(runtime)
      #expect(double.violations == [])
      #expect(double.live == 0)
    }
  }

  @Test func choosesComputeCapabilitiesForRTXAlone() throws {
    for version: Int32 in [10701, 110_100, 101_600] {
      try TensorRTDouble.use(version: version) { double in
        let library = try open(version)
        defer { trt_library_close(library) }
        let messages = Messages()
        let logger = try #require(messages.logger(library))
        defer { trt_logger_delete(logger) }
        let builder = trt_builder_create(library, logger)
        let config = trt_builder_create_config(builder)
        #expect(trt_config_set_compute_capabilities(config, [86, 120], 2) == (version == 10701))
        trt_config_delete(config)
        trt_builder_delete(builder)
        #expect(double.violations == [])
        let wanted = ["IBuilderConfig.setNbComputeCapabilities(2)", "IBuilderConfig.setComputeCapability(86, 0)"]
        #expect(wanted.allSatisfy(double.transcript.contains) == (version == 10701))
      }
    }
  }

  /// The double's own checks can fail: objects deleted twice, used afterwards, or in the wrong order.
  @Test func theDoubleNoticesMisuse() throws {
    try TensorRTDouble.use(version: 10701) { double in
      let library = try open(10701)
      defer { trt_library_close(library) }
      let messages = Messages()
      let logger = try #require(messages.logger(library))
      defer { trt_logger_delete(logger) }
      let builder = trt_builder_create(library, logger)
      let config = trt_builder_create_config(builder)
      trt_builder_delete(builder)
      trt_config_delete(config)
      trt_config_delete(config)
      trt_config_set_optimization_level(config, 1)
      #expect(
        double.violations == [
          "VIOLATION: IBuilder deleted before what it made", "VIOLATION: IBuilderConfig deleted twice",
          "VIOLATION: IBuilderConfig.setBuilderOptimizationLevel after delete",
        ])
    }
  }

  // MARK: Versions and files

  @Test func knowsTheFamilyOfAVersion() {
    let families: [(family: trt_family, versions: [Int32])] = [
      (trt_family_rtx, [10500, 10701, 10799]),
      (trt_family_10, [100_000, 101_300, 101_699]),
      (trt_family_11, [110_000, 110_199]),
      (trt_family_unknown, [-1, 0, 8601, 10499, 10800, 99_999, 101_700, 109_999, 110_200, 120_000]),
    ]
    for (family, versions) in families {
      for version in versions {
        #expect(trt_family_of_version(version) == Int32(bitPattern: family.rawValue), "\(version)")
      }
    }
  }

  @Test func refusesAnUnknownVersionBeforeCallingAnythingElse() throws {
    try TensorRTDouble.use(version: 120_000) { double in
      var result = trt_open_result()
      #expect(trt_library_open(TensorRTDouble.path, TensorRTDouble.path, &result) == nil)
      #expect(result.status == Int32(bitPattern: trt_version_unknown.rawValue))
      #expect(result.version == 120_000)
      #expect(double.transcript == ["getInferLibVersion"])
    }
  }

  @Test func tellsWhatIsWrongWithAFile() throws {
    var result = trt_open_result()
    #expect(trt_library_open("/nonexistent/libtensorrt_rtx.so", nil, &result) == nil)
    #expect(result.status == Int32(bitPattern: trt_cannot_load.rawValue) && !result.in_parser)

    let folder = try TemporaryFolder()
    let text = try folder.write("this is no library", to: "libtensorrt_rtx.so.1")
    #expect(trt_library_open(text, nil, &result) == nil)
    #expect(result.status == Int32(bitPattern: trt_cannot_load.rawValue))
    let detail = withUnsafeBytes(of: result.detail) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    #expect(detail.contains("libtensorrt_rtx.so.1"))

    #expect(trt_library_open("libc.so.6", nil, &result) == nil)
    #expect(result.status == Int32(bitPattern: trt_symbol_missing.rawValue))

    try TensorRTDouble.use(version: 10701) { _ in
      var result = trt_open_result()
      #expect(trt_library_open(TensorRTDouble.path, "/nonexistent/parser.so", &result) == nil)
      #expect(result.status == Int32(bitPattern: trt_cannot_load.rawValue) && result.in_parser)
    }
  }

  // MARK: Support

  private func open(_ version: Int32) throws -> OpaquePointer {
    var result = trt_open_result()
    return try #require(trt_library_open(TensorRTDouble.path, TensorRTDouble.path, &result), "\(result)")
  }
}

/// Collects what a logger is told.
private final class Messages {
  private(set) var texts: [String] = []

  func logger(_ library: OpaquePointer) -> OpaquePointer? {
    trt_logger_create(
      library,
      { context, severity, text in
        guard let context, let text else { return }
        Unmanaged<Messages>.fromOpaque(context).takeUnretainedValue().texts.append(
          "\(severity): \(String(cString: text))")
      }, Unmanaged.passUnretained(self).toOpaque())
  }
}

extension trt_progress_callbacks {
  fileprivate static var ignoring: trt_progress_callbacks {
    trt_progress_callbacks(
      context: nil, phase_start: { _, _, _, _ in }, step_complete: { _, _, _ in true }, phase_finish: { _, _ in })
  }
}
