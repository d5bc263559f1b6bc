package import Diagnostics

/// An array of numbers with a shape: a strided view of some ``Storage``.
///
/// A value type: copying shares the bytes, writing copies them first when they are shared or can't be written.
/// Strides are in elements and may be negative or zero (a flipped or an expanded view).
/// A tensor that isn't aligned to its elements, as files without alignment have them, is always row-major; whoever reads
/// its elements gets an aligned copy.
package struct Tensor: Sendable {
  package let elementType: ElementType
  package let shape: Shape
  /// Elements from one index to the next, per axis.
  package let strides: [Int]
  /// The first element's place in the storage, in bytes.
  package let byteOffset: Int
  package private(set) var storage: Storage

  /// A view of `storage`.
  /// - Throws: ``TensorError`` when an element would lie outside the storage or isn't aligned to its type.
  package init(
    storage: Storage, elementType: ElementType, shape: Shape, strides: [Int]? = nil, byteOffset: Int = 0
  ) throws {
    guard let count = shape.checkedCount else {
      throw TensorError.invalidShape(shape.dimensions, strides: strides ?? [])
    }
    let strides = strides ?? shape.contiguousStrides
    guard strides.count == shape.rank, (0...storage.bytes.count).contains(byteOffset) else {
      throw TensorError.invalidShape(shape.dimensions, strides: strides)
    }
    if count > 0 {
      let size = elementType.byteCount
      guard let span = TensorView.elementSpan(shape: shape, strides: strides),
        let first = TensorView.checkedSum(byteOffset, span.lowest, times: size),
        let end = TensorView.checkedSum(byteOffset, span.highest + 1, times: size),
        first >= 0, end <= storage.bytes.count
      else {
        throw TensorError.outsideStorage(shape: shape, elementType: elementType, available: storage.bytes.count)
      }
      guard (Int(bitPattern: storage.bytes.baseAddress) + byteOffset) % size == 0 else {
        throw TensorError.misaligned(elementType: elementType, byteOffset: byteOffset)
      }
    }
    self.init(unchecked: storage, elementType: elementType, shape: shape, strides: strides, byteOffset: byteOffset)
  }

  /// A row-major tensor at any address of `storage`, which need not fit the elements' alignment.
  /// - Throws: ``TensorError`` when an element would lie outside the storage.
  package init(
    unaligned storage: Storage, elementType: ElementType, shape: Shape, byteOffset: Int
  ) throws {
    guard let count = shape.checkedCount else { throw TensorError.invalidShape(shape.dimensions, strides: []) }
    guard byteOffset >= 0, let end = TensorView.checkedSum(byteOffset, count, times: elementType.byteCount),
      end <= storage.bytes.count
    else { throw TensorError.outsideStorage(shape: shape, elementType: elementType, available: storage.bytes.count) }
    self.init(
      unchecked: storage, elementType: elementType, shape: shape, strides: shape.contiguousStrides,
      byteOffset: byteOffset)
  }

  private init(unchecked storage: Storage, elementType: ElementType, shape: Shape, strides: [Int], byteOffset: Int) {
    self.storage = storage
    self.elementType = elementType
    self.shape = shape
    self.strides = strides
    self.byteOffset = byteOffset
  }

  /// A new contiguous tensor; its elements are zero unless `isZeroed` is false.
  package init(_ elementType: ElementType, _ shape: Shape, isZeroed: Bool = true) {
    self.init(
      unchecked: Storage(byteCount: shape.count * elementType.byteCount, isZeroed: isZeroed),
      elementType: elementType, shape: shape, strides: shape.contiguousStrides, byteOffset: 0)
  }

  /// A new contiguous tensor of `values` in row-major order. The count must fit the shape.
  package init<Element: TensorElement>(_ values: [Element], _ shape: Shape) {
    precondition(values.count == shape.count, "\(values.count) values don't fill \(shape)")
    self.init(Element.elementType, shape, isZeroed: false)
    withMutableElements(of: Element.self) { target in
      values.withUnsafeBufferPointer { _ = target.update(from: $0) }
    }
  }

  /// A scalar.
  package init<Element: TensorElement>(scalar value: Element) { self.init([value], []) }

  package var count: Int { shape.count }
  package var byteCount: Int { count * elementType.byteCount }

  /// Whether the elements lie row-major without gaps.
  package var isContiguous: Bool {
    var expected = 1
    for axis in stride(from: shape.rank - 1, through: 0, by: -1) where shape[axis] != 1 {
      if strides[axis] != expected { return count == 0 }
      expected *= shape[axis]
    }
    return true
  }

  /// Whether the first element, and so each, lies at an address that fits its type.
  package var isAligned: Bool {
    (Int(bitPattern: storage.bytes.baseAddress) + byteOffset) % elementType.byteCount == 0
  }

  // MARK: Views

  /// The same elements with the axes in another order.
  package func permuted(_ axes: [Int]) -> Tensor {
    precondition(axes.sorted() == Array(0..<shape.rank), "\(axes) is no order of \(shape.rank) axes")
    guard isAligned else { return copy().permuted(axes) }
    return Tensor(
      unchecked: storage, elementType: elementType, shape: Shape(axes.map { shape[$0] }),
      strides: axes.map { strides[$0] }, byteOffset: byteOffset)
  }

  /// The same elements with some axes reversed.
  package func flipped(_ axes: [Int]) -> Tensor {
    guard isAligned else { return copy().flipped(axes) }
    var strides = strides
    var offset = byteOffset
    for axis in axes where shape[axis] > 0 {
      offset += (shape[axis] - 1) * strides[axis] * elementType.byteCount
      strides[axis] = -strides[axis]
    }
    return Tensor(unchecked: storage, elementType: elementType, shape: shape, strides: strides, byteOffset: offset)
  }

  /// The elements `range` of one axis.
  package func sliced(_ axis: Int, _ range: Range<Int>) -> Tensor {
    precondition(range.lowerBound >= 0 && range.upperBound <= shape[axis], "\(range) leaves axis \(axis) of \(shape)")
    guard isAligned else { return copy().sliced(axis, range) }
    var shape = shape
    shape[axis] = range.count
    return Tensor(
      unchecked: storage, elementType: elementType, shape: shape, strides: strides,
      byteOffset: byteOffset + range.lowerBound * strides[axis] * elementType.byteCount)
  }

  /// The tensor stretched to `shape` without copying: missing leading axes and axes of extent 1 are repeated.
  package func expanded(to target: Shape) -> Tensor {
    let missing = target.rank - shape.rank
    precondition(missing >= 0, "\(shape) can't be stretched to \(target)")
    guard isAligned else { return copy().expanded(to: target) }
    let strides = target.dimensions.indices.map { axis -> Int in
      guard axis >= missing, shape[axis - missing] == target[axis] else {
        precondition(axis < missing || shape[axis - missing] == 1, "\(shape) can't be stretched to \(target)")
        return 0
      }
      return self.strides[axis - missing]
    }
    return Tensor(unchecked: storage, elementType: elementType, shape: target, strides: strides, byteOffset: byteOffset)
  }

  /// The same elements in another shape of the same count; copies only when the tensor isn't contiguous.
  package func reshaped(_ shape: Shape) -> Tensor {
    precondition(shape.count == count, "\(self.shape) can't become \(shape)")
    let dense = isContiguous ? self : copy()
    return Tensor(
      unchecked: dense.storage, elementType: elementType, shape: shape, strides: shape.contiguousStrides,
      byteOffset: dense.byteOffset)
  }

  // MARK: Access

  /// The bytes of a row-major tensor where they lie, aligned to nothing (copied first when it isn't row-major).
  package func withStoredBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    let dense = isContiguous ? self : copy()
    return try withExtendedLifetime(dense.storage) {
      try body(
        UnsafeRawBufferPointer(rebasing: dense.storage.bytes[dense.byteOffset..<dense.byteOffset + dense.byteCount]))
    }
  }

  /// The bytes of a contiguous, aligned tensor (copied first when it isn't).
  package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    let dense = contiguous()
    return try withExtendedLifetime(dense.storage) {
      try body(
        UnsafeRawBufferPointer(rebasing: dense.storage.bytes[dense.byteOffset..<dense.byteOffset + dense.byteCount]))
    }
  }

  /// The elements in row-major order (copied first when they don't lie so). The type must be the tensor's.
  package func withElements<Element: TensorElement, Result>(
    of type: Element.Type, _ body: (UnsafeBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    precondition(
      Element.elementType == elementType || (elementType == .bool && Element.self == UInt8.self),
      "the tensor holds \(elementType)")
    return try withUnsafeBytes { try body($0.bindMemory(to: Element.self)) }
  }

  /// The place of the first element, for kernels that follow the strides. Valid during the call only.
  package func withBase<Result>(_ body: (UnsafeRawPointer) throws -> Result) rethrows -> Result {
    guard isAligned else { return try copy().withBase(body) }
    return try withExtendedLifetime(storage) {
      // An empty storage still has an address: one byte is always allocated; an empty mapped file has none.
      let base = storage.bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 64).unsafelyUnwrapped
      return try body(base + byteOffset)
    }
  }

  /// The elements for writing, row-major; the bytes are copied first when they are shared, strided or not writable.
  package mutating func withMutableElements<Element: TensorElement, Result>(
    of type: Element.Type, _ body: (UnsafeMutableBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    precondition(
      Element.elementType == elementType || (elementType == .bool && Element.self == UInt8.self),
      "the tensor holds \(elementType)")
    if !storage.isWritable || !isContiguous || !isAligned || !isKnownUniquelyReferenced(&storage) { self = copy() }
    let bytes = UnsafeMutableRawBufferPointer(mutating: storage.bytes)
    return try withExtendedLifetime(storage) {
      try body(
        UnsafeMutableRawBufferPointer(rebasing: bytes[byteOffset..<byteOffset + byteCount]).bindMemory(to: Element.self)
      )
    }
  }

  /// The raw bytes for writing, row-major; copied first when they are shared, strided or not writable.
  package mutating func withMutableBytes<Result>(_ body: (UnsafeMutableRawBufferPointer) throws -> Result) rethrows
    -> Result
  {
    if !storage.isWritable || !isContiguous || !isAligned || !isKnownUniquelyReferenced(&storage) { self = copy() }
    let bytes = UnsafeMutableRawBufferPointer(mutating: storage.bytes)
    return try withExtendedLifetime(storage) {
      try body(UnsafeMutableRawBufferPointer(rebasing: bytes[byteOffset..<byteOffset + byteCount]))
    }
  }

  /// The elements as an array, row-major.
  package func array<Element: TensorElement>(of type: Element.Type) -> [Element] {
    withElements(of: type) { Array($0) }
  }

  /// The tensor itself when it is contiguous and aligned, else such a copy.
  package func contiguous() -> Tensor { isContiguous && isAligned ? self : copy() }

  /// Says that the elements won't be read again soon, which gives back the memory behind a mapped file's.
  package func giveBackPages() {
    guard isContiguous else { return }
    storage.giveBack(byteOffset..<byteOffset + byteCount)
  }

  /// A contiguous copy in memory of its own.
  package func copy() -> Tensor {
    let target = Tensor(elementType, shape, isZeroed: false)
    TensorView.copy(self, to: UnsafeMutableRawBufferPointer(mutating: target.storage.bytes))
    return target
  }
}

/// A tensor's description of its own bytes doesn't hold.
package enum TensorError: DiagnosedError, Equatable {
  case invalidShape([Int], strides: [Int])
  case outsideStorage(shape: Shape, elementType: ElementType, available: Int)
  case misaligned(elementType: ElementType, byteOffset: Int)

  package var diagnosis: Diagnosis {
    switch self {
    case .invalidShape(let shape, let strides):
      Diagnosis(.data, "a tensor has the impossible shape \(shape) with strides \(strides)")
    case .outsideStorage(let shape, let elementType, let available):
      Diagnosis(
        .data, "a tensor of \(elementType) \(shape) reaches outside its storage",
        expected: "a view of \(available) bytes",
        hint: "the file is damaged or not what it claims to be")
    case .misaligned(let elementType, let byteOffset):
      Diagnosis(.data, "a \(elementType) tensor begins at byte \(byteOffset), which isn't aligned to its elements")
    }
  }
}
