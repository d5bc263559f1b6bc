import OrderedCollections
import Tensors

/// Attention and what goes with it, written with matrix products and a softmax.
/// https://onnx.ai/onnx/operators/onnx__Attention.html
extension ONNXConversions {
  static let attention: [String: Conversion] = [
    "Attention": { importer, call in try importer.attention(call) },
    "RotaryEmbedding": { importer, call in try importer.rotaryEmbedding(call) },
    "SwiGLU": { importer, call in
      let gate = try importer.value(call, 0)
      let alpha = call.float("alpha") ?? 1
      let type = importer.graph.type(of: gate).elementType
      let scaled = alpha == 1 ? gate : try importer.graph.multiply(gate, importer.scalar(Double(alpha), type, "alpha"))
      let activated = try importer.graph.multiply(gate, importer.graph.sigmoid(scaled))
      return try importer.apply(call, "Mul", [activated, importer.value(call, 1)])
    },
  ]
}

extension ONNXImporter {
  fileprivate mutating func attention(_ call: ONNXCall) throws -> [ONNXOperand] {
    var (query, key, newValue) = (try value(call, 0), try value(call, 1), try value(call, 2))
    let isFlat = graph.type(of: query).rank == 3
    if isFlat {
      guard let heads = call.int("q_num_heads"), let keyHeads = call.int("kv_num_heads"), heads > 0, keyHeads > 0 else {
        throw call.invalid("the number of heads is missing", expected: "q_num_heads and kv_num_heads")
      }
      query = try split(query, heads: heads)
      key = try split(key, heads: keyHeads)
      newValue = try split(newValue, heads: keyHeads)
    }
    if let past = try optionalValue(call, 4) { key = try graph.concat([past, key], axis: 2) }
    if let past = try optionalValue(call, 5) { newValue = try graph.concat([past, newValue], axis: 2) }
    let present = (key: key, value: newValue)
    let type = graph.type(of: query)
    guard type.rank == 4, graph.type(of: key).rank == 4, graph.type(of: newValue).rank == 4,
      let heads = type.shape[1].constant, let keyHeads = graph.type(of: key).shape[1].constant,
      keyHeads > 0, heads % keyHeads == 0, let size = type.shape[3].constant
    else {
      throw call.unsupported("\(type) can't attend to \(graph.type(of: key))")
    }
    key = try repeated(key, heads / keyHeads)
    newValue = try repeated(newValue, heads / keyHeads)

    // Each side is scaled by the root, so that half precision doesn't overflow.
    let scale = Double(call.float("scale") ?? Float(1 / Double(size).squareRoot())).squareRoot()
    let root = scalar(scale, type.elementType, "scale")
    var scores = try graph.matmul(
      graph.multiply(query, root), graph.multiply(graph.transpose(key, [0, 1, 3, 2]), root))
    if let cap = call.float("softcap"), cap > 0 {
      let limit = scalar(Double(cap), type.elementType, "softcap")
      scores = try graph.multiply(graph.tanh(graph.divide(scores, limit)), limit)
    }
    var shown = scores
    let bias = try attentionBias(call, query, key)
    if let bias { scores = try graph.add(scores, bias) }
    let mode = call.int("qk_matmul_output_mode") ?? 0
    if mode == 2 { shown = scores }
    var weights = try softmax(call, scores, type.elementType)
    if let bias {
      // A row that may attend to nothing gives zeros. Engines' maxima of nothing but -∞ differ, those of zeros don't.
      let biasType = graph.type(of: bias)
      let lowest = scalar(-.infinity, biasType.elementType, "lowest")
      let (zero, one) = (scalar(0, biasType.elementType, "zero"), scalar(1, biasType.elementType, "one"))
      let isSeen = try graph.select(graph.compare(.equal, bias, lowest), zero, one)
      let seen = try graph.reduceMax(isSeen, axes: [biasType.rank - 1])
      weights = try graph.select(
        graph.compare(.equal, seen, zero), scalar(0, type.elementType, "zero"), weights)
    }
    if mode == 3 { shown = weights }
    var result = try graph.matmul(weights, newValue)
    if isFlat { result = try graph.reshape(graph.transpose(result, [0, 2, 1, 3]), [0, 0, -1]) }
    let results = [result, present.key, present.value, shown]
    return results.prefix(max(call.node.outputs.count, 1)).map { ONNXOperand($0) }
  }

