import CTensorRT
import Diagnostics
import Files
import Synchronization

/// A loaded TensorRT and its ONNX parser. Libraries stay loaded for the life of the process.
package final class TensorRTLibrary: Sendable {
  package let product: TensorRTProduct
  package let version: TensorRTVersion
  /// The library's file, or its name when the system's loader found it.
  package let path: String
  package let parserPath: String
  nonisolated(unsafe) package let handle: OpaquePointer
  /// What all its builders, parsers and runtimes talk to; nil only when there is no memory.
  nonisolated(unsafe) let logger: OpaquePointer?

  /// `TensorRT for RTX 1.7.1`
  package var title: String { "\(product.title) \(version)" }

  private init(product: TensorRTProduct, pair: Pair, handle: OpaquePointer) {
    self.product = product
    version = TensorRTVersion(number: trt_library_version(handle))
    path = pair.library
    parserPath = pair.parser
    self.handle = handle
    logger = TensorRTLog.makeLogger(handle)
  }

  private static let loaded = Mutex<[String: TensorRTLibrary]>([:])

  /// Where the product's library is looked for.
  /// - Parameter location: The library's file or folder, when the user names one.
  package static func search(_ product: TensorRTProduct, location: String? = nil) -> LibrarySearch {
    LibrarySearch(
      libraryName: product.libraryNames.library, runtimeName: product.rawValue, variable: product.environmentVariable,
      chosenPath: location)
  }

  /// The product's library, loaded from `location`, a file or a folder, or from where ``LibrarySearch`` finds it.
  /// - Throws: ``EngineError/libraryMissing(backend:places:remedy:)``,
  ///   ``EngineError/libraryUnusable(backend:path:reason:remedy:)``, ``TensorRTError/unknownVersion(path:version:)``,
  ///   ``TensorRTError/otherProduct(path:found:wanted:)``.
  package static func load(_ product: TensorRTProduct, location: String? = nil) throws -> TensorRTLibrary {
    try load(product, search(product, location: location))
  }

  /// The product's library that `search` finds, loaded.
  package static func load(_ product: TensorRTProduct, _ search: LibrarySearch) throws -> TensorRTLibrary {
    switch search.find() {
    case .file(let path): return try open(product, pair(of: product, path))
    case .notFound(var places, let trySystem):
      let names = product.loaderSuffixes.map { product.libraryNames.library + $0 }
      if trySystem {
        for name in names {
          do { return try open(product, pair(of: product, name)) } catch EngineError.libraryUnusable { continue }
        }
        places.append("the system's loader (\(names.joined(separator: ", ")))")
      }
      throw EngineError.libraryMissing(backend: product.title, places: places, remedy: product.remedy)
    }
  }

  // MARK: Opening

  private struct Pair {
    let library: String
    let parser: String
  }

  /// The parser is beside the library and ends in the same version: `.so.1.7.1`. A library that goes by the other
  /// product's name gets that product's parser, so that its version tells what it is.
  private static func pair(of product: TensorRTProduct, _ library: String) -> Pair {
    let name = Paths.name(of: library)
    let named = TensorRTProduct.allCases.first { name.hasPrefix($0.libraryNames.library) }
    let names = (named ?? product).libraryNames
    let suffix = named == nil ? "" : String(name.dropFirst(names.library.count))
    let parser = names.parser + suffix
    return Pair(
      library: library, parser: library.contains("/") ? Paths.join(Paths.parent(of: library), parser) : parser)
  }

  private static func open(_ product: TensorRTProduct, _ pair: Pair) throws -> TensorRTLibrary {
    try loaded.withLock { loaded in
      if let library = loaded[pair.library] { return try library.checked(as: product) }
      var result = trt_open_result()
      guard let handle = trt_library_open(pair.library, pair.parser, &result) else {
        throw failure(result, product, pair)
      }
      let library = TensorRTLibrary(
        product: TensorRTVersion(number: trt_library_version(handle)).product ?? product, pair: pair, handle: handle)
      loaded[pair.library] = library
      return try library.checked(as: product)
    }
  }

  private func checked(as wanted: TensorRTProduct) throws -> TensorRTLibrary {
    guard product == wanted else { throw TensorRTError.otherProduct(path: path, found: title, wanted: wanted) }
    return self
  }

  private static func failure(
    _ result: trt_open_result, _ product: TensorRTProduct, _ pair: Pair
  ) -> any DiagnosedError {
    let path = result.in_parser ? pair.parser : pair.library
    let detail = withUnsafeBytes(of: result.detail) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    switch UInt32(bitPattern: result.status) {
    case trt_version_unknown.rawValue:
      return TensorRTError.unknownVersion(path: path, version: TensorRTVersion(number: result.version))
    case trt_symbol_missing.rawValue:
      return EngineError.libraryUnusable(
        backend: product.title, path: path, reason: "it has no function \(detail)", remedy: product.remedy)
    default:
      return EngineError.libraryUnusable(
        backend: product.title, path: path, reason: detail.isEmpty ? "out of memory" : detail, remedy: product.remedy)
    }
  }
}
