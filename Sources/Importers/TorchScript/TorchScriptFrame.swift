import Diagnostics
import Graphs
import PythonSyntax
import Tensors

/// One call of a function of the program: its local names.
struct TorchScriptFrame {
  private let interpreter: TorchScriptInterpreter
  private var locals: [String: ProgramValue]
  /// Functions that the code defines inside this one: `fork`'s.
  private var closures: [String: FunctionDefinition] = [:]

  init(_ interpreter: TorchScriptInterpreter, _ locals: [String: ProgramValue]) {
    self.interpreter = interpreter
    self.locals = locals
  }

  /// An expression that refers to no local name.
  static func evaluated(_ expression: Expression, _ interpreter: TorchScriptInterpreter) throws -> ProgramValue {
    var frame = TorchScriptFrame(interpreter, [:])
    return try frame.evaluate(expression)
  }

  // MARK: Statements

  /// Follows the statements; gives what they return.
  mutating func run(_ statements: [Statement]) throws -> ProgramValue? {
    for statement in statements {
      try interpreter.step()
      if let result = try run(statement) { return result }
    }
    return nil
  }

  private mutating func run(_ statement: Statement) throws -> ProgramValue? {
    switch statement.kind {
    case .assignment(let targets, let value):
      let result = try evaluated(value, statement)
      for target in targets { try at(statement) { try $0.assign(result, to: target) } }
    case .annotated(let target, _, let value):
      if let value { try assign(try evaluated(value, statement), to: target) }
    case .expression(let value): _ = try evaluated(value, statement)
    case .if(let condition, let then, let otherwise):
      return try run(try at(statement) { try $0.isTrue(condition) } ? then : otherwise)
    case .for(let target, let iterable, let body):
      for item in try at(statement, { try $0.items(of: iterable) }) {
        try assign(item, to: target)
        if let result = try run(body) { return result }
      }
    case .while(let condition, let body):
      while try at(statement, { try $0.isTrue(condition) }) {
        try interpreter.step()
        if let result = try run(body) { return result }
      }
    case .with(let managers, let body):
      for manager in managers { _ = try evaluated(manager, statement) }
      return try run(body)
    case .return(let value): return try value.map { try evaluated($0, statement) } ?? ProgramValue.none
    case .raise(let value):
      throw ImportError.raised(message: try value.map { try evaluate($0).messageText } ?? "an exception")
    case .assert(let condition, let message):
      guard try at(statement, { try $0.isTrue(condition) }) else {
        throw ImportError.raised(message: try message.map { try evaluate($0).messageText } ?? "an assertion fails")
      }
    case .function(let function): closures[function.name] = function
    case .pass, .class: break
    }
    return nil
  }

  private mutating func evaluated(_ expression: Expression, _ statement: Statement) throws -> ProgramValue {
    try at(statement) { try $0.evaluate(expression) }
  }

  /// Adds the statement's place to an error that has none yet.
  private mutating func at<Result>(
    _ statement: Statement, _ body: (inout TorchScriptFrame) throws -> Result
  ) throws -> Result {
    do {
      return try body(&self)
    } catch let error as LocatedError {
      throw error
    } catch let error as any DiagnosedError {
      throw LocatedError(error, at: interpreter.place(statement.position))
    }
  }

  private mutating func assign(_ value: ProgramValue, to target: Expression) throws {
    switch target.kind {
    case .name(let name): locals[name] = value
    case .tuple(let targets), .list(let targets):
      guard let items = value.items, items.count == targets.count else {
        throw ImportError.malformed(
          reason: "a \(value.typeName) is taken apart into \(targets.count)", expected: "as many items")
      }
      for (target, item) in zip(targets, items) { try assign(item, to: target) }
    case .attribute(let base, let name):
      guard case .object(let object) = try evaluate(base) else {
        throw ImportError.malformed(reason: "an attribute of something that is no object is set", expected: nil)
      }
      object.attributes[name] = value
    case .subscripted(let base, let index):
      _ = try interpreter.apply("_set_item", [try evaluate(base), try evaluate(index), value], [])
    default: throw ImportError.malformed(reason: "something that is no name is assigned", expected: nil)
    }
  }

  private mutating func isTrue(_ condition: Expression) throws -> Bool {
    switch try evaluate(condition) {
    case .bool(let flag): return flag
    case .none: return false
    case .tensor(let tensor):
      if let symbol = tensor.symbol { return try !symbol.isEqual(0) }
      guard let known = interpreter.writer.constant(try tensor.value(interpreter.writer)), known.count == 1 else {
        throw ImportError.dataDependent(what: "a condition")
      }
      return known.converted(to: .float64).array(of: Double.self)[0] != 0
    case .int(let dimension): return try !dimension.isEqual(0)
    case .double(let number): return number != 0
    case let other: throw ImportError.notSupported(reason: "a \(other.typeName) is used as a condition", hint: nil)
    }
  }

