import OrderedCollections
import Tensors

extension ONNXConversions {
  static let elementwise: [String: Conversion] = [
    "Identity": { importer, call in
      guard let operand = importer.operand(call, 0) else {
        throw call.invalid("input 0 is missing", expected: "a value")
      }
      return [operand]
    },
    "Cast": { importer, call in
      guard let number = call.int("to"), let target = ElementType(onnxNumber: number) else {
        throw call.unsupported("the type \(call.int("to") ?? 0) isn't supported")
      }
      return try importer.cast(call, to: target)
    },
    "CastLike": { importer, call in try importer.cast(call, to: importer.type(call, 1).elementType) },
    "Dropout": { importer, call in
      if importer.operand(call, 2) != nil {
        guard let training = importer.numbers(call, 2)?.integers?.first else {
          throw call.unsupported("whether it is in training mode isn't known before the network runs")
        }
        guard training == 0 || importer.numbers(call, 1)?.scalar == .real(0) else {
          throw call.unsupported("it is in training mode", hint: "export the network in evaluation mode")
        }
      }
      guard let operand = importer.operand(call, 0) else {
        throw call.invalid("input 0 is missing", expected: "a value")
      }
      guard call.hasOutput(1) else { return [operand] }
      return [
        operand, try importer.filled(call, importer.type(call, 0).shape, with: Tensor(.bool, [1]).filledWithOnes),
      ]
    },
    "Clip": { importer, call in
      let input = try importer.value(call, 0)
      if call.opset >= 11 {
        let bounds = try [importer.optionalValue(call, 1), importer.optionalValue(call, 2)]
        if bounds[0] == nil, bounds[1] == nil { return [ONNXOperand(input)] }
        return try importer.apply(call, "Clip", [input, bounds[0]] + (bounds[1].map { [$0] } ?? []))
      }
      let type = importer.graph.type(of: input).elementType
      let lower = call.float("min").map { importer.scalar(Double($0), type, "min") }
      let upper = call.float("max").map { importer.scalar(Double($0), type, "max") }
      if lower == nil, upper == nil { return [ONNXOperand(input)] }
      return try importer.apply(call, "Clip", [input, lower] + (upper.map { [$0] } ?? []))
    },
    "Pow": { importer, call in
      // Since opset 12 the exponent may be of another type; the result has the base's.
      let base = try importer.value(call, 0)
      let exponent = try importer.value(call, 1)
      let (left, right) = (importer.graph.type(of: base).elementType, importer.graph.type(of: exponent).elementType)
      if left == right { return try importer.apply(call, "Pow", [base, exponent]) }
      if left.isFloatingPoint {
        return try importer.apply(call, "Pow", [base, importer.graph.cast(exponent, to: left)])
      }
      let common: ElementType = right.isFloatingPoint ? right : .int64
      let power = try importer.graph.apply(
        "Pow", [importer.graph.cast(base, to: common), importer.graph.cast(exponent, to: common)])[0]
      return try importer.apply(call, "Cast", [power], ["to": .int(left.onnxType.rawValue)])
    },
    "Max": { importer, call in [ONNXOperand(try importer.folded(call, "Max"))] },
    "Min": { importer, call in [ONNXOperand(try importer.folded(call, "Min"))] },
    "Sum": { importer, call in [ONNXOperand(try importer.folded(call, "Add"))] },
    "Mean": { importer, call in
      let sum = try importer.folded(call, "Add")
      let type = importer.graph.type(of: sum).elementType
      return try importer.apply(
        call, "Div", [sum, importer.scalar(Double(call.node.inputs.count), type, "count")])
    },
    "Elu": activation(["alpha": 1]), "Celu": activation(["alpha": 1]), "LeakyRelu": activation(["alpha": 0.01]),
    "HardSigmoid": activation(["alpha": 0.2, "beta": 0.5]),
    "Selu": activation(["alpha": 1.673_263_2, "gamma": 1.050_701]),
    "Gelu": { importer, call in
      try importer.apply(
        call, "Gelu", [importer.value(call, 0)], ["approximate": .string(call.string("approximate") ?? "none")])
    },
    "PRelu": { importer, call in
      // Before opset 9 a slope of one number per channel stood without the axes behind it.
      let input = try importer.value(call, 0)
      var slope = try importer.value(call, 1)
      let type = importer.graph.type(of: input)
      if call.opset < 9, importer.graph.type(of: slope).rank == 1, type.rank > 2,
        importer.graph.type(of: slope).shape[0] == type.shape[1]
      {
        slope = try importer.graph.reshape(slope, [-1] + Array(repeating: 1, count: type.rank - 2))
      }
      return try importer.apply(call, "PRelu", [input, slope])
    },
    "Swish": { importer, call in
      let input = try importer.value(call, 0)
      let type = importer.graph.type(of: input).elementType
      let alpha = call.float("alpha") ?? 1
      let scaled =
        alpha == 1 ? input : try importer.graph.multiply(input, importer.scalar(Double(alpha), type, "alpha"))
      return try importer.apply(call, "Mul", [input, importer.graph.sigmoid(scaled)])
    },
    "Softsign": { importer, call in
      let input = try importer.value(call, 0)
      let one = importer.scalar(1, importer.graph.type(of: input).elementType, "one")
      let size = try importer.graph.apply("Abs", [input])[0]
      return try importer.apply(call, "Div", [input, importer.graph.add(size, one)])
    },
    "ThresholdedRelu": { importer, call in
      let input = try importer.value(call, 0)
      let type = importer.graph.type(of: input).elementType
      let alpha = importer.scalar(Double(call.float("alpha") ?? 1), type, "alpha")
      let passes = try importer.graph.apply("Greater", [input, alpha])[0]
      return try importer.apply(call, "Where", [passes, input, importer.scalar(0, type, "zero")])
    },
    "Shrink": { importer, call in
      let input = try importer.value(call, 0)
      let type = importer.graph.type(of: input).elementType
      let (limit, bias) = (Double(call.float("lambd") ?? 0.5), Double(call.float("bias") ?? 0))
      let isAbove = try importer.graph.apply("Greater", [input, importer.scalar(limit, type, "lambda")])[0]
      let isBelow = try importer.graph.apply("Less", [input, importer.scalar(-limit, type, "lambda")])[0]
      let shift = importer.scalar(bias, type, "bias")
      let rest = try importer.graph.apply(
        "Where", [isBelow, importer.graph.add(input, shift), importer.scalar(0, type, "zero")])[0]
      return try importer.apply(call, "Where", [isAbove, importer.graph.subtract(input, shift), rest])
    },
    "Softmax": { importer, call in try importer.alongAxis(call) },
    "LogSoftmax": { importer, call in try importer.alongAxis(call) },
    "BitShift": { importer, call in try importer.shifted(call) },
    "Mod": { importer, call in
      let dividend = try importer.value(call, 0)
      let divisor = try importer.value(call, 1)
      let type = importer.graph.type(of: dividend).elementType
      let isC = call.int("fmod") ?? 0 != 0
      guard type.isFloatingPoint, !isC else {
        return try importer.apply(call, "Mod", [dividend, divisor], ["fmod": .int(isC ? 1 : 0)])
      }
      // Since opset 28 floating-point remainders may have the divisor's sign.
      let rest = try importer.graph.apply("Mod", [dividend, divisor], ["fmod": .int(1)])[0]
      let zero = importer.scalar(0, type, "zero")
      let differs = try importer.graph.logicalXor(
        importer.graph.compare(.less, rest, zero), importer.graph.compare(.less, divisor, zero))
      let isShifted = try importer.graph.logicalAnd(
        differs, importer.graph.logicalNot(importer.graph.compare(.equal, rest, zero)))
      return try importer.apply(call, "Where", [isShifted, importer.graph.add(rest, divisor), rest])
    },
  ]

