import CKernels
import Tensors

/// Brings voxels from the file's order (x fastest) to memory's (z fastest) and back, on all cores.
enum VoxelConversion {
  /// `raw`, stored first axis fastest, as `[C, X, Y, Z]` contiguous.
  static func unpack(
    _ raw: Tensor, channelFirst shape: Shape, to elementType: ElementType, slope: Double, intercept: Double
  ) throws -> Tensor {
    let isScaled = slope != 1 || intercept != 0
    guard let target = elementType.kernelType, elementType != .bool, !isScaled || elementType.isFloatingPoint else {
      // Types that the kernels don't write, and scaled values that end as integers, go through a float.
      let middle: ElementType = elementType == .float16 || elementType == .bfloat16 ? .float32 : .float64
      let isPlainWide = !isScaled && (raw.elementType == .int64 || raw.elementType == .uint64)
      return try unpack(
        raw, channelFirst: shape, to: isPlainWide && elementType == .bool ? raw.elementType : middle, slope: slope,
        intercept: intercept
      ).converted(to: elementType)
    }
    guard let source = raw.elementType.kernelType else { throw NIfTIError.notNIfTI }
    let storage = Storage(byteCount: shape.count * elementType.byteCount, isZeroed: false)
    let memory = UnsafeMutableRawBufferPointer(mutating: storage.bytes)
    let (x, y, z) = (shape[1], shape[2], shape[3])
    raw.withBase { file in
      let from = Shared(file)
      let into = Shared(memory.baseAddress.unsafelyUnwrapped)
      for channel in 0..<shape[0] {
        let offset = channel * x * y * z
        Parallel.forEach(y, grain: max(1, 32_768 / max(x * z, 1))) { rows in
          var box = martlet_voxel_box(
            extent_x: x, extent_z: z, first_y: rows.lowerBound, end_y: rows.upperBound, row: x, slice: x * y,
            stride_x: y * z, stride_y: z, stride_z: 1)
          martlet_unpack_voxels(
            &box, source, from.value + offset * raw.elementType.byteCount, target,
            into.value + offset * elementType.byteCount, isScaled ? 1 : 0, slope, intercept)
        }
      }
    }
    return try Tensor(storage: storage, elementType: elementType, shape: shape)
  }

  /// Writes `voxels` [X, Y, Z], of any strides, into `file` with x fastest. `file` must have room for them, and both
  /// types must be such as NIfTI has.
  static func pack(_ voxels: Tensor, as elementType: ElementType, into file: UnsafeMutableRawPointer) {
    guard let source = voxels.elementType.kernelType, let target = elementType.kernelType else { return }
    let (x, y, z) = (voxels.shape[0], voxels.shape[1], voxels.shape[2])
    voxels.withBase { memory in
      let from = Shared(memory)
      let into = Shared(file)
      Parallel.forEach(y, grain: max(1, 32_768 / max(x * z, 1))) { rows in
        var box = martlet_voxel_box(
          extent_x: x, extent_z: z, first_y: rows.lowerBound, end_y: rows.upperBound, row: x, slice: x * y,
          stride_x: voxels.strides[0], stride_y: voxels.strides[1], stride_z: voxels.strides[2])
        martlet_pack_voxels(&box, source, from.value, target, into.value)
      }
    }
  }

  /// Copies `bytes` into `storage`, which must be as large, reversing the bytes of each element when `isSwapped`.
  static func copy(_ bytes: UnsafeRawBufferPointer, to storage: Storage, elementSize: Int, isSwapped: Bool) {
    let memory = UnsafeMutableRawBufferPointer(mutating: storage.bytes)
    guard isSwapped else { return memory.copyMemory(from: bytes) }
    guard let source = bytes.baseAddress, let target = memory.baseAddress else { return }
    let from = Shared(source)
    let into = Shared(target)
    Parallel.forEach(bytes.count / elementSize, grain: 1 << 18) { range in
      let offset = range.lowerBound * elementSize
      martlet_swap_bytes(from.value + offset, into.value + offset, range.count, elementSize)
    }
  }
}

extension ElementType {
  /// The kernels' name for the type; nil for the 16-bit floats. A bool is a byte.
  var kernelType: martlet_element? {
    switch self {
    case .int8: MARTLET_INT8
    case .int16: MARTLET_INT16
    case .int32: MARTLET_INT32
    case .int64: MARTLET_INT64
    case .uint8, .bool: MARTLET_UINT8
    case .uint16: MARTLET_UINT16
    case .uint32: MARTLET_UINT32
    case .uint64: MARTLET_UINT64
    case .float32: MARTLET_FLOAT32
    case .float64: MARTLET_FLOAT64
    case .float16, .bfloat16: nil
    }
  }
}
