import COpenVINO
import Diagnostics
import Foundation
import Synchronization

/// The OpenVINO library of this process: loaded once, never unloaded.
///
/// All methods may be called from any thread: OpenVINO's core is thread-safe
/// (docs.openvino.ai, "ov::Core"), and its last error message is taken by the call that failed.
final class OpenVINORuntime: Sendable {
  /// The oldest release whose element-type numbers and functions are the ones declared in COpenVINO.
  static let oldestRelease = (year: 2026, minor: 0)
  /// The release that `make runtimes` fetches.
  static let pinnedLibraryNames = ["libopenvino_c.so.2641", "libopenvino_c.so"]
  static let remedy = "run 'make runtimes', or set MARTLET_OPENVINO to the OpenVINO library or its folder"

  /// The library's file, or its bare name when the system's loader found it.
  let path: String
  /// `2026.4.1-22982-…`
  let version: String
  nonisolated(unsafe) let library: OpaquePointer
  nonisolated(unsafe) let core: OpaquePointer

  private static let loaded = Mutex<[String: OpenVINORuntime]>([:])

  /// The library that `search` finds, loaded.
  /// - Throws: ``EngineError`` of the kind `unavailable`, naming the places or the file and what is wrong.
  static func load(_ search: LibrarySearch) throws -> OpenVINORuntime {
    switch search.find() {
    case .file(let path):
      return try load(path: path)
    case .notFound(var places, let trySystem):
      if trySystem {
        for name in pinnedLibraryNames {
          do { return try load(path: name) } catch EngineError.libraryUnusable { continue }
        }
        places.append("the system's loader (\(pinnedLibraryNames.joined(separator: ", ")))")
      }
      throw EngineError.libraryMissing(backend: "OpenVINO", places: places, remedy: remedy)
    }
  }

  /// Loads the library at `path`, or gives the one that was loaded from there before.
  private static func load(path: String) throws -> OpenVINORuntime {
    try loaded.withLock { loaded in
      if let runtime = loaded[path] { return runtime }
      let runtime = try OpenVINORuntime(path: path)
      loaded[path] = runtime
      return runtime
    }
  }

  private init(path: String) throws {
    func unusable(_ reason: String) -> EngineError {
      .libraryUnusable(backend: "OpenVINO", path: path, reason: reason, remedy: Self.remedy)
    }
    var library: OpaquePointer?
    if let reason = takeText(OVLibraryOpen(path, &library)) { throw unusable(reason) }
    guard let library else { throw unusable("it gave no functions") }
    self.path = path
    self.library = library
    version = try Self.text(unusable) { OVLibraryVersion(library, $0, $1) }
    let numbers = version.split { !$0.isNumber }.prefix(2).map { Int($0) ?? 0 }
    guard numbers.count == 2, (numbers[0], numbers[1]) >= (Self.oldestRelease.year, Self.oldestRelease.minor) else {
      throw EngineError.libraryTooOld(
        backend: "OpenVINO", path: path, found: version,
        needed: "\(Self.oldestRelease.year).\(Self.oldestRelease.minor)", remedy: Self.remedy)
    }
    var core: OpaquePointer?
    if let reason = takeText(OVCoreCreate(library, &core)) { throw unusable(reason) }
    guard let core else { throw unusable("it gave no core") }
    self.core = core
  }

  /// The devices that the library can compile for here: `CPU`.
  func devices() throws -> [String] {
    try Self.text(unusable) { OVCoreDevices(library, core, $0, $1) }.split(separator: ",").map(String.init)
  }

  /// The name of the processor, as the library reads it.
  func deviceName(_ device: String) throws -> String {
    try Self.text(unusable) { OVCoreProperty(library, core, device, "FULL_DEVICE_NAME", $0, $1) }
      .trimmingCharacters(in: .whitespaces)
  }

  /// Reads a compiled network from a file's bytes, which it goes on using: they must outlive it.
  /// - Returns: The handle, which the caller frees.
  /// - Throws: ``EngineError``; a file of another version of the library is refused by the library.
  func compiledModel(in bytes: UnsafeRawBufferPointer) throws -> OpaquePointer {
    guard let base = bytes.baseAddress else { throw OpenVINOModel.refused("the compiled network is empty") }
    try setImportProperties()
    var compiled: OpaquePointer?
    if let reason = takeText(OVCompiledModelImport(library, core, base, bytes.count, "CPU", &compiled)) {
      throw OpenVINOModel.refused(
        "it can't read the compiled network, which another version may have written: \(reason)")
    }
    guard let compiled else { throw OpenVINOModel.refused("it gave no compiled model") }
    return compiled
  }

  /// Makes networks that are imported compute as those that are compiled here: a compiled network's file doesn't hold
  /// its properties.
  /// - Throws: ``EngineError/libraryUnusable(backend:path:reason:remedy:)``.
  private func setImportProperties() throws {
    for (name, value) in OpenVINOProperties.always {
      if let reason = takeText(OVCoreSetProperty(library, core, "CPU", name, value)) { throw unusable(reason) }
    }
  }

  private func unusable(_ reason: String) -> EngineError {
    .libraryUnusable(backend: "OpenVINO", path: path, reason: reason, remedy: Self.remedy)
  }

  /// Text that a function writes into a buffer; its error as `error` words it.
  static func text(
    _ error: (String) -> EngineError, _ body: (UnsafeMutablePointer<CChar>, Int) -> UnsafeMutablePointer<CChar>?
  ) throws -> String {
    try withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1024) { buffer in
      buffer.initialize(repeating: 0)
      guard let base = buffer.baseAddress else { return "" }
      if let reason = takeText(body(base, buffer.count)) { throw error(reason) }
      return String(cString: base)
    }
  }
}

/// The error text that a C function gave, freed and without the library's stack of source lines; nil for success.
func takeText(_ text: UnsafeMutablePointer<CChar>?) -> String? {
  guard let text else { return nil }
  defer { free(text) }
  // OpenVINO puts "Exception from <source file>:<line>:" lines around the reason.
  let lines = String(cString: text).split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
  let told = lines.filter { !$0.isEmpty && !$0.hasPrefix("Exception from ") }
  return (told.isEmpty ? lines : told).joined(separator: "; ")
}
