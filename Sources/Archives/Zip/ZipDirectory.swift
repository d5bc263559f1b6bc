/// The directory at the end of a zip archive, after PKWARE's APPNOTE.TXT 6.3.10 (sections 4.3.12 to 4.3.16, 4.5.3).
struct ZipDirectory {
  /// Where the directory lies in the file.
  let range: Range<Int>
  let count: Int

  /// A problem and, where one is to blame, the entry's name.
  struct Failure: Error {
    let problem: ZipProblem
    var entry: String?
  }

  private static let endSignature: UInt32 = 0x0605_4b50
  private static let end64Signature: UInt32 = 0x0606_4b50
  private static let locatorSignature: UInt32 = 0x0706_4b50
  private static let entrySignature: UInt32 = 0x0201_4b50
  private static let endSize = 22
  private static let locatorSize = 20
  private static let entrySize = 46

  /// Finds the directory of the archive that fills `bytes`.
  init(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
    guard let endOffset = Self.endRecord(in: bytes) else { throw Failure(problem: .noEndRecord) }
    var reader = ByteReader(bytes, at: endOffset + 4)
    guard let disk = reader.size(UInt16.self), let firstDisk = reader.size(UInt16.self),
      let diskCount = reader.size(UInt16.self), let shortCount = reader.size(UInt16.self),
      let shortSize = reader.size(UInt32.self), let shortOffset = reader.size(UInt32.self)
    else { throw Failure(problem: .noEndRecord) }

    if let wide = try Self.wideRecord(in: bytes, endOffset: endOffset) {
      guard shortCount == 0xffff || shortCount == wide.count, shortSize == 0xffff_ffff || shortSize == wide.size,
        shortOffset == 0xffff_ffff || shortOffset == wide.offset
      else { throw Failure(problem: .damaged("its two end records contradict each other")) }
      try self.init(offset: wide.offset, size: wide.size, count: wide.count, limit: wide.recordOffset)
      return
    }
    guard disk == 0, firstDisk == 0, diskCount == shortCount else { throw Failure(problem: .multipleDisks) }
    try self.init(offset: shortOffset, size: shortSize, count: shortCount, limit: endOffset)
  }

  /// - Parameter limit: where the end record begins; the directory lies before it.
  private init(offset: Int, size: Int, count: Int, limit: Int) throws(Failure) {
    guard offset <= limit, size <= limit - offset else {
      throw Failure(problem: .damaged("its directory reaches outside the file"))
    }
    guard count <= size / Self.entrySize else {
      throw Failure(problem: .tooManyEntries(declared: count, directorySize: size))
    }
    range = offset..<offset + size
    self.count = count
  }

  /// The last end record whose comment reaches exactly to the end of the file.
  private static func endRecord(in bytes: UnsafeRawBufferPointer) -> Int? {
    guard bytes.count >= endSize else { return nil }
    let last = bytes.count - endSize
    for offset in stride(from: last, through: max(0, last - 0xffff), by: -1) {
      var reader = ByteReader(bytes, at: offset)
      guard reader.integer(UInt32.self) == endSignature else { continue }
      var comment = ByteReader(bytes, at: offset + 20)
      if comment.size(UInt16.self) == last - offset { return offset }
    }
    return nil
  }

  private static func wideRecord(
    in bytes: UnsafeRawBufferPointer, endOffset: Int
  ) throws(Failure) -> (recordOffset: Int, offset: Int, size: Int, count: Int)? {
    var locator = ByteReader(bytes, at: endOffset - locatorSize)
    guard locator.integer(UInt32.self) == locatorSignature else { return nil }
    guard let disk = locator.size(UInt32.self), let recordOffset = locator.size(UInt64.self),
      let disks = locator.size(UInt32.self), recordOffset < endOffset - locatorSize
    else { throw Failure(problem: .damaged("its zip64 locator points outside the file")) }
    guard disk == 0, disks <= 1 else { throw Failure(problem: .multipleDisks) }

    var reader = ByteReader(bytes, at: recordOffset)
    guard reader.integer(UInt32.self) == end64Signature, reader.slice(8 + 2 + 2) != nil,
      let thisDisk = reader.size(UInt32.self), let firstDisk = reader.size(UInt32.self),
      let diskCount = reader.size(UInt64.self), let count = reader.size(UInt64.self),
      let size = reader.size(UInt64.self), let offset = reader.size(UInt64.self)
    else { throw Failure(problem: .damaged("its zip64 end record is wrong")) }
    guard thisDisk == 0, firstDisk == 0, diskCount == count else { throw Failure(problem: .multipleDisks) }
    return (recordOffset, offset, size, count)
  }

