import Archives
import OrderedCollections
import PythonSyntax

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Evaluates the subset of Python expressions that bundle configs need, with Python's results. Nothing is
/// imported or executed: modules are names, and only the calls of a fixed list are known.
///
/// The tree is bounded by the parser, the work by a ``WorkBudget``; arithmetic throws instead of overflowing.
struct ExpressionEvaluator {
  /// The value of a config reference.
  let reference: (String) throws -> PythonValue
  /// The content of the checkpoint in a file, as data.
  let checkpoint: (String) throws -> CheckpointData
  /// Names bound to modules or their objects: `np` to `numpy`.
  let modules: [String: String]
  let environment: ConfigEnvironment
  let budget: WorkBudget
  /// The config path of the expression; components made by it stand there.
  let path: String
  /// The variables of the comprehensions around the current expression.
  var locals: [String: PythonValue] = [:]

  /// - Throws: ``EvaluationFailure``, and what resolving a reference throws.
  mutating func evaluate(_ expression: Expression) throws -> PythonValue {
    try budget.spend(1)
    switch expression.kind {
    case .none: return .none
    case .boolean(let value): return .bool(value)
    case .integer(let value): return .int(value)
    case .float(let value): return .double(value)
    case .string(let text): return .string(text)
    case .reference(let id): return try paid(try reference(id))
    case .name(let name): return try self.name(name)
    case .attribute(let base, let name): return try attribute(name, of: base, in: expression)
    case .call(let function, let arguments): return try call(function, arguments)
    case .subscripted(let base, let index): return try subscripted(base, index)
    case .list(let items): return .list(try evaluate(items: items))
    case .tuple(let items): return .tuple(try evaluate(items: items))
    case .set(let items): return .set(try set(try evaluate(items: items)))
    case .dictionary(let items): return .dictionary(try dictionary(items))
    case .comprehension(let form, let clauses): return try comprehension(form, clauses)
    case .lambda: return try lambda(expression)
    case .ellipsis, .slice, .starred: throw refused("'\(expression)'", "it has no value of its own")
    default: return try operation(expression)
    }
  }

  /// Kept apart from ``evaluate(_:)``, whose stack frame every level of nesting pays for.
  private mutating func operation(_ expression: Expression) throws -> PythonValue {
    switch expression.kind {
    case .unary(let unary, let operand): return try self.unary(unary, try evaluate(operand))
    case .binary(let binary, let left, let right):
      return try self.binary(binary, try evaluate(left), try evaluate(right))
    case .conjunction(let operands): return try firstDeciding(operands, isTrue: false)
    case .disjunction(let operands): return try firstDeciding(operands, isTrue: true)
    case .comparison(let first, let rest): return .bool(try comparison(first, rest))
    case .conditional(let condition, let then, let otherwise):
      return try evaluate(try evaluate(condition).isTrue ? then : otherwise)
    default: throw refused("'\(expression)'", "it is not supported")
    }
  }

  func refused(_ construct: String, _ reason: String) -> EvaluationFailure {
    .refused(construct: construct, reason: reason)
  }

  /// The value, its size paid for: every further use of a shared value costs as much as a copy.
  func paid(_ value: PythonValue) throws -> PythonValue {
    try budget.spend(on: value)
    return value
  }

  // MARK: Names

  private func name(_ name: String) throws -> PythonValue {
    if let value = locals[name] { return try paid(value) }
    if name.hasPrefix("_") { throw refused("the name '\(name)'", "private names are not accessible") }
    if let module = modules[name] { return .symbol(module) }
    if Self.typeNames.contains(name) { return .symbol(name) }
    if Self.builtins.contains(name) { throw refused("'\(name)'", "a function is not a value here") }
    if Self.knownModules.contains(name) {
      throw EvaluationFailure.failed(
        "the name '\(name)' is not defined; add \"$import \(name)\" to the config's imports")
    }
    throw refused("the name '\(name)'", "it is not defined in the expressions that Martlet evaluates")
  }

