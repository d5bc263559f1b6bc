import Tensors

extension ONNXConversions {
  /// Operators that leave no node: their results are known on reading.
  static let constants: [String: Conversion] = [
    "Constant": { importer, call in
      if case .tensor(let message)? = call.attribute("value") {
        return [ONNXOperand(try importer.tensors.tensor(message))]
      }
      if let number = call.float("value_float") { return [ONNXOperand(Tensor(scalar: number))] }
      if let number = call.int("value_int") { return [ONNXOperand(Tensor(scalar: Int64(number)))] }
      if let numbers = call.floats("value_floats") { return [ONNXOperand(Tensor(numbers, [numbers.count]))] }
      if let numbers = call.ints("value_ints") {
        return [ONNXOperand(Tensor(numbers.map(Int64.init), [numbers.count]))]
      }
      throw call.unsupported("the constant is sparse or not of numbers")
    },
    "Shape": { importer, call in
      let shape = try importer.type(call, 0).shape
      func bound(_ number: Int) -> Int { min(max(number < 0 ? number + shape.count : number, 0), shape.count) }
      let start = bound(call.int("start") ?? 0)
      let end = bound(call.int("end") ?? shape.count)
      return [ONNXOperand(SymbolicTensor(Array(shape[start..<max(start, end)])))]
    },
    "Size": { importer, call in
      [ONNXOperand(SymbolicTensor(.int64, [], [.integer(try importer.type(call, 0).count)]))]
    },
    "Range": { importer, call in
      let bounds = (0..<3).compactMap { importer.tensor(call, $0) }
      guard bounds.count == 3, bounds.allSatisfy({ $0.count == 1 }) else {
        throw call.unsupported("the range isn't known before the network runs", hint: ONNXImporter.fixedHint)
      }
      let numbers: [Double] = bounds.map { $0.converted(to: .float64).array(of: Double.self)[0] }
      let length: Double = (numbers[1] - numbers[0]) / numbers[2]
      let count: Double = max(length.rounded(.up), 0.0)
      guard count <= 0x1p24 else {
        throw call.invalid("the range isn't of a finite, moderate length", expected: "a range that memory can hold")
      }
      let values: [Double] = (0..<Int(count)).map { numbers[0] + Double($0) * numbers[2] }
      return [ONNXOperand(Tensor(values, [values.count]).converted(to: bounds[0].elementType))]
    },
    "ConstantOfShape": { importer, call in
      var element = Tensor(scalar: Float(0))
      if case .tensor(let message)? = call.attribute("value") { element = try importer.tensors.tensor(message) }
      guard element.count == 1 else {
        throw call.invalid("its value has \(element.count) elements", expected: "one")
      }
      let extents = try importer.extents(call, 0, "extents")
      return [try importer.filled(call, extents, with: element.reshaped([]))]
    },
    "EyeLike": { importer, call in
      let type = try importer.type(call, 0)
      guard let shape = type.constantShape, shape.count == 2, shape.reduce(1, *) <= 1 << 24 else {
        throw call.unsupported("the matrix \(type) isn't of a fixed size", hint: ONNXImporter.fixedHint)
      }
      let target = call.int("dtype").flatMap { ElementType(onnxNumber: $0) } ?? type.elementType
      let offset = min(max(call.int("k") ?? 0, -shape[0]), shape[1])
      var values = [Float](repeating: 0, count: shape[0] * shape[1])
      for row in 0..<shape[0] where (0..<shape[1]).contains(row + offset) { values[row * shape[1] + row + offset] = 1 }
      return [ONNXOperand(Tensor(values, Shape(shape)).converted(to: target))]
    },
  ]
}

extension ONNXImporter {
  /// A tensor of equal elements; one extent may be the batch.
  mutating func filled(_ call: ONNXCall, _ extents: [Dimension], with element: Tensor) throws -> ONNXOperand {
    let numbers = extents.compactMap(\.constant)
    guard numbers.count == extents.count else {
      let value = graph.constant(element, name: graph.scopedName("value"))
      return ONNXOperand(try expanded(call, value, to: extents))
    }
    try call.requireModerate(numbers)
    // One element, seen again and again: nothing is allocated until someone writes it down.
    return ONNXOperand(element.expanded(to: Shape(numbers)))
  }
}
