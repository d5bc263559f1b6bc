import Arguments
import OrderedCollections
import PythonSyntax

/// Calls: a fixed list of functions and methods, each written out here; everything else is refused by name.
extension ExpressionEvaluator {
  /// The arguments of a call, evaluated.
  struct CallArguments {
    let function: String
    var positional: [PythonValue] = []
    var keywords: OrderedDictionary<String, PythonValue> = [:]

    /// - Throws: ``EvaluationFailure/failed(_:)`` for keywords, or a number of arguments outside `counts`.
    func expect(_ counts: ClosedRange<Int>) throws {
      if let name = keywords.keys.first {
        throw EvaluationFailure.refused(
          construct: "the argument '\(name)' of \(function)", reason: "it is not supported")
      }
      guard counts.contains(positional.count) else {
        throw EvaluationFailure.failed("\(function) doesn't take \(positional.count) arguments")
      }
    }

    mutating func takeKeyword(_ name: String) -> PythonValue? { keywords.removeValue(forKey: name) }
  }

  mutating func call(_ function: Expression, _ arguments: [Expression.Argument]) throws -> PythonValue {
    if case .name(let name) = function.kind, locals[name] == nil, modules[name] == nil {
      guard Self.builtins.contains(name) else {
        throw refused("the call of '\(name)'", "it is not on the list of functions that are evaluated")
      }
      return try callBuiltin(try evaluate(arguments, of: name))
    }
    if let name = qualifiedName(of: function) {
      guard Self.isKnownFunction(name) else {
        throw refused("the call of '\(name)'", "it is not on the list of functions that are evaluated")
      }
      return try callLibrary(try evaluate(arguments, of: name))
    }
    guard case .attribute(let base, let method) = function.kind else {
      let callee = try calleeDescription(function)
      throw refused("the call of \(callee)", "only named functions are called")
    }
    if method.hasPrefix("_") { throw refused("the attribute '\(method)'", "private names are not accessible") }
    let receiver = try evaluate(base)
    guard Self.hasMethod(method, receiver) else {
      throw refused("the call of '\(method)' of \(receiver.typeName)", "it is not on the list of methods")
    }
    return try callMethod(receiver, try evaluate(arguments, of: method))
  }

  private func calleeDescription(_ function: Expression) throws -> String {
    switch function.kind {
    case .lambda: "a lambda"
    case .reference(let id): "the entry '@\(id)'"
    default: "'\(function)'"
    }
  }

  private mutating func evaluate(_ arguments: [Expression.Argument], of function: String) throws -> CallArguments {
    var evaluated = CallArguments(function: function)
    for argument in arguments {
      let value = try evaluate(argument.value)
      switch argument.form {
      case .positional: evaluated.positional.append(value)
      case .keyword(let name): evaluated.keywords[name] = value
      case .star: evaluated.positional += try elements(of: value)
      case .doubleStar:
        guard case .dictionary(let entries) = value else {
          throw EvaluationFailure.failed("'**' needs a dict, not \(value.typeName)")
        }
        for (key, value) in entries {
          guard case .string(let name) = key else { throw EvaluationFailure.failed("an argument's name must be a str") }
          evaluated.keywords[name] = value
        }
      }
    }
    return evaluated
  }

  // MARK: Library functions

  private static let libraryFunctions: Set<String> = [
    "copy.copy", "copy.deepcopy", "glob.glob", "os.path.join", "os.path.basename", "os.path.dirname",
    "os.path.exists", "os.path.isfile", "os.path.isdir", "os.path.splitext", "pathlib.Path", "torch.device",
    "torch.cuda.is_available", "torch.load", "torch.from_numpy",
    "torch.as_tensor", "torch.tensor", "numpy.array", "numpy.asarray",
  ]

  /// Packages whose classes and functions, called, are the same as an entry with a `_target_`.
  private static let componentPackages = [
    "monai.networks.nets.", "monai.transforms.", "monai.inferers.", "monai.apps.detection.networks.",
  ]