  /// `numpy.float32` of `np.float32` where the name isn't a variable; nil where the base is another value.
  func qualifiedName(of expression: Expression) -> String? {
    switch expression.kind {
    case .name(let name): locals[name] == nil ? modules[name] : nil
    case .attribute(let base, let name): qualifiedName(of: base).map { "\($0).\(name)" }
    default: nil
    }
  }

  private mutating func attribute(_ name: String, of base: Expression, in whole: Expression) throws -> PythonValue {
    if name.hasPrefix("_") { throw refused("the attribute '\(name)'", "private names are not accessible") }
    guard let qualified = qualifiedName(of: whole) else {
      let value = try evaluate(base)
      if case .path(let path) = value, let part = Self.part(name, of: path) { return part }
      throw refused("the attribute '\(name)' of \(value.typeName)", "only modules have attributes here")
    }
    if qualified.split(separator: ".").contains(where: { $0.hasPrefix("_") }) {
      throw refused("'\(qualified)'", "private names are not accessible")
    }
    if let constant = Self.constants[qualified] { return constant }
    let module = String(qualified.prefix { $0 != "." })
    guard Self.symbolModules.contains(module) else {
      throw refused("'\(qualified)'", "the module '\(module)' is not known as data")
    }
    return .symbol(qualified)
  }

  /// An attribute of a `pathlib.Path`.
  private static func part(_ name: String, of path: String) -> PythonValue? {
    switch name {
    case "name": .string(path == "." ? "" : PosixPath.basename(path))
    case "stem": .string(PosixPath.split(PosixPath.basename(path)).root)
    case "suffix": .string(PosixPath.split(PosixPath.basename(path)).suffix)
    case "parent": .path(PosixPath.pure(path == "." ? "." : PosixPath.dirname(path)))
    default: nil
    }
  }

  /// Modules whose objects may be named as values; what becomes of them is up to the transform that reads them.
  private static let symbolModules: Set<String> = ["torch", "numpy", "monai", "pathlib"]
  private static let knownModules: Set<String> = [
    "copy", "glob", "math", "monai", "numpy", "os", "pathlib", "torch",
  ]
  static let typeNames: Set<String> = ["bool", "dict", "float", "int", "list", "set", "str", "tuple"]
  private static let constants: [String: PythonValue] = [
    "math.pi": .double(.pi), "math.e": .double(M_E), "math.inf": .double(.infinity), "math.nan": .double(.nan),
    "numpy.pi": .double(.pi), "numpy.inf": .double(.infinity), "numpy.nan": .double(.nan),
    "torch.pi": .double(.pi), "torch.inf": .double(.infinity), "torch.nan": .double(.nan),
    "os.sep": .string("/"),
    "monai.utils.CommonKeys.IMAGE": .string("image"), "monai.utils.CommonKeys.LABEL": .string("label"),
    "monai.utils.CommonKeys.PRED": .string("pred"), "monai.utils.CommonKeys.LOSS": .string("loss"),
    "monai.utils.CommonKeys.METADATA": .string("metadata"),
  ]

  /// A lambda is kept as its source; the entries that it refers to stand in it as literals.
  private func lambda(_ expression: Expression) throws -> PythonValue {
    let bound = try expression.replacingReferences { id in
      guard let literal = try reference(id).literal else {
        throw refused("'@\(id)' inside a lambda", "it is no number, text or short list of them")
      }
      return literal
    }
    return .lambda(bound.description)
  }

  // MARK: Logic and displays

  /// The first operand whose truth is `isTrue`, else the last; the rest isn't evaluated.
  private mutating func firstDeciding(_ operands: [Expression], isTrue: Bool) throws -> PythonValue {
    var value = PythonValue.none
    for operand in operands {
      value = try evaluate(operand)
      if value.isTrue == isTrue { return value }
    }
    return value
  }

