import CKernels
import Graphs
import Tensors

/// Matrix products with what follows them.
extension NativePlanner {
  /// Matrices of one shape as the kernels take them.
  struct Matrices: Sendable {
    let view: NativeView
    /// Where each begins; nil for a single one.
    let offsets: FixedOffsets?
    let rowStride, columnStride: Int

    /// The last two axes of a view are a matrix's; the others count matrices.
    init(_ view: NativeView) {
      self.view = view
      let rank = view.shape.count
      offsets = rank > 2 ? FixedOffsets(view.outerOffsets(inner: 2)) : nil
      rowStride = view.strides[rank - 2]
      columnStride = view.strides[rank - 1]
    }
  }

  enum RightSide: Sendable {
    case packed(FixedFloats)
    case matrices(Matrices)
  }

  /// The sizes of products and what is done to them.
  struct ProductShape: Sendable {
    var batch = 1
    var rows, inner, columns: Int
    var scale: Float = 1
    var bias: [Float]?

    var operations: Int { 2 * batch * rows * inner * columns }
  }

  mutating func matrixProduct(_ node: Node, _ index: Int) throws -> Bool {
    guard let left = node.inputs[0], let right = node.inputs[1], isFloat(left), isFloat(right) else { return false }
    let (leftShape, rightShape) = (try shape(of: left), try shape(of: right))
    let shape = try shape(of: node.outputs[0])
    guard leftShape.count >= 2, rightShape.count >= 2, shape.allSatisfy({ $0 > 0 }), leftShape.last != 0 else {
      return false
    }
    if constant(left) == nil, constant(right) == nil, try attention(node, index) { return true }
    let outer = Array(shape.dropLast(2))
    var product = ProductShape(
      rows: shape[shape.count - 2], inner: leftShape[leftShape.count - 1], columns: shape[shape.count - 1])
    if let weight = constant(right), rightShape.dropLast(2).allSatisfy({ $0 == 1 }) {
      product.rows *= outer.reduce(1, *)
      let rows = [product.rows, product.inner]
      let source = try rawView(left)
      let matrix: NativeView
      if let joined = source.reshaped(to: rows) {
        matrix = joined
      } else {
        matrix = NativeView(.slot(try plain(left).slot), shape: rows)
      }
      product.scale = matrix.scale
      var value = node.outputs[0]
      product.bias = try absorbBias(&value, columns: product.columns)
      let packed = packedWeights(node.name, weight, rows: product.inner, columns: product.columns, isTransposed: false)
      try emit(node.name, product, Matrices(matrix), .packed(packed), &value, shape: shape, absorbsMore: true)
      return true
    }
    let views = [try rawView(left), try rawView(right)]
    let a = views[0].expanded(to: outer + [product.rows, product.inner])
    let b = views[1].expanded(to: outer + [product.inner, product.columns])
    product.batch = outer.reduce(1, *)
    product.scale = a.scale * b.scale
    var value = node.outputs[0]
    try emit(node.name, product, Matrices(a), .matrices(Matrices(b)), &value, shape: shape, absorbsMore: true)
    return true
  }

  mutating func generalProduct(_ node: Node) throws -> Bool {
    guard let left = node.inputs[0], constant(left) == nil, let right = node.inputs[1], let weight = constant(right),
      isFloat(left)
    else { return false }
    var product = ProductShape(
      rows: try shape(of: node.outputs[0])[0], inner: 0, columns: try shape(of: node.outputs[0])[1])
    var matrix = try rawView(left)
    if node.int("transA") ?? 0 != 0 { matrix = matrix.permuted([1, 0]) }
    product.inner = matrix.shape[1]
    product.scale = matrix.scale * (node.float("alpha") ?? 1)
    guard product.rows > 0, product.inner > 0, product.columns > 0 else { return false }
    if node.inputs.count > 2, let addend = node.inputs[2] {
      guard let values = floats(addend), values.count == product.columns || values.count == 1,
        try shape(of: addend).dropLast().allSatisfy({ $0 == 1 })
      else { return false }
      let beta = node.float("beta") ?? 1
      product.bias = (0..<product.columns).map { values[values.count == 1 ? 0 : $0] * beta }
    }
    let packed = packedWeights(
      node.name, weight, rows: product.inner, columns: product.columns, isTransposed: node.int("transB") ?? 0 != 0)
    var value = node.outputs[0]
    try emit(
      node.name, product, Matrices(matrix), .packed(packed), &value, shape: [product.rows, product.columns],
      absorbsMore: true)
    return true
  }

