package import Arguments
import Files
import Foundation
import Images
import Synchronization
import Tensors

/// Writes images as NIfTI files: MONAI's `SaveImaged` with its nibabel writer. The paths stand in
/// ``Sample/savedPaths`` afterwards.
package struct SaveImaged: KeyedTransform {
  package let keys: Keys
  let naming: OutputNaming
  /// nil keeps the image's own type.
  let elementType: ElementType?
  let resamples: Bool
  let sampling: VoxelSampling
  /// nil for that of the image.
  let precision: PositionPrecision?
  let squeezesEndAxes: Bool
  private let counter = Counter()

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    naming = try OutputNaming(&arguments)
    elementType = try arguments.elementType("output_dtype", default: .float32)
    resamples = try arguments.bool("resample", default: false)
    sampling = try arguments.samplings(1, default: .nearest)[0]
    precision = try arguments.precisions(keys, default: .float64)[0]
    squeezesEndAxes = try arguments.bool("squeeze_end_dims", default: true)
    if let writer = try arguments.optionalString("writer"), !writer.hasSuffix("NibabelWriter") {
      throw arguments.unsupported("writer", "'\(writer)'", supported: "NibabelWriter or none")
    }
    try Self.checkFormatter(&arguments)
    // `scale` is for pictures; the others tell where metadata is and what is logged.
    arguments.ignore("scale", "print_log", "meta_keys", "meta_key_postfix", "savepath_in_metadict")
    try arguments.finish()
  }

  /// A function that makes names is code; MONAI's own says what is done here anyway.
  private static func checkFormatter(_ arguments: inout ArgumentReader) throws {
    guard let formatter = arguments.present("output_name_formatter") else { return }
    if case .symbol(let name) = formatter, name.split(separator: ".").last == "default_name_formatter" { return }
    throw arguments.unsupported(
      "output_name_formatter", formatter.summary,
      supported: "none or MONAI's default_name_formatter: names come from the scan and 'output_postfix'")
  }

  package func apply(_ sample: inout Sample) throws {
    for (_, key) in try keys.present(in: sample) {
      let path = try write(try sample.image(key, for: name))
      sample.savedPaths.append(path)
    }
  }

  /// - Returns: The path of the file.
  private func write(_ image: TransformedImage) throws -> String {
    var image = image
    let path = try naming.path(for: image.sourcePath, index: counter.next())
    if image.voxels.shape.rank <= image.originalSpatialShape.count {
      image.voxels = try image.voxels.prependingAxis()
    }
    let type = elementType ?? image.voxels.elementType
    if resamples {
      let options = SamplingOptions(
        sampling: sampling, alignCorners: false,
        precision: precision ?? (image.voxels.elementType == .float64 ? .double : .single))
      try SpatialResample.apply(
        to: &image, destination: image.originalAffine, shape: image.originalSpatialShape, options: options,
        transform: name)
    }
    let channelLast = try image.volume(for: name).voxels.permuted([1, 2, 3, 0])
    try NIfTIWriter.write(
      channelLast, affine: image.affine, elementType: type, keepsEndAxes: !squeezesEndAxes, to: path)
    return path
  }

  /// Numbers the images that came from no file.
  private final class Counter: Sendable {
    private let value = Mutex(0)

    func next() -> Int {
      value.withLock { value in
        defer { value += 1 }
        return value
      }
    }
  }
}

/// Where a result is written, as MONAI's `FolderLayout` has it:
/// `output_dir/[folders below data_root_dir/][name/]name_postfix.ext`.
struct OutputNaming: Sendable, Equatable {
  var folder: String
  var postfix: String
  var fileExtension: String
  var dataRoot: String
  var separatesFolders: Bool

  init(_ arguments: inout ArgumentReader) throws {
    folder = try arguments.string("output_dir", default: "./")
    postfix = try arguments.string("output_postfix", default: "trans")
    dataRoot = try arguments.string("data_root_dir", default: "")
    separatesFolders = try arguments.bool("separate_folder", default: true)
    let format = try arguments.string("output_format", default: "")
    let written = try arguments.string("output_ext", default: ".nii.gz")
    fileExtension = try Self.checkedExtension(written.isEmpty ? format : written, "output_ext", arguments)
    if let layout = try arguments.optionalComponent("folder_layout") { try follow(layout) }
  }

  /// Takes everything from a `FolderLayout`, as MONAI does when there is one.
  private mutating func follow(_ layout: Component) throws {
    var arguments = ArgumentReader(layout)
    guard layout.className == "FolderLayout" else {
      throw arguments.unsupported("folder_layout", layout.target, supported: "FolderLayout or none")
    }
    folder = try arguments.string("output_dir")
    postfix = try arguments.string("postfix", default: "")
    dataRoot = try arguments.string("data_root_dir", default: "")
    separatesFolders = try arguments.bool("parent", default: false)
    let written = try arguments.string("extension", default: "")
    fileExtension = try Self.checkedExtension(written, "extension", arguments)
    // Folders that are missing are always made.
    arguments.ignore("makedirs")
    try arguments.finish()
  }

  private static func checkedExtension(_ word: String, _ name: String, _ arguments: ArgumentReader) throws -> String {
    let text = word.hasPrefix(".") ? word : "." + word
    guard [".nii", ".nii.gz"].contains(text.lowercased()) else {
      throw arguments.unsupported(name, "'\(word)'", supported: ".nii.gz, .nii")
    }
    return text
  }

  /// - Parameter source: The scan's file; nil when there is none, then `index` is the name.
  /// - Throws: `FileError` when the scan lies outside of `data_root_dir`.
  func path(for source: String?, index: Int) throws -> String {
    let source = source ?? "\(index)"
    let (directory, file) = split(source)
    let name = stem(file)
    var below = ""
    if !dataRoot.isEmpty, !directory.isEmpty { below = relative(directory, to: dataRoot) }
    if separatesFolders { below = Paths.join(below, name) }
    let leaf = postfix.isEmpty ? name : "\(name)_\(postfix)"
    return try Paths.resolve(Paths.join(below, leaf) + fileExtension, inside: folder)
  }

  private func split(_ path: String) -> (directory: String, file: String) {
    guard let slash = path.lastIndex(of: "/") else { return ("", path) }
    return (String(path[..<slash]), String(path[path.index(after: slash)...]))
  }

  /// The name without its extension, and without the one before `.gz`.
  private func stem(_ file: String) -> String {
    let (name, suffix) = splitExtension(file)
    return suffix == ".gz" ? splitExtension(name).name : name
  }

  /// Python's `os.path.splitext`: leading dots begin no extension.
  private func splitExtension(_ file: String) -> (name: String, suffix: String) {
    guard let dot = file.lastIndex(of: "."), file[..<dot].contains(where: { $0 != "." }) else { return (file, "") }
    return (String(file[..<dot]), String(file[dot...]))
  }

  private func relative(_ path: String, to root: String) -> String {
    let path = absolute(path).split(separator: "/")
    let root = absolute(root).split(separator: "/")
    let common = zip(path, root).prefix { $0 == $1 }.count
    let steps = Array(repeating: "..", count: root.count - common) + path[common...].map(String.init)
    return steps.joined(separator: "/")
  }

  private func absolute(_ path: String) -> String {
    Paths.normalized(Paths.join(FileManager.default.currentDirectoryPath, path))
  }
}
