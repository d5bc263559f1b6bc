// The inverse and hyperbolic functions, element by element. https://onnx.ai/onnx/operators/onnx__Asin.html (opset 7),
// onnx__Sinh.html (9); and what remains of a division (onnx__Mod.html, 13).

import Tensors

let trigonometricOperators =
  [("Asin", 7), ("Acos", 7), ("Sinh", 9), ("Cosh", 9), ("Asinh", 9), ("Acosh", 9), ("Atanh", 9)].map { name, version in
    OperatorDefinition(name, since: version, inputs: 1...1) { call in
      let input = try call.input(0)
      try call.requireFloatingPoint(input)
      return [input]
    }
  } + [
    OperatorDefinition("Mod", since: 13, inputs: 2...2, attributes: ["fmod": .int]) { call in
      let left = try call.input(0)
      let right = try call.input(1)
      guard left.elementType == right.elementType else {
        throw call.error(
          "the inputs are \(left.elementType) and \(right.elementType)", expected: "the same element type")
      }
      guard !left.elementType.isFloatingPoint || call.int("fmod", default: 0) == 1 else {
        throw call.error("the inputs are \(left.elementType)", expected: "integers, or fmod")
      }
      return [TensorType(left.elementType, try broadcast(call, left.shape, right.shape))]
    }
  ]
