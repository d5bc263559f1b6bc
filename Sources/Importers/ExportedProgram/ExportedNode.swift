import Bundles
import Diagnostics
import Graphs
import OrderedCollections
import Tensors

/// One node of an exported program.
struct ExportedNode {
  private let node: ConfigValue
  /// `torch.ops.aten.conv3d.default`.
  let target: String

  init(_ node: ConfigValue) {
    self.node = node
    target = node.child("target")?.text ?? ""
  }

  /// The operator's name and overload; nil for what is no operator of PyTorch's.
  private var operation: (name: String, overload: String?)? {
    let parts = target.split(separator: ".").map(String.init)
    if parts.count == 5, parts[..<3] == ["torch", "ops", "aten"] {
      return (parts[3], parts[4] == "default" ? "" : parts[4])
    }
    if parts.count == 2, parts[0] == "_operator" || parts[0] == "math" || parts[0] == "builtins" {
      let names = ["mod": "remainder", "getitem": "__getitem__", "and_": "__and__", "or_": "__or__", "not_": "__not__"]
      return (names[parts[1]] ?? parts[1], nil)
    }
    if parts.count == 2, parts[0] == "torch", parts[1].hasPrefix("sym_") || parts[1].hasPrefix("_sym_") {
      let name = String(parts[1].drop { $0 == "_" }.dropFirst(4))
      return (["float": "Float", "int": "Int", "not": "__not__"][name] ?? name, nil)
    }
    return nil
  }

  // MARK: Graphs as arguments

  /// Operators that run a graph that is one of their arguments.
  private enum Wrapper: String {
    /// The graph's context says nothing of its results: it computes in the types of its operands.
    case gradient = "torch.ops.higher_order.wrap_with_set_grad_enabled"
    case autocast = "torch.ops.higher_order.wrap_with_autocast"
    /// One of two graphs.
    case condition = "torch.ops.higher_order.cond"
  }

  private var arguments: [ConfigValue] { (node.child("inputs")?.list ?? []).compactMap { $0.child("arg") } }

  private var graphs: [ConfigValue] { arguments.compactMap { $0.child("as_graph")?.child("graph") } }

  /// The nodes of the graphs among its arguments.
  var inner: [ExportedNode] { graphs.flatMap { $0.child("nodes")?.list ?? [] }.map(ExportedNode.init) }

  /// Runs the graph that is meant on the operands behind the graphs.
  private func run(
    _ wrapper: Wrapper, _ writer: ProgramWriter, _ values: [String: ProgramValue]
  ) throws -> ProgramValue {
    var graphs = self.graphs
    if wrapper == .condition, graphs.count == 2, let predicate = arguments.first {
      graphs = [try isTrue(value(predicate, values), writer) ? graphs[0] : graphs[1]]
    }
    guard graphs.count == 1, let graph = graphs.first,
      let last = arguments.lastIndex(where: { $0.child("as_graph") != nil })
    else { throw ImportError.malformed(reason: "\(target) has no graph", expected: nil) }
    var operands = try arguments[(last + 1)...].map { try value($0, values) }
    if wrapper == .condition, operands.count == 1, let items = operands[0].items { operands = items }
    let names = (graph.child("inputs")?.list ?? []).map { $0.union?.1.child("name")?.text ?? "" }
    guard names.count == operands.count else {
      throw ImportError.malformed(
        reason: "the graph of \(target) gets \(operands.count) operands", expected: "\(names.count)")
    }
    var locals: [String: ProgramValue] = [:]
    for (name, operand) in zip(names, operands) { locals[name] = operand }
    for node in graph.child("nodes")?.list ?? [] { try ExportedNode(node).run(writer, &locals) }
    return .tuple(try (graph.child("outputs")?.list ?? []).map { try value($0, locals) })
  }

