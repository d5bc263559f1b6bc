/// One entry of a zip archive, as its directory describes it.
package struct ZipEntry: Sendable, Hashable {
  package enum Method: Sendable, Hashable {
    case stored, deflated
  }

  /// The name is a key only; it is never used as a path.
  package let name: String
  package let method: Method
  /// Bytes in the file.
  package let compressedSize: Int
  /// Bytes of the content.
  package let size: Int
  package let checksum: UInt32
  /// Where the entry's local header begins.
  let headerOffset: Int

  /// Whether the name, used as a path, could lead out of its folder: absolute, with a drive, a backslash, a NUL or a
  /// `..` component.
  package var hasUnsafeName: Bool { Self.isUnsafe(name) }

  static func isUnsafe(_ name: String) -> Bool {
    if name.isEmpty || name.hasPrefix("/") || name.utf8.contains(0) || name.utf8.contains(UInt8(ascii: "\\")) {
      return true
    }
    if name.utf8.dropFirst().first == UInt8(ascii: ":") { return true }
    return name.split(separator: "/").contains("..")
  }
}
