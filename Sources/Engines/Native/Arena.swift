/// A part of the memory of a run, in floats: of which block, and where in it. A block begins at a multiple of 64 bytes.
struct Slot: Hashable, Sendable {
  var block: Int
  var offset: Int
  var count: Int
}

/// Gives out blocks of memory while a plan is made, and notes the steps at which each begins and ceases to be needed.
/// When the plan is complete, ``layout()`` lays the blocks out so that those needed at the same time don't overlap.
struct Arena {
  /// A range of a block, needed from a step on until the block is released.
  private struct Region {
    var lower, upper: Int
    var birth: Int
  }

  private struct Block {
    var count: Int
    var regions: [Region]
    var holders = 1
    /// The step before which the last holder gave it back.
    var death = Int.max
  }

  private var blocks: [Block] = []
  /// The number of the next step.
  private var now = 0

  /// Tells that a step was added.
  mutating func advance() { now += 1 }

  /// A block for `count` floats with one holder.
  mutating func allocate(_ count: Int) -> Slot {
    let slot = reserve(count)
    complete(slot)
    return slot
  }

  /// A block of which nothing is needed before ``complete(_:)`` tells so.
  mutating func reserve(_ count: Int) -> Slot {
    let rounded = (max(count, 1) + 15) / 16 * 16
    blocks.append(Block(count: rounded, regions: []))
    return Slot(block: blocks.count - 1, offset: 0, count: rounded)
  }

  /// A part of a slot, with a hold of its own on the whole.
  mutating func part(of slot: Slot, at offset: Int, count: Int) -> Slot {
    retain(slot)
    return Slot(block: slot.block, offset: slot.offset + offset, count: count)
  }

  /// Tells that all of a slot is needed from now on.
  mutating func complete(_ slot: Slot) {
    var lower = slot.offset
    let upper = slot.offset + slot.count
    var missing: [Region] = []
    for known in blocks[slot.block].regions.sorted(by: { $0.lower < $1.lower }) where known.upper > lower {
      if known.lower >= upper { break }
      if known.lower > lower { missing.append(Region(lower: lower, upper: known.lower, birth: now)) }
      lower = known.upper
    }
    if lower < upper { missing.append(Region(lower: lower, upper: upper, birth: now)) }
    blocks[slot.block].regions += missing
  }

  mutating func retain(_ slot: Slot) {
    blocks[slot.block].holders += 1
    blocks[slot.block].death = .max
  }

  /// Gives one hold back; the memory is free from the next step on when none is left.
  mutating func release(_ slot: Slot) {
    guard blocks[slot.block].holders > 0 else { return }
    blocks[slot.block].holders -= 1
    if blocks[slot.block].holders == 0 { blocks[slot.block].death = now }
  }

  /// Whether the slot is a whole block that has a single holder.
  func isHeldOnce(_ slot: Slot) -> Bool {
    blocks[slot.block].holders == 1 && slot.offset == 0 && slot.count == blocks[slot.block].count
  }

  // MARK: Layout

  /// Where each block begins, and the floats that a run needs.
  ///
  /// The largest block comes first; each is put to the lowest place where it overlaps no other one that is needed at the
  /// same time. Where that takes more memory than the order of the steps, the latter is taken.
  func layout() -> (offsets: [Int], size: Int) {
    let bySize = blocks.indices.sorted { (blocks[$1].count, $0) < (blocks[$0].count, $1) }
    let (first, second) = (layout(bySize), layout(Array(blocks.indices)))
    return second.size < first.size ? second : first
  }

  /// A region that has its place.
  private struct Placed {
    var lower, upper: Int
    var birth, death: Int
  }

  private func layout(_ order: [Int]) -> (offsets: [Int], size: Int) {
    /// The regions needed within each run of 64 steps.
    var calendar: [[Int]] = Array(repeating: [], count: now / 64 + 1)
    var placed: [Placed] = []
    /// For each placed region the block that looked at it last.
    var seen: [Int] = []
    var offsets = Array(repeating: 0, count: blocks.count)
    var size = 0
    for index in order {
      let block = blocks[index]
      // Places of the block where one of its regions would overlap a placed one.
      var taken: [Range<Int>] = []
      for region in block.regions where region.birth < block.death {
        for page in region.birth / 64...min(block.death - 1, now) / 64 {
          for number in calendar[page] where seen[number] != index || block.regions.count > 1 {
            seen[number] = index
            let other = placed[number]
            guard other.birth < block.death, region.birth < other.death else { continue }
            let low = other.lower - region.upper + 1
            if other.upper - region.lower > 0 { taken.append(low..<other.upper - region.lower) }
          }
        }
      }
      var place = 0
      for range in taken.sorted(by: { $0.lowerBound < $1.lowerBound }) where range.upperBound > place {
        if range.lowerBound > place { break }
        place = range.upperBound
      }
      offsets[index] = place
      for region in block.regions where region.birth < block.death {
        for page in region.birth / 64...min(block.death - 1, now) / 64 { calendar[page].append(placed.count) }
        placed.append(
          Placed(lower: place + region.lower, upper: place + region.upper, birth: region.birth, death: block.death))
        size = max(size, place + region.upper)
        seen.append(-1)
      }
    }
    return (offsets, size)
  }
}
