import CTensorRT
package import Diagnostics

/// One NVIDIA GPU of this machine.
package struct CUDADevice: Sendable, Hashable {
  package var ordinal: Int
  package var name: String
  package var computeCapability: ComputeCapability
  /// All of its memory, in bytes.
  package var memory: Int

  package init(ordinal: Int, name: String, computeCapability: ComputeCapability, memory: Int) {
    self.ordinal = ordinal
    self.name = name
    self.computeCapability = computeCapability
    self.memory = memory
  }
}

/// The CUDA driver: GPUs, their memory, and streams of work. It stays loaded for the life of the process.
package final class CUDADriver: Sendable {
  nonisolated(unsafe) let handle: OpaquePointer

  /// The machine's driver; nil when there is none or it doesn't work. ``systemFailure`` then says why.
  package static let system: CUDADriver? = try? systemResult.get()

  /// Why there is no ``system`` driver.
  package static var systemFailure: CUDAError? {
    guard case .failure(let error) = systemResult else { return nil }
    return error
  }

  private static let systemResult: Result<CUDADriver, CUDAError> = Result { () throws(CUDAError) in try CUDADriver() }

  /// - Throws: ``CUDAError/missing(path:reason:)`` when the driver's library can't be used; ``CUDAError/failed(call:result:)``
  ///   when it doesn't start, as on a machine without a GPU.
  package init(path: String = "libcuda.so.1") throws(CUDAError) {
    var result: cuda_result = 0
    var opened: OpaquePointer?
    let detail = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
      guard let base = buffer.baseAddress else { return "" }
      base.initialize(repeating: 0, count: buffer.count)
      opened = cuda_driver_open(path, &result, base, buffer.count)
      return String(cString: base)
    }
    guard let opened else {
      throw result == 0 ? .missing(path: path, reason: detail) : .failed(call: "cuInit", result: detail)
    }
    handle = opened
  }

  deinit { cuda_driver_close(handle) }

  /// The version of the installed driver, `580.95.05`; nil when NVML doesn't tell.
  package static func installedVersion(nvml path: String = "libnvidia-ml.so.1") -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 96) { buffer in
      guard let base = buffer.baseAddress else { return nil }
      base.initialize(repeating: 0, count: buffer.count)
      return nvml_driver_version(path, base, UInt32(buffer.count)) ? String(cString: base) : nil
    }
  }

  /// The newest CUDA that the driver takes, `12.9`.
  package func cudaVersion() throws -> String {
    var version: Int32 = 0
    try check(cuda_driver_version(handle, &version), "cuDriverGetVersion")
    return "\(version / 1000).\(version % 1000 / 10)"
  }

  package func deviceCount() throws -> Int {
    var count: Int32 = 0
    try check(cuda_device_count(handle, &count), "cuDeviceGetCount")
    return Int(count)
  }

  /// All GPUs, by ordinal.
  package func devices() throws -> [CUDADevice] {
    try (0..<deviceCount()).map { try device($0) }
  }

  private func device(_ ordinal: Int) throws -> CUDADevice {
    var major: Int32 = 0
    var minor: Int32 = 0
    var memory = 0
    try check(cuda_device_compute_capability(handle, Int32(ordinal), &major, &minor), "cuDeviceGetAttribute")
    try check(cuda_device_memory(handle, Int32(ordinal), &memory), "cuDeviceTotalMem")
    let name = try withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      guard let base = buffer.baseAddress else { return "" }
      base.initialize(repeating: 0, count: buffer.count)
      try check(cuda_device_name(handle, Int32(ordinal), base, Int32(buffer.count)), "cuDeviceGetName")
      return String(cString: base)
    }
    return CUDADevice(
      ordinal: ordinal, name: name, computeCapability: ComputeCapability(Int(major), Int(minor)), memory: memory)
  }

  /// - Throws: ``CUDAError/noDevice(ordinal:count:)`` when the machine doesn't have that GPU.
  package func requireDevice(_ ordinal: Int) throws {
    let count = try deviceCount()
    guard (0..<count).contains(ordinal) else { throw CUDAError.noDevice(ordinal: ordinal, count: count) }
  }

  /// Runs `body` with the GPU of that ordinal current on this thread, as standard TensorRT's builder wants it.
  /// - Throws: ``CUDAError``, and whatever `body` throws.
  package func withDevice<Result>(_ ordinal: Int, _ body: () throws -> Result) throws -> Result {
    let stream = try CUDAStream(driver: self, ordinal: ordinal)
    return try withExtendedLifetime(stream, body)
  }

  func check(_ result: cuda_result, _ call: String) throws {
    guard result != 0 else { return }
    throw CUDAError.failed(call: call, result: String(cString: cuda_result_name(handle, result)))
  }
}

