/// Reads a pickle as data: a stack machine over ``PickleOpcode`` that calls and imports nothing.
///
/// All memory it takes is bounded by the input's size and by the limits below; nothing recurses.
package struct Unpickler {
  /// Lists, tuples, dictionaries, sets and records of one pickle.
  package static let nodeLimit = 4 << 20
  package static let memoLimit = 8 << 20
  /// Elements of all containers together, and values on the stack.
  package static let elementLimit = 16 << 20

  private let globals: PickleGlobals
  private var reader: ByteReader
  private var stack: [PickledValue] = []
  /// Stack heights at the open MARKs; what lies below the last one is out of reach.
  private var marks: [Int] = []
  private var memo: [Int: PickledValue] = [:]
  private var nodes: [Pickle.Node] = []
  private var elementCount = 0
  /// Where the current opcode stands.
  private var position = 0

  private init(_ bytes: UnsafeRawBufferPointer, _ globals: PickleGlobals) {
    reader = ByteReader(bytes)
    self.globals = globals
  }

  /// Reads the pickle at the start of `bytes`; what follows its STOP is left alone.
  /// - Throws: ``PickleProblem``.
  package static func load(
    _ bytes: UnsafeRawBufferPointer, globals: PickleGlobals
  ) throws(PickleProblem) -> Pickle {
    var machine = Unpickler(bytes, globals)
    while true {
      machine.position = machine.reader.offset
      guard let code = machine.reader.integer(UInt8.self) else { throw .truncated }
      guard let opcode = PickleOpcode(rawValue: code) else {
        throw .unsupportedOpcode(code, offset: machine.position)
      }
      if opcode == .stop { break }
      try machine.execute(opcode)
    }
    let root = try machine.pop()
    return Pickle(root: root, nodes: machine.nodes)
  }

  private mutating func execute(_ opcode: PickleOpcode) throws(PickleProblem) {
    switch opcode {
    case .stop: break
    case .proto:
      let version = try size(UInt8.self)
      guard version <= 5 else { throw .unsupportedProtocol(version) }
    case .frame:
      guard try size(UInt64.self) <= reader.remaining else { throw .truncated }

    case .none: try push(.none)
    case .newTrue: try push(.bool(true))
    case .newFalse: try push(.bool(false))
    case .int, .long, .float, .binInt, .binInt1, .binInt2, .long1, .long4, .binFloat: try push(number(opcode))
    case .binUnicode: try push(.string(text(size(UInt32.self))))
    case .shortBinUnicode: try push(.string(text(size(UInt8.self))))
    case .binUnicode8: try push(.string(text(size(UInt64.self))))
    case .binString: try push(oldString(size(UInt32.self)))
    case .shortBinString: try push(oldString(size(UInt8.self)))
    case .binBytes: try push(.bytes(Array(slice(size(UInt32.self)))))
    case .shortBinBytes: try push(.bytes(Array(slice(size(UInt8.self)))))
    case .binBytes8, .byteArray8: try push(.bytes(Array(slice(size(UInt64.self)))))

    case .mark:
      guard marks.count < Self.elementLimit else { throw .tooLarge("marks", limit: Self.elementLimit) }
      marks.append(stack.count)
    case .pop: try discard()
    case .popMark: _ = try popToMark()
    case .dup: try push(top())

    case .put: try memoize(decimalLine())
    case .binPut: try memoize(size(UInt8.self))
    case .longBinPut: try memoize(size(UInt32.self))
    case .memoize: try memoize(memo.count)
    case .get: try push(remembered(decimalLine()))
    case .binGet: try push(remembered(size(UInt8.self)))
    case .longBinGet: try push(remembered(size(UInt32.self)))

    case .emptyTuple: try push(.tuple(node([])))
    case .tuple: try push(.tuple(node(popToMark())))
    case .tuple1: try push(.tuple(node(pop(1))))
    case .tuple2: try push(.tuple(node(pop(2))))
    case .tuple3: try push(.tuple(node(pop(3))))
    case .emptyList: try push(.list(node([])))
    case .list: try push(.list(node(popToMark())))
    case .emptySet: try push(.set(node([])))
    case .frozenSet: try push(.set(node(popToMark())))
    case .emptyDict: try push(.dictionary(node([])))
    case .dict:
      try push(.dictionary(node([])))
      let dictionary = try pop()
      try setItems(popToMark(), of: dictionary)
      try push(dictionary)

    case .append:
      let value = try pop(1)
      try append(value, to: top())
    case .appends, .addItems:
      let values = try popToMark()
      try append(values, to: top())
    case .setItem:
      let pair = try pop(2)
      try setItems(pair, of: top())
    case .setItems:
      let pairs = try popToMark()
      try setItems(pairs, of: top())

    case .global: try pushGlobal(module: textLine(), name: textLine())
    case .stackGlobal:
      let names = try pop(2)
      guard let module = names[0].string, let name = names[1].string else { throw malformed("a global without a name") }
      try pushGlobal(module: module, name: name)
    case .reduce, .newObject: try call(withKeywords: false)
    case .newObjectWithKeywords: try call(withKeywords: true)
    case .build: try build()
    case .binPersistentID:
      guard case .tuple(let reference) = try pop() else { throw malformed("a persistent ID that is no tuple") }
      try push(.persistent(reference))
    }
  }

  private func malformed(_ reason: String) -> PickleProblem { .malformed(reason, offset: position) }

  // MARK: Operands

  private mutating func integer<Integer: FixedWidthInteger>(_: Integer.Type) throws(PickleProblem) -> Integer {
    guard let value = reader.integer(Integer.self) else { throw .truncated }
    return value
  }

  /// A count or index; one beyond `Int` is beyond the input too.
  private mutating func size<Integer: FixedWidthInteger & UnsignedInteger>(
    _: Integer.Type
  ) throws(PickleProblem) -> Int {
    guard let size = reader.size(Integer.self) else { throw .truncated }
    return size
  }

  private mutating func slice(_ count: Int) throws(PickleProblem) -> UnsafeRawBufferPointer {
    guard let slice = reader.slice(count) else { throw .truncated }
    return slice
  }

  private mutating func text(_ count: Int) throws(PickleProblem) -> String {
    guard let text = try slice(count).text else { throw malformed("a string that isn't UTF-8") }
    return text
  }

  /// A Python 2 string: text where it is text, bytes elsewhere.
  private mutating func oldString(_ count: Int) throws(PickleProblem) -> PickledValue {
    let bytes = try slice(count)
    return bytes.text.map { .string($0) } ?? .bytes(Array(bytes))
  }

  private mutating func textLine() throws(PickleProblem) -> String {
    guard let line = reader.line() else { throw .truncated }
    guard let text = line.text else { throw malformed("a line that isn't UTF-8") }
    return text
  }

  private mutating func decimalLine() throws(PickleProblem) -> Int {
    guard let value = Int(try textLine()), value >= 0 else { throw malformed("a memo index that is no number") }
    return value
  }

  private mutating func number(_ opcode: PickleOpcode) throws(PickleProblem) -> PickledValue {
    switch opcode {
    case .binInt: return .int(Int(try integer(Int32.self)))
    case .binInt1: return .int(try size(UInt8.self))
    case .binInt2: return .int(try size(UInt16.self))
    case .long1: return Self.wideInteger(try slice(size(UInt8.self)))
    case .long4: return Self.wideInteger(try slice(size(UInt32.self)))
    // BINFLOAT is the one big-endian operand.
    case .binFloat: return .double(Double(bitPattern: try integer(UInt64.self).byteSwapped))
    case .float:
      guard let value = Double(try textLine()) else { throw malformed("a float that is no number") }
      return .double(value)
    default:
      var digits = try textLine()
      if opcode == .int, digits == "00" || digits == "01" { return .bool(digits == "01") }
      if opcode == .long, digits.hasSuffix("L") { digits.removeLast() }
      guard let value = Int(digits) else { throw malformed("an integer that is no number of 64 bits") }
      return .int(value)
    }
  }

  /// Two's complement, little-endian, of any length.
  private static func wideInteger(_ bytes: UnsafeRawBufferPointer) -> PickledValue {
    guard bytes.count <= 8 else { return .bigInteger(Array(bytes)) }
    let isNegative = (bytes.last ?? 0) & 0x80 != 0
    var bits: UInt64 = isNegative ? .max : 0
    for byte in bytes.reversed() { bits = bits << 8 | UInt64(byte) }
    return .int(Int(Int64(bitPattern: bits)))
  }

  // MARK: Stack and memo

  private mutating func push(_ value: PickledValue) throws(PickleProblem) {
    guard stack.count < Self.elementLimit else { throw .tooLarge("values on the stack", limit: Self.elementLimit) }
    stack.append(value)
  }

  private func top() throws(PickleProblem) -> PickledValue {
    guard stack.count > marks.last ?? 0, let value = stack.last else { throw malformed("the stack is empty") }
    return value
  }

  private mutating func pop() throws(PickleProblem) -> PickledValue {
    let value = try top()
    stack.removeLast()
    return value
  }

  private mutating func pop(_ count: Int) throws(PickleProblem) -> [PickledValue] {
    guard stack.count - (marks.last ?? 0) >= count else { throw malformed("the stack is empty") }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func popToMark() throws(PickleProblem) -> [PickledValue] {
    guard let height = marks.popLast() else { throw malformed("a mark is missing") }
    defer { stack.removeSubrange(height...) }
    return Array(stack[height...])
  }

  /// POP takes the value on top, or a MARK that has nothing above it.
  private mutating func discard() throws(PickleProblem) {
    if let mark = marks.last, mark == stack.count {
      marks.removeLast()
    } else {
      _ = try pop()
    }
  }

  private mutating func memoize(_ index: Int) throws(PickleProblem) {
    guard memo.count < Self.memoLimit else { throw .tooLarge("memo entries", limit: Self.memoLimit) }
    memo[index] = try top()
  }

  private func remembered(_ index: Int) throws(PickleProblem) -> PickledValue {
    guard let value = memo[index] else { throw malformed("memo entry \(index) is missing") }
    return value
  }

  // MARK: Containers

  private mutating func charge(_ count: Int) throws(PickleProblem) {
    elementCount += count
    guard elementCount <= Self.elementLimit else { throw .tooLarge("elements", limit: Self.elementLimit) }
  }

  private mutating func node(_ elements: [PickledValue], name: String = "") throws(PickleProblem) -> PickleReference {
    guard nodes.count < Self.nodeLimit else { throw .tooLarge("containers", limit: Self.nodeLimit) }
    try charge(elements.count)
    nodes.append(Pickle.Node(name: name, elements: elements))
    return PickleReference(index: nodes.count - 1)
  }

  private mutating func append(_ values: [PickledValue], to target: PickledValue) throws(PickleProblem) {
    switch target {
    case .list(let reference), .set(let reference):
      try charge(values.count)
      nodes[reference.index].elements.append(contentsOf: values)
    default: throw malformed("an append to something that is no list or set")
    }
  }

  private mutating func setItems(_ pairs: [PickledValue], of target: PickledValue) throws(PickleProblem) {
    guard case .dictionary(let reference) = target else { throw malformed("items for something that is no dictionary") }
    guard pairs.count % 2 == 0 else { throw malformed("a key without a value") }
    try charge(pairs.count)
    nodes[reference.index].elements.append(contentsOf: pairs)
  }

  // MARK: Globals

  private mutating func pushGlobal(module: String, name: String) throws(PickleProblem) {
    let global = "\(module).\(name)"
    guard globals.role(of: global) != nil else { throw .forbiddenGlobal(global) }
    try push(.global(global))
  }

  /// REDUCE and NEWOBJ: what the call of an allow-listed global stands for.
  private mutating func call(withKeywords: Bool) throws(PickleProblem) {
    if withKeywords {
      guard case .dictionary(let keywords) = try pop(), nodes[keywords.index].elements.isEmpty else {
        throw malformed("a call with named arguments")
      }
    }
    let given = try pop()
    guard let name = try pop().global, let role = globals.role(of: name) else {
      throw malformed("a call of something that is no global")
    }
    let arguments: [PickledValue]
    switch given {
    case .tuple(let reference): arguments = nodes[reference.index].elements
    // TorchScript writes the members of its enumerations so.
    case .string where role == .record, .int where role == .record, .double where role == .record: arguments = [given]
    default: throw malformed("a call without arguments")
    }
    switch role {
    case .value: throw malformed("a call of \(name.plainForMessage), which only stands for itself")
    case .record: try push(.record(node(arguments, name: name)))
    case .dictionary: try push(.dictionary(node(pairs(arguments))))
    case .defaultDictionary: try push(.dictionary(node(pairs(Array(arguments.dropFirst())))))
    case .set: try push(.set(node(members(arguments))))
    }
  }

  /// Keys and values in turn, of no argument, a dictionary, or a list of pairs.
  private func pairs(_ arguments: [PickledValue]) throws(PickleProblem) -> [PickledValue] {
    guard arguments.count <= 1 else { throw malformed("a dictionary of \(arguments.count) arguments") }
    switch arguments.first {
    case nil: return []
    case .dictionary(let reference): return nodes[reference.index].elements
    case .list(let reference):
      var flat: [PickledValue] = []
      for pair in nodes[reference.index].elements {
        guard case .list(let items) = pair.asList, nodes[items.index].elements.count == 2 else {
          throw malformed("a dictionary of something else than pairs")
        }
        flat += nodes[items.index].elements
      }
      return flat
    default: throw malformed("a dictionary of something else than pairs")
    }
  }

  private func members(_ arguments: [PickledValue]) throws(PickleProblem) -> [PickledValue] {
    switch arguments.first {
    case nil: return []
    case .list(let reference), .tuple(let reference): return nodes[reference.index].elements
    default: throw malformed("a set of something else than a list")
    }
  }

  private mutating func build() throws(PickleProblem) {
    let state = try pop()
    switch try top() {
    case .record(let reference), .dictionary(let reference): nodes[reference.index].state = state
    default: throw malformed("a state for something that has none")
    }
  }
}

extension PickledValue {
  /// A tuple or list, as a list.
  fileprivate var asList: PickledValue {
    if case .tuple(let reference) = self { .list(reference) } else { self }
  }
}