  /// `[N, length, heads · size]` to `[N, heads, length, size]`.
  private mutating func split(_ input: Value, heads: Int) throws -> Value {
    try graph.transpose(graph.reshape(input, [0, 0, heads, -1]), [0, 2, 1, 3])
  }

  /// Each head of `[N, heads, length, size]` several times, one after the other.
  private mutating func repeated(_ input: Value, _ count: Int) throws -> Value {
    if count == 1 { return input }
    let type = graph.type(of: input)
    let stretched = try graph.expand(graph.unsqueeze(input, axes: [2]), [1, 1, count, 1, 1])
    return try graph.reshape(
      stretched, to: [type.shape[0], type.shape[1] * Dimension(count), type.shape[2], type.shape[3]])
  }

  private mutating func softmax(_ call: ONNXCall, _ scores: Value, _ type: ElementType) throws -> Value {
    guard let number = call.int("softmax_precision"), let precision = ElementType(onnxNumber: number), precision != type
    else { return try graph.softmax(scores, axis: -1) }
    return try graph.cast(graph.softmax(graph.cast(scores, to: precision), axis: -1), to: type)
  }

  /// What is added to the scores `[N, heads, queries, keys]`: 0 where a query attends to a key, -∞ where it doesn't, or
  /// the numbers of a mask. nil for nothing.
  private mutating func attentionBias(_ call: ONNXCall, _ query: Value, _ key: Value) throws -> Value? {
    let type = graph.type(of: query).elementType
    let (queries, keys) = (graph.type(of: query).shape[2], graph.type(of: key).shape[2])
    let zero = scalar(0, type, "zero")
    let lowest = scalar(-.infinity, type, "lowest")
    var parts: [Value] = []
    if var mask = try optionalValue(call, 3) {
      if graph.type(of: mask).elementType == .bool { mask = try graph.select(mask, zero, lowest) }
      let maskType = graph.type(of: mask)
      if let width = maskType.shape.last?.constant, let count = keys.constant, width < count {
        var after = Array(repeating: 0, count: maskType.rank)
        after[maskType.rank - 1] = count - width
        let pads = list(after.map { _ in 0 } + after, "pads")
        mask = try graph.apply("Pad", [mask, pads, lowest], ["mode": .string("constant")])[0]
      }
      parts.append(mask)
    }
    let lengths = try optionalValue(call, 6).map { try graph.reshape($0, [-1, 1, 1, 1]) }
    // A window is how far before and behind its own place a query sees; -1 for as far as there are keys.
    let window = (before: call.int("left_window_size") ?? -1, behind: call.int("right_window_size") ?? -1)
    let isCausal = call.int("is_causal") ?? 0 != 0
    let isBounded = isCausal || window.before >= 0 || window.behind >= 0
    if isBounded || lengths != nil {
      guard let rows = queries.constant, let columns = keys.constant, rows * columns <= 1 << 26 else {
        throw call.unsupported("the lengths \(queries) and \(keys) aren't fixed", hint: Self.fixedHint)
      }
      if isBounded {
        // Key j is seen by query i when j - i is at most the number of keys before the queries.
        let distances = Tensor(
          (0..<rows * columns).map { Int64($0 % columns - $0 / columns) }, [rows, columns])
        let places = graph.constant(distances, name: graph.scopedName("distances"))
        let offset: Value
        if let lengths, operand(call, 4) == nil {
          offset = try graph.subtract(lengths, scalar(Double(rows), .int64, "queries"))
        } else {
          let past = operand(call, 4) == nil ? 0 : columns - (try self.type(call, 1).shape[keyAxis(call)].constant ?? 0)
          offset = scalar(Double(past), .int64, "past")
        }
        let ahead = try graph.subtract(places, offset)
        func part(_ comparison: ElementComparison, _ bound: Int, _ graph: inout Graph) throws -> Value {
          let limit = graph.constant([Int64(bound)], shape: [], name: "bound")
          return try graph.select(graph.compare(comparison, ahead, limit), zero, lowest)
        }
        if isCausal { parts.append(try part(.lessOrEqual, 0, &graph)) }
        if window.behind >= 0 { parts.append(try part(.lessOrEqual, window.behind, &graph)) }
        if window.before >= 0 { parts.append(try part(.greaterOrEqual, -window.before, &graph)) }
      }
      if let lengths {
        let places = graph.constant((0..<columns).map(Int64.init), name: "places")
        parts.append(try graph.select(graph.compare(.less, places, lengths), zero, lowest))
      }
    }
    guard var bias = parts.first else { return nil }
    for part in parts.dropFirst() { bias = try graph.add(bias, part) }
    return bias
  }

