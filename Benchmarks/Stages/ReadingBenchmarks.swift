import Images
import Tensors

/// Scans from and to files.
enum ReadingBenchmarks {
  static func all(_ workload: Workload) throws -> [Benchmark] {
    let work = (workload.megavoxels, "Mvoxel")
    let labels = workload.volume.voxels.converted(to: .uint8).permuted([1, 2, 3, 0])
    return try ["scan.nii", "scan.nii.gz"].map { name in
      let path = try workload.file(name)
      return Benchmark(name: "read \(name.drop { $0 != "." }), int16 to float32", work: work) {
        { _ = try NIfTIImage(path: path).volume(as: .float32) }
      }
    } + [
      Benchmark(name: "write .nii.gz, uint8", work: work) {
        {
          try NIfTIWriter.write(
            labels, affine: workload.volume.affine, elementType: .uint8, to: workload.folder + "/written.nii.gz")
        }
      }
    ]
  }
}