  /// A convolution whose windows don't overlap, or with one window: a product of the windows' elements.
  mutating func windowProduct(_ node: Node, bias: [Float]?) throws -> Bool {
    guard node.operator == "Conv", node.int("group") ?? 1 == 1, let input = node.inputs[0], let value = node.inputs[1],
      let weight = constant(value), paddedSources[input] == nil
    else { return false }
    let (from, to, kernel) = (
      try shape(of: input), try shape(of: node.outputs[0]), Array(weight.shape.dimensions[2...])
    )
    let strides = node.ints("strides") ?? kernel.map { _ in 1 }
    guard (node.ints("pads") ?? []).allSatisfy({ $0 == 0 }), (node.ints("dilations") ?? []).allSatisfy({ $0 == 1 }),
      to[2...].reduce(1, *) == 1 || strides == kernel, from.count <= 5
    else { return false }
    let isPointwise = from[2...].allSatisfy { $0 == 1 } && kernel.allSatisfy { $0 == 1 }
    guard isPointwise || kernel.reduce(1, *) > 64 else { return false }
    let (positions, taps) = (to[2...].reduce(1, *), kernel.reduce(1, *))
    var product = ProductShape(rows: to[0] * positions, inner: from[1] * taps, columns: to[1], bias: bias)
    product.scale = 1
    // [N, C, positions and taps of each axis…] in the order [N, positions…, C, taps…].
    var windows = try view(input)
    let rank = kernel.count
    for axis in 0..<rank { windows = windows.sliced(axis + 2, from: 0, count: to[axis + 2] * kernel[axis]) }
    let own: [Int] = windows.strides
    var extents: [Int] = [from[0]]
    var steps: [Int] = [own[0]]
    for axis in 0..<rank {
      extents.append(to[axis + 2])
      steps.append(own[axis + 2] * kernel[axis])
    }
    extents.append(from[1])
    steps.append(own[1])
    for axis in 0..<rank {
      extents.append(kernel[axis])
      steps.append(own[axis + 2])
    }
    windows.shape = extents
    windows.strides = steps
    let rows = [product.rows, product.inner]
    var copied: Slot?
    let matrix: NativeView
    if let joined = windows.reshaped(to: rows) {
      matrix = joined
    } else {
      let slot = arena.allocate(windows.count)
      copy(windows, to: slot, strides: NativeView.contiguousStrides(windows.shape), node.name, "windows")
      matrix = NativeView(.slot(slot), shape: rows)
      copied = slot
    }
    let packed = packedWeights(node.name, weight, rows: product.inner, columns: product.columns, isTransposed: true)
    // The result has channels last: a view in the convolution's order.
    var output = node.outputs[0]
    let call = absorbFunction(&output)
    let slot = step(node.name, product, Matrices(matrix), .packed(packed), call: call, residual: nil)
    var result = NativeView(.slot(slot), shape: [to[0]] + to[2...] + [to[1]])
    result = result.permuted([0, rank + 1] + Array(1...rank))
    define(output, result)
    arena.release(slot)
    if let copied { arena.release(copied) }
    return true
  }

