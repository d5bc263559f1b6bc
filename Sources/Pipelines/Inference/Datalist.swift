import Bundles
package import Diagnostics
import Files
import OrderedCollections

/// A list of cases in a file: MONAI's decathlon form and plain lists in JSON, or a table in CSV.
///
/// In JSON the cases are a list, at the root or under a key such as `testing`; each is a path, a list of paths (the
/// channels of one image) or a dictionary of them by the keys of the transforms. In CSV the first row has the keys, and
/// `;` stands between the paths of one image.
struct Datalist {
  let scans: [Scan]

  static func isDatalist(_ path: String) -> Bool {
    let name = path.lowercased()
    return name.hasSuffix(".json") || name.hasSuffix(".csv")
  }

  /// - Throws: ``DatalistError``, `ConfigError` for broken JSON, `FileError`.
  init(path: String, _ options: ScanList.Options) throws {
    let folder = options.baseFolder ?? Paths.parent(of: path)
    let cases = path.lowercased().hasSuffix(".csv") ? try Self.table(path) : try Self.list(path, options.datalistKey)
    scans = cases.map { images in
      Scan(images: images.mapValues { files in files.map { $0.hasPrefix("/") ? $0 : Paths.join(folder, $0) } })
    }
  }

  private typealias Case = OrderedDictionary<String, [String]>

  // MARK: JSON

  /// Lists that inference is usually meant to work on, the likeliest first.
  private static let usualKeys = ["testing", "test", "validation"]

  private static func list(_ path: String, _ key: String?) throws -> [Case] {
    let items: [ConfigValue]
    switch try ConfigTree.read(path) {
    case .list(let all):
      guard key == nil else { throw DatalistError.noSuchList(file: path, key: key ?? "", found: []) }
      items = all
    case .dictionary(let entries):
      items = try list(entries, key, path)
    case let other: throw DatalistError.badCase(file: path, place: "the whole file", found: other.summary)
    }
    return try items.enumerated().map { try Self.case($1, at: "case \($0 + 1)", path) }
  }

  private static func list(
    _ entries: OrderedDictionary<String, ConfigValue>, _ key: String?, _ path: String
  ) throws -> [ConfigValue] {
    let lists = entries.compactMapValues { if case .list(let items) = $0 { items } else { nil } }
    let name = key ?? (lists.count == 1 ? lists.keys.first : usualKeys.first { lists[$0] != nil })
    guard let name, let items = lists[name] else {
      throw DatalistError.noSuchList(file: path, key: key, found: Array(lists.keys))
    }
    return items
  }

  private static func `case`(_ value: ConfigValue, at place: String, _ path: String) throws -> Case {
    if let files = files(value) { return [Scan.unnamed: files] }
    guard case .dictionary(let entries) = value else {
      throw DatalistError.badCase(file: path, place: place, found: value.summary)
    }
    // Folds and other facts are no files.
    let images = entries.compactMapValues(files)
    guard !images.isEmpty else { throw DatalistError.badCase(file: path, place: place, found: "without any path") }
    return images
  }

  private static func files(_ value: ConfigValue) -> [String]? {
    switch value {
    case .string(let path) where !path.isEmpty: return [path]
    case .list(let items):
      let paths = items.compactMap { if case .string(let path) = $0, !path.isEmpty { path } else { nil } }
      return paths.count == items.count && !paths.isEmpty ? paths : nil
    default: return nil
    }
  }

  // MARK: CSV

  private static func table(_ path: String) throws -> [Case] {
    let text = try MappedFile(path: path).withBytes { String(validating: $0, as: UTF8.self) }
    guard let text else { throw DatalistError.badTable(file: path, reason: "it isn't UTF-8 text") }
    var rows = try CommaSeparatedValues.rows(of: text, file: path)
    guard !rows.isEmpty else { throw DatalistError.badTable(file: path, reason: "it is empty") }
    let header = rows.removeFirst().map(trimmed)
    guard Set(header).count == header.count, header.contains(where: { !$0.isEmpty }) else {
      throw DatalistError.badTable(file: path, reason: "its first row doesn't name the columns")
    }
    guard !header.contains(where: { $0.hasSuffix(".nii") || $0.hasSuffix(".gz") }) else {
      throw DatalistError.badTable(file: path, reason: "its first row holds paths instead of names, such as 'image'")
    }
    return try rows.enumerated().map { number, row in
      guard row.count == header.count else {
        throw DatalistError.badTable(
          file: path, reason: "row \(number + 2) has \(row.count) cells under \(header.count) names")
      }
      var images: Case = [:]
      for (key, cell) in zip(header, row) where !key.isEmpty {
        let files = cell.split(separator: ";").map { trimmed(String($0)) }.filter { !$0.isEmpty }
        if !files.isEmpty { images[key] = files }
      }
      guard !images.isEmpty else { throw DatalistError.badTable(file: path, reason: "row \(number + 2) is empty") }
      return images
    }
  }
}

/// A cell without the spaces around it, and without the mark that spreadsheets put before the first one.
private func trimmed(_ cell: String) -> String {
  let isFill = { (scalar: Unicode.Scalar) in scalar == " " || scalar == "\t" || scalar == "\u{FEFF}" }
  let scalars = cell.unicodeScalars.drop(while: isFill)
  return String(String.UnicodeScalarView(scalars.reversed().drop(while: isFill).reversed()))
}

/// Rows of cells after RFC 4180: commas between cells, quotes around those that hold any.
private enum CommaSeparatedValues {
  static func rows(of text: String, file: String) throws -> [[String]] {
    var rows: [[String]] = []
    var row: [String] = []
    var cell = ""
    var isQuoted = false
    var characters = text.makeIterator()
    var pending: Character?
    while let character = pending ?? characters.next() {
      pending = nil
      if isQuoted {
        guard character == "\"" else {
          cell.append(character)
          continue
        }
        pending = characters.next()
        if pending == "\"" {
          cell.append("\"")
          pending = nil
        } else {
          isQuoted = false
        }
      } else if character == "\"", cell.isEmpty {
        isQuoted = true
      } else if character == "," {
        row.append(cell)
        cell = ""
      } else if character.isNewline {
        if !row.isEmpty || !cell.isEmpty { rows.append(row + [cell]) }
        row = []
        cell = ""
      } else {
        cell.append(character)
      }
    }
    guard !isQuoted else { throw DatalistError.badTable(file: file, reason: "a quotation mark isn't closed") }
    if !row.isEmpty || !cell.isEmpty { rows.append(row + [cell]) }
    return rows
  }
}

/// A datalist can't be read.
package enum DatalistError: DiagnosedError, Equatable {
  case noSuchList(file: String, key: String?, found: [String])
  case badCase(file: String, place: String, found: String)
  case badTable(file: String, reason: String)

  package var diagnosis: Diagnosis {
    switch self {
    case .noSuchList(let file, let key, let found):
      Diagnosis(
        .data, key.map { "the datalist has no list '\($0)'" } ?? "the datalist has several lists", at: file,
        expected: found.isEmpty ? "a list of cases" : "one of \(found.joined(separator: ", "))",
        hint: found.isEmpty ? nil : "choose it with --datalist-key")
    case .badCase(let file, let place, let found):
      Diagnosis(
        .data, "a case of the datalist is \(found)", at: [file, place],
        expected: "a path, a list of paths, or a dictionary of them")
    case .badTable(let file, let reason):
      Diagnosis(
        .data, "the table can't be read as a datalist: \(reason)", at: file,
        expected: "a first row of keys such as 'image', then a row of paths for each case")
    }
  }
}
