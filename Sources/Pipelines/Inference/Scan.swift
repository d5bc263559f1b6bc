package import OrderedCollections
import Arguments
import Files
import Transforms

/// One case: the files of its image, and of others where a datalist names them.
package struct Scan: Sendable, Hashable {
  /// Under this key stand files that were given without one: those of the image that the pipeline loads.
  static let unnamed = ""

  /// The files by the keys of the pipeline's transforms; several files are the channels of one image.
  package let images: OrderedDictionary<String, [String]>

  package init(images: OrderedDictionary<String, [String]>) { self.images = images }

  /// The image that the pipeline loads; several files are its channels.
  package init(files: [String]) { images = [Self.unnamed: files] }

  package init(_ path: String) { self.init(files: [path]) }

  /// All files, those of the image first.
  package var files: [String] { images.values.flatMap { $0 } }

  /// The files of the image itself.
  package var imageFiles: [String] { images[Self.unnamed] ?? images["image"] ?? images.values.first ?? [] }

  /// What the results are named after.
  package var path: String { imageFiles.first ?? "" }

  /// What the first transform gets.
  /// - Throws: ``ScanError/missingImage(key:available:)`` when the image that the pipeline loads isn't among them.
  func sample(imageKey: String) throws -> Sample {
    var items: OrderedDictionary<String, Sample.Item> = [:]
    for (key, files) in images {
      let name = key == Self.unnamed ? imageKey : key
      items[name] = files.count == 1 ? .path(files[0]) : .value(.list(files.map { .string($0) }))
    }
    guard items[imageKey] != nil else {
      throw ScanError.missingImage(key: imageKey, available: Array(images.keys))
    }
    return Sample(items)
  }
}

/// A scan on its way through a pipeline.
struct PreparedScan: Sendable {
  let scan: Scan
  var sample: Sample
  var times: StageTimes

  /// Hands the sample over; none is left.
  mutating func takeSample() -> Sample {
    defer { sample = Sample() }
    return sample
  }
}
