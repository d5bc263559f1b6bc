// Operators that write elements at computed indices. https://onnx.ai/onnx/operators/

import Graphs
import Tensors

let scatterRules: [String: Evaluation.Rule] = [
  "ScatterElements": { call in
    let (input, indices) = (try call.tensor(0), try call.tensor(1))
    let axis = call.axis(default: 0, rank: input.shape.rank)
    return [try scattered(call, elementPlaces(call, in: input.shape, indices, axis: axis), length: 1)]
  },
  "ScatterND": { call in
    let rows = try rowPlaces(call, in: call.tensor(0).shape, call.tensor(1), batchRank: 0)
    return [try scattered(call, rows.places, length: rows.shape.reduce(1, *))]
  },
]

/// The first operand with blocks of the third, of `length` elements each, at `places`.
private func scattered(_ call: Evaluation, _ places: [Int], length: Int) throws -> Tensor {
  let (input, updates) = (try call.tensor(0), try call.tensor(2))
  guard let reduction = ScatterReduction(rawValue: call.string("reduction", default: "none")) else {
    throw call.error("the reduction isn't known")
  }
  if input.elementType.isInteger {
    let values = scattered(
      input.wideIntegers(), updates.wideIntegers(), places, length, reduction, sum: &+, product: &*)
    return Tensor(wrapping: values, input.elementType, input.shape)
  }
  let operands = [input, updates].map { $0.converted(to: .float64).array(of: Double.self) }
  return Tensor(scattered(operands[0], operands[1], places, length, reduction, sum: +, product: *), input.shape)
}

private func scattered<Element: Comparable>(
  _ elements: [Element], _ updates: [Element], _ places: [Int], _ length: Int, _ reduction: ScatterReduction,
  sum: (Element, Element) -> Element, product: (Element, Element) -> Element
) -> [Element] {
  var result = elements
  for (row, place) in places.enumerated() {
    for index in 0..<length {
      let (old, new) = (result[place + index], updates[row * length + index])
      result[place + index] =
        switch reduction {
        case .none: new
        case .add: sum(old, new)
        case .mul: product(old, new)
        case .min: min(old, new)
        case .max: max(old, new)
        }
    }
  }
  return result
}
