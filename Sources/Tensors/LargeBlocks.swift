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

  /// Pages that one holder has at a time, who gives them back with ``LargeBlocks/give(_:)``.
  package struct Block: @unchecked Sendable {
    // Unchecked: nobody else has the pages.
    package let pages: UnsafeMutableRawPointer
    /// What the pages hold, which may be more than was asked for.
    package let byteCount: Int
  }

  fileprivate struct State {
    /// The ones that were released last come last.
    var blocks: [Block] = []
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
  ///
  /// - Parameter isReserved: Whether the system may lack the memory now, because less than all may be written: for a number of
  ///   bytes that a file claims.
  package static func take(_ byteCount: Int, isZeroed: Bool, isReserved: Bool = false) -> Block? {
    if let kept = state.withLock({ $0.take(byteCount) }) {
      if isZeroed { memset(kept.pages, 0, byteCount) }
      return kept
    }
    var flags = MAP_PRIVATE | MAP_ANON
    #if canImport(Glibc)
      if isReserved { flags |= MAP_NORESERVE }
    #endif
    guard let pages = mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0), pages != MAP_FAILED else {
      return nil
    }
    #if canImport(Glibc)
      madvise(pages, byteCount, MADV_HUGEPAGE)
    #endif
    return Block(pages: pages, byteCount: byteCount)
  }

  /// Takes a block back.
  package static func give(_ block: Block) {
    release(
      state.withLock { state in
        guard (smallest...max(smallest, state.capacity)).contains(block.byteCount) else { return [block] }
        state.blocks.append(block)
        state.bytes += block.byteCount
        return state.surplus()
      })
  }

  private static func release(_ blocks: [Block]) {
    for block in blocks { munmap(block.pages, block.byteCount) }
  }
}

extension LargeBlocks.State {
  /// The smallest block that holds so many bytes and isn't much larger: scans differ in their numbers of slices.
  fileprivate mutating func take(_ byteCount: Int) -> LargeBlocks.Block? {
    let fitting = blocks.indices.filter {
      byteCount <= blocks[$0].byteCount && blocks[$0].byteCount / 4 <= byteCount / 3
    }
    guard let place = fitting.reversed().min(by: { blocks[$0].byteCount < blocks[$1].byteCount }) else { return nil }
    bytes -= blocks[place].byteCount
    return blocks.remove(at: place)
  }

  /// Takes out the oldest blocks beyond the capacity.
  fileprivate mutating func surplus() -> [LargeBlocks.Block] {
    var count = 0
    while bytes > capacity, count < blocks.count {
      bytes -= blocks[count].byteCount
      count += 1
    }
    defer { blocks.removeFirst(count) }
    return Array(blocks.prefix(count))
  }
}
