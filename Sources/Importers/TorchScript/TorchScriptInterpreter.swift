import Archives
import Diagnostics
import Graphs
import OrderedCollections
import PythonSyntax

/// Follows the code of a TorchScript program with tensors as values of a graph. Functions and submodules are inlined;
/// conditions and loops are decided on the way.
final class TorchScriptInterpreter {
  let writer: ProgramWriter
  let archive: TorchScriptArchive
  private let root: ProgramObject
  private var constants: [String: ProgramValue] = [:]
  private var modules: [String: [String: Statement.Kind]] = [:]
  /// The path of the module whose code is being followed.
  private(set) var scope = ""
  private var callDepth = 0
  private var stepCount = 0

  /// Contexts of `with` statements that say nothing of results: the graph computes in the types of the operands.
  private static let contexts: Set = [
    "__torch__.torch.autograd.grad_mode.no_grad", "__torch__.torch.autograd.grad_mode.enable_grad",
    "__torch__.torch.autograd.grad_mode.inference_mode", "__torch__.torch.amp.autocast_mode.autocast",
    "__torch__.torch.autocast_mode.autocast", "__torch__.torch.cuda.amp.autocast_mode.autocast",
    "__torch__.torch.cpu.amp.autocast_mode.autocast",
  ]
  private static let callLimit = 200
  /// Statements that are followed in all; a network of a thousand layers takes some ten thousand.
  private static let stepLimit = 4_000_000

  /// - Throws: `ArchiveError`, ``ImportError``.
  init(_ archive: TorchScriptArchive, _ writer: ProgramWriter) throws {
    self.archive = archive
    self.writer = writer
    let objects = TorchScriptObjects(archive.objects, writer)
    guard case .object(let root) = try objects.value(archive.objects.pickle.root, path: "") else {
      throw ImportError.malformed(reason: "the archive's root is no module", expected: nil)
    }
    self.root = root
    guard let reader = archive.constants else { return }
    let values = TorchScriptObjects(reader, writer)
    for (index, item) in (reader.pickle.elements(of: reader.pickle.root) ?? []).enumerated() {
      constants["c\(index)"] = try values.value(item, path: "constants.\(index)")
    }
  }

  /// `forward` of the root module.
  func run(_ arguments: [ProgramValue]) throws -> ProgramValue {
    try call(root, "forward", arguments, [])
  }

  // MARK: Definitions

  /// The class or function of a qualified name.
  private func definition(_ name: String) throws -> Statement.Kind {
    let parts = name.split(separator: ".")
    guard let found = try definitions(of: parts.dropLast().joined(separator: "."))[String(parts.last ?? "")] else {
      throw ImportError.malformed(reason: "the code doesn't define \(name.prefix(200))", expected: nil)
    }
    return found
  }

  /// The classes and functions of a module by name.
  private func definitions(of module: String) throws -> [String: Statement.Kind] {
    if let known = modules[module] { return known }
    var definitions: [String: Statement.Kind] = [:]
    for statement in try located("the code of \(module)", { try archive.source(module) }) {
      switch statement.kind {
      case .class(let definition): definitions[definition.name] = statement.kind
      case .function(let definition): definitions[definition.name] = statement.kind
      default: break
      }
    }
    modules[module] = definitions
    return definitions
  }

  /// A constant of CONSTANTS.
  func constant(_ name: String) throws -> ProgramValue {
    guard let value = constants[name] else {
      throw ImportError.malformed(reason: "the archive has no constant \(name.prefix(40))", expected: nil)
    }
    return value
  }

  /// What a class's body says of an attribute that the object doesn't have itself: `eps : Final[float] = 1e-05`.
  func classAttribute(_ object: ProgramObject, _ name: String) throws -> ProgramValue? {
    guard case .class(let definition) = try definition(object.className) else { return nil }
    if object.isEnumMember, name == "name", let value = object.attributes["value"] {
      let member = try definition.members.first { try TorchScriptFrame.evaluated($0.value, self).equals(value) }
      return member.map { .string($0.name) }
    }
    for statement in definition.body {
      guard case .annotated(let target, _, let value?) = statement.kind, target.dottedName == name else { continue }
      var frame = TorchScriptFrame(self, [:])
      return try frame.evaluate(value)
    }
    return nil
  }

