import OrderedCollections
import Tensors

/// Quantised operators: those of whole layers become the layer between a dequantisation and a quantisation, which is
/// what engines fuse.
extension ONNXConversions {
  static let quantization: [String: Conversion] = [
    "QuantizeLinear": { importer, call in
      let input = try importer.value(call, 0)
      let target = call.int("output_dtype") ?? 0
      var zero = try importer.optionalValue(call, 2)
      if zero == nil, target != 0 {
        guard let type = ElementType(onnxNumber: target) else {
          throw call.unsupported("the type \(target) isn't supported")
        }
        let scale = try importer.type(call, 1)
        guard let shape = scale.constantShape else { throw call.unsupported("the scale is \(scale)") }
        zero = importer.graph.constant(Tensor(type, Shape(shape)), name: importer.graph.scopedName("zero_point"))
      }
      return [ONNXOperand(try importer.quantized(call, input, scale: importer.value(call, 1), zero: zero))]
    },
    "DequantizeLinear": { importer, call in
      let input = try importer.value(call, 0)
      let result = try importer.dequantized(
        call, input, scale: importer.value(call, 1), zero: importer.optionalValue(call, 2))
      if let number = call.int("output_dtype"), number != 0, let type = ElementType(onnxNumber: number),
        importer.graph.type(of: result).elementType != type
      {
        return [ONNXOperand(try importer.graph.cast(result, to: type))]
      }
      return [ONNXOperand(result)]
    },
    "DynamicQuantizeLinear": { importer, call in
      let input = try importer.value(call, 0)
      let axes = Array(0..<importer.graph.type(of: input).rank)
      let zero = importer.scalar(0, .float32, "zero")
      let most = importer.scalar(255, .float32, "most")
      // The range always holds 0, so that 0 has an exact integer.
      let lowest = try importer.graph.minimum(
        importer.graph.apply("ReduceMin", [input, importer.list(axes, "axes")], ["keepdims": .int(0)])[0], zero)
      let highest = try importer.graph.maximum(importer.graph.reduceMax(input, axes: axes, keepsAxes: false), zero)
      let scale = try importer.graph.divide(importer.graph.subtract(highest, lowest), most)
      let place = try importer.graph.divide(importer.graph.subtract(zero, lowest), scale)
      let rounded = try importer.graph.apply("Round", [importer.graph.apply("Clip", [place, zero, most])[0]])[0]
      let zeroPoint = try importer.graph.cast(rounded, to: .uint8)
      return [
        ONNXOperand(try importer.graph.quantize(input, scale: scale, zeroPoint: zeroPoint)), ONNXOperand(scale),
        ONNXOperand(zeroPoint),
      ]
    },
    "MatMulInteger": { importer, call in
      let left = try importer.centred(call, 0, zero: 2, leadingAxis: importer.type(call, 0).rank - 2)
      let right = try importer.centred(call, 1, zero: 3)
      return [ONNXOperand(try importer.graph.cast(importer.graph.matmul(left, right), to: .int32))]
    },
    "ConvInteger": { importer, call in
      let input = try importer.centred(call, 0, zero: 2)
      let weight = try importer.centred(call, 1, zero: 3, leadingAxis: 0)
      var window = try importer.window(call, kernel: importer.type(call, 1).shape.dropFirst(2).map(\.constant))
      try window.padAutomatically(call)
      let sums = try importer.apply(call, "Conv", [input, weight], window.convolution)
      return [ONNXOperand(try importer.graph.cast(importer.value(of: sums[0], call), to: .int32))]
    },
    "QLinearMatMul": { importer, call in
      let inputs = try (0..<8).map { try importer.value(call, $0) }
      let left = try importer.dequantized(call, inputs[0], scale: inputs[1], zero: inputs[2])
      let right = try importer.dequantized(call, inputs[3], scale: inputs[4], zero: inputs[5])
      let product = try importer.graph.matmul(left, right)
      return [ONNXOperand(try importer.quantized(call, product, scale: inputs[6], zero: inputs[7]))]
    },
    "QLinearConv": { importer, call in
      let inputs = try (0..<8).map { try importer.value(call, $0) }
      var operands = [
        try importer.dequantized(call, inputs[0], scale: inputs[1], zero: inputs[2]),
        try importer.dequantized(call, inputs[3], scale: inputs[4], zero: inputs[5], axis: 0),
      ]
      if let bias = try importer.optionalValue(call, 8) {
        let scale = try importer.graph.reshape(importer.graph.multiply(inputs[1], inputs[4]), [-1])
        operands.append(try importer.graph.multiply(importer.graph.cast(bias, to: .float32), scale))
      }
      var window = try importer.window(call, kernel: importer.type(call, 3).shape.dropFirst(2).map(\.constant))
      try window.padAutomatically(call)
      let sums = try importer.apply(call, "Conv", operands, window.convolution)
      return [
        ONNXOperand(
          try importer.quantized(call, importer.value(of: sums[0], call), scale: inputs[6], zero: inputs[7]))
      ]
    },
  ]
}

