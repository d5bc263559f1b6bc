import Graphs

/// Lists and dictionaries of a program.
let listOperators: [ATenOperator] = [
  .any("len.t(any[] a) -> int") { .int(try items($0, "a").count) },
  .any("len.str(str s) -> int") { .int(try $0.string("s").count) },
  .any("len.Dict(any self) -> int") { .int(try dictionary($0).entries.count) },
  .any("append.t(any[] self, any el) -> any[]") { call in
    let list = try list(call)
    guard list.items.count < 1 << 20 else { throw call.unsupported("the list grows without end") }
    list.items.append(try call.argument("el"))
    return .list(list)
  },
  .any("extend.t(any[] self, any[] other) -> ()") { call in
    let list = try list(call)
    let more = try items(call, "other")
    guard list.items.count + more.count < 1 << 20 else { throw call.unsupported("the list grows without end") }
    list.items += more
    return .none
  },
  .any("insert.t(any[] self, int idx, any el) -> ()") { call in
    let list = try list(call)
    let index = try call.int("idx")
    guard list.items.count < 1 << 20 else { throw call.unsupported("the list grows without end") }
    let place = index < 0 ? max(index + list.items.count, 0) : min(index, list.items.count)
    list.items.insert(try call.argument("el"), at: place)
    return .none
  },
  .any("pop.t(any[] self, int idx=-1) -> any") { call in
    let list = try list(call)
    return list.items.remove(at: try place(call, call.int("idx"), in: list.items.count))
  },
  .any("reverse.t(any[] self) -> ()") { call in
    try list(call).items.reverse()
    return .none
  },
  .any("clear.t(any[] self) -> ()") { call in
    try list(call).items.removeAll()
    return .none
  },
  .any("list.t(any[] l) -> any[]") { .list(ProgramList(try items($0, "l"))) },
  .any("copy.t(any[] self) -> any[]") { .list(ProgramList(try items($0, "self"))) },
  .any("add.t(any[] a, any[] b) -> any[]") { .list(ProgramList(try items($0, "a") + items($0, "b"))) },
  .any("mul.left_t(any[] l, int n) -> any[]") { call in
    let items = try items(call, "l")
    let count = try call.int("n")
    guard count * max(items.count, 1) < 1 << 20, count < 1 << 20 else { throw call.unsupported("\(count) repeats") }
    return .list(ProgramList((0..<max(count, 0)).flatMap { _ in items }))
  },
  .any("slice.t(any[] l, int? start=None, int? end=None, int step=1) -> any[]") { call in
    let items = try items(call, "l")
    let step = try call.int("step")
    if step == -1, try call.isNone("start"), try call.isNone("end") {
      return .list(ProgramList(items.reversed()))
    }
    guard step > 0 else { throw call.unsupported("the step is \(step)", expected: "a positive number") }
    func bound(_ name: String, _ fallback: Int) throws -> Int {
      let value = try call.optionalInt(name) ?? fallback
      return min(max(value < 0 ? value + items.count : value, 0), items.count)
    }
    let (start, end) = (try bound("start", 0), try bound("end", items.count))
    return .list(ProgramList(stride(from: start, to: max(start, end), by: step).map { items[$0] }))
  },
  .any("select.t(any[] list, int idx) -> any") { call in
    let items = try items(call, "list")
    return items[try place(call, call.int("idx"), in: items.count)]
  },
  .any("__getitem__.t(any[] list, int idx) -> any") { call in
    let items = try items(call, "list")
    return items[try place(call, call.int("idx"), in: items.count)]
  },
  .any("__getitem__.Dict(any self, any key) -> any") { call in
    let dictionary = try dictionary(call)
    guard let index = dictionary.index(of: try call.argument("key")) else {
      throw ImportError.raised(message: "the key \(try call.argument("key").messageText) is missing")
    }
    return dictionary.entries[index].value
  },
  .any("_set_item.t(any[] l, int idx, any el) -> any[]") { call in
    guard case .list(let list) = try call.argument("l") else { throw call.unsupported("a change of a tuple") }
    list.items[try place(call, call.int("idx"), in: list.items.count)] = try call.argument("el")
    return .list(list)
  },
  .any("_set_item.Dict(any l, any idx, any v) -> ()") { call in
    guard case .dictionary(let dictionary) = try call.argument("l") else { throw call.unsupported("a change of this") }
    dictionary.set(try call.argument("idx"), try call.argument("v"))
    return .none
  },
  .any("keys(any self) -> any[]") { .list(ProgramList(try dictionary($0).entries.map(\.key))) },
  .any("values(any self) -> any[]") { .list(ProgramList(try dictionary($0).entries.map(\.value))) },
  .any("items(any self) -> any[]") { call in
    .list(ProgramList(try dictionary(call).entries.map { .tuple([$0.key, $0.value]) }))
  },
  .any("get.default(any self, any key, any default_value=None) -> any") { call in
    let dictionary = try dictionary(call)
    let index = dictionary.index(of: try call.argument("key"))
    return try index.map { dictionary.entries[$0].value } ?? call.argument("default_value")
  },
  .any("__contains__.list(any[] l, any item) -> bool") { call in
    let item = try call.argument("item")
    return .bool(try items(call, "l").contains { $0.equals(item) })
  },
  .any("__contains__.Dict(any l, any item) -> bool") { call in
    guard case .dictionary(let dictionary) = try call.argument("l") else { throw call.unsupported("not a dictionary") }
    return .bool(dictionary.index(of: try call.argument("item")) != nil)
  },
  .any("dict(any[] inputs=[]) -> any") { call in
    let dictionary = ProgramDictionary()
    for entry in try items(call, "inputs") {
      guard let pair = entry.items, pair.count == 2 else { throw call.unsupported("a \(entry.typeName) as an entry") }
      dictionary.set(pair[0], pair[1])
    }
    return .dictionary(dictionary)
  },
  .any("dict.copy(any self) -> any") { .dictionary(ProgramDictionary(try dictionary($0).entries)) },
  .any("copy.Dict(any self) -> any") { .dictionary(ProgramDictionary(try dictionary($0).entries)) },
  .any("update(any self, any to_add) -> ()") { call in
    let target = try dictionary(call)
    guard case .dictionary(let added) = try call.argument("to_add") else { throw call.unsupported("no dictionary") }
    for (key, value) in added.entries { target.set(key, value) }
    return .none
  },
  .any("setdefault(any self, any key, any default_value) -> any") { call in
    let target = try dictionary(call)
    if let index = target.index(of: try call.argument("key")) { return target.entries[index].value }
    target.set(try call.argument("key"), try call.argument("default_value"))
    return try call.argument("default_value")
  },
  .any("index.list(any[] self, any el) -> int") { call in
    let wanted = try call.argument("el")
    guard let place = try items(call, "self").firstIndex(where: { $0.equals(wanted) }) else {
      throw ImportError.raised(message: "\(wanted.messageText) is not in the list")
    }
    return .int(place)
  },
  .any("count.list(any[] self, any el) -> int") { call in
    let wanted = try call.argument("el")
    return .int(try items(call, "self").count { $0.equals(wanted) })
  },
  .any("all.bool(any[] self) -> bool") { .bool(try truths($0).allSatisfy(\.self)) },
  .any("any.bool(any[] self) -> bool") { .bool(try truths($0).contains(true)) },
  .any("sum.int(any[] self) -> int") { call in
    var sum = ProgramValue.int(0)
    for item in try items(call, "self") {
      switch (sum, item) {
      case (.int(let a), .int(let b)): sum = .int(try a.adding(b))
      case (.double(let a), .double(let b)): sum = .double(a + b)
      case (.int(let a), .double(let b)) where a == 0: sum = .double(b)
      default: throw call.unsupported("a sum of \(item.typeName)", expected: "numbers of one kind")
      }
    }
    return sum
  },
  .any("sorted.any(any[] self) -> any[]") { call in
    let numbers = try items(call, "self").map { item -> Int in
      guard case .int(let dimension) = item, let number = dimension.constant else {
        throw call.unsupported("a list of \(item.typeName)", expected: "integers")
      }
      return number
    }
    return .list(ProgramList(numbers.sorted().map { .int($0) }))
  },
]

