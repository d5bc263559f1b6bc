import OrderedCollections
import Tensors

extension ONNXConversions {
  static let normalization: [String: Conversion] = [
    "BatchNormalization": { importer, call in
      guard call.int("training_mode") ?? 0 == 0 else {
        throw call.unsupported("it is in training mode", hint: "export the network in evaluation mode")
      }
      guard call.int("spatial") ?? 1 == 1 else { throw call.unsupported("its statistics are per position") }
      let inputs = try (0..<5).map { try importer.value(call, $0) }
      return try importer.apply(call, "BatchNormalization", inputs, ["epsilon": .float(call.float("epsilon") ?? 1e-5)])
    },
    "InstanceNormalization": { importer, call in
      let inputs = try (0..<3).map { try importer.value(call, $0) }
      return try importer.apply(
        call, "InstanceNormalization", inputs, ["epsilon": .float(call.float("epsilon") ?? 1e-5)])
    },
    "LayerNormalization": { importer, call in
      let values = try importer.values(call)
      guard let input = values.first ?? nil else { throw call.invalid("input 0 is missing", expected: "a value") }
      let axis = try call.axis(call.int("axis") ?? -1, rank: importer.graph.type(of: input).rank)
      let epsilon = call.float("epsilon") ?? 1e-5
      let result = try importer.apply(
        call, "LayerNormalization", values, ["axis": .int(axis), "epsilon": .float(epsilon)])
      guard call.hasOutput(1) || call.hasOutput(2) else { return result }
      let type = importer.graph.type(of: input)
      let axes = Array(axis..<type.rank)
      let mean = try importer.graph.reduceMean(input, axes: axes)
      let centred = try importer.graph.subtract(input, mean)
      let variance = try importer.graph.reduceMean(importer.graph.multiply(centred, centred), axes: axes)
      let deviation = try importer.graph.sqrt(
        importer.graph.add(variance, importer.scalar(Double(epsilon), type.elementType, "epsilon")))
      return result + [ONNXOperand(mean), ONNXOperand(try importer.graph.apply("Reciprocal", [deviation])[0])]
    },
    "GroupNormalization": { importer, call in try importer.groupNormalization(call) },
    "RMSNormalization": { importer, call in
      let input = try importer.value(call, 0)
      let type = importer.graph.type(of: input)
      let axis = try call.axis(call.int("axis") ?? -1, rank: type.rank)
      let epsilon = importer.scalar(Double(call.float("epsilon") ?? 1e-5), type.elementType, "epsilon")
      let square = try importer.graph.multiply(input, input)
      let mean = try importer.graph.reduceMean(square, axes: Array(axis..<type.rank))
      let root = try importer.graph.sqrt(importer.graph.add(mean, epsilon))
      let normalized = try importer.graph.divide(input, root)
      return try importer.apply(call, "Mul", [normalized, importer.value(call, 1)])
    },
    "MeanVarianceNormalization": { importer, call in
      let input = try importer.value(call, 0)
      let type = importer.graph.type(of: input)
      let axes = try (call.ints("axes") ?? [0, 2, 3]).map { try call.axis($0, rank: type.rank) }
      let centred = try importer.graph.subtract(input, importer.graph.reduceMean(input, axes: axes))
      let variance = try importer.graph.reduceMean(importer.graph.multiply(centred, centred), axes: axes)
      let epsilon = importer.scalar(1e-9, type.elementType, "epsilon")
      return try importer.apply(call, "Div", [centred, importer.graph.add(importer.graph.sqrt(variance), epsilon)])
    },
    "LpNormalization": { importer, call in
      let input = try importer.value(call, 0)
      let type = importer.graph.type(of: input)
      let axis = try call.axis(call.int("axis") ?? -1, rank: type.rank)
      let norm =
        try (call.int("p") ?? 2) == 1
        ? importer.graph.reduceSum(importer.graph.apply("Abs", [input])[0], axes: [axis])
        : importer.graph.reduceL2(input, axes: [axis])
      // A row of zeros stays one: it is divided by 1.
      let zero = importer.scalar(0, type.elementType, "zero")
      let isZero = try importer.graph.apply("Equal", [norm, zero])[0]
      let divisor = try importer.graph.apply("Where", [isZero, importer.scalar(1, type.elementType, "one"), norm])[0]
      return try importer.apply(call, "Div", [input, divisor])
    },
    "LRN": { importer, call in
      guard let size = call.int("size") else { throw call.invalid("size is missing", expected: "a number of channels") }
      return try importer.apply(
        call, "LRN", [importer.value(call, 0)],
        [
          "size": .int(size), "alpha": .float(call.float("alpha") ?? 0.0001),
          "beta": .float(call.float("beta") ?? 0.75),
          "bias": .float(call.float("bias") ?? 1),
        ])
    },
  ]
}

extension ONNXImporter {
  /// Group normalisation. Its scale and bias were one number per group at opset 18, and are one per channel since 21.
  mutating func groupNormalization(_ call: ONNXCall) throws -> [ONNXOperand] {
    let input = try value(call, 0)
    let type = graph.type(of: input)
    let groups = call.int("num_groups") ?? 1
    guard (1...1 << 20).contains(groups), type.rank >= 3 else {
      throw call.invalid("\(groups) groups of the channels of \(type)", expected: "[N, C, …] and a divisor of C")
    }
    let epsilon = call.float("epsilon") ?? 1e-5
    let scale = try value(call, 1)
    let bias = try value(call, 2)
    if call.opset >= 21 || type.shape.dropFirst().first == Dimension(groups) {
      return [
        ONNXOperand(try graph.groupNormalization(input, groups: groups, scale: scale, bias: bias, epsilon: epsilon))
      ]
    }
    let grouped = try graph.reshape(input, [0, groups, -1])
    let result = try graph.instanceNormalization(grouped, scale: scale, bias: bias, epsilon: epsilon)
    return [ONNXOperand(try graph.reshape(result, to: type.shape))]
  }
}