  /// The items that a loop runs over.
  private mutating func items(of iterable: Expression) throws -> [ProgramValue] {
    if case .call(let function, let arguments) = iterable.kind, function.dottedName == "range" {
      let bounds = try arguments.map { argument -> Int in
        guard case .int(let dimension) = try evaluate(argument.value) else {
          throw ImportError.malformed(reason: "a range over something that is no number", expected: nil)
        }
        guard let number = dimension.constant else {
          throw ImportError.undecidable(what: "the number of repetitions, \(dimension),")
        }
        return number
      }
      let (start, end) = bounds.count == 1 ? (0, bounds[0]) : (bounds.first ?? 0, bounds.count > 1 ? bounds[1] : 0)
      let step = bounds.count > 2 ? bounds[2] : 1
      guard step != 0, abs(end.distance(to: start)) <= 1 << 20 else {
        throw ImportError.notSupported(reason: "a loop from \(start) to \(end)", hint: nil)
      }
      return stride(from: start, to: end, by: step).map { .int($0) }
    }
    let value = try evaluate(iterable)
    if let items = value.items { return items }
    if case .dictionary(let dictionary) = value { return dictionary.entries.map(\.key) }
    throw ImportError.notSupported(reason: "a loop over a \(value.typeName)", hint: nil)
  }

  // MARK: Expressions

  mutating func evaluate(_ expression: Expression) throws -> ProgramValue {
    switch expression.kind {
    case .none: return .none
    case .boolean(let flag): return .bool(flag)
    case .integer(let number): return .int(number)
    case .float(let number): return .double(number)
    case .string(let text): return .string(text)
    case .name(let name): return try local(name)
    case .attribute(let base, let name): return try attribute(expression, base, name)
    case .call(let function, let arguments): return try call(function, arguments)
    case .subscripted(let base, let index):
      return try interpreter.apply("__getitem__", [try evaluate(base), try evaluate(index)], [])
    case .tuple(let items): return .tuple(try items.map { try evaluate($0) })
    case .list(let items): return .list(ProgramList(try items.map { try evaluate($0) }))
    case .dictionary(let items):
      let dictionary = ProgramDictionary()
      for case .pair(let key, let value) in items { dictionary.set(try evaluate(key), try evaluate(value)) }
      return .dictionary(dictionary)
    case .unary(.minus, let inner): return try interpreter.apply("neg", [try evaluate(inner)], [])
    case .unary(.not, let inner): return .bool(try !isTrue(inner))
    case .conditional(let condition, let then, let otherwise):
      return try evaluate(try isTrue(condition) ? then : otherwise)
    case .conjunction(let items):
      for item in items where try !isTrue(item) { return .bool(false) }
      return .bool(true)
    case .disjunction(let items):
      for item in items where try isTrue(item) { return .bool(true) }
      return .bool(false)
    default:
      throw ImportError.notSupported(reason: "an expression of this kind stands in the program", hint: nil)
    }
  }

  private func local(_ name: String) throws -> ProgramValue {
    if let value = locals[name] { return value }
    switch name {
    case "inf": return .double(.infinity)
    case "nan": return .double(.nan)
    default: throw ImportError.malformed(reason: "the name '\(name.prefix(100))' has no value", expected: nil)
    }
  }

  private mutating func attribute(
    _ expression: Expression, _ base: Expression, _ name: String
  ) throws -> ProgramValue {
    if let dotted = expression.dottedName {
      if dotted.hasPrefix("CONSTANTS.") { return try interpreter.constant(name) }
      if dotted.hasPrefix("__torch__.") { return try interpreter.enumMember(dotted) ?? .function(dotted) }
    }
    let value = try evaluate(base)
    switch value {
    case .object(let object): return try attribute(name, of: object)
    case .tensor: return try interpreter.apply(name, [value], [])
    default:
      throw ImportError.notSupported(reason: "the attribute '\(name.prefix(100))' of a \(value.typeName)", hint: nil)
    }
  }

  private func attribute(_ name: String, of object: ProgramObject) throws -> ProgramValue {
    if let value = object.attributes[name] { return value }
    if let value = try interpreter.classAttribute(object, name) { return value }
    throw ImportError.malformed(
      reason: "\(object.path.isEmpty ? object.className : object.path) has no attribute '\(name.prefix(100))'",
      expected: nil)
  }

  // MARK: Calls

