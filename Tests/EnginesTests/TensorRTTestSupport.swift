import Engines
import Foundation
import TestSupport
import Tensors

/// Folders that hold the double under the names of NVIDIA's libraries, one for each version, beside the double.
enum TensorRTFolders {
  /// Call it while the double is in use by this test alone.
  static func folder(_ version: Int32, _ product: TensorRTProduct) throws -> String {
    let double = URL(filePath: TensorRTDouble.path)
    let folder = double.deletingLastPathComponent().appending(path: "TensorRTDouble-\(version)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let suffix = "\(TensorRTVersion(number: version))"
    let names =
      product == .rtx
      ? ["libtensorrt_rtx.so", "libtensorrt_onnxparser_rtx.so"] : ["libnvinfer.so", "libnvonnxparser.so"]
    for name in names {
      let link = folder.appending(path: "\(name).\(suffix)")
      try? FileManager.default.removeItem(at: link)
      try FileManager.default.createSymbolicLink(at: link, withDestinationURL: double)
    }
    return folder.path(percentEncoded: false)
  }
}

extension TensorRTShapeRange {
  /// Batches of `[N, 1, 8, 8]`, or of `[N, 1, 8, 8, 8]` with three axes.
  static func batches(_ minimum: Int, _ optimum: Int, _ maximum: Int, axes: Int = 2) -> TensorRTShapeRange {
    func shape(_ batch: Int) -> Shape { Shape([batch, 1] + [Int](repeating: 8, count: axes)) }
    return TensorRTShapeRange(minimum: shape(minimum), optimum: shape(optimum), maximum: shape(maximum))
  }
}