  /// The member of an enumeration that a qualified name means: `__torch__.Mode.A`.
  func enumMember(_ dotted: String) throws -> ProgramValue? {
    let parts = dotted.split(separator: ".")
    let (module, name) = (parts.dropLast(2).joined(separator: "."), String(parts.dropLast().last ?? ""))
    guard archive.hasSource(module), case .class(let definition)? = try definitions(of: module)[name],
      definition.isEnum, let member = definition.members.first(where: { $0.name == parts.last ?? "" })
    else { return nil }
    let className = "\(module).\(name)"
    let value = try TorchScriptFrame.evaluated(member.value, self)
    return .object(ProgramObject(className: className, path: "", attributes: ["value": value], isEnumMember: true))
  }

  // MARK: Calls

  /// Follows a method of an object.
  func call(
    _ object: ProgramObject, _ method: String, _ arguments: [ProgramValue],
    _ keywords: [(name: String, value: ProgramValue)]
  ) throws -> ProgramValue {
    if Self.contexts.contains(object.className) { return .none }
    guard case .class(let definition) = try definition(object.className), let function = definition.method(method)
    else {
      throw ImportError.notSupported(
        reason: "\(object.className) has no method \(method.prefix(100))",
        hint: "export the network without custom classes")
    }
    let outer = scope
    scope = object.path
    defer { scope = outer }
    return try follow(function, [.object(object)] + arguments, keywords)
  }

  /// Follows a function of the program.
  func call(
    function name: String, _ arguments: [ProgramValue], _ keywords: [(name: String, value: ProgramValue)]
  ) throws -> ProgramValue {
    guard !name.hasSuffix(".__new__") else {
      let className = String(name.dropLast(".__new__".count))
      if Self.contexts.contains(className) { return .object(ProgramObject(className: className, path: "")) }
      throw ImportError.notSupported(
        reason: "the program makes an object of the custom class \(name.dropLast(".__new__".count).prefix(200))",
        hint: "export the network without custom classes")
    }
    switch try definition(name) {
    case .function(let function): return try follow(function, arguments, keywords)
    case .class(let definition): return try makeTuple(name, definition, arguments, keywords)
    default: throw ImportError.malformed(reason: "\(name.prefix(200)) is no function", expected: nil)
    }
  }

  /// An instance of a named tuple.
  private func makeTuple(
    _ name: String, _ definition: ClassDefinition, _ arguments: [ProgramValue],
    _ keywords: [(name: String, value: ProgramValue)]
  ) throws -> ProgramValue {
    guard definition.bases.contains(where: { $0.dottedName == "NamedTuple" }) else {
      throw ImportError.notSupported(
        reason: "the program makes an object of the custom class \(name.prefix(200))",
        hint: "export the network without custom classes")
    }
    return .tuple(arguments + keywords.map(\.value))
  }

  private func follow(
    _ function: FunctionDefinition, _ arguments: [ProgramValue], _ keywords: [(name: String, value: ProgramValue)]
  ) throws -> ProgramValue {
    guard callDepth < Self.callLimit else {
      throw ImportError.notSupported(
        reason: "the program's calls are nested more than \(Self.callLimit) levels deep", hint: nil)
    }
    callDepth += 1
    defer { callDepth -= 1 }
    var locals: [String: ProgramValue] = [:]
    guard arguments.count <= function.parameters.count else {
      throw ImportError.wrongInput(
        reason: "\(function.name) gets \(arguments.count) arguments",
        expected: "\(function.parameters.count) (\(function.parameters.map(\.name).joined(separator: ", ")))")
    }
    for (parameter, value) in zip(function.parameters, arguments) { locals[parameter.name] = value }
    for (name, value) in keywords { locals[name] = value }
    for parameter in function.parameters where locals[parameter.name] == nil {
      guard let value = parameter.defaultValue else {
        throw ImportError.wrongInput(
          reason: "\(function.name) gets no '\(parameter.name)'",
          expected: function.parameters.map(\.name).joined(separator: ", "))
      }
      var frame = TorchScriptFrame(self, [:])
      locals[parameter.name] = try frame.evaluate(value)
    }
    var frame = TorchScriptFrame(self, locals)
    return try frame.run(function.body) ?? .none
  }

  /// Counts a statement.
  func step() throws {
    stepCount += 1
    guard stepCount < Self.stepLimit else {
      throw ImportError.notSupported(reason: "the program takes more than \(Self.stepLimit) steps", hint: nil)
    }
  }

  /// Where the program is.
  func place(_ position: SourcePosition) -> String {
    "\(scope.isEmpty ? "the root module" : scope), line \(position.line) of its code"
  }