  private static func isKnownFunction(_ name: String) -> Bool {
    if libraryFunctions.contains(name) || mathFunctions.contains(name) { return true }
    return componentPackages.contains { name.hasPrefix($0) }
      && !name.split(separator: ".").contains { $0.hasPrefix("_") }
  }

  private func callLibrary(_ call: CallArguments) throws -> PythonValue {
    switch call.function {
    case "copy.copy", "copy.deepcopy":
      try call.expect(1...1)
      return call.positional[0]
    case "glob.glob":
      try call.expect(1...1)
      return .list(try PathGlob(budget: budget).matches(of: try path(call, 0)).map { .string($0) })
    case "os.path.join":
      try call.expect(1...64)
      return .string(try joined([PosixPath.join(try paths(call))]))
    case "os.path.basename":
      try call.expect(1...1)
      return .string(PosixPath.basename(try path(call, 0)))
    case "os.path.dirname":
      try call.expect(1...1)
      return .string(PosixPath.dirname(try path(call, 0)))
    case "os.path.exists":
      try call.expect(1...1)
      return .bool(PosixPath.exists(try path(call, 0)))
    case "os.path.isfile":
      try call.expect(1...1)
      return .bool(PosixPath.isFile(try path(call, 0)))
    case "os.path.isdir":
      try call.expect(1...1)
      return .bool(PosixPath.isFolder(try path(call, 0)))
    case "os.path.splitext":
      try call.expect(1...1)
      let parts = PosixPath.split(try path(call, 0))
      return .tuple([.string(parts.root), .string(parts.suffix)])
    case "pathlib.Path":
      try call.expect(0...64)
      return .path(PosixPath.pure(PosixPath.join(try paths(call))))
    case "torch.cuda.is_available":
      try call.expect(0...0)
      return .bool(environment.isCUDAAvailable)
    case "torch.device":
      return try device(call)
    case "torch.load":
      return try load(call)
    case "torch.from_numpy", "torch.as_tensor", "torch.tensor", "numpy.array", "numpy.asarray":
      return try array(call)
    default:
      return Self.mathFunctions.contains(call.function) ? try callMath(call) : try component(call)
    }
  }

  private func path(_ call: CallArguments, _ index: Int) throws -> String {
    switch call.positional[index] {
    case .string(let text), .path(let text): return text
    case let value: throw EvaluationFailure.failed("\(call.function) needs a path, not \(value.typeName)")
    }
  }

  private func paths(_ call: CallArguments) throws -> [String] {
    try call.positional.indices.map { try path(call, $0) }
  }