  /// The constant for each column that the only reader of a product adds; absorbed.
  private mutating func absorbBias(_ value: inout Value, columns: Int) throws -> [Float]? {
    guard let next = onlyConsumer(value), next.node.operator == "Add",
      let other = next.node.inputs.compactMap(\.self).first(where: { $0 != value }), let numbers = floats(other),
      numbers.count == columns || numbers.count == 1, try shape(of: other).dropLast().allSatisfy({ $0 == 1 }),
      try shape(of: next.node.outputs[0]) == shape(of: value)
    else { return nil }
    absorbed.insert(next.index)
    value = next.node.outputs[0]
    return numbers.count == columns ? numbers : Array(repeating: numbers[0], count: columns)
  }

  /// A product with the function and the addition that follow it.
  private mutating func emit(
    _ name: String, _ product: ProductShape, _ left: Matrices, _ right: RightSide, _ value: inout Value, shape: [Int],
    absorbsMore: Bool
  ) throws {
    let call = absorbFunction(&value)
    var residual: NativeValue?
    if let next = onlyConsumer(value), next.node.operator == "Add",
      let other = next.node.inputs.compactMap(\.self).first(where: { $0 != value }), isPlanned(other),
      constant(other) == nil, !isHeldBlocked(other), !wantsBlocks(next.node.outputs[0]),
      try self.shape(of: other) == shape, try self.shape(of: value) == shape
    {
      residual = try plain(other)
      absorbed.insert(next.index)
      value = next.node.outputs[0]
    }
    let slot = step(name, product, left, right, call: call, residual: residual?.slot)
    define(value, NativeValue(slot: slot, shape: shape))
  }

  /// The step of a product; its result's slot.
  private mutating func step(
    _ name: String, _ product: ProductShape, _ left: Matrices, _ right: RightSide, call: martlet_function_call,
    residual: Slot?
  ) -> Slot {
    let bias = product.bias.map { FixedFloats($0) }
    let target = arena.allocate(product.batch * product.rows * product.columns)
    var sizes = martlet_product()
    sizes.batch = product.batch
    sizes.rows = Int32(product.rows)
    sizes.inner = Int32(product.inner)
    sizes.columns = Int32(product.columns)
    sizes.left.row_stride = left.rowStride
    sizes.left.column_stride = left.columnStride
    // Only whether it is there decides the working memory.
    if case .packed(let floats) = right { sizes.packed = floats.pointer }
    let scratch = arena.allocate(martlet_product_scratch_count(&sizes, Int32(threads.count)))
    step(name, call.function == MARTLET_IDENTITY ? "product" : "product, function", operations: product.operations) {
      [bias] run in
      var job = martlet_product()
      job.batch = product.batch
      job.rows = Int32(product.rows)
      job.inner = Int32(product.inner)
      job.columns = Int32(product.columns)
      job.left = run.matrices(left)
      switch right {
      case .packed(let floats): job.packed = floats.pointer
      case .matrices(let matrices): job.right = run.matrices(matrices)
      }
      job.scale = product.scale
      job.bias = bias?.pointer
      job.function = call
      job.residual = residual.map { UnsafePointer(run.pointer($0)) }
      job.target = run.pointer(target)
      martlet_product_run(run.pool.pool, &job, run.pointer(scratch))
    }
    arena.release(scratch)
    return target
  }

  /// A constant right side as the kernel reads it; made once for all plans. `isTransposed`: the constant is
  /// `[columns, rows…]`.
  private func packedWeights(_ name: String, _ weight: Tensor, rows: Int, columns: Int, isTransposed: Bool)
    -> FixedFloats
  {
    prepared.weights("\(name) packed", count: martlet_matrix_packed_count(Int32(rows), Int32(columns))) { target in
      weight.converted(to: .float32).contiguous().withElements(of: Float.self) { source in
        var matrix = martlet_matrices(
          values: source.baseAddress, offsets: nil, row_stride: isTransposed ? 1 : columns,
          column_stride: isTransposed ? rows : 1)
        threads.use { martlet_matrix_pack(threads.pool, &matrix, Int32(rows), Int32(columns), target) }
      }
      weight.giveBackPages()
    }
  }
}