extension ProgramDictionary {
  func set(_ key: ProgramValue, _ value: ProgramValue) {
    if let index = index(of: key) { entries[index].value = value } else { entries.append((key, value)) }
  }
}

private func list(_ call: ATenCall) throws -> ProgramList {
  guard case .list(let list) = call.arguments[0] else {
    throw call.unsupported("a change of a \(call.arguments[0].typeName)", expected: "a list")
  }
  return list
}

private func items(_ call: ATenCall, _ name: String) throws -> [ProgramValue] {
  let value = try call.argument(name)
  guard let items = value.items else { throw call.unsupported("a \(value.typeName)", expected: "a list") }
  return items
}

/// The items as truth values.
private func truths(_ call: ATenCall) throws -> [Bool] {
  try items(call, "self").map { item in
    switch item {
    case .bool(let flag): return flag
    case .int(let dimension): return try !dimension.isEqual(0)
    case .double(let number): return number != 0
    default: throw call.unsupported("a \(item.typeName) as a condition", expected: "bool or numbers")
    }
  }
}

private func dictionary(_ call: ATenCall) throws -> ProgramDictionary {
  guard case .dictionary(let dictionary) = call.arguments[0] else {
    throw call.unsupported("a \(call.arguments[0].typeName)", expected: "a dictionary")
  }
  return dictionary
}

private func place(_ call: ATenCall, _ index: Int, in count: Int) throws -> Int {
  guard (-count..<count).contains(index) else {
    throw call.unsupported("index \(index) of a list of \(count)", expected: "an index that it has")
  }
  return index < 0 ? index + count : index
}
