import Arguments
import Images
import OrderedCollections
import Tensors
import Transforms

/// The transforms around the network, on the synthetic volume.
enum TransformBenchmarks {
  static func all(_ workload: Workload) throws -> [Benchmark] {
    let image = workload.volume.voxels.converted(to: .float32)
    let classes = Tensor((0..<image.count * 4).map { Float(($0 &* 2_654_435_761) & 1023) }, classShape(image))
    let spacing: PlainValue = .list([.double(1.5), .double(1.5), .double(2)])
    return [
      try benchmark("Orientationd RAS, made contiguous", image, workload, "Orientationd", ["axcodes": .string("RAS")]),
      try benchmark(
        "Spacingd 1.5 × 1.5 × 2 mm, bilinear", image, workload, "Spacingd",
        ["pixdim": spacing, "mode": .string("bilinear")]),
      try benchmark(
        "Spacingd 1.5 × 1.5 × 2 mm, nearest", image, workload, "Spacingd",
        ["pixdim": spacing, "mode": .string("nearest")]),
      try benchmark("NormalizeIntensityd, nonzero", image, workload, "NormalizeIntensityd", ["nonzero": .bool(true)]),
      try benchmark(
        "ScaleIntensityRanged", image, workload, "ScaleIntensityRanged",
        [
          "a_min": .int(-57), "a_max": .int(164), "b_min": .double(0), "b_max": .double(1), "clip": .bool(true),
        ]),
      try benchmark("Activationsd softmax, 4 channels", classes, workload, "Activationsd", ["softmax": .bool(true)]),
      try benchmark("AsDiscreted argmax, 4 channels", classes, workload, "AsDiscreted", ["argmax": .bool(true)]),
    ]
  }

  private static func classShape(_ image: Tensor) -> Shape { Shape([4] + image.shape.dimensions.dropFirst()) }

  private static func benchmark(
    _ name: String, _ voxels: Tensor, _ workload: Workload, _ target: String,
    _ arguments: OrderedDictionary<String, PlainValue>
  ) throws -> Benchmark {
    var component = Component(target: target, arguments: ["keys": .string("image")], path: "benchmark")
    component.arguments.merge(arguments) { _, new in new }
    let transform = try TransformTable.make(component)
    return Benchmark(name: name, work: (Double(voxels.count) / 1e6, "Mvoxel")) {
      // As in a pipeline nobody else holds the voxels, so that they may be written in place.
      let image = TransformedImage(voxels: voxels.copy(), affine: workload.volume.affine)
      var sample = Sample(["image": .image(image)])
      return {
        try transform.apply(&sample)
        _ = try sample.image("image", for: "the benchmark").voxels.contiguous()
      }
    }
  }
}
