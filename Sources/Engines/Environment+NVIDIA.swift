import Diagnostics

/// NVIDIA's part of the machine, as far as the driver tells.
package struct NVIDIAFacts: Sendable, Hashable {
  /// The driver's version, `580.95.05`; nil when it isn't told.
  package var driverVersion: String?
  /// The newest CUDA that the driver takes, `12.9`.
  package var cudaVersion: String?
  package var devices: [CUDADevice]
  /// Why there are none.
  package var problem: String?

  package init(driverVersion: String?, cudaVersion: String?, devices: [CUDADevice], problem: String? = nil) {
    self.driverVersion = driverVersion
    self.cudaVersion = cudaVersion
    self.devices = devices
    self.problem = problem
  }

  /// Asks this machine's driver, or `driver`.
  package static func current(_ driver: CUDADriver? = CUDADriver.system) -> NVIDIAFacts {
    let version = CUDADriver.installedVersion()
    guard let driver else {
      let reason = CUDADriver.systemFailure?.diagnosis.what ?? "there is no NVIDIA driver"
      return NVIDIAFacts(driverVersion: version, cudaVersion: nil, devices: [], problem: reason)
    }
    do {
      return NVIDIAFacts(
        driverVersion: version, cudaVersion: try driver.cudaVersion(), devices: try driver.devices())
    } catch {
      let reason = (error as? any DiagnosedError)?.diagnosis.what ?? "\(error)"
      return NVIDIAFacts(driverVersion: version, cudaVersion: nil, devices: [], problem: reason)
    }
  }
}

extension Environment {
  /// A row for the driver and one for each GPU.
  static func nvidia(_ facts: NVIDIAFacts) -> [Check] {
    guard facts.problem == nil, !facts.devices.isEmpty else {
      return [
        Check(
          "NVIDIA GPU", .missing, facts.problem ?? "the driver finds no GPU",
          remedy: "not needed to build for tensorrt-rtx; to run its engines, use a machine with a GPU and its driver")
      ]
    }
    let driver = [facts.driverVersion, facts.cudaVersion.map { "CUDA \($0)" }].compactMap(\.self).joined(
      separator: ", ")
    return [Check("NVIDIA driver", .ok, driver)]
      + facts.devices.map { device in
        let memory = (Double(device.memory) / Double(1 << 30) * 10).rounded() / 10
        return Check(
          "GPU cuda:\(device.ordinal)", .ok,
          "\(device.name), compute capability \(device.computeCapability), \(memory) GiB")
      }
  }

  /// Whether a TensorRT library that is here fits the GPUs and the driver that are here; nil where one of them is missing.
  static func pair(_ backend: any EngineBackend, _ facts: NVIDIAFacts) -> Check? {
    guard let product = TensorRTProduct(rawValue: backend.name), !facts.devices.isEmpty,
      case .available(let version, _, _) = backend.availability()
    else { return nil }
    let name = "\(product.title) and GPU"
    // Every version that has a table is built with CUDA 12 or newer.
    if let cuda = facts.cudaVersion, let major = cuda.split(separator: ".").first.flatMap({ Int($0) }), major < 12 {
      return Check(
        name, .warning, "the driver takes CUDA \(cuda), \(product.title) \(version) needs 12 or newer",
        remedy: "install a newer NVIDIA driver")
    }
    let unfit = facts.devices.filter { product == .rtx && !ComputeCapability.rtx.contains($0.computeCapability) }
    guard unfit.isEmpty else {
      let names = unfit.map { "cuda:\($0.ordinal) (\($0.computeCapability))" }.joined(separator: ", ")
      return Check(
        name, .warning, "\(product.title) doesn't serve \(names)",
        remedy: "use standard TensorRT (--target tensorrt) for these GPUs")
    }
    return Check(name, .ok, "they fit")
  }
}
