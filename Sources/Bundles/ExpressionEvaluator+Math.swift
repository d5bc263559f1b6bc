import PythonSyntax

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Functions of Python's `math`.
extension ExpressionEvaluator {
  static let mathFunctions: Set<String> = Set(
    [
      "ceil", "exp", "fabs", "floor", "isfinite", "isinf", "isnan", "log", "log10", "log2", "pow", "prod", "sqrt",
      "trunc",
    ].map { "math.\($0)" })

  func callMath(_ call: CallArguments) throws -> PythonValue {
    let name = String(call.function.dropFirst("math.".count))
    try call.expect(name == "pow" ? 2...2 : name == "log" ? 1...2 : 1...1)
    if name == "prod" {
      return try elements(of: call.positional[0]).reduce(.int(1)) { try binary(.multiply, $0, $1) }
    }
    let numbers = try call.positional.map { value in
      guard let number = value.number else {
        throw EvaluationFailure.failed("\(call.function) doesn't take \(value.typeName)")
      }
      return number
    }
    if case .int(let value) = numbers[0], ["ceil", "floor", "trunc"].contains(name) { return .int(value) }
    let value = numbers[0].asDouble
    switch name {
    case "ceil": return try whole(value.rounded(.up))
    case "floor": return try whole(value.rounded(.down))
    case "trunc": return try whole(value.rounded(.towardZero))
    case "exp": return try finite(exp(value), of: numbers)
    case "fabs": return .double(value.magnitude)
    case "isfinite": return .bool(value.isFinite)
    case "isinf": return .bool(value.isInfinite)
    case "isnan": return .bool(value.isNaN)
    case "log":
      let logarithm = log(try positive(value, call))
      guard numbers.count == 2 else { return .double(logarithm) }
      return try binary(.divide, .double(logarithm), .double(log(try positive(numbers[1].asDouble, call))))
    case "log10": return .double(log10(try positive(value, call)))
    case "log2": return .double(log2(try positive(value, call)))
    case "pow": return try finite(pow(value, numbers[1].asDouble), of: numbers)
    default:
      guard value >= 0 || value.isNaN else { throw EvaluationFailure.failed("math.sqrt of a negative number") }
      return .double(value.squareRoot())
    }
  }

  private func whole(_ value: Double) throws -> PythonValue {
    guard let integer = Int(exactly: value) else {
      throw EvaluationFailure.failed("the number does not fit in a 64-bit integer")
    }
    return .int(integer)
  }

  private func positive(_ value: Double, _ call: CallArguments) throws -> Double {
    guard value > 0 || value.isNaN else {
      throw EvaluationFailure.failed("\(call.function) of a number that isn't positive")
    }
    return value
  }

  /// Python raises an error where finite numbers give none.
  private func finite(_ result: Double, of numbers: [PythonNumber]) throws -> PythonValue {
    guard result.isFinite || numbers.contains(where: { !$0.asDouble.isFinite }) else {
      throw EvaluationFailure.failed("the result is no finite number")
    }
    return .double(result)
  }
}
