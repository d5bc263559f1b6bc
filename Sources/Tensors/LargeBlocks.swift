import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Large blocks of memory in pages of their own, which go back to the system as soon as they are released, but for the last
/// few: work in slabs and runs over many scans ask for the same sizes again and again, and fresh pages cost more than what is
/// computed in them.
package enum LargeBlocks {
  /// Bytes of the smallest block that has pages of its own.
  static let smallest = 1 << 20
  /// Bytes that are kept, unless ``keep(upTo:)`` says otherwise.
  package static let usualCapacity = 64 << 20

  fileprivate struct Kept: @unchecked Sendable {
    // Unchecked: nobody else has the pages.
    let pages: UnsafeMutableRawPointer
    let byteCount: Int
  }

  fileprivate struct State {
    /// The ones that were released last come last.
    var blocks: [Kept] = []
    var bytes = 0
    var capacity = usualCapacity
  }

  private static let state = Mutex(State())

  /// From now on released blocks are kept for the next use as long as they come to `capacity` bytes at the most.
  package static func keep(upTo capacity: Int) {
    release(
      state.withLock { state in
        state.capacity = capacity
        return state.surplus()
      })
  }

  /// Gives the system what is kept.
  package static func giveBack() {
    release(
      state.withLock { state in
        defer { (state.blocks, state.bytes) = ([], 0) }
        return state.blocks
      })
  }

  /// A block that was kept, or a new one; nil when the system has no memory left.
  static func take(_ byteCount: Int, isZeroed: Bool) -> UnsafeMutableRawPointer? {
    let kept = state.withLock { state -> Kept? in
      guard let place = state.blocks.lastIndex(where: { $0.byteCount == byteCount }) else { return nil }
      state.bytes -= byteCount
      return state.blocks.remove(at: place)
    }
    if let kept {
      if isZeroed { memset(kept.pages, 0, byteCount) }
      return kept.pages
    }
    guard let pages = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0), pages != MAP_FAILED
    else { return nil }
    #if canImport(Glibc)
      madvise(pages, byteCount, MADV_HUGEPAGE)
    #endif
    return pages
  }

  /// Takes a block back.
  static func give(_ pages: UnsafeMutableRawPointer, _ byteCount: Int) {
    let block = Kept(pages: pages, byteCount: byteCount)
    release(
      state.withLock { state in
        guard byteCount <= state.capacity else { return [block] }
        state.blocks.append(block)
        state.bytes += byteCount
        return state.surplus()
      })
  }

  private static func release(_ blocks: [Kept]) {
    for block in blocks { munmap(block.pages, block.byteCount) }
  }
}

extension LargeBlocks.State {
  /// Takes out the oldest blocks beyond the capacity.
  fileprivate mutating func surplus() -> [LargeBlocks.Kept] {
    var count = 0
    while bytes > capacity, count < blocks.count {
      bytes -= blocks[count].byteCount
      count += 1
    }
    defer { blocks.removeFirst(count) }
    return Array(blocks.prefix(count))
  }
}
