import Archives
import Testing

private typealias P = PickleFixture

@Suite struct UnpicklerTests {
  @Test func numbersOfAllOpcodesAreRead() throws {
    let body: [UInt8] =
      [0x28, 0x4b, 200, 0x4d, 0, 1, 0x4a, 0xff, 0xff, 0xff, 0xff, 0x8a, 0, 0x8a, 1, 0x80] + P.int(-3)
      + [0x47, 0x40, 0x04, 0, 0, 0, 0, 0, 0] + Array("I7\nI01\nL12L\nF0.5\n".utf8) + [0x8a, 9]
      + [UInt8](repeating: 1, count: 9) + [0x88, 0x4e, 0x74]
    let pickle = try unpickle(P.stop(body))
    #expect(
      pickle.elements(of: pickle.root) == [
        .int(200), .int(256), .int(-1), .int(0), .int(-128), .int(-3), .double(2.5), .int(7), .bool(true), .int(12),
        .double(0.5), .bigInteger([UInt8](repeating: 1, count: 9)), .bool(true), .none,
      ])
  }

  @Test func memoSharesContainers() throws {
    // l = []; t = (l, l); l.append(5)
    let pickle = try unpickle(P.stop([0x5d, 0x94, 0x68, 0, 0x86, 0x68, 0, 0x4b, 5, 0x61, 0x30]))
    let elements = try #require(pickle.elements(of: pickle.root))
    #expect(elements[0] == elements[1])
    #expect(pickle.elements(of: elements[0]) == [.int(5)])
  }

  @Test func aListThatHoldsItselfIsHarmless() throws {
    let pickle = try unpickle(P.stop([0x5d, 0x94, 0x68, 0, 0x61]))
    #expect(pickle.elements(of: pickle.root) == [pickle.root])
    #expect(pickle.summary(of: pickle.root) == "a list of 1")
  }

  @Test func orderedDictionariesKeepTheirState() throws {
    let body = P.global("collections", "OrderedDict") + [0x29, 0x52] + P.string("a") + [0x4b, 1, 0x73, 0x7d]
    let pickle = try unpickle(P.stop(body + P.string("_metadata") + [0x4e, 0x73, 0x62]))
    let entries = try #require(pickle.entries(of: pickle.root))
    #expect(entries.map(\.key) == [.string("a")])
    let state = try #require(pickle.state(of: pickle.root))
    #expect(pickle.entries(of: state)?.first?.key == .string("_metadata"))
  }

  @Test func anOrderedDictionaryOfPairsIsRead() throws {
    let pairs: [UInt8] = [0x5d] + P.tuple([P.string("a"), [0x4b, 1]]) + [0x61]
    let pickle = try unpickle(P.stop(P.global("collections", "OrderedDict") + pairs + [0x85, 0x52]))
    #expect(pickle.entries(of: pickle.root)?.first?.value == .int(1))
  }

  @Test(arguments: [
    ("posix", "system"), ("os", "system"), ("builtins", "eval"), ("builtins", "getattr"), ("pathlib", "PosixPath"),
    ("datetime", "datetime"), ("torch", "load"), ("__main__", "Net"),
  ])
  func otherGlobalsAreRefusedByName(_ module: String, _ name: String) throws {
    let expected = PickleProblem.forbiddenGlobal("\(module).\(name)")
    #expect(throws: expected) { try unpickle(P.stop(P.global(module, name))) }
    #expect(throws: expected) { try unpickle(P.stop(P.string(module) + P.string(name) + [0x93])) }
    #expect(expected.what.contains("'\(module).\(name)'"))
    #expect(expected.what.contains("not executed"))
  }

  @Test func valuesCannotBeCalled() {
    #expect(throws: PickleProblem.self) { try unpickle(P.stop(P.global("torch", "float32") + [0x29, 0x52])) }
  }

  @Test func anotherAllowListCanBePassed() throws {
    let globals = PickleGlobals.checkpoint.adding([:], prefixes: [("__torch__.", .record)])
    let body = P.global("__torch__.net", "Conv") + [0x29, 0x81, 0x7d] + P.string("training") + [0x89, 0x73, 0x62]
    let pickle = try unpickle(P.stop(body), globals: globals)
    let record = try #require(pickle.record(pickle.root))
    #expect(record.name == "__torch__.net.Conv")
    #expect(record.state.flatMap { pickle.entries(of: $0) }?.first?.value == .bool(false))
    #expect(throws: PickleProblem.forbiddenGlobal("__torch__.net.Conv")) { try unpickle(P.stop(body)) }
  }

  @Test(
    arguments: [
      [0x30], [0x32], [0x52], [0x61], [0x74], [0x85], [0x73], [0x75], [0x62], [0x93], [0x51], [0x81], [0x68, 3],
      [0x28, 0x28, 0x52], [0x5d, 0x4b, 1, 0x73], [0x4b, 1, 0x28, 0x86], [0x4b, 1, 0x28, 0x62], [0x29, 0x29, 0x52],
      [0x7d, 0x28, 0x4e, 0x75], [0x8c, 1, 0xff], [0x51], [0x4e, 0x51], [0x70, 0x2d, 0x31, 0x0a], [0x90], [0x65],
    ] as [[UInt8]])
  func wrongStacksThrow(_ body: [UInt8]) {
    #expect(throws: PickleProblem.self) { try unpickle(P.stop(body)) }
  }

  @Test func unknownOpcodesAndProtocolsAreNamed() {
    #expect(throws: PickleProblem.unsupportedOpcode(0x69, offset: 2)) { try unpickle(P.stop([0x69])) }
    #expect(throws: PickleProblem.unsupportedProtocol(6)) { try unpickle([0x80, 6, 0x4e, 0x2e]) }
    #expect(throws: PickleProblem.truncated) { try unpickle([]) }
    #expect(throws: PickleProblem.truncated) { try unpickle([0x80, 2, 0x4e]) }
  }

  @Test func declaredSizesBeyondTheInputThrow() {
    let sizes: [[UInt8]] = [
      [0x8d] + [UInt8](repeating: 0xff, count: 8), [0x8e, 0, 0, 0, 0, 0, 0, 0, 0x10], [0x58, 0xff, 0xff, 0xff, 0x7f],
      [0x8b, 0xff, 0xff, 0xff, 0x7f], [0x95, 0, 0, 0, 0, 0, 0, 0, 1],
    ]
    for body in sizes { #expect(throws: PickleProblem.truncated) { try unpickle(P.stop(body)) } }
  }

  @Test func deepNestingNeitherOverflowsNorHangs() throws {
    let depth = 100_000
    let tuples = try unpickle(P.stop([0x29] + [UInt8](repeating: 0x85, count: depth)))
    #expect(tuples.elements(of: tuples.root)?.count == 1)
    let lists = [UInt8](repeating: 0x5d, count: depth) + [UInt8](repeating: 0x61, count: depth - 1)
    let pickle = try unpickle(P.stop(lists))
    #expect(pickle.summary(of: pickle.root) == "a list of 1")
    #expect(throws: PickleProblem.truncated) { try unpickle([0x80, 2] + [UInt8](repeating: 0x28, count: depth)) }
  }

  @Test func theMemoHasALimit() {
    let body: [UInt8] = [0x4e] + [UInt8](repeating: 0x94, count: Unpickler.memoLimit + 1)
    #expect(throws: PickleProblem.tooLarge("memo entries", limit: Unpickler.memoLimit)) { try unpickle(P.stop(body)) }
  }

  @Test func repeatedDoublingStaysWithinTheElementLimit() {
    // d = {…}; then OrderedDict(d) again and again, each a copy of 2000 elements.
    var items: [UInt8] = []
    for index in 0..<1000 { items += P.int(index) + [0x4e] }
    var body: [UInt8] = [0x7d, 0x28] + items + [0x75, 0x94]
    body += P.global("collections", "OrderedDict") + [0x94]
    let copies: [UInt8] = [[UInt8]](repeating: [0x68, 1, 0x68, 0, 0x85, 0x52, 0x30], count: 20_000).flatMap { $0 }
    #expect(throws: PickleProblem.tooLarge("elements", limit: Unpickler.elementLimit)) {
      try unpickle(P.stop(body + copies))
    }
  }
}