  private mutating func evaluate(items: [Expression]) throws -> [PythonValue] {
    var values: [PythonValue] = []
    for item in items {
      if case .starred(let inner) = item.kind {
        values += try elements(of: try evaluate(inner))
      } else {
        values.append(try evaluate(item))
      }
    }
    return values
  }

  func set(_ values: [PythonValue]) throws -> OrderedSet<PythonValue> {
    var set: OrderedSet<PythonValue> = []
    for value in values { set.append(try hashable(value)) }
    return set
  }

  func hashable(_ value: PythonValue) throws -> PythonValue {
    guard value.isHashable else { throw EvaluationFailure.failed("\(value.typeName) can't be a key or set member") }
    return value
  }

  private mutating func dictionary(
    _ items: [Expression.DictionaryItem]
  ) throws -> OrderedDictionary<PythonValue, PythonValue> {
    var entries: OrderedDictionary<PythonValue, PythonValue> = [:]
    for item in items {
      switch item {
      case .pair(let key, let value):
        entries[try hashable(try evaluate(key))] = try evaluate(value)
      case .unpacked(let expression):
        let value = try evaluate(expression)
        guard case .dictionary(let added) = value else {
          throw EvaluationFailure.failed("'**' needs a dict, not \(value.typeName)")
        }
        for (key, value) in added { entries[key] = value }
      }
    }
    return entries
  }

  /// What iterating over the value gives.
  func elements(of value: PythonValue) throws -> [PythonValue] {
    switch value {
    case .list(let items), .tuple(let items): return items
    case .set(let items): return PythonValue.inOrder(items)
    case .dictionary(let entries): return Array(entries.keys)
    case .string(let text):
      try budget.spend(text.unicodeScalars.count)
      return text.unicodeScalars.map { .string(String(Character($0))) }
    default: throw EvaluationFailure.failed("\(value.typeName) can't be iterated over")
    }
  }

  // MARK: Comprehensions

  private mutating func comprehension(
    _ form: Expression.ComprehensionForm, _ clauses: [Expression.ComprehensionClause]
  ) throws -> PythonValue {
    let outer = locals
    defer { locals = outer }
    switch form {
    case .list(let element), .generator(let element):
      return .list(try collect(element, clauses[...]))
    case .set(let element):
      return .set(try set(try collect(element, clauses[...])))
    case .dictionary(let key, let value):
      var entries: OrderedDictionary<PythonValue, PythonValue> = [:]
      try forEach(clauses[...]) { evaluator in
        let name = try evaluator.hashable(try evaluator.evaluate(key))
        entries[name] = try evaluator.evaluate(value)
      }
      return .dictionary(entries)
    }
  }

  private mutating func collect(
    _ element: Expression, _ clauses: ArraySlice<Expression.ComprehensionClause>
  ) throws -> [PythonValue] {
    var values: [PythonValue] = []
    try forEach(clauses) { values.append(try $0.evaluate(element)) }
    return values
  }

  private mutating func forEach(
    _ clauses: ArraySlice<Expression.ComprehensionClause>, _ body: (inout ExpressionEvaluator) throws -> Void
  ) throws {
    guard let clause = clauses.first else { return try body(&self) }
    for element in try elements(of: try evaluate(clause.iterable)) {
      try bind(clause.target, to: element)
      var isWanted = true
      for condition in clause.conditions where isWanted { isWanted = try evaluate(condition).isTrue }
      if isWanted { try forEach(clauses.dropFirst(), body) }
    }
  }

  private mutating func bind(_ target: Expression, to value: PythonValue) throws {
    if case .name(let name) = target.kind {
      locals[name] = value
      return
    }
    guard case .tuple(let targets) = target.kind else { throw refused("'\(target)'", "it can't be assigned to") }
    let values = try elements(of: value)
    guard values.count == targets.count else {
      throw EvaluationFailure.failed("\(values.count) values can't be unpacked into \(targets.count) names")
    }
    for (target, value) in zip(targets, values) { try bind(target, to: value) }
  }
}