  private func isTrue(_ predicate: ProgramValue, _ writer: ProgramWriter) throws -> Bool {
    switch predicate {
    case .bool(let flag): return flag
    case .tensor(let tensor):
      guard let known = writer.constant(try tensor.value(writer)), known.count == 1 else {
        throw ImportError.dataDependent(what: "the condition of torch.cond")
      }
      return known.converted(to: .float64).array(of: Double.self)[0] != 0
    default: throw ImportError.notSupported(reason: "a \(predicate.typeName) is used as a condition", hint: nil)
    }
  }

  var isSupported: Bool {
    if Wrapper(rawValue: target) != nil { return true }
    guard let (name, overload) = operation else { return false }
    return ATenOperator.candidates(name, overload: overload) != nil
  }

  /// The path of the module that calls it: `blocks.0.attn`.
  var module: String {
    let stack = node.child("metadata")?.child("nn_module_stack")?.text ?? ""
    let fields = (stack.split(separator: ";").last ?? "").split(separator: ",", omittingEmptySubsequences: false)
    guard fields.count == 3 else { return "" }
    return String(fields[1].split(separator: "@").first ?? "")
  }

  /// The module and the source line, for messages.
  var place: String {
    let trace = node.child("metadata")?.child("stack_trace")?.text ?? ""
    let line = trace.split(separator: "\n").last { $0.contains("File \"") }
    let parts = (line ?? "").split(separator: "\"", omittingEmptySubsequences: false)
    guard parts.count >= 3, let file = parts[1].split(separator: "/").last else {
      return module.isEmpty ? "the program" : module
    }
    let number = parts[2].split(separator: ",").first { $0.contains("line") } ?? ""
    let source = "\(file)\(number)"
    return module.isEmpty ? source : "\(module), \(source)"
  }

  /// Runs the node on the values so far and adds its own.
  func run(_ writer: ProgramWriter, _ values: inout [String: ProgramValue]) throws {
    if let wrapper = Wrapper(rawValue: target) {
      do {
        return try assign(run(wrapper, writer, values), &values)
      } catch let error as LocatedError {
        throw error
      } catch let error as any DiagnosedError {
        throw LocatedError(error, at: place)
      }
    }
    guard let (name, overload) = operation else { return }
    let result: ProgramValue
    do {
      result = try apply(name, overload, writer, values)
    } catch ImportError.undecidable(let what) where overload == nil {
      // A comparison of sizes that only an assertion looks at; its use elsewhere is refused there.
      result = .undecided(what)
    } catch let error as any DiagnosedError {
      throw LocatedError(error, at: place)
    }
    try assign(result, &values)
  }

  private func apply(
    _ name: String, _ overload: String?, _ writer: ProgramWriter, _ values: [String: ProgramValue]
  ) throws -> ProgramValue {
    var positional: [ProgramValue] = []
    var keywords: [(name: String, value: ProgramValue)] = []
    for input in node.child("inputs")?.list ?? [] {
      guard let argument = input.child("arg") else {
        throw ImportError.malformed(reason: "an argument of \(target) is missing", expected: nil)
      }
      let value = try self.value(argument, values)
      if overload == nil {
        positional.append(value)
      } else {
        keywords.append((input.child("name")?.text ?? "", value))
      }
    }
    guard let binding = try ATenOperator.bind(name, overload: overload, positional: positional, keywords: keywords)
    else { throw ImportError.unsupportedOperators([UnsupportedOperator(name: target, places: [place])]) }
    return try writer.apply(binding.operation, binding.arguments, isInPlace: binding.isInPlace, scope: module)
  }

  // MARK: Values

