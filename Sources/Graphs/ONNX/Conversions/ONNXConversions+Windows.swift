import OrderedCollections
import Tensors

/// Operators that slide a window: convolutions and pooling. Automatic padding, ceilings and wanted output extents become
/// plain padding.
extension ONNXConversions {
  static let windows: [String: Conversion] = [
    "Conv": { importer, call in
      let inputs = try importer.values(call)
      var window = try importer.window(call, kernel: importer.type(call, 1).shape.dropFirst(2).map(\.constant))
      try window.padAutomatically(call)
      return try importer.apply(call, "Conv", inputs, window.convolution)
    },
    "ConvTranspose": { importer, call in
      let inputs = try importer.values(call)
      var window = try importer.window(call, kernel: importer.type(call, 1).shape.dropFirst(2).map(\.constant))
      let outputPadding = try window.padForOutput(call)
      var attributes = window.convolution
      if outputPadding.contains(where: { $0 != 0 }) { attributes["output_padding"] = .ints(outputPadding) }
      return try importer.apply(call, "ConvTranspose", inputs, attributes)
    },
    "MaxPool": { importer, call in
      var window = try importer.window(call, kernel: nil)
      try window.padAutomatically(call)
      _ = try window.padForCeiling(call)
      let greatest = try importer.apply(call, "MaxPool", [importer.value(call, 0)], window.pooling)
      guard call.hasOutput(1) else { return greatest }
      return [greatest[0], ONNXOperand(try importer.places(call, window))]
    },
    "MaxUnpool": { importer, call in try importer.maxUnpool(call) },
    "AveragePool": { importer, call in
      var input = try importer.value(call, 0)
      var window = try importer.window(call, kernel: nil)
      try window.padAutomatically(call)
      let before = window
      let reachesPast = try window.padForCeiling(call)
      var countsPadding = call.int("count_include_pad") ?? 0
      if reachesPast, countsPadding == 1 {
        // The padding that was asked for counts; what a ceiling adds behind it doesn't.
        let rank = before.kernel.count
        input = try importer.graph.padSpatial(
          input, before: Array(before.pads.prefix(rank)), after: Array(before.pads.suffix(rank)))
        window.pads = zip(window.pads, before.pads).map { $0 - $1 }
        countsPadding = 0
      }
      var attributes = window.pooling
      attributes["count_include_pad"] = .int(countsPadding)
      return try importer.apply(call, "AveragePool", [input], attributes)
    },
    "LpPool": { importer, call in
      let input = try importer.value(call, 0)
      var window = try importer.window(call, kernel: nil)
      try window.padAutomatically(call)
      _ = try window.padForCeiling(call)
      let powers = try importer.powers(call, input)
      let rank = window.kernel.count
      let padded = try importer.graph.padSpatial(
        powers, before: Array(window.pads.prefix(rank)), after: Array(window.pads.suffix(rank)))
      window.pads = window.pads.map { _ in 0 }
      let mean = try importer.graph.apply("AveragePool", [padded], window.pooling)[0]
      let count = importer.scalar(
        Double(window.kernel.reduce(1, *)), importer.graph.type(of: input).elementType, "count")
      return try importer.root(call, importer.graph.multiply(mean, count))
    },
    "GlobalLpPool": { importer, call in
      let powers = try importer.powers(call, importer.value(call, 0))
      let axes = Array(2..<max(importer.graph.type(of: powers).rank, 2))
      return try importer.root(call, importer.graph.reduceSum(powers, axes: axes))
    },
    "Col2Im": { importer, call in try importer.columnsToImage(call) },
  ]
}

extension ONNXImporter {
  /// |x|ᵖ.
  fileprivate mutating func powers(_ call: ONNXCall, _ input: Value) throws -> Value {
    let exponent = scalar(Double(call.int("p") ?? 2), graph.type(of: input).elementType, "p")
    return try graph.power(graph.apply("Abs", [input])[0], exponent)
  }

  /// The p-th root.
  fileprivate mutating func root(_ call: ONNXCall, _ input: Value) throws -> [ONNXOperand] {
    let exponent = scalar(1 / Double(call.int("p") ?? 2), graph.type(of: input).elementType, "exponent")
    return try apply(call, "Pow", [input, exponent])
  }

