/// A part of the memory of a run, in floats. It begins at a multiple of 64 bytes.
struct Slot: Hashable, Sendable {
  var offset: Int
  var count: Int
}

/// Gives out parts of one block of memory while a plan is made, and takes them back when nothing reads them any more,
/// so that the plan needs no more memory than its widest place.
struct Arena {
  /// Floats that a run needs.
  private(set) var size = 0
  /// Gaps between the slots in use, by offset.
  private var gaps: [Slot] = []
  private var holders: [Int: Int] = [:]
  /// The slots that were given out, and for parts of them that begin elsewhere the slot that they belong to; by offset.
  private var wholes: [Int: Slot] = [:]

  /// A slot for `count` floats with one holder.
  mutating func allocate(_ count: Int) -> Slot {
    let rounded = (max(count, 1) + 15) / 16 * 16
    // The smallest gap that is large enough.
    let fitting = gaps.indices.filter { gaps[$0].count >= rounded }.min { gaps[$0].count < gaps[$1].count }
    let slot: Slot
    if let index = fitting {
      slot = Slot(offset: gaps[index].offset, count: rounded)
      gaps[index].offset += rounded
      gaps[index].count -= rounded
      if gaps[index].count == 0 { gaps.remove(at: index) }
    } else {
      var offset = size
      if let last = gaps.last, last.offset + last.count == size {
        offset = last.offset
        gaps.removeLast()
      }
      slot = Slot(offset: offset, count: rounded)
      size = offset + rounded
    }
    holders[slot.offset] = 1
    wholes[slot.offset] = slot
    return slot
  }

  /// A part of a slot or of a part, with a hold of its own on the whole.
  mutating func part(of slot: Slot, at offset: Int, count: Int) -> Slot {
    let part = Slot(offset: slot.offset + offset, count: count)
    wholes[part.offset] = wholes[slot.offset]
    retain(part)
    return part
  }

  mutating func retain(_ slot: Slot) {
    if let whole = wholes[slot.offset] { holders[whole.offset, default: 0] += 1 }
  }

  /// Gives one hold back; the memory is free when none is left.
  mutating func release(_ given: Slot) {
    guard let slot = wholes[given.offset], let count = holders[slot.offset] else { return }
    guard count == 1 else {
      holders[slot.offset] = count - 1
      return
    }
    holders[slot.offset] = nil
    wholes = wholes.filter { $0.value != slot }
    let index = gaps.firstIndex { $0.offset > slot.offset } ?? gaps.count
    gaps.insert(slot, at: index)
    if index + 1 < gaps.count, gaps[index].offset + gaps[index].count == gaps[index + 1].offset {
      gaps[index].count += gaps[index + 1].count
      gaps.remove(at: index + 1)
    }
    if index > 0, gaps[index - 1].offset + gaps[index - 1].count == gaps[index].offset {
      gaps[index - 1].count += gaps[index].count
      gaps.remove(at: index)
    }
  }
}