/// The CUDA driver is missing, or a call of it failed.
package enum CUDAError: DiagnosedError, Equatable {
  case missing(path: String, reason: String)
  case failed(call: String, result: String)
  case noDevice(ordinal: Int, count: Int)
  case outOfMemory(bytes: Int, free: Int?)

  package var diagnosis: Diagnosis {
    switch self {
    case .missing(let path, let reason):
      Diagnosis(
        .unavailable, "there is no NVIDIA driver: \(reason)", at: path,
        hint: "run this on a machine with an NVIDIA GPU, or choose --device cpu")
    case .failed(let call, let result):
      Diagnosis(
        .unavailable, "the CUDA driver's \(call) failed: \(result)",
        hint: "'martlet doctor' shows what this machine has")
    case .noDevice(let ordinal, let count):
      Diagnosis(
        .unavailable, "there is no GPU cuda:\(ordinal)",
        expected: count == 0
          ? "an NVIDIA GPU; this machine has none" : "cuda:0\(count > 1 ? " to cuda:\(count - 1)" : "")",
        hint: count == 0 ? "choose --device cpu" : "choose one of the GPUs that 'martlet doctor' lists")
    case .outOfMemory(let bytes, let free):
      Diagnosis(
        .unavailable, "the GPU has no room for \(bytes) bytes" + (free.map { "; \($0) are free" } ?? ""),
        hint: "use a smaller batch or window")
    }
  }
}

/// The primary context of a GPU, the one that TensorRT uses, with one stream of work. Use it from one thread at a time,
/// and only after ``activate()`` on that thread.
final class CUDAStream {
  let driver: CUDADriver
  let ordinal: Int
  private(set) var stream = cuda_stream()
  private var context: UnsafeMutableRawPointer?

  /// - Throws: ``CUDAError``.
  init(driver: CUDADriver, ordinal: Int) throws {
    self.driver = driver
    self.ordinal = ordinal
    try driver.requireDevice(ordinal)
    try driver.check(cuda_device_retain(driver.handle, Int32(ordinal), &context), "cuDevicePrimaryCtxRetain")
    try activate()
    try driver.check(cuda_stream_create(driver.handle, &stream), "cuStreamCreate")
  }

  // Also runs when the initialiser throws half-way.
  deinit {
    guard context != nil else { return }
    cuda_device_activate(driver.handle, context)
    if stream.object != nil {
      cuda_stream_synchronize(driver.handle, stream)
      cuda_stream_delete(driver.handle, stream)
    }
    cuda_device_release(driver.handle, Int32(ordinal))
  }

  /// Makes the GPU current on the calling thread.
  func activate() throws {
    try driver.check(cuda_device_activate(driver.handle, context), "cuCtxSetCurrent")
  }

  /// Waits until all work on the stream is done.
  func synchronize() throws {
    try driver.check(cuda_stream_synchronize(driver.handle, stream), "cuStreamSynchronize")
  }

  func copyToDevice(_ buffer: CUDABuffer, byteCount: Int) throws {
    try driver.check(
      cuda_copy_to_device(driver.handle, buffer.device, buffer.host, byteCount, stream), "cuMemcpyHtoDAsync")
  }

  func copyToHost(_ buffer: CUDABuffer, byteCount: Int) throws {
    try driver.check(
      cuda_copy_to_host(driver.handle, buffer.host, buffer.device, byteCount, stream), "cuMemcpyDtoHAsync")
  }
}

/// Memory of the GPU, with pinned memory of the same size on the host that copies go through.
final class CUDABuffer {
  private let stream: CUDAStream
  let byteCount: Int
  private(set) var device: cuda_pointer = 0
  private(set) var host: UnsafeMutableRawPointer?

  /// - Throws: ``CUDAError/outOfMemory(bytes:free:)``, ``CUDAError/failed(call:result:)``.
  init(stream: CUDAStream, byteCount: Int) throws {
    self.stream = stream
    self.byteCount = byteCount
    let driver = stream.driver
    let result = cuda_memory_allocate(driver.handle, &device, max(byteCount, 1))
    guard result != Self.outOfMemory else {
      var free = 0
      var total = 0
      let isKnown = cuda_memory_information(driver.handle, &free, &total) == 0
      throw CUDAError.outOfMemory(bytes: byteCount, free: isKnown ? free : nil)
    }
    try driver.check(result, "cuMemAlloc")
    try driver.check(cuda_pinned_allocate(driver.handle, &host, max(byteCount, 1)), "cuMemHostAlloc")
  }

  /// CUDA_ERROR_OUT_OF_MEMORY
  private static let outOfMemory: cuda_result = 2

  // Also runs when the initialiser throws half-way.
  deinit {
    guard device != 0 else { return }
    try? stream.activate()
    // The GPU may still read or write both.
    try? stream.synchronize()
    cuda_memory_free(stream.driver.handle, device)
    if host != nil { cuda_pinned_free(stream.driver.handle, host) }
  }

  /// The pinned host memory.
  var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: host, count: byteCount) }
}
