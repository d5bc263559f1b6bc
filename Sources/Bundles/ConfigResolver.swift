import Archives
package import Arguments
import Diagnostics
import Files
import OrderedCollections
import PythonSyntax

/// Resolves entries of a config on demand: references to what they name, macros to what they copy, expressions to
/// their values, dictionaries with a `_target_` to components. What isn't reached isn't looked at.
///
/// It follows MONAI 1.6.1, with these differences: expressions are evaluated by ``ExpressionEvaluator`` and never
/// executed; only the branch of a conditional that is taken is resolved; `_requires_` is left alone, since nothing
/// here has side effects; plain strings keep their `#`.
package final class ConfigResolver {
  package let tree: ConfigTree
  /// The folder that macros may name files in.
  package let folder: String
  package let environment: ConfigEnvironment
  /// The entries that the user replaced.
  package let overridden: [ConfigPath]

  private let modules: [String: String]
  private var resolved: [ConfigPath: PythonValue] = [:]
  private var macroFiles: [String: ConfigValue] = [:]
  private var underway: [ConfigPath] = []
  private var depth = 0
  private var macroDepth = 0
  private var budget = WorkBudget()
  /// The work behind the values that are kept.
  private var keptWork = 0

  /// - Parameter folder: where `%file.json::id` macros find their files; the bundle's folder.
  package init(
    tree: ConfigTree, folder: String, environment: ConfigEnvironment = ConfigEnvironment(),
    overridden: [ConfigPath] = []
  ) {
    self.tree = tree
    self.folder = folder
    self.environment = environment
    self.overridden = overridden
    modules = ImportStatements.modules(of: tree)
  }

  /// The class of the entry `id` when that is a component which `_disabled_` leaves out; nil for any other.
  /// - Throws: as ``resolve(_:)``.
  package func disabledClass(_ id: String) throws -> String? {
    guard case .null = try resolve(id), let entry = try entry(at: ConfigPath(id)), entry.value.isComponent else {
      return nil
    }
    guard case .string(let target)? = entry.value.child("_target_") else { return id }
    return target.split(separator: ".").last.map(String.init) ?? id
  }

  /// Whether the config has the entry `id`, such as `inferer` or `postprocessing#transforms#0`.
  package func contains(_ id: String) -> Bool { tree.value(at: ConfigPath(id)) != nil }

  /// The value of the entry `id`.
  /// - Throws: ``ConfigError``; `FileError` for a macro's file.
  package func resolve(_ id: String) throws -> PlainValue {
    budget = WorkBudget()
    defer { forgetWhereLarge() }
    let path = ConfigPath(id)
    let value = try self.value(at: path, requestedBy: ConfigPath.root)
    return try plain(value, at: path)
  }

  /// What is wrong with each of `ids` that has no value. All together get the work of one resolution: what is left when
  /// that is used up isn't looked at.
  package func problems(in ids: [String]) -> [(id: String, error: any Error)] {
    budget = WorkBudget()
    defer { forgetWhereLarge() }
    var problems: [(id: String, error: any Error)] = []
    for id in ids {
      do {
        _ = try value(at: ConfigPath(id), requestedBy: ConfigPath.root)
      } catch {
        problems.append((id, error))
        if case ConfigError.tooLarge = error, budget.spent > WorkBudget.maximumWork / 2 { break }
      }
    }
    return problems
  }

  /// Values that were resolved are kept for their next use, but not without bound.
  private func forgetWhereLarge() {
    keptWork += budget.spent
    guard keptWork > WorkBudget.maximumWork else { return }
    resolved = [:]
    keptWork = 0
  }

  // MARK: Looking up

  /// An entry as written, with macros expanded on the way to it.
  private struct Entry {
    var value: ConfigValue
    /// Where the value was written, which relative ids in it count from.
    var origin: ConfigPath
  }

  private func entry(at path: ConfigPath) throws -> Entry? {
    var entry = try expanded(Entry(value: .dictionary(tree.entries), origin: .root), at: .root)
    var rest = path.keys[...]
    while !rest.isEmpty {
      guard let child = entry.value.child(rest) else { return nil }
      let keys = rest.prefix(child.count)
      rest = rest.dropFirst(child.count)
      entry = try expanded(
        Entry(value: child.value, origin: ConfigPath(keys: entry.origin.keys + keys)),
        at: ConfigPath(keys: Array(path.keys[..<rest.startIndex])))
    }
    return entry
  }

  /// What a macro stands for; any other value itself.
  private func expanded(_ entry: Entry, at path: ConfigPath) throws -> Entry {
    guard case .string(let text) = entry.value, case .macro(let macro) = ConfigToken(text) else { return entry }
    func bad(_ reason: String) -> ConfigError {
      .badMacro(path: path.description, macro: macro, reason: reason)
    }
    guard macroDepth < Self.maximumMacroDepth else { throw bad("macros lead to macros without an end") }
    macroDepth += 1
    defer { macroDepth -= 1 }
    guard let target = MacroTarget(macro) else {
      guard let local = entry.origin.resolving(macro) else { throw bad("the relative id climbs above the root") }
      guard !path.keys.starts(with: local.keys) else { throw bad("it would copy an entry into itself") }
      guard let found = try self.entry(at: local) else {
        throw unknown(local, requestedBy: path)
      }
      return found
    }
    let content = try macroFile(target.file, at: path)
    var value = content
    for key in target.path.keys {
      guard let child = value.child(key) else { throw bad("the file has no entry '\(target.path)'") }
      value = child
    }
    return try expanded(Entry(value: value, origin: path), at: path)
  }

  private static let maximumMacroDepth = 32

  private func macroFile(_ name: String, at path: ConfigPath) throws -> ConfigValue {
    if let known = macroFiles[name] { return known }
    let content = try located(path.description) {
      try ConfigTree.read(try Paths.resolve(name, inside: folder))
    }
    macroFiles[name] = content
    return content
  }

  private func unknown(_ path: ConfigPath, requestedBy requester: ConfigPath) -> ConfigError {
    .unknownReference(
      id: path.description, path: requester.description, nearest: tree.nearest(to: path))
  }

  // MARK: Resolving

  /// The value of a whole entry, kept for its next use.
  private func value(at path: ConfigPath, requestedBy requester: ConfigPath) throws -> PythonValue {
    if let known = resolved[path] { return known }
    if let start = underway.firstIndex(of: path) {
      throw ConfigError.cycle((underway[start...] + [path]).map(\.description))
    }
    guard let entry = try entry(at: path) else { throw unknown(path, requestedBy: requester) }
    underway.append(path)
    defer { underway.removeLast() }
    let value = try resolve(entry, at: path)
    resolved[path] = value
    return value
  }

  private func resolve(_ entry: Entry, at path: ConfigPath) throws -> PythonValue {
    guard depth < Self.maximumDepth else {
      throw ConfigError.tooLarge(path: path.description, reason: "entries nested in each other without an end")
    }
    depth += 1
    defer { depth -= 1 }
    try spend(1, at: path)
    switch entry.value {
    case .null: return .none
    case .bool(let value): return .bool(value)
    case .int(let value): return .int(value)
    case .double(let value): return .double(value)
    case .string(let text): return try resolve(text, entry, at: path)
    case .list(let items): return .list(try resolve(items, entry, at: path))
    case .dictionary(let entries):
      guard entry.value.isComponent else { return .dictionary(try resolve(entries, entry, at: path)) }
      return try component(entries, entry, at: path)
    }
  }

  private static let maximumDepth = 250

  private func resolve(_ text: String, _ entry: Entry, at path: ConfigPath) throws -> PythonValue {
    switch ConfigToken(text) {
    case .text: return .string(text)
    case .reference(let id): return try reference(id, from: entry.origin, at: path)
    case .macro: return try resolve(try expanded(entry, at: path), at: path)
    case .expression(let source):
      if let statement = ImportStatements.parse(source) { return .symbol(statement.module) }
      return try evaluate(source, entry, at: path)
    }
  }

  private func reference(_ id: String, from origin: ConfigPath, at path: ConfigPath) throws -> PythonValue {
    guard let target = origin.resolving(id), !target.keys.isEmpty else {
      throw ConfigError.unknownReference(id: id, path: path.description, nearest: [])
    }
    let value = try self.value(at: target, requestedBy: path)
    try bounded(at: path) { try budget.spend(on: value) }
    return value
  }

  /// The items of a list; disabled components are left out.
  private func resolve(_ items: [ConfigValue], _ entry: Entry, at path: ConfigPath) throws -> [PythonValue] {
    var values: [PythonValue] = []
    for (index, item) in items.enumerated() {
      guard let value = try child(item, "\(index)", of: entry, at: path) else { continue }
      values.append(value)
    }
    return values
  }

  private func resolve(
    _ entries: OrderedDictionary<String, ConfigValue>, _ entry: Entry, at path: ConfigPath
  ) throws -> OrderedDictionary<PythonValue, PythonValue> {
    var values: OrderedDictionary<PythonValue, PythonValue> = [:]
    for (key, item) in entries {
      guard let value = try child(item, key, of: entry, at: path) else { continue }
      values[.string(key)] = value
    }
    return values
  }

  /// The value below `key`; nil for a disabled component.
  private func child(
    _ value: ConfigValue, _ key: String, of parent: Entry, at path: ConfigPath
  ) throws -> PythonValue? {
    let place = path.appending(key)
    let entry = try expanded(Entry(value: value, origin: parent.origin.appending(key)), at: place)
    let result = try resolve(entry, at: place)
    if entry.value.isComponent, case .none = result { return nil }
    return result
  }

  // MARK: Components

  private static let componentKeys: Set<String> = [
    "_target_", "_disabled_", "_requires_", "_desc_", "_mode_", "_args_",
  ]

  /// The component, or `.none` where it is disabled.
  private func component(
    _ entries: OrderedDictionary<String, ConfigValue>, _ entry: Entry, at path: ConfigPath
  ) throws -> PythonValue {
    if let disabled = entries["_disabled_"], try isDisabled(child(disabled, "_disabled_", of: entry, at: path)) {
      return .none
    }
    let target = try entries["_target_"].flatMap { try child($0, "_target_", of: entry, at: path) }
    let name: String
    switch target {
    case .string(let text)?, .symbol(let text)?: name = text
    default:
      throw ConfigError.badComponent(
        path: path.description, reason: "the _target_ is \(target?.typeName ?? "missing"), not the name of a class")
    }
    if let mode = entries["_mode_"], try child(mode, "_mode_", of: entry, at: path) != .string("default") {
      throw ConfigError.badComponent(
        path: path.description, reason: "the _mode_ \(mode.summary) is not supported, only 'default'")
    }
    var arguments: OrderedDictionary<String, PlainValue> = [:]
    for (key, item) in entries where !Self.componentKeys.contains(key) {
      guard let value = try child(item, key, of: entry, at: path) else { continue }
      arguments[key] = try plain(value, at: path.appending(key))
    }
    return .component(
      Component(
        target: name, arguments: arguments, positional: try positional(entries["_args_"], entry, at: path),
        path: path.description))
  }

  /// `_args_`, a list of arguments without names.
  private func positional(_ value: ConfigValue?, _ entry: Entry, at path: ConfigPath) throws -> [PlainValue] {
    guard let value, let arguments = try child(value, "_args_", of: entry, at: path) else { return [] }
    guard case .list(let items) = try plain(arguments, at: path.appending("_args_")) else {
      throw ConfigError.badComponent(path: path.description, reason: "the _args_ is \(arguments.typeName), not a list")
    }
    return items
  }

  private func isDisabled(_ value: PythonValue?) -> Bool {
    guard case .string(let text)? = value else { return value?.isTrue ?? false }
    return text.lowercased().trimmingSpace == "true"
  }

  // MARK: Expressions

  private func evaluate(_ source: String, _ entry: Entry, at path: ConfigPath) throws -> PythonValue {
    guard source.utf8.count <= Self.maximumExpressionBytes else {
      throw ConfigError.tooLarge(
        path: path.description, reason: "an expression of more than \(Self.maximumExpressionBytes) bytes")
    }
    do {
      let expression = try ExpressionParser.parse(source, readsReferences: true)
      var evaluator = ExpressionEvaluator(
        reference: { [self] id in try reference(id, from: entry.origin, at: path) },
        checkpoint: { [self] file in try checkpoint(file, at: path) },
        modules: modules, environment: environment, budget: budget, path: path.description)
      return try evaluator.evaluate(expression)
    } catch let error as PythonSyntaxError {
      throw ConfigError.notAnExpression(path: path.description, expression: Self.shortened(source), error)
    } catch let failure as EvaluationFailure {
      throw diagnosed(failure, source, at: path)
    }
  }

  private static let maximumExpressionBytes = 1 << 16

  /// A checkpoint that an expression loads, as data: in the config's folder, below the current one, or where an
  /// override leads.
  private func checkpoint(_ file: String, at path: ConfigPath) throws -> CheckpointData {
    guard Paths.isInside(file, folder) || Paths.isInside(file, ".") || overridden.contains(where: { names(file, $0) })
    else {
      throw ConfigError.checkpointOutside(path: path.description, file: file, folder: folder)
    }
    return try located(path.description) { try Checkpoint.open(path: file).data() }
  }

  /// Whether the user's override of `entry` is the file's path.
  private func names(_ file: String, _ entry: ConfigPath) -> Bool {
    tree.value(at: entry) == .string(file)
  }

  private func diagnosed(_ failure: EvaluationFailure, _ source: String, at path: ConfigPath) -> ConfigError {
    let expression = Self.shortened(source)
    switch failure {
    case .refused(let construct, let reason):
      return .refusedExpression(path: path.description, expression: expression, construct: construct, reason: reason)
    case .failed(let reason):
      return .failedExpression(path: path.description, expression: expression, reason: reason)
    case .tooLarge(let reason):
      return .tooLarge(path: path.description, reason: reason)
    }
  }

  /// As much of an expression as a message has room for.
  private static func shortened(_ source: String) -> String {
    source.utf8.count > 300 ? String(source.prefix(300)) + "…" : source
  }

  // MARK: Bounds

  private func spend(_ count: Int, at path: ConfigPath) throws {
    try bounded(at: path) { try budget.spend(count) }
  }

  private func bounded<Result>(at path: ConfigPath, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let failure as EvaluationFailure {
      throw diagnosed(failure, "", at: path)
    }
  }

  private func plain(_ value: PythonValue, at path: ConfigPath) throws -> PlainValue {
    try bounded(at: path) { try budget.spend(on: value) }
    guard let plain = value.plain else {
      throw ConfigError.badComponent(
        path: path.description, reason: "a dictionary has keys that are neither strings nor integers")
    }
    return plain
  }
}

/// The file and entry that a macro names, `%configs/net.json::network_def`.
private struct MacroTarget {
  let file: String
  let path: ConfigPath

  /// Nil where the macro names no file: an id of the same config.
  init?(_ macro: String) {
    let text = macro.split(separator: "#", omittingEmptySubsequences: false).joined(separator: "::")
    // The longest beginning that ends like a config file, at the end or before a separator.
    let ends = text.indices.reversed().map { text.index(after: $0) }
    let end = ends.first { end in
      let head = text[..<end].lowercased()
      let isFile = [".json", ".yaml", ".yml"].contains { head.hasSuffix($0) }
      return isFile && (end == text.endIndex || text[end...].hasPrefix("::"))
    }
    guard let end else { return nil }
    file = String(text[..<end])
    path = ConfigPath(String(text[end...].dropFirst(2)))
  }
}
