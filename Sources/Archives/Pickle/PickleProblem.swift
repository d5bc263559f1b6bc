/// Why a pickle can't be read as data.
package enum PickleProblem: ArchiveProblem {
  /// The pickle ends before its STOP opcode.
  case truncated
  /// An opcode finds something else on the stack than it needs.
  case malformed(String, offset: Int)
  case unsupportedOpcode(UInt8, offset: Int)
  case unsupportedProtocol(Int)
  /// A global, `module.name`, that isn't on the allow-list. It wasn't imported.
  case forbiddenGlobal(String)
  case tooLarge(String, limit: Int)

  package var what: String {
    switch self {
    case .truncated: "the pickle is cut off"
    case .malformed(let reason, let offset): "the pickle is malformed at byte \(offset): \(reason)"
    case .unsupportedOpcode(let code, let offset):
      "the pickle has the opcode 0x\(String(code, radix: 16)) at byte \(offset), which is not supported"
    case .unsupportedProtocol(let version): "the pickle has protocol \(version)"
    case .forbiddenGlobal(let name):
      "the pickle refers to '\(name.plainForMessage)', which is neither a tensor nor plain data; it was not executed"
    case .tooLarge(let thing, let limit): "the pickle holds more than \(limit) \(thing)"
    }
  }

  package var expected: String? {
    switch self {
    case .unsupportedProtocol: "protocol 0 to 5"
    case .forbiddenGlobal: "a state dict: names with tensors, numbers, strings, lists and dictionaries"
    default: nil
    }
  }

  package var hint: String? {
    switch self {
    case .forbiddenGlobal:
      "if you trust the file, load it in PyTorch and save only the weights: torch.save(model.state_dict(), path)"
    case .unsupportedOpcode, .tooLarge: "save only the weights in PyTorch: torch.save(model.state_dict(), path)"
    default: "the file is damaged or not what it claims to be; get it again from its source"
    }
  }
}