  // MARK: Operators

  /// Applies an operator of PyTorch.
  func apply(
    _ name: String, _ arguments: [ProgramValue], _ keywords: [(name: String, value: ProgramValue)]
  ) throws -> ProgramValue {
    guard let binding = try ATenOperator.bind(name, overload: nil, positional: arguments, keywords: keywords) else {
      throw ImportError.unsupportedOperators(unsupported(beginningWith: "aten::\(name)"))
    }
    return try writer.apply(binding.operation, binding.arguments, isInPlace: binding.isInPlace, scope: scope)
  }

  /// The operator that was met, and all others that the code of the modules and its functions names and the table lacks.
  func unsupported(beginningWith name: String) -> [UnsupportedOperator] {
    var found: OrderedDictionary<String, Set<String>> = [name: [scope.isEmpty ? "the root module" : scope]]
    var functions: OrderedDictionary<String, String> = [:]
    func search(_ body: [Statement], _ place: String) {
      for (called, position) in CalledNames.all(in: body) {
        if called.hasPrefix("__torch__.") {
          functions[called] = functions[called] ?? place
        } else if let lacking = Self.lacking(called) {
          found[lacking, default: []].insert("\(place), line \(position.line)")
        }
      }
    }
    var pending = [root]
    var seen: Set<ObjectIdentifier> = []
    while let object = pending.popLast() {
      guard seen.insert(ObjectIdentifier(object)).inserted else { continue }
      for value in object.attributes.values {
        if case .object(let child) = value { pending.append(child) }
      }
      guard case .class(let definition)? = try? definition(object.className) else { continue }
      for statement in definition.body {
        guard case .function(let method) = statement.kind else { continue }
        search(method.body, object.path.isEmpty ? "the root module" : object.path)
      }
    }
    var index = 0
    while index < functions.count, index < 10_000 {
      let (function, place) = functions.elements[index]
      if case .function(let body)? = try? definition(function) { search(body.body, place) }
      index += 1
    }
    // The module alone is less than its lines.
    if let places = found[name], places.count > 1 { found[name] = places.filter { $0.contains(", line ") } }
    return found.map { UnsupportedOperator(name: $0.key, places: $0.value.sorted()) }
  }

  /// The operator that a call names, `aten::relu`, when the table lacks it.
  private static func lacking(_ called: String) -> String? {
    let parts = called.split(separator: ".").map(String.init)
    if parts.count == 2, parts[0] == "torch" {
      return ATenOperator.candidates(parts[1]) == nil ? "aten::\(parts[1])" : nil
    }
    guard parts.count == 3, parts[0] == "ops", parts[1] != "prim" else { return nil }
    if parts[1] == "aten", ATenOperator.candidates(parts[2]) != nil { return nil }
    return "\(parts[1])::\(parts[2])"
  }
}

extension ClassDefinition {
  /// Whether it is an enumeration.
  fileprivate var isEnum: Bool { bases.contains { $0.dottedName == "Enum" } }

  /// The names that its body gives values to.
  fileprivate var members: [(name: String, value: Expression)] {
    body.compactMap { statement in
      guard case .assignment(let targets, let value) = statement.kind, let name = targets.first?.dottedName else {
        return nil
      }
      return (name, value)
    }
  }
}

/// The operators and functions that a piece of code calls.
private enum CalledNames {
  static func all(in statements: [Statement]) -> [(name: String, position: SourcePosition)] {
    statements.flatMap { statement -> [(name: String, position: SourcePosition)] in
      switch statement.kind {
      case .assignment(_, let value), .expression(let value): names(value)
      case .annotated(_, _, let value): value.map(names) ?? []
      case .if(let condition, let then, let otherwise): names(condition) + all(in: then) + all(in: otherwise)
      case .for(_, let iterable, let body): names(iterable) + all(in: body)
      case .while(let condition, let body): names(condition) + all(in: body)
      case .with(let managers, let body): managers.flatMap(names) + all(in: body)
      case .return(let value), .raise(let value): value.map(names) ?? []
      default: []
      }
    }
  }

  private static func names(_ expression: Expression) -> [(name: String, position: SourcePosition)] {
    var found = expression.children.flatMap(names)
    if case .call(let function, _) = expression.kind, let name = function.dottedName,
      ["torch.", "ops.", "__torch__."].contains(where: name.hasPrefix)
    {
      found.append((name, expression.position))
    }
    return found
  }
}