extension ONNXImporter {
  /// The value of a node that was just added.
  fileprivate func value(of operand: ONNXOperand, _ call: ONNXCall) throws -> Value {
    guard let value = operand.value else { throw call.invalid("it has no result", expected: "a value") }
    return value
  }

  /// Integers without their zero point, as float32: sums of up to 2²⁴ are exact.
  /// - Parameter leadingAxis: The axis that a list of zero points belongs to; nil for the last one.
  fileprivate mutating func centred(
    _ call: ONNXCall, _ index: Int, zero: Int, leadingAxis: Int? = nil
  ) throws -> Value {
    let input = try graph.cast(value(call, index), to: .float32)
    guard var zero = try optionalValue(call, zero) else { return input }
    if let leadingAxis, graph.type(of: zero).rank == 1 {
      let rank = graph.type(of: input).rank
      zero = try graph.reshape(zero, [-1] + Array(repeating: 1, count: rank - leadingAxis - 1))
    }
    return try graph.subtract(input, graph.cast(zero, to: .float32))
  }

  fileprivate mutating func dequantized(
    _ call: ONNXCall, _ input: Value, scale: Value, zero: Value?, axis: Int? = nil
  ) throws -> Value {
    let axis = axis ?? call.int("axis") ?? 1
    if [.int8, .uint8, .int32].contains(graph.type(of: input).elementType), call.int("block_size") ?? 0 == 0 {
      return try graph.dequantize(input, scale: scale, zeroPoint: zero, axis: axis)
    }
    let type = graph.type(of: scale).elementType
    var real = try graph.cast(input, to: type)
    if let zero { real = try graph.subtract(real, graph.cast(stretched(call, zero, to: input, axis), to: type)) }
    return try graph.multiply(real, stretched(call, scale, to: input, axis))
  }

  fileprivate mutating func quantized(_ call: ONNXCall, _ input: Value, scale: Value, zero: Value?) throws -> Value {
    let axis = call.int("axis") ?? 1
    let target = zero.map { graph.type(of: $0).elementType } ?? .uint8
    let type = graph.type(of: input).elementType
    let scale = graph.type(of: scale).elementType == type ? scale : try graph.cast(scale, to: type)
    if [.int8, .uint8].contains(target), call.int("block_size") ?? 0 == 0 {
      return try graph.apply("QuantizeLinear", [input, scale] + (zero.map { [$0] } ?? []), ["axis": .int(axis)])[0]
    }
    var places = try graph.apply("Round", [graph.divide(input, stretched(call, scale, to: input, axis))])[0]
    if let zero { places = try graph.add(places, graph.cast(stretched(call, zero, to: input, axis), to: type)) }
    let limits = Tensor([-Double.infinity, .infinity], [2]).converted(to: target).converted(to: .float64)
      .array(of: Double.self)
    let held = try graph.apply("Clip", [places, scalar(limits[0], type, "min"), scalar(limits[1], type, "max")])[0]
    return try graph.cast(held, to: target)
  }

  /// A scale or a zero point with the extents of the input: one number, one for each entry of the axis, or one for
  /// each block of entries.
  private mutating func stretched(_ call: ONNXCall, _ value: Value, to input: Value, _ axis: Int) throws -> Value {
    let (type, target) = (graph.type(of: value), graph.type(of: input))
    if type.rank == 0 || type.shape == [1] { return value }
    let axis = try call.axis(axis, rank: max(target.rank, 1))
    let block = call.int("block_size") ?? 0
    if block > 0, type.rank == target.rank {
      guard let extent = target.shape[axis].constant, type.shape[axis].constant == (extent + block - 1) / block else {
        throw call.invalid("blocks of \(block) of axis \(axis) of \(target)", expected: "a scale for each")
      }
      let indices = (0..<extent).map { $0 / block }
      return try graph.gather(value, list(indices, "blocks"), axis: axis)
    }
    return try graph.reshape(value, [-1] + Array(repeating: 1, count: max(target.rank - axis - 1, 0)))
  }
}
