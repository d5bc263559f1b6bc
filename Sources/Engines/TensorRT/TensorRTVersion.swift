import CTensorRT

/// NVIDIA's two products that this backend drives.
package enum TensorRTProduct: String, Sendable, Hashable, CaseIterable {
  /// TensorRT for RTX: builds engines without a GPU, for GeForce and RTX GPUs.
  case rtx = "tensorrt-rtx"
  /// TensorRT: builds for the GPU of the machine that it runs on.
  case standard = "tensorrt"

  /// As NVIDIA writes it.
  package var title: String {
    switch self {
    case .rtx: "TensorRT for RTX"
    case .standard: "TensorRT"
    }
  }

  /// The environment variable that says where its libraries are.
  package var environmentVariable: String {
    switch self {
    case .rtx: "MARTLET_TENSORRT_RTX"
    case .standard: "MARTLET_TENSORRT"
    }
  }

  /// The library and its ONNX parser, without the version that follows `.so`.
  var libraryNames: (library: String, parser: String) {
    switch self {
    case .rtx: ("libtensorrt_rtx.so", "libtensorrt_onnxparser_rtx.so")
    case .standard: ("libnvinfer.so", "libnvonnxparser.so")
    }
  }

  /// The versions to ask the system's loader for, newest first.
  var loaderSuffixes: [String] {
    switch self {
    case .rtx: [".1"]
    case .standard: [".11", ".10"]
    }
  }

  /// What to do when the library is missing.
  var remedy: String {
    switch self {
    case .rtx: "run 'make runtimes', or name the library's folder in \(environmentVariable)"
    case .standard: "install TensorRT 10 or 11 for this machine, or name its folder in \(environmentVariable)"
    }
  }
}

/// A library's version, and what follows from it.
package struct TensorRTVersion: Sendable, Hashable, CustomStringConvertible {
  /// As `getInferLibVersion()` counts: 10701 is 1.7.1, 101300 is 10.13.0.
  package let number: Int32

  package init(number: Int32) { self.number = number }

  /// nil when there is no table for this version.
  package var product: TensorRTProduct? {
    switch trt_family_of_version(number) {
    case Int32(bitPattern: trt_family_rtx.rawValue): .rtx
    case Int32(bitPattern: trt_family_11.rawValue), Int32(bitPattern: trt_family_10.rawValue): .standard
    default: nil
    }
  }

  /// All versions that have a table, for people to read.
  package static var known: String { String(cString: trt_known_versions()) }

  /// `1.7.1`
  package var description: String {
    "\(number / 10_000).\(number / 100 % 100).\(number % 100)"
  }

  /// The opsets of the default domain that the ONNX parser reads, after NVIDIA's operator lists. It doesn't check them
  /// itself: a model of opset 99 parses without a word.
  var opsets: ClosedRange<Int> {
    switch number {
    case 100_000..<100_600: 9...20
    case 100_600..<101_500: 9...22
    default: 9...24
    }
  }

  /// The newest ONNX IR version that belongs to those opsets. The parser doesn't check it either.
  var newestIRVersion: Int {
    switch number {
    case 100_000..<101_500: 10
    case 110_000...: 13
    default: 12
    }
  }
}