  /// Columns `[N, C · block, positions]` summed up where they overlap: a transposed convolution, whose weight puts each
  /// column's entry at its place of the block.
  fileprivate mutating func columnsToImage(_ call: ONNXCall) throws -> [ONNXOperand] {
    let input = try value(call, 0)
    let image = try integers(call, 1, "extents of the image")
    let block = try integers(call, 2, "extents of the block")
    let rank = image.count
    func numbers(_ name: String, _ count: Int, _ fallback: Int) throws -> [Int] {
      let values = call.ints(name) ?? Array(repeating: fallback, count: count)
      guard values.count == count, values.allSatisfy({ (fallback...1 << 14).contains($0) }) else {
        throw call.invalid("'\(name)' is \(values)", expected: "\(count) numbers, each at least \(fallback)")
      }
      return values
    }
    let strides = try numbers("strides", rank, 1)
    let dilations = try numbers("dilations", rank, 1)
    let pads = try numbers("pads", 2 * rank, 0)
    let taps = block.reduce(1.0) { $0 * Double($1) }
    guard (1...3).contains(rank), block.count == rank, (block + image).allSatisfy({ (1...1 << 14).contains($0) }),
      taps <= 0x1p20, let rows = graph.type(of: input).shape.dropFirst().first?.constant, rows % Int(taps) == 0,
      Double(rows) * taps <= 0x1p28
    else { throw call.unsupported("columns \(graph.type(of: input)) of blocks \(block) for an image \(image)") }
    var counts: [Int] = []
    var rest: [Int] = []
    for axis in 0..<rank {
      let reach = image[axis] + pads[axis] + pads[axis + rank] - dilations[axis] * (block[axis] - 1) - 1
      guard reach >= 0 else { throw call.invalid("the block \(block) doesn't fit", expected: "a smaller one") }
      counts.append(reach / strides[axis] + 1)
      rest.append(reach % strides[axis])
    }
    var weight = [Float](repeating: 0, count: rows * Int(taps))
    for row in 0..<rows { weight[row * Int(taps) + row % Int(taps)] = 1 }
    var kernel = Tensor(weight, Shape([rows, 1] + block))
    let type = graph.type(of: input).elementType
    if type != .float32 { kernel = kernel.converted(to: type) }
    var attributes: OrderedDictionary<String, Attribute> = [
      "kernel_shape": .ints(block), "strides": .ints(strides), "pads": .ints(pads), "dilations": .ints(dilations),
      "group": .int(rows / Int(taps)),
    ]
    if rest.contains(where: { $0 != 0 }) { attributes["output_padding"] = .ints(rest) }
    let columns = try graph.reshape(input, [0, rows] + counts)
    return try apply(
      call, "ConvTranspose", [columns, graph.constant(kernel, name: graph.scopedName("blocks"))], attributes)
  }
}

/// The window of one node.
struct ONNXWindow {
  let extents: [Dimension]
  let kernel: [Int]
  let strides: [Int]
  let dilations: [Int]
  var pads: [Int]
  let groups: Int

  /// The elements that the window spans on an axis.
  func reach(_ axis: Int) -> Int { dilations[axis] * (kernel[axis] - 1) + 1 }

  /// The attributes that convolutions have here.
  var convolution: OrderedDictionary<String, Attribute> {
    [
      "kernel_shape": .ints(kernel), "strides": .ints(strides), "pads": .ints(pads), "dilations": .ints(dilations),
      "group": .int(groups),
    ]
  }

  var pooling: OrderedDictionary<String, Attribute> {
    var attributes: OrderedDictionary<String, Attribute> = [
      "kernel_shape": .ints(kernel), "strides": .ints(strides), "pads": .ints(pads),
    ]
    if dilations.contains(where: { $0 != 1 }) { attributes["dilations"] = .ints(dilations) }
    return attributes
  }

  private func extent(_ axis: Int, _ call: ONNXCall) throws -> Int {
    guard let extent = extents[axis].constant else {
      throw call.unsupported("its padding depends on the extent \(extents[axis])", hint: ONNXImporter.fixedHint)
    }
    return extent
  }

  /// `auto_pad`: SAME makes extents of ceil(extent / stride), VALID pads nothing.
  mutating func padAutomatically(_ call: ONNXCall) throws {
    let mode = call.string("auto_pad") ?? "NOTSET"
    switch mode {
    case "NOTSET", "": return
    case "VALID": pads = pads.map { _ in 0 }
    case "SAME_UPPER", "SAME_LOWER":
      for axis in kernel.indices {
        let extent = try extent(axis, call)
        let count = (extent + strides[axis] - 1) / strides[axis]
        try put(max((count - 1) * strides[axis] + reach(axis) - extent, 0), axis, atEnd: mode == "SAME_UPPER")
      }
    default: throw call.unsupported("auto_pad is '\(mode)'")
    }
  }