  private mutating func call(_ function: Expression, _ arguments: [Expression.Argument]) throws -> ProgramValue {
    if case .name(let name) = function.kind, locals[name] == nil { return try builtin(name, arguments) }
    let dotted = function.dottedName ?? ""
    if dotted.hasPrefix("torch.") || dotted.hasPrefix("ops.") {
      return try interpreter.operatorCall(dotted, try values(arguments), try keywords(arguments))
    }
    if case .attribute(let base, let method) = function.kind, !dotted.hasPrefix("__torch__.") {
      let value = try evaluate(base)
      let (positional, named) = (try values(arguments), try keywords(arguments))
      guard case .object(let object) = value else {
        return try interpreter.apply(method, [value] + positional, named)
      }
      return try interpreter.call(object, method, positional, named)
    }
    if dotted.hasPrefix("__torch__.") {
      return try interpreter.call(function: dotted, try values(arguments), try keywords(arguments))
    }
    let value = try evaluate(function)
    guard case .function(let name) = value else {
      throw ImportError.notSupported(reason: "a \(value.typeName) is called", hint: nil)
    }
    return try interpreter.call(function: name, try values(arguments), try keywords(arguments))
  }

  private mutating func values(_ arguments: [Expression.Argument]) throws -> [ProgramValue] {
    try arguments.filter { $0.form == .positional }.map { try evaluate($0.value) }
  }

  private mutating func keywords(
    _ arguments: [Expression.Argument]
  ) throws -> [(name: String, value: ProgramValue)] {
    try arguments.compactMap { argument in
      guard case .keyword(let name) = argument.form else { return nil }
      return (name, try evaluate(argument.value))
    }
  }

  private mutating func builtin(_ name: String, _ arguments: [Expression.Argument]) throws -> ProgramValue {
    switch name {
    case "annotate", "unchecked_cast":
      guard arguments.count == 2 else { break }
      return try evaluate(arguments[1].value)
    case "uninitialized": return .none
    case "fork":
      // The function sees the names around it, and what is awaited is there at once.
      guard let name = arguments.first?.value.dottedName, let closure = closures[name] else { break }
      var frame = TorchScriptFrame(interpreter, locals)
      return try frame.run(closure.body) ?? ProgramValue.none
    case "getattr":
      guard arguments.count == 2, case .string(let attribute) = arguments[1].value.kind,
        case .object(let object) = try evaluate(arguments[0].value)
      else { break }
      return try self.attribute(attribute, of: object)
    case "isinstance":
      guard arguments.count == 2 else { break }
      return .bool(isInstance(try evaluate(arguments[0].value), arguments[1].value))
    case "int": return try interpreter.apply("Int", try values(arguments), [])
    case "float": return try interpreter.apply("Float", try values(arguments), [])
    case "bool":
      guard let argument = arguments.first else { break }
      return .bool(try isTrue(argument.value))
    default: return try interpreter.apply(name, try values(arguments), try keywords(arguments))
    }
    throw ImportError.malformed(reason: "\(name) has \(arguments.count) arguments", expected: nil)
  }

  private func isInstance(_ value: ProgramValue, _ type: Expression) -> Bool {
    var names: [String] = []
    switch type.kind {
    case .tuple(let items), .list(let items): names = items.compactMap { $0.typeName }
    default: names = type.typeName.map { [$0] } ?? []
    }
    return names.contains { name in
      switch (value, name) {
      case (.tensor, "Tensor"), (.int, "int"), (.double, "float"), (.bool, "bool"), (.string, "str"),
        (.none, "NoneType"), (.list, "List"), (.tuple, "Tuple"), (.dictionary, "Dict"):
        true
      default: name == value.typeName
      }
    }
  }
}

extension Expression {
  /// `List` of `List[int]`, `Tensor`.
  fileprivate var typeName: String? {
    if case .subscripted(let base, _) = kind { return base.dottedName }
    return dottedName
  }
}

extension TorchScriptInterpreter {
  /// `torch.relu`, `ops.prim.NumToTensor`, `ops.torchvision.nms`.
  func operatorCall(
    _ dotted: String, _ arguments: [ProgramValue], _ keywords: [(name: String, value: ProgramValue)]
  ) throws -> ProgramValue {
    let parts = dotted.split(separator: ".").map(String.init)
    let name = parts[parts.count - 1]
    if parts[0] == "ops", parts.count == 3, parts[1] != "prim", parts[1] != "aten" {
      throw ImportError.unsupportedOperators(unsupported(beginningWith: "\(parts[1])::\(name)"))
    }
    switch name {
    case "ConstantMKLDNNTensor":
      throw ImportError.notSupported(
        reason:
          "the archive doesn't hold the weights of the fused convolutions, which optimize_for_inference makes and "
          + "torch.jit.save leaves out (PyTorch can't load it either)",
        hint: "save the network before torch.jit.optimize_for_inference")
    case "RaiseException":
      throw ImportError.raised(message: arguments.first?.messageText ?? "an exception")
    case "unchecked_unwrap_optional", "data": return arguments.first ?? .none
    default: return try apply(name, arguments, keywords)
    }
  }
}
