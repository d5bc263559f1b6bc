/// Arithmetic on shapes and strides, and the strided copy.
enum TensorView {
  /// The lowest and highest element offset that a view reaches; nil on overflow. The shape must not be empty.
  static func elementSpan(shape: Shape, strides: [Int]) -> (lowest: Int, highest: Int)? {
    var lowest = 0
    var highest = 0
    for (extent, stride) in zip(shape.dimensions, strides) {
      let (reach, overflow) = (extent - 1).multipliedReportingOverflow(by: stride)
      guard !overflow else { return nil }
      let (sum, sumOverflow) = (reach < 0 ? lowest : highest).addingReportingOverflow(reach)
      guard !sumOverflow, sum < Int.max else { return nil }
      if reach < 0 { lowest = sum } else { highest = sum }
    }
    return (lowest, highest)
  }

  static func checkedSum(_ base: Int, _ elements: Int, times size: Int) -> Int? {
    let (bytes, overflow) = elements.multipliedReportingOverflow(by: size)
    guard !overflow else { return nil }
    let (sum, sumOverflow) = base.addingReportingOverflow(bytes)
    return sumOverflow ? nil : sum
  }

  /// Copies `tensor` row-major into `target`, which must have room for its bytes.
  static func copy(_ tensor: Tensor, to target: UnsafeMutableRawBufferPointer) {
    guard tensor.count > 0, let destination = target.baseAddress else { return }
    if tensor.isContiguous {
      tensor.withStoredBytes { target.copyMemory(from: $0) }
      return
    }
    tensor.withBase { source in
      switch tensor.elementType.byteCount {
      case 1: copyElements(UInt8.self, tensor, source, destination)
      case 2: copyElements(UInt16.self, tensor, source, destination)
      case 4: copyElements(UInt32.self, tensor, source, destination)
      default: copyElements(UInt64.self, tensor, source, destination)
      }
    }
  }

  /// Copies slices of the outermost axis on all cores; each slice row by row.
  private static func copyElements<Unit: BitwiseCopyable & Sendable>(
    _: Unit.Type, _ tensor: Tensor, _ source: UnsafeRawPointer, _ destination: UnsafeMutableRawPointer
  ) {
    let dimensions = tensor.shape.dimensions
    let strides = tensor.strides
    let from = Shared(source.assumingMemoryBound(to: Unit.self))
    let to = Shared(destination.assumingMemoryBound(to: Unit.self))
    let slice = dimensions.dropFirst().reduce(1, *)
    Parallel.forEach(dimensions[0], grain: max(1, 65_536 / max(slice, 1))) { range in
      for index in range {
        copySlice(
          from.value + index * strides[0], to.value + index * slice, dimensions.dropFirst(), strides.dropFirst())
      }
    }
  }

  private static func copySlice<Unit: BitwiseCopyable>(
    _ source: UnsafePointer<Unit>, _ destination: UnsafeMutablePointer<Unit>, _ dimensions: ArraySlice<Int>,
    _ strides: ArraySlice<Int>
  ) {
    guard let extent = dimensions.first, let stride = strides.first else {
      destination.pointee = source.pointee
      return
    }
    if dimensions.count == 1 {
      for index in 0..<extent { destination[index] = source[index * stride] }
      return
    }
    let slice = dimensions.dropFirst().reduce(1, *)
    for index in 0..<extent {
      copySlice(source + index * stride, destination + index * slice, dimensions.dropFirst(), strides.dropFirst())
    }
  }
}