  /// Spreads padding over both sides; the odd one goes to the end or the beginning.
  private mutating func put(_ total: Int, _ axis: Int, atEnd: Bool) throws {
    pads[axis] = atEnd ? total / 2 : total - total / 2
    pads[axis + kernel.count] = total - pads[axis]
  }

  /// `ceil_mode`: the last window may reach past the end. Whether it does.
  mutating func padForCeiling(_ call: ONNXCall) throws -> Bool {
    guard call.int("ceil_mode") ?? 0 == 1 else { return false }
    var reachesPast = false
    for axis in kernel.indices {
      let extent = try extent(axis, call)
      let padded = extent + pads[axis] + pads[axis + kernel.count]
      var count = max(padded - reach(axis) + strides[axis] - 1, 0) / strides[axis] + 1
      // A window that would begin in the padding behind the end is left out.
      if (count - 1) * strides[axis] >= extent + pads[axis] { count -= 1 }
      let missing = (count - 1) * strides[axis] + reach(axis) - padded
      if missing > 0 {
        pads[axis + kernel.count] += missing
        reachesPast = true
      }
    }
    return reachesPast
  }

  /// The padding of a transposed convolution for `output_shape` or `auto_pad`.
  /// - Returns: The output padding.
  mutating func padForOutput(_ call: ONNXCall) throws -> [Int] {
    var outputPadding = call.ints("output_padding") ?? kernel.map { _ in 0 }
    guard outputPadding.count == kernel.count, outputPadding.allSatisfy({ (0...1 << 14).contains($0) }) else {
      throw call.invalid("output_padding is \(outputPadding)", expected: "\(kernel.count) numbers")
    }
    let mode = call.string("auto_pad") ?? "NOTSET"
    var wanted = call.ints("output_shape")
    if let shape = wanted {
      wanted = Array(shape.suffix(kernel.count))
      guard shape.count >= kernel.count, shape.allSatisfy({ (1...1 << 30).contains($0) }) else {
        throw call.invalid("output_shape is \(shape)", expected: "\(kernel.count) extents")
      }
    }
    if mode == "VALID" { pads = pads.map { _ in 0 } }
    guard wanted != nil || mode.hasPrefix("SAME") else { return outputPadding }
    for axis in kernel.indices {
      let extent = try extent(axis, call)
      let target = wanted?[axis] ?? extent * strides[axis]
      let total = strides[axis] * (extent - 1) + outputPadding[axis] + reach(axis) - target
      if total < 0 { outputPadding[axis] -= total }
      try put(max(total, 0), axis, atEnd: mode == "SAME_UPPER")
    }
    return outputPadding
  }
}

extension ONNXImporter {
  /// Strides, dilations, padding and groups are at most this, so that the arithmetic on extents can't overflow.
  private static let windowLimit = 1 << 14

  /// The window that a node's attributes describe.
  /// - Parameter kernel: The weight's extents; nil when the attribute must tell.
  mutating func window(_ call: ONNXCall, kernel: [Int?]?) throws -> ONNXWindow {
    let type = try type(call, 0)
    let rank = type.rank - 2
    let extents = kernel?.compactMap(\.self) ?? call.ints("kernel_shape") ?? []
    guard rank >= 1, extents.count == rank, extents.allSatisfy({ (1...Self.windowLimit).contains($0) }) else {
      throw call.invalid("the window \(extents) doesn't fit the input \(type)", expected: "\(max(rank, 0)) extents")
    }
    func numbers(_ name: String, _ count: Int, _ fallback: Int, _ minimum: Int) throws -> [Int] {
      let values = call.ints(name).flatMap { $0.isEmpty ? nil : $0 } ?? Array(repeating: fallback, count: count)
      guard values.count == count, values.allSatisfy({ (minimum...Self.windowLimit).contains($0) }) else {
        throw call.invalid("'\(name)' is \(values)", expected: "\(count) numbers, each at least \(minimum)")
      }
      return values
    }
    let groups = call.int("group") ?? 1
    guard (1...Self.windowLimit).contains(groups) else {
      throw call.invalid("'group' is \(groups)", expected: "1 to \(Self.windowLimit)")
    }
    return ONNXWindow(
      extents: type.spatial, kernel: extents, strides: try numbers("strides", rank, 1, 1),
      dilations: try numbers("dilations", rank, 1, 1), pads: try numbers("pads", 2 * rank, 0, 0),
      groups: groups)
  }
}
