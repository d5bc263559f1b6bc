import CKernels
import Graphs

/// Channels joined. Where the channels fill blocks, whoever computes a part writes it to its place in the whole, and
/// nothing is copied.
extension NativePlanner {
  /// Concatenations whose parts lie one behind the other in memory: the first channel of each part. With several samples
  /// the parts of one sample lie between those of the next.
  func inPlaceConcatenations() throws -> [Value: [Value: Int]] {
    var result: [Value: [Value: Int]] = [:]
    for node in graph.nodes where node.operator == "Concat" && constant(node.outputs[0]) == nil {
      let (output, inputs) = (node.outputs[0], node.inputs.compactMap(\.self))
      let shape = try shape(of: output)
      let axis = node.int("axis") ?? 0
      guard NativeValue.prefersBlocks(shape), shape[0] == 1, axis == 1 || axis == 1 - shape.count,
        wantsBlocks(output), Set(inputs).count == inputs.count,
        inputs.allSatisfy({ isFloat($0) && constant($0) == nil })
      else { continue }
      var (parts, channel): ([Value: Int], Int) = ([:], 0)
      for input in inputs {
        guard channel % 16 == 0 else { break }
        parts[input] = channel
        channel += try self.shape(of: input)[1]
      }
      if parts.count == inputs.count { result[output] = parts }
    }
    return result
  }

  /// Where the result of a step is written: to its place in a concatenation, over an operand that nothing else reads, or to
  /// memory of its own.
  /// - Parameter operands: What the step reads element by element, each before it writes the element of the result.
  mutating func resultSlot(
    _ value: Value, _ shape: [Int], isBlocked: Bool, over operands: [(value: Value?, form: NativeValue?)] = []
  ) throws -> Slot {
    let count = NativeValue.count(shape, isBlocked: isBlocked)
    if isBlocked, let slot = try placedSlot(value, shape) {
      arena.complete(slot)
      return slot
    }
    for case (let operand?, let form?) in operands
    where form.isBlocked == isBlocked && form.count == count && isReplaceable(operand, form) {
      arena.retain(form.slot)
      return form.slot
    }
    return arena.allocate(count)
  }

  /// The place of a blocked value in a concatenation. A place is given away once: a value and what is made of it can't both
  /// have it.
  private mutating func placedSlot(_ value: Value, _ shape: [Int]) throws -> Slot? {
    guard let place = place(of: value), placed.insert(place).inserted else { return nil }
    return arena.part(
      of: try wholeSlot(place.concatenation), at: place.channel * shape[2...].reduce(1, *),
      count: NativeValue.count(shape, isBlocked: true))
  }

  private mutating func wholeSlot(_ concatenation: Value) throws -> Slot {
    if let known = concatenationSlots[concatenation] { return known }
    let shape = try shape(of: concatenation)
    let made =
      try placedSlot(concatenation, shape) ?? arena.reserve(NativeValue.count(shape, isBlocked: true))
    concatenationSlots[concatenation] = made
    return made
  }

  struct Place: Hashable, Sendable {
    var concatenation: Value
    var channel: Int
  }

  /// The place of a value in the concatenation that reads it, perhaps behind factors that are applied on load.
  private func place(of value: Value) -> Place? {
    let readers = (consumers[value] ?? []).map { graph.nodes[$0] }
    for reader in readers {
      if let channel = concatenations[reader.outputs[0]]?[value] {
        return Place(concatenation: reader.outputs[0], channel: channel)
      }
    }
    for reader in readers
    where ["InstanceNormalization", "BatchNormalization", "Relu", "LeakyRelu"].contains(reader.operator) {
      if let found = place(of: reader.outputs[0]) { return found }
    }
    return nil
  }

  mutating func concatenation(_ node: Node) throws -> Bool {
    let output = node.outputs[0]
    let shape = try shape(of: output)
    let inputs = node.inputs.compactMap(\.self)
    let axis = node.int("axis") ?? 0
    guard NativeValue.isSpatial(shape), axis == 1 || axis == 1 - shape.count,
      inputs.allSatisfy({ isFloat($0) && constant($0) == nil }),
      shape[1] <= 4 || wantsBlocks(output) || inputs.contains(where: isHeldBlocked)
    else { return false }
    let channels = try inputs.map { try self.shape(of: $0)[1] }
    let isBlocked = shape[1] > 4 && channels.dropLast().allSatisfy { $0 % 16 == 0 }
    let parts = try inputs.map { isBlocked ? try blocked($0, allowsLoad: true) : try plain($0, allowsLoad: true) }
    let slot =
      try concatenations[output] == nil
      ? arena.allocate(NativeValue.count(shape, isBlocked: isBlocked)) : wholeSlot(output)
    arena.complete(slot)
    var result = NativeValue(slot: slot, shape: shape, isBlocked: isBlocked)
    var (offset, copied): (Int, [(part: NativeValue, offset: Int)]) = (0, [])
    var (channel, loads): (Int, [(load: NativeValue.Load, channel: Int, count: Int)]) = (0, [])
    for part in parts {
      let isInPlace =
        concatenations[output] != nil && part.slot.block == slot.block && part.slot.offset == slot.offset + offset
      if !isInPlace {
        copied.append((part, offset))
      } else if let load = part.load {
        loads.append((load, channel, part.channels))
      }
      offset += part.sampleStride
      channel += part.channels
    }
    let load = loads.isEmpty ? nil : allocateLoad(channel)
    result.load = load
    define(output, result)
    if !copied.isEmpty {
      step(node.name, "concatenate") { [result, copied] run in
        for (part, offset) in copied {
          var tensor = part.tensor
          martlet_combine(
            run.pool.pool, &tensor, MARTLET_COMBINE_ADD, run.operand(part, part.load), martlet_operand(), nil,
            run.pointer(result.slot) + offset, result.sampleStride)
        }
      }
    }
    if let load {
      step(node.name, "factors") { [loads, channel] run in
        for (target, neutral) in [(load.scale, Float(1)), (load.shift, 0), (load.slope, 1)] {
          run.pointer(target).update(repeating: neutral, count: channel)
        }
        for part in loads {
          for (target, source) in zip(load.parts, part.load.parts) {
            copyBytes(run.pointer(target) + part.channel, run.pointer(source), part.count * 4)
          }
        }
      }
    }
    return true
  }
}