  /// The axis of the new keys along which they follow each other.
  private mutating func keyAxis(_ call: ONNXCall) throws -> Int { try type(call, 1).rank == 3 ? 1 : 2 }

  /// Turns pairs of each head's elements by an angle that depends on their place
  /// (https://arxiv.org/abs/2104.09864).
  fileprivate mutating func rotaryEmbedding(_ call: ONNXCall) throws -> [ONNXOperand] {
    var input = try value(call, 0)
    let original = graph.type(of: input)
    if original.rank == 3 {
      guard let heads = call.int("num_heads"), heads > 0 else {
        throw call.invalid("num_heads is missing", expected: "a number of heads")
      }
      input = try graph.reshape(input, [0, 0, heads, -1])
    }
    let type = graph.type(of: input)
    guard type.rank == 4, let size = type.shape[3].constant else {
      throw call.unsupported("\(original) isn't [N, heads, length, size] or [N, length, heads · size]")
    }
    // The heads stand in front of the places, or behind them.
    let headAxis = original.rank == 3 ? 2 : 1
    var angles: [Value] = []
    for index in 1...2 {
      var table = try value(call, index)
      if let places = try optionalValue(call, 3) { table = try graph.gather(table, places, axis: 0) }
      angles.append(try graph.unsqueeze(table, axes: [headAxis]))
    }
    let given = call.int("rotary_embedding_dim") ?? 0
    let turned = given == 0 ? size : given
    guard turned % 2 == 0, turned <= size else {
      throw call.invalid("rotary_embedding_dim is \(turned)", expected: "an even number, at most \(size)")
    }
    let part = turned == size ? input : try graph.slice(input, axis: 3, 0..<turned)
    let isInterleaved = call.int("interleaved") ?? 0 != 0
    let (first, second) =
      isInterleaved
      ? (try graph.slice(part, axis: 3, from: 0, step: 2), try graph.slice(part, axis: 3, from: 1, step: 2))
      : (
        try graph.slice(part, axis: 3, 0..<turned / 2), try graph.slice(part, axis: 3, turned / 2..<turned)
      )
    let real = try graph.subtract(graph.multiply(angles[0], first), graph.multiply(angles[1], second))
    let imaginary = try graph.add(graph.multiply(angles[1], first), graph.multiply(angles[0], second))
    var result: Value
    if isInterleaved {
      let pairs = try graph.concat([graph.unsqueeze(real, axes: [4]), graph.unsqueeze(imaginary, axes: [4])], axis: 4)
      result = try graph.reshape(pairs, to: Array(type.shape[..<3]) + [Dimension(turned)])
    } else {
      result = try graph.concat([real, imaginary], axis: 3)
    }
    if turned < size { result = try graph.concat([result, graph.slice(input, axis: 3, turned..<size)], axis: 3) }
    return [ONNXOperand(original.rank == 3 ? try graph.reshape(result, to: original.shape) : result)]
  }
}