  /// An activation with its parameters written out.
  private static func activation(_ defaults: [String: Float]) -> Conversion {
    { importer, call in
      try importer.apply(
        call, call.operatorName, [importer.value(call, 0)],
        .init(
          uniqueKeysWithValues: defaults.sorted { $0.key < $1.key }.map {
            ($0.key, .float(call.float($0.key) ?? $0.value))
          }
        ))
    }
  }
}

extension ONNXImporter {
  mutating func cast(_ call: ONNXCall, to target: ElementType) throws -> [ONNXOperand] {
    if let operand = operand(call, 0), let tensor = operand.tensor {
      return [tensor.elementType == target ? operand : ONNXOperand(tensor.cast(to: target))]
    }
    let input = try value(call, 0)
    if graph.type(of: input).elementType == target { return [ONNXOperand(input)] }
    return try apply(call, "Cast", [input], ["to": .int(target.onnxType.rawValue)])
  }

  /// Bits moved to the left or the right. The graph shifts unsigned numbers; since opset 28 there are signed ones, which
  /// keep their sign to the right. A negative shift, or one by the type's width or more, leaves nothing but the sign.
  mutating func shifted(_ call: ONNXCall) throws -> [ONNXOperand] {
    let (input, amount) = (try value(call, 0), try value(call, 1))
    let type = graph.type(of: input).elementType
    let isLeft = call.string("direction") == "LEFT"
    let attributes: OrderedDictionary<String, Attribute> = ["direction": .string(call.string("direction") ?? "")]
    let unsigned: [ElementType: ElementType] = [.int8: .uint8, .int16: .uint16, .int32: .uint32, .int64: .uint64]
    guard let bits = unsigned[type], graph.type(of: amount).elementType == type else {
      return try apply(call, "BitShift", [input, amount], attributes)
    }
    let (zero, width) = (scalar(0, type, "zero"), scalar(Double(8 * type.byteCount), type, "width"))
    let isWithin = try graph.logicalAnd(
      graph.compare(.greaterOrEqual, amount, zero), graph.compare(.less, amount, width))
    let isNegative = try graph.compare(.less, input, zero)
    // What shifting a negative number to the right fills with ones is the complement of what fills with zeros.
    let positive =
      isLeft ? input : try graph.select(isNegative, graph.apply("BitwiseNot", [input])[0], input)
    let shifted = try graph.apply(
      "BitShift",
      [graph.cast(positive, to: bits), graph.cast(graph.select(isWithin, amount, zero), to: bits)], attributes)[0]
    let result = try graph.select(isWithin, graph.cast(shifted, to: type), zero)
    if isLeft { return [ONNXOperand(result)] }
    return try apply(call, "Where", [isNegative, graph.apply("BitwiseNot", [result])[0], result])
  }