  /// `torch.device('cuda:1')` or `torch.device('cuda', 1)`, as a component with `type` and, where given, `index`.
  private func device(_ call: CallArguments) throws -> PythonValue {
    var call = call
    let type = call.takeKeyword("type") ?? call.takeKeyword("device")
    let index = call.takeKeyword("index")
    call.positional += [type, index].compactMap { $0 }
    try call.expect(1...2)
    guard case .string(let text) = call.positional[0] else {
      throw EvaluationFailure.failed("torch.device needs a str such as 'cuda:0', not \(call.positional[0].typeName)")
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    var number = call.positional.count == 2 ? call.positional[1] : PythonValue.none
    if parts.count == 2, case .none = number, let ordinal = Int(parts[1]) { number = .int(ordinal) }
    let isNamed = parts[0].utf8.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
    guard !parts[0].isEmpty, isNamed, parts.count == 1 || parts.count == 2 && call.positional.count == 1 else {
      throw EvaluationFailure.failed("'\(text)' is not a device")
    }
    var arguments: OrderedDictionary<String, PlainValue> = ["type": .string(String(parts[0]))]
    switch number {
    case .none where parts.count == 1: break
    case .int(let ordinal) where ordinal >= 0: arguments["index"] = .int(ordinal)
    default: throw EvaluationFailure.failed("'\(text)' is not a device")
    }
    return .component(Component(target: "torch.device", arguments: arguments, path: path))
  }

  private func component(_ call: CallArguments) throws -> PythonValue {
    func plain(_ value: PythonValue, _ name: String) throws -> PlainValue {
      guard let plain = value.plain else {
        throw refused("the argument \(name) of '\(call.function)'", "its keys are neither strings nor integers")
      }
      return plain
    }
    var arguments: OrderedDictionary<String, PlainValue> = [:]
    for (name, value) in call.keywords { arguments[name] = try plain(value, "'\(name)'") }
    let positional = try call.positional.enumerated().map { try plain($1, "\($0)") }
    return .component(Component(target: call.function, arguments: arguments, positional: positional, path: path))
  }

  // MARK: Methods

  private static func hasMethod(_ name: String, _ receiver: PythonValue) -> Bool {
    switch receiver {
    case .component: ["cpu", "cuda", "eval", "float", "to"].contains(name)
    case .string: textMethods.keys.contains(name)
    case .path: ["as_posix", "exists", "is_dir", "is_file", "joinpath"].contains(name)
    case .dictionary: ["get", "items", "keys", "values"].contains(name)
    case .loaded: name == "get"
    default: false
    }
  }

  private func callMethod(_ receiver: PythonValue, _ call: CallArguments) throws -> PythonValue {
    switch receiver {
    case .string(let text): return try callMethod(text, call)
    case .path(let path): return try callMethod(path: path, call)
    case .dictionary(let entries): return try callMethod(entries, call)
    case .loaded(let data):
      try call.expect(1...2)
      return try entry(call.positional[0], of: data) ?? (call.positional.count == 2 ? call.positional[1] : .none)
    default:
      // Moving a network to a device, or to evaluation, changes nothing of what the config says about it.
      return receiver
    }
  }

  private func callMethod(path: String, _ call: CallArguments) throws -> PythonValue {
    try call.expect(call.function == "joinpath" ? 0...64 : 0...0)
    switch call.function {
    case "as_posix": return .string(path)
    case "exists": return .bool(PosixPath.exists(path))
    case "is_dir": return .bool(PosixPath.isFolder(path))
    case "is_file": return .bool(PosixPath.isFile(path))
    default: return .path(PosixPath.pure(PosixPath.join([path] + (try paths(call)))))
    }
  }

  /// The methods of texts, and how many arguments they take.
  private static let textMethods = [
    "endswith": 1...1, "join": 1...1, "lower": 0...0, "lstrip": 0...1, "removeprefix": 1...1, "removesuffix": 1...1,
    "replace": 2...2, "rsplit": 0...2, "rstrip": 0...1, "split": 0...2, "startswith": 1...1, "strip": 0...1,
    "upper": 0...0, "zfill": 1...1,
  ]

  private func text(_ value: PythonValue, for method: String) throws -> String {
    guard case .string(let text) = value else {
      throw EvaluationFailure.failed("'\(method)' needs a str, not \(value.typeName)")
    }
    return text
  }

  private func callMethod(_ text: String, _ call: CallArguments) throws -> PythonValue {
    try call.expect(Self.textMethods[call.function] ?? 0...0)
    switch call.function {
    case "join":
      return .string(
        try joined(try elements(of: call.positional[0]).map { try self.text($0, for: "join") }, separator: text))
    case "split", "rsplit": return .list(try split(text, call).map { .string($0) })
    case "zfill": return .string(try filled(text, call))
    default: break
    }
    let arguments = try call.positional.map { try self.text($0, for: call.function) }
    switch call.function {
    case "lower": return .string(text.lowercased())
    case "upper": return .string(text.uppercased())
    case "startswith": return .bool(text.unicodeScalars.starts(with: arguments[0].unicodeScalars))
    case "endswith": return .bool(text.unicodeScalars.reversed().starts(with: arguments[0].unicodeScalars.reversed()))
    case "replace": return .string(try replaced(text, arguments[0], arguments[1]))
    case "removeprefix":
      return .string(text.hasPrefix(arguments[0]) ? String(text.dropFirst(arguments[0].count)) : text)
    case "removesuffix": return .string(text.hasSuffix(arguments[0]) ? String(text.dropLast(arguments[0].count)) : text)
    default: return .string(stripped(text, arguments.first, call.function))
    }
  }

  /// `strip`, `lstrip` and `rstrip`: white space, or the characters of an argument.
  private func stripped(_ text: String, _ characters: String?, _ method: String) -> String {
    let isUnwanted: (Character) -> Bool = { character in
      characters.map { $0.contains(character) } ?? character.isWhitespace
    }
    var rest = text[...]
    if method != "rstrip" { rest = rest.drop(while: isUnwanted) }
    if method != "lstrip" {
      while let last = rest.last, isUnwanted(last) { rest = rest.dropLast() }
    }
    return String(rest)
  }

  /// `zfill`: zeros behind the sign, up to a width.
  private func filled(_ text: String, _ call: CallArguments) throws -> String {
    guard case .int(let width)? = call.positional[0].number else {
      throw EvaluationFailure.failed("'zfill' needs an int, not \(call.positional[0].typeName)")
    }
    guard width <= Self.maximumStringBytes else { throw EvaluationFailure.tooLarge("a string of \(width) characters") }
    let missing = max(0, width - text.unicodeScalars.count)
    let sign = text.hasPrefix("-") || text.hasPrefix("+") ? text.prefix(1) : ""
    return try joined([String(sign), String(repeating: "0", count: missing), String(text.dropFirst(sign.count))])
  }

  /// `split` and `rsplit`, with at most as many cuts as the second argument says, from the left or from the right.
  private func split(_ text: String, _ call: CallArguments) throws -> [String] {
    let separator: String? =
      switch call.positional.first {
      case nil, .none?: nil
      case let value?: try self.text(value, for: call.function)
      }
    guard call.positional.count == 2 else { return try split(text, separator) }
    guard case .int(let most)? = call.positional[1].number, let separator else {
      throw refused("'\(call.function)' with \(call.positional[1].typeName)", "it takes a separator and an int here")
    }
    let parts = try split(text, separator)
    guard most >= 0, parts.count > most + 1 else { return parts }
    guard call.function == "split" else {
      let head = parts.dropLast(most)
      return [try joined(Array(head), separator: separator)] + parts.suffix(most)
    }
    return Array(parts.prefix(most)) + [try joined(Array(parts.dropFirst(most)), separator: separator)]
  }

  private func replaced(_ text: String, _ old: String, _ new: String) throws -> String {
    guard !old.isEmpty else { throw refused("'replace' of the empty string", "it is not supported") }
    return try joined(try split(text, old), separator: new)
  }

  /// Splits at `separator`, or at white space without empty parts.
  private func split(_ text: String, _ separator: String?) throws -> [String] {
    guard let separator else { return text.split(whereSeparator: \.isWhitespace).map(String.init) }
    guard !separator.isEmpty else { throw EvaluationFailure.failed("an empty separator") }
    try budget.spend(text.utf8.count)
    return text.split(separator: separator, omittingEmptySubsequences: false).map(String.init)
  }

  private func callMethod(
    _ entries: OrderedDictionary<PythonValue, PythonValue>, _ call: CallArguments
  ) throws -> PythonValue {
    try call.expect(call.function == "get" ? 1...2 : 0...0)
    switch call.function {
    case "get":
      return entries[try hashable(call.positional[0])] ?? (call.positional.count == 2 ? call.positional[1] : .none)
    case "keys": return .list(Array(entries.keys))
    case "values": return .list(Array(entries.values))
    default: return .list(entries.map { .tuple([$0.key, $0.value]) })
    }
  }
}
