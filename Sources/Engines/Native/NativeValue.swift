import CKernels

/// A value while a plan is made: where it lies, in which layout, and what is still to be done to it.
struct NativeValue: Sendable {
  /// Factors that whoever reads the value applies: rectify(x * scale + shift, slope), each `[N, channels]`.
  struct Load: Sendable {
    var scale, shift, slope: Slot
    /// The slot that the three are parts of.
    var whole: Slot

    var parts: [Slot] { [scale, shift, slope] }
  }

  var slot: Slot
  /// As the graph has it.
  var shape: [Int]
  var isBlocked = false
  var load: Load?
  /// The sum of each sample's channel and of its squares, as doubles.
  var statistics: Slot?
  /// The output of the network that the value is written to at once; its slot is empty then.
  var output: Int?

  init(slot: Slot, shape: [Int], isBlocked: Bool = false) {
    self.slot = slot
    self.shape = shape
    self.isBlocked = isBlocked
  }

  /// More than four channels of a tensor with one to three spatial axes are held in blocks.
  static func prefersBlocks(_ shape: [Int]) -> Bool { isSpatial(shape) && shape[1] > 4 }

  /// `[N, C, one to three axes]`.
  static func isSpatial(_ shape: [Int]) -> Bool { (3...5).contains(shape.count) }

  /// The floats of a value of this shape in a layout.
  static func count(_ shape: [Int], isBlocked: Bool) -> Int {
    isBlocked ? shape[0] * paddedChannels(shape[1]) * shape[2...].reduce(1, *) : shape.reduce(1, *)
  }

  static func paddedChannels(_ channels: Int) -> Int { (channels + 15) / 16 * 16 }

  var count: Int { Self.count(shape, isBlocked: isBlocked) }
  /// Channels of the factors on load.
  var channels: Int { isBlocked ? Self.paddedChannels(shape[1]) : shape[1] }
  /// Floats from one sample to the next.
  var sampleStride: Int { shape[0] == 0 ? 0 : count / shape[0] }
  /// Positions of one channel.
  var positions: Int { shape[2...].reduce(1, *) }

  /// Every slot that the value holds.
  var slots: [Slot] { [slot] + (load.map { [$0.whole] } ?? []) + (statistics.map { [$0] } ?? []) }

  /// The spatial extents with 1 for missing axes in front.
  var extents: [Int] { Self.extents(shape) }
  static func extents(_ shape: [Int]) -> [Int] {
    Array(repeating: 1, count: max(0, 5 - shape.count)) + shape.dropFirst(2)
  }

  /// As the kernels see it.
  var tensor: martlet_network_tensor {
    let extents = extents.map(Int32.init)
    return martlet_network_tensor(
      batch: Int32(shape[0]), channels: Int32(shape[1]), extents: (extents[0], extents[1], extents[2]),
      is_plain: isBlocked ? 0 : 1)
  }
}

extension NativeRun {
  /// Where a step writes its result.
  func target(_ value: NativeValue) -> UnsafeMutablePointer<Float> {
    value.output.map { outputs[$0].assumingMemoryBound(to: Float.self) } ?? pointer(value.slot)
  }

  /// A value as an operand of the element by element kernels.
  func operand(_ value: NativeValue, _ load: NativeValue.Load?) -> martlet_operand {
    martlet_operand(
      values: pointer(value.slot), scale: load.map { UnsafePointer(pointer($0.scale)) },
      shift: load.map { UnsafePointer(pointer($0.shift)) }, slope: load.map { UnsafePointer(pointer($0.slope)) })
  }
}
