package import Files

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The bytes behind one or more tensors: owned memory, or a view of a mapped file.
///
/// Storage that was allocated here may be written by its only owner; mapped and foreign storage never changes.
package final class Storage: @unchecked Sendable {
  // Unchecked: the bytes are written only through `Tensor`'s copy-on-write access, by the only owner.
  package let bytes: UnsafeRawBufferPointer
  let isWritable: Bool
  private var isMapped = false
  private let release: () -> Void

  /// Allocates `byteCount` bytes, aligned to 64, zeroed unless `isZeroed` is false.
  package init(byteCount: Int, isZeroed: Bool = true) {
    isWritable = true
    if byteCount >= LargeBlocks.smallest, let block = LargeBlocks.take(byteCount, isZeroed: isZeroed) {
      bytes = UnsafeRawBufferPointer(start: block.pages, count: byteCount)
      release = { LargeBlocks.give(block) }
      return
    }
    let memory = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: 64)
    if isZeroed { memory.initializeMemory(as: UInt8.self, repeating: 0, count: max(byteCount, 1)) }
    bytes = UnsafeRawBufferPointer(start: memory, count: byteCount)
    release = { memory.deallocate() }
  }

  /// Bytes of a mapped file. `range` must lie inside the file.
  package init(file: MappedFile, range: Range<Int>) {
    bytes = UnsafeRawBufferPointer(rebasing: file.bytes[range])
    isWritable = false
    isMapped = file.isMapping
    release = { withExtendedLifetime(file) {} }
  }

  /// Lets the system take back the memory behind bytes of a mapped file that won't be read again soon. They stay
  /// readable: the file still has them.
  func giveBack(_ range: Range<Int>) {
    guard isMapped, let base = bytes.baseAddress else { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let address = Int(bitPattern: base)
    let first = (address + range.lowerBound + page - 1) / page * page
    let end = (address + range.upperBound) / page * page
    if end > first { madvise(UnsafeMutableRawPointer(bitPattern: first), end - first, MADV_DONTNEED) }
  }

  /// Foreign bytes that live until `release` is called.
  package init(foreign bytes: UnsafeRawBufferPointer, release: @escaping () -> Void) {
    self.bytes = bytes
    isWritable = false
    self.release = release
  }

  deinit { release() }
}