  /// The entries in the directory's order, with safe and distinct names and sizes that can be true.
  func entries(of bytes: UnsafeRawBufferPointer) throws(Failure) -> [ZipEntry] {
    var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[range]))
    var entries: [ZipEntry] = []
    entries.reserveCapacity(count)
    var names = Set<String>(minimumCapacity: count)
    for _ in 0..<count {
      let entry = try Self.entry(&reader)
      guard !entry.hasUnsafeName else { throw Failure(problem: .unsafeName, entry: entry.name) }
      guard names.insert(entry.name).inserted else { throw Failure(problem: .duplicateName, entry: entry.name) }
      entries.append(entry)
    }
    try checkLayout(entries)
    return entries
  }

  /// Every entry lies before the directory and apart from the others.
  private func checkLayout(_ entries: [ZipEntry]) throws(Failure) {
    var end = 0
    for entry in entries.sorted(by: { $0.headerOffset < $1.headerOffset }) {
      guard entry.headerOffset >= end else { throw Failure(problem: .overlapping, entry: entry.name) }
      let (start, overflow) = entry.headerOffset.addingReportingOverflow(
        ZipArchive.localHeaderSize + entry.name.utf8.count)
      guard !overflow, start <= range.lowerBound, entry.compressedSize <= range.lowerBound - start else {
        throw Failure(problem: .outsideFile, entry: entry.name)
      }
      end = start + entry.compressedSize
    }
  }

  private static func entry(_ reader: inout ByteReader) throws(Failure) -> ZipEntry {
    guard reader.integer(UInt32.self) == entrySignature, reader.slice(4) != nil,
      let flags = reader.integer(UInt16.self),
      let method = reader.size(UInt16.self), reader.slice(4) != nil, let checksum = reader.integer(UInt32.self),
      let shortCompressed = reader.size(UInt32.self), let shortSize = reader.size(UInt32.self),
      let nameLength = reader.size(UInt16.self), let extraLength = reader.size(UInt16.self),
      let commentLength = reader.size(UInt16.self), let disk = reader.size(UInt16.self), reader.slice(2 + 4) != nil,
      let shortOffset = reader.size(UInt32.self), let nameBytes = reader.slice(nameLength),
      let extra = reader.slice(extraLength), reader.slice(commentLength) != nil
    else { throw Failure(problem: .damaged("its directory is cut off or has a wrong signature")) }
    guard let name = nameBytes.text else { throw Failure(problem: .damaged("an entry's name isn't UTF-8")) }

    var wide = WideSizes(extra)
    guard let size = wide.value(instead: shortSize), let compressed = wide.value(instead: shortCompressed),
      let offset = wide.value(instead: shortOffset)
    else { throw Failure(problem: .damaged("an entry lacks its 64-bit sizes"), entry: name) }
    guard disk == 0 || disk == 0xffff else { throw Failure(problem: .multipleDisks, entry: name) }

    // Bits 0, 6 and 13: encrypted, strongly encrypted, masked headers.
    guard flags & 0x2041 == 0 else { throw Failure(problem: .encrypted, entry: name) }
    let kind = try Self.method(method, compressed: compressed, size: size, name)
    return ZipEntry(
      name: name, method: kind, compressedSize: compressed, size: size, checksum: checksum, headerOffset: offset)
  }

  private static func method(
    _ method: Int, compressed: Int, size: Int, _ name: String
  ) throws(Failure) -> ZipEntry.Method {
    switch method {
    case 0:
      guard compressed == size else {
        throw Failure(problem: .impossibleSize(compressed: compressed, size: size), entry: name)
      }
      return .stored
    case 8:
      guard size / 1032 <= compressed else {
        throw Failure(problem: .impossibleSize(compressed: compressed, size: size), entry: name)
      }
      return .deflated
    default: throw Failure(problem: .unsupportedMethod(method), entry: name)
    }
  }
}

/// The 64-bit sizes in an entry's extra field 0x0001: only those whose 32-bit field is all ones, in a fixed order.
private struct WideSizes {
  private var field: ByteReader?

  init(_ extra: UnsafeRawBufferPointer) {
    var reader = ByteReader(extra)
    while let tag = reader.size(UInt16.self), let length = reader.size(UInt16.self), let content = reader.slice(length)
    {
      guard tag == 1 else { continue }
      field = ByteReader(content)
      return
    }
  }

  mutating func value(instead short: Int) -> Int? {
    short == 0xffff_ffff ? field?.size(UInt64.self) : short
  }
}