  private func value(_ argument: ConfigValue, _ values: [String: ProgramValue]) throws -> ProgramValue {
    guard let (kind, content) = argument.union else {
      throw ImportError.malformed(reason: "an argument of \(target) has no kind", expected: nil)
    }
    switch (kind, content) {
    case ("as_none", _): return .none
    // Versions before 2.3 write the name alone.
    case ("as_tensor", .string(let name)): return try named(name, values)
    case ("as_tensor", _), ("as_optional_tensor", .dictionary):
      if let (tag, inner) = content.union, tag != "name" { return try value(.dictionary([tag: inner]), values) }
      return try named(content.child("name")?.text, values)
    case ("as_int", .int(let number)): return .int(number)
    case ("as_bool", .bool(let flag)): return .bool(flag)
    case ("as_float", _): return .double(try number(content))
    case ("as_string", .string(let text)): return .string(text)
    case ("as_scalar_type", .int(let number)):
      guard let type = ExportedScalarType.elementType(number) else {
        throw ImportError.notSupported(reason: "the element type \(number) of torch.export's schema", hint: nil)
      }
      return .int(ScalarType.number(type))
    case ("as_memory_format", _), ("as_layout", _), ("as_device", _): return .device
    case ("as_sym_int", _), ("as_sym_bool", _), ("as_sym_float", _): return try symbolic(content, values)
    case ("as_tensors", .list(let items)):
      return .list(ProgramList(try items.map { try named($0.child("name")?.text, values) }))
    case ("as_optional_tensors", .list(let items)), ("as_nested_tensors", .list(let items)):
      return .list(ProgramList(try items.map { try value($0, values) }))
    case ("as_ints", .list(let items)), ("as_bools", .list(let items)), ("as_floats", .list(let items)),
      ("as_strings", .list(let items)):
      return .list(ProgramList(try items.map(plain)))
    case ("as_sym_ints", .list(let items)), ("as_sym_bools", .list(let items)), ("as_sym_floats", .list(let items)):
      return .list(ProgramList(try items.map { try symbolic($0, values) }))
    default:
      throw ImportError.notSupported(reason: "\(target) has an argument of the kind '\(kind.prefix(40))'", hint: nil)
    }
  }

  private func named(_ name: String?, _ values: [String: ProgramValue]) throws -> ProgramValue {
    guard let name, !name.isEmpty else { return .none }
    guard let value = values[name] else {
      throw ImportError.malformed(reason: "\(target) uses '\(name.prefix(200))' before it is computed", expected: nil)
    }
    if case .undecided(let what) = value, !target.contains("assert") { throw ImportError.undecidable(what: what) }
    return value
  }

  private func symbolic(_ content: ConfigValue, _ values: [String: ProgramValue]) throws -> ProgramValue {
    if let name = content.child("as_name")?.text { return try named(name, values) }
    guard let (_, inner) = content.union else { return try plain(content) }
    return try plain(inner)
  }

  private func plain(_ value: ConfigValue) throws -> ProgramValue {
    switch value {
    case .int(let number): return .int(number)
    case .bool(let flag): return .bool(flag)
    case .null: return .none
    case .string(let text) where Double(text) == nil: return .string(text)
    default: return .double(try number(value))
    }
  }

  /// Infinite numbers are written as texts.
  private func number(_ value: ConfigValue) throws -> Double {
    switch value {
    case .double(let number): return number
    case .int(let number): return Double(number)
    case .string(let text):
      if let number = Double(text) { return number }
    default: break
    }
    throw ImportError.malformed(reason: "\(target) has an argument that is no number", expected: nil)
  }

  private func assign(_ result: ProgramValue, _ values: inout [String: ProgramValue]) throws {
    let outputs = node.child("outputs")?.list ?? []
    for (index, output) in outputs.enumerated() {
      guard let (kind, content) = output.union else { continue }
      switch kind {
      case "as_tensor":
        guard let name = content.child("name")?.text else { continue }
        let items = result.items
        // Results behind the first that only training needs aren't computed.
        values[name] =
          outputs.count > 1
          ? (items.map { index < $0.count ? $0[index] : .none } ?? (index == 0 ? result : .none)) : result
        if outputs.count == 1, let first = items?.first { values[name] = first }
      case "as_tensors":
        let items = result.items ?? []
        for (place, entry) in (content.list ?? []).enumerated() where place < items.count {
          if let name = entry.child("name")?.text { values[name] = items[place] }
        }
      case "as_sym_int", "as_sym_bool", "as_sym_float":
        if let name = content.child("as_name")?.text { values[name] = result }
      default: continue
      }
    }
  }
}
