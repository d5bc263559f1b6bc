package import Diagnostics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file can't be opened, read, created or written; or a path leaves the folder that it must stay in.
package enum FileError: DiagnosedError, Equatable {
  case cannotOpen(path: String, reason: String)
  case notARegularFile(path: String)
  case cannotCreate(path: String, reason: String)
  case cannotWrite(path: String, reason: String)
  case cannotRead(path: String, reason: String)
  case escapesFolder(path: String, folder: String)

  package var diagnosis: Diagnosis {
    switch self {
    case .cannotOpen(let path, let reason):
      Diagnosis(.noInput, "can't open the file: \(reason)", at: path, hint: "check the path and its permissions")
    case .notARegularFile(let path):
      Diagnosis(.noInput, "not a regular file", at: path, expected: "a file that can be mapped into memory")
    case .cannotCreate(let path, let reason):
      Diagnosis(
        .cantCreate, "can't create the output: \(reason)", at: path, hint: "choose a folder that you may write to")
    case .cannotWrite(let path, let reason):
      Diagnosis(
        .inputOutput, "writing failed: \(reason)", at: path, hint: "nothing was left at that path; check the free space"
      )
    case .cannotRead(let path, let reason):
      Diagnosis(.inputOutput, "reading failed: \(reason)", at: path)
    case .escapesFolder(let path, let folder):
      Diagnosis(.data, "the path leaves its folder", at: path, expected: "a path inside \(folder)")
    }
  }

  /// The same error, told of the folder where a file was going to be instead of the unfinished one.
  func moved(from partial: String, to folder: String) -> FileError {
    func moved(_ path: String) -> String {
      path.hasPrefix(partial + "/") ? folder + path.dropFirst(partial.count) : path
    }
    return switch self {
    case .cannotOpen(let path, let reason): .cannotOpen(path: moved(path), reason: reason)
    case .notARegularFile(let path): .notARegularFile(path: moved(path))
    case .cannotCreate(let path, let reason): .cannotCreate(path: moved(path), reason: reason)
    case .cannotWrite(let path, let reason): .cannotWrite(path: moved(path), reason: reason)
    case .cannotRead(let path, let reason): .cannotRead(path: moved(path), reason: reason)
    case .escapesFolder(let path, let folder): .escapesFolder(path: path, folder: folder)
    }
  }
}

/// The system's words for the current `errno`.
func systemReason(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }
