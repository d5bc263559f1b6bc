import CKernels
import Tensors

/// A value as elements that lie somewhere at any strides: what permutations, slices, broadcasts and most reshapes make of
/// another value, without moving it.
struct NativeView: Sendable {
  enum Base: Sendable {
    /// A slot of the run's memory.
    case slot(Slot)
    /// A constant of the graph.
    case constant(FixedFloats)
  }

  var base: Base
  /// Floats from the base to the first element.
  var offset = 0
  var shape: [Int]
  var strides: [Int]
  /// What each element is multiplied with when it is read.
  var scale: Float = 1

  /// Contiguous elements.
  init(_ base: Base, shape: [Int]) {
    self.base = base
    self.shape = shape
    strides = Self.contiguousStrides(shape)
  }

  static func contiguousStrides(_ shape: [Int]) -> [Int] {
    var strides = shape
    var stride = 1
    for axis in shape.indices.reversed() {
      strides[axis] = stride
      stride *= shape[axis]
    }
    return strides
  }

  var count: Int { shape.reduce(1, *) }

  var isContiguous: Bool {
    zip(zip(shape, strides), Self.contiguousStrides(shape)).allSatisfy { $0.0 == 1 || $0.1 == $1 }
  }

  func permuted(_ axes: [Int]) -> NativeView {
    var result = self
    result.shape = axes.map { shape[$0] }
    result.strides = axes.map { strides[$0] }
    return result
  }

  /// Every `step`-th element from `start` along an axis, `count` of them.
  func sliced(_ axis: Int, from start: Int, count: Int, step: Int = 1) -> NativeView {
    var result = self
    result.offset += start * strides[axis]
    result.shape[axis] = count
    result.strides[axis] *= step
    return result
  }

  /// Stretched to a shape by NumPy's broadcasting.
  func expanded(to target: [Int]) -> NativeView {
    var result = self
    let missing = target.count - shape.count
    result.shape = target
    result.strides = target.indices.map { axis in
      axis < missing || (shape[axis - missing] == 1 && target[axis] != 1) ? 0 : strides[axis - missing]
    }
    return result
  }

  /// The same elements in another shape; nil where that takes a copy.
  func reshaped(to target: [Int]) -> NativeView? {
    guard target.reduce(1, *) == count else { return nil }
    // Neighbouring axes that lie as one are joined, then split as the target wants them.
    var joined: [(extent: Int, stride: Int)] = []
    for (extent, stride) in zip(shape, strides) where extent != 1 {
      if let last = joined.last, last.stride == extent * stride {
        joined[joined.count - 1] = (last.extent * extent, stride)
      } else {
        joined.append((extent, stride))
      }
    }
    var result = self
    result.shape = target
    result.strides = []
    var rest = joined[...]
    // What is left of the current run, from its outermost part.
    var open = 1
    for extent in target {
      if extent == 1 {
        result.strides.append(0)
        continue
      }
      if open == 1 {
        guard let next = rest.popFirst() else { return nil }
        open = next.extent
        rest.insert((open, next.stride), at: rest.startIndex)
      }
      guard let run = rest.first, open % extent == 0 else { return nil }
      open /= extent
      result.strides.append(run.stride * open)
      if open == 1 { rest.removeFirst() }
    }
    return result
  }

  /// For each index of the axes in front of the last `inner`, row-major, the offset of its first element.
  func outerOffsets(inner: Int) -> [Int] {
    var offsets = [0]
    for axis in 0..<max(shape.count - inner, 0) {
      offsets = offsets.flatMap { base in (0..<shape[axis]).map { base + $0 * strides[axis] } }
    }
    return offsets
  }
}

extension NativeRun {
  func pointer(_ view: NativeView) -> UnsafeMutablePointer<Float> {
    switch view.base {
    case .slot(let slot): pointer(slot) + view.offset
    // Only read; kernels take sources as constant pointers.
    case .constant(let floats): UnsafeMutablePointer(mutating: floats.pointer) + view.offset
    }
  }
}

/// Numbers that live as long as a plan, at an address that doesn't change.
struct FixedOffsets: Sendable {
  private let tensor: Tensor

  init(_ values: [Int]) { tensor = Tensor(values.map(Int64.init), [values.count]) }

  /// Valid as long as this value lives.
  var pointer: UnsafePointer<Int> { tensor.withBase { $0.assumingMemoryBound(to: Int.self) } }
}

/// Extents as the strided kernels take them.
func nativeAxes(_ extents: [Int]) -> martlet_axes {
  var axes = martlet_axes()
  axes.rank = Int32(extents.count)
  withUnsafeMutableBytes(of: &axes.extents) { target in
    extents.withUnsafeBytes { target.copyMemory(from: $0) }
  }
  return axes
}