  /// All inputs joined by a binary operator.
  mutating func folded(_ call: ONNXCall, _ name: String) throws -> Value {
    var result = try value(call, 0)
    for index in call.node.inputs.indices.dropFirst() {
      result = try graph.apply(name, [result, try value(call, index)])[0]
    }
    return result
  }

  /// Softmax and its logarithm. Before opset 13 they ran over all axes from `axis` on at once.
  mutating func alongAxis(_ call: ONNXCall) throws -> [ONNXOperand] {
    let input = try value(call, 0)
    let type = graph.type(of: input)
    let axis = try call.axis(call.int("axis") ?? (call.opset < 13 ? 1 : -1), rank: type.rank)
    if call.opset >= 13 || axis == type.rank - 1 {
      return try apply(call, call.operatorName, [input], ["axis": .int(axis)])
    }
    let rows = try graph.apply("Flatten", [input], ["axis": .int(axis)])[0]
    let result = try graph.apply(call.operatorName, [rows], ["axis": .int(1)])[0]
    return [ONNXOperand(try graph.reshape(result, to: type.shape))]
  }
}

extension Tensor {
  /// The bool scalar `true`.
  fileprivate var filledWithOnes: Tensor { Tensor(scalar: UInt8(1)).converted(to: .bool) }
}
