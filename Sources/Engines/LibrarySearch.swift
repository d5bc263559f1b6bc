import Files
import Foundation

/// Where the library of an engine is looked for: the option, the environment variable, `.runtime`, the system's loader.
///
/// A place that the user names (option or variable) is the only one then; nothing else is tried behind their back.
package struct LibrarySearch: Sendable {
  /// The library's file name; a version may follow it: `libopenvino_c.so`, `libopenvino_c.so.2641`.
  package var libraryName: String
  /// The folder below `.runtime`.
  package var runtimeName: String
  /// The environment variable that names the library's file or folder.
  package var variable: String
  /// The library's file or folder as the user gave it.
  package var chosenPath: String?
  package var environment: [String: String]
  package var currentFolder: String
  /// The running program; `.runtime` is also looked for beside it and up to four folders above.
  package var executable: String?

  package init(
    libraryName: String, runtimeName: String, variable: String, chosenPath: String? = nil,
    environment: [String: String] = ProcessInfo.processInfo.environment,
    currentFolder: String = FileManager.default.currentDirectoryPath,
    executable: String? = Bundle.main.executableURL?.resolvingSymlinksInPath().path(percentEncoded: false)
  ) {
    self.libraryName = libraryName
    self.runtimeName = runtimeName
    self.variable = variable
    self.chosenPath = chosenPath
    self.environment = environment
    self.currentFolder = currentFolder
    self.executable = executable
  }

  /// What a search came to.
  package enum Outcome: Sendable, Equatable {
    /// The library's file, as an absolute path.
    case file(String)
    /// None of the places has it; the system's loader may still know it when `trySystem` is true.
    case notFound(places: [String], trySystem: Bool)
  }

  package func find() -> Outcome {
    if let (path, source) = userChoice {
      let absolute = Paths.normalized(Paths.join(currentFolder, path))
      if let file = libraryFile(at: absolute) { return .file(file) }
      return .notFound(places: ["\(absolute) (\(source))"], trySystem: false)
    }
    let folders = runtimeFolders
    for folder in folders {
      if let file = libraryFile(at: folder) { return .file(file) }
    }
    return .notFound(places: folders, trySystem: true)
  }

  private var userChoice: (path: String, source: String)? {
    if let chosenPath { return (chosenPath, "the option") }
    if let path = environment[variable], !path.isEmpty { return (path, "the variable \(variable)") }
    return nil
  }

  /// `.runtime/<name>` of the current folder, then of the program's folder and the four above it.
  private var runtimeFolders: [String] {
    var parents = [currentFolder]
    if let executable {
      var folder = Paths.parent(of: executable)
      for _ in 0...4 where folder != "/" {
        parents.append(folder)
        folder = Paths.parent(of: folder)
      }
    }
    var folders: [String] = []
    for parent in parents {
      let folder = Paths.normalized(Paths.join(parent, ".runtime/\(runtimeName)"))
      if !folders.contains(folder) { folders.append(folder) }
    }
    return folders
  }

  /// The file itself, or the newest library in the folder or its `libs` (where a Python wheel keeps it).
  private func libraryFile(at path: String) -> String? {
    switch PathKind(path: path) {
    case .file: return path
    case .folder: return newestLibrary(in: path) ?? newestLibrary(in: Paths.join(path, "libs"))
    default: return nil
    }
  }

  private func newestLibrary(in folder: String) -> String? {
    guard case .folder? = PathKind(path: folder), let names = try? Folders.names(in: folder) else { return nil }
    let libraries = names.filter { $0 == libraryName || $0.hasPrefix(libraryName + ".") }
    return libraries.max { $0.compare($1, options: .numeric) == .orderedAscending }.map { Paths.join(folder, $0) }
  }
}
