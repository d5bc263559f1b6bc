/// Why a file gives no state dict.
package enum CheckpointProblem: ArchiveProblem {
  /// Neither a zip archive nor any other known format of weights. `found` says what it looks like.
  case notACheckpoint(found: String)
  case torchScript
  case exportedProgram
  /// A checkpoint of PyTorch before 1.6, a sequence of pickles.
  case legacyPickle
  /// A checkpoint of the first PyTorch releases, a tar archive.
  case legacyTar
  case bigEndian
  case damagedByteOrder
  case severalPickles
  /// The checkpoint's content, or what a key names, has no tensors under names.
  case noStateDict(found: String, key: String?)
  case ambiguous(candidates: [String])
  case missingKey(key: String, known: [String])
  /// A key was given for a format that has no nested dictionaries.
  case notNested(key: String)

  private static let resave = "load it in PyTorch 1.6 or newer and save it again with torch.save"

  package var what: String {
    switch self {
    case .notACheckpoint(let found): "no checkpoint: the file is \(found)"
    case .torchScript: "the file is a TorchScript program, not a checkpoint"
    case .exportedProgram: "the file is a torch.export program, not a checkpoint"
    case .legacyPickle: "the checkpoint has PyTorch's legacy format (before 1.6), which is not supported"
    case .legacyTar: "the checkpoint has PyTorch's old tar format, which is not supported"
    case .bigEndian: "the checkpoint was written on a big-endian machine, which is not supported"
    case .damagedByteOrder: "the checkpoint's byte order is neither little nor big"
    case .severalPickles: "the archive holds several data.pkl"
    case .noStateDict(let found, nil): "the checkpoint holds no state dict, but \(found)"
    case .noStateDict(let found, let key?): "the checkpoint's \(key.quotedForMessage) is no state dict, but \(found)"
    case .ambiguous(let candidates):
      "the checkpoint holds several state dicts: \(candidates.prefix(20).map(\.quotedForMessage).joined(separator: ", "))"
    case .missingKey(let key, _): "the checkpoint has no key \(key.quotedForMessage)"
    case .notNested(let key): "the file has no nested state dict \(key.quotedForMessage)"
    }
  }

  package var expected: String? {
    switch self {
    case .notACheckpoint: "a file written by torch.save, or a .safetensors file"
    case .noStateDict: "a dictionary of names and tensors"
    case .missingKey(_, let known):
      known.isEmpty ? nil : "one of \(known.prefix(20).map(\.quotedForMessage).joined(separator: ", "))"
    default: nil
    }
  }

  package var hint: String? {
    switch self {
    case .notACheckpoint: "check the path, and that the download is complete"
    case .torchScript, .exportedProgram: "give the file as the MODEL itself; it needs no network definition"
    case .legacyPickle, .legacyTar, .bigEndian: Self.resave
    case .noStateDict: "save the weights with torch.save(model.state_dict(), path)"
    case .ambiguous: "choose one with --key-in-ckpt"
    case .missingKey: "choose another --key-in-ckpt, or leave it out"
    case .notNested: "leave --key-in-ckpt out"
    case .damagedByteOrder, .severalPickles:
      "the file is damaged or not what it claims to be; get it again from its source"
    }
  }
}
