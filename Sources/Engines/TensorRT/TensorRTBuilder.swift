import CTensorRT
package import Diagnostics

/// Builds engines from ONNX models.
///
/// TensorRT for RTX builds on any machine; standard TensorRT builds for the GPU that is here. The precision is the
/// model's own: networks are strongly typed.
package struct TensorRTBuilder: Sendable {
  package let library: TensorRTLibrary
  private let driver: CUDADriver?
  private let log: TensorRTLogHandler?

  /// - Parameters:
  ///   - driver: The CUDA driver, which tells standard TensorRT's builder whether there is a GPU.
  ///   - log: Receives the library's messages, warnings among them.
  package init(library: TensorRTLibrary, driver: CUDADriver? = CUDADriver.system, log: TensorRTLogHandler? = nil) {
    self.library = library
    self.driver = driver
    self.log = log
  }

  /// Builds an engine of the ONNX model in `onnx`.
  /// - Parameters:
  ///   - modelPath: The model's own path, for weights in files beside it.
  ///   - progress: Told the stage `building the engine`, from the library's own phases.
  /// - Throws: ``TensorRTError``; ``EngineError``; `InterruptedError` when a stop was requested meanwhile.
  package func build(
    onnx: UnsafeRawBufferPointer, modelPath: String? = nil, options: TensorRTBuildOptions = .init(),
    progress: ProgressObserver? = nil
  ) throws -> TensorRTPlan {
    try options.check(for: library)
    try ONNXHeader(onnx).check(for: library.version, library: library.title)
    try requireGPU()
    try Cancellation.check()

    let log = TensorRTLog(handler: log)
    return try log.listening {
      let network = try TensorRTNetwork(library: library, log: log, onnx: onnx, modelPath: modelPath)
      try refuseTuringVolumes(network, options)
      try Cancellation.check()
      return try build(network, options, TensorRTProgress(stage: "building the engine", observer: progress))
    }
  }

  /// Standard TensorRT measures its kernels while it builds.
  private func requireGPU() throws {
    guard library.product == .standard else { return }
    guard let driver else {
      throw TensorRTError.needsGPU(library: library.title, reason: "this machine has no NVIDIA driver")
    }
    guard try driver.deviceCount() > 0 else {
      throw TensorRTError.needsGPU(library: library.title, reason: "this machine has no NVIDIA GPU")
    }
  }

  private func refuseTuringVolumes(_ network: TensorRTNetwork, _ options: TensorRTBuildOptions) throws {
    guard options.computeCapabilities.contains(.turing) else { return }
    let layers = network.floatVolumeConvolutions
    guard layers.isEmpty else { throw TensorRTError.turingVolumes(layers: layers) }
  }

  private func build(
    _ network: TensorRTNetwork, _ options: TensorRTBuildOptions, _ progress: TensorRTProgress
  ) throws -> TensorRTPlan {
    let config = trt_builder_create_config(network.builder)
    guard config.object != nil else {
      throw EngineError.networkRefused(backend: library.title, reason: "it makes no builder config")
    }
    defer { trt_config_delete(config) }
    try configure(config, options, network)
    try addProfiles(options.profiles, to: config, network)
    trt_config_set_progress_monitor(config, progress.monitor)

    // What went wrong before, in the parser, has been told.
    _ = network.log.takeErrors()
    let memory = try TensorRTBuildTurn.take {
      network.log.listeningToBuild {
        withExtendedLifetime(progress) { trt_builder_build(network.builder, network.network, config) }
      }
    }
    network.log.drain(network.recorder)
    guard memory.object != nil else {
      if progress.wasCancelled { throw InterruptedError() }
      throw TensorRTError.buildFailed(library: library.title, messages: network.log.takeErrors())
    }
    return TensorRTPlan(memory: memory, network: network)
  }

  private func configure(_ config: trt_config, _ options: TensorRTBuildOptions, _ network: TensorRTNetwork) throws {
    if let limit = options.workspaceLimit { trt_config_set_workspace_limit(config, limit) }
    if let level = options.optimizationLevel { trt_config_set_optimization_level(config, Int32(level)) }
    if !options.allowsTF32 { trt_config_set_tf32(config, false) }
    if options.hardwareCompatibility != .none {
      trt_config_set_hardware_compatibility(config, options.hardwareCompatibility.rawValue)
    }
    guard !options.computeCapabilities.isEmpty else { return }
    let numbers = Set(options.computeCapabilities).sorted().map(\.number)
    guard trt_config_set_compute_capabilities(config, numbers, Int32(numbers.count)) else {
      throw TensorRTError.buildFailed(
        library: library.title, messages: network.log.takeErrors() + ["it refuses a compute capability"])
    }
  }

  private func addProfiles(
    _ profiles: [[String: TensorRTShapeRange]], to config: trt_config, _ network: TensorRTNetwork
  ) throws {
    let known = network.inputs.map(\.name)
    for name in profiles.flatMap(\.keys) where !known.contains(name) {
      throw TensorRTError.unknownInput(name: name, known: known)
    }
    let dynamic = network.inputs.filter { !$0.isStatic }
    if let input = dynamic.first, profiles.isEmpty {
      throw TensorRTError.missingShapeRange(input: input.name, dimensions: input.dimensions)
    }
    for ranges in profiles { try addProfile(ranges, to: config, network) }
  }

  private func addProfile(
    _ ranges: [String: TensorRTShapeRange], to config: trt_config, _ network: TensorRTNetwork
  ) throws {
    let profile = trt_builder_create_profile(network.builder)
    guard profile.object != nil else {
      throw EngineError.networkRefused(backend: library.title, reason: "it makes no optimisation profile")
    }
    for input in network.inputs {
      guard let range = ranges[input.name] else {
        if input.isStatic { continue }
        throw TensorRTError.missingShapeRange(input: input.name, dimensions: input.dimensions)
      }
      try range.check(input: input.name, dimensions: input.dimensions)
      for (selector, shape) in range.selectors.enumerated() {
        guard let dimensions = trt_dimensions(shape),
          trt_profile_set_dimensions(profile, input.name, Int32(selector), dimensions)
        else {
          throw TensorRTError.invalidShapeRange(input: input.name, reason: "\(library.title) refuses \(shape)")
        }
      }
    }
    guard trt_profile_is_valid(profile), trt_config_add_profile(config, profile) >= 0 else {
      let reason = network.log.takeErrors().first ?? "\(library.title) refuses the profile"
      throw TensorRTError.invalidShapeRange(input: ranges.keys.sorted().joined(separator: ", "), reason: reason)
    }
  }
}
