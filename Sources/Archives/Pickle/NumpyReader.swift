import Tensors

/// Turns the records that NumPy pickles for arrays and scalars into tensors.
///
/// Sources: `numpy/_core/src/multiarray/methods.c` (`array_reduce`, `array_setstate`), `numpy/_core/numeric.py`
/// (`_frombuffer`).
struct NumpyReader {
  let pickle: Pickle

  /// The array or scalar that `value` stands for; nil when it stands for none.
  /// - Throws: ``TensorProblem``.
  func tensor(_ value: PickledValue) throws -> Tensor? {
    guard let record = pickle.record(value) else { return nil }
    switch record.name.split(separator: ".").last {
    case "_reconstruct": return try array(record)
    case "_frombuffer": return try buffer(record)
    case "scalar": return try scalar(record)
    default: return nil
    }
  }

  /// The state is (version, shape, dtype, whether in Fortran order, bytes).
  private func array(_ record: PickledRecord) throws -> Tensor {
    guard let state = record.state.flatMap({ pickle.elements(of: $0) }), state.count >= 4 else {
      throw TensorProblem.malformed("a NumPy array without its state")
    }
    let parts = Array(state.suffix(4))
    return try tensor(parts[3], dtype: parts[1], shape: parts[0], isFortranOrder: parts[2] == .bool(true))
  }

  /// The arguments are (bytes, dtype, shape, "C" or "F").
  private func buffer(_ record: PickledRecord) throws -> Tensor {
    let parts = record.arguments
    guard parts.count == 4 else { throw TensorProblem.malformed("a NumPy array of another kind") }
    return try tensor(parts[0], dtype: parts[1], shape: parts[2], isFortranOrder: parts[3].string == "F")
  }

  private func scalar(_ record: PickledRecord) throws -> Tensor {
    guard record.arguments.count == 2 else { throw TensorProblem.malformed("a NumPy scalar of another kind") }
    return try tensor(record.arguments[1], dtype: record.arguments[0], shape: nil, isFortranOrder: false)
  }

  private func tensor(
    _ data: PickledValue, dtype: PickledValue, shape: PickledValue?, isFortranOrder: Bool
  ) throws -> Tensor {
    let elements = shape.map { pickle.elements(of: $0) } ?? []
    let extents = elements?.compactMap(\.int)
    guard let bytes = bytes(data), let elements, let extents, extents.count == elements.count else {
      throw TensorProblem.malformed("a NumPy array whose shape or bytes are missing")
    }
    do {
      let (type, isBigEndian) = try NpyHeader.elementType(descr(dtype))
      let shape = try NpyHeader.checkedShape(extents)
      guard bytes.count == shape.count * type.byteCount else {
        throw TensorProblem.malformed("a NumPy array of \(shape) \(type) in \(bytes.count) bytes")
      }
      let storage = Tensor(bytes, [bytes.count]).storage
      return try Npy.tensor(storage, type, isBigEndian: isBigEndian, isFortranOrder: isFortranOrder, shape)
    } catch let problem as NpyProblem {
      throw TensorProblem.unsupported(problem.what)
    } catch let error as TensorError {
      throw TensorProblem.outsideStorage(error)
    }
  }

  /// `<i8` of the record `numpy.dtype("i8", False, True)` with the state (3, "<", …).
  private func descr(_ value: PickledValue) throws -> String {
    guard let record = pickle.record(value), record.name == "numpy.dtype", let code = record.arguments.first?.string
    else { throw TensorProblem.malformed("a NumPy array without a dtype") }
    let state = record.state.flatMap { pickle.elements(of: $0) } ?? []
    return (state.count > 1 ? state[1].string ?? "|" : "|") + code
  }

  /// Bytes as they are, in a bytearray, or as the Latin-1 text that protocols before 3 write.
  private func bytes(_ value: PickledValue) -> [UInt8]? {
    switch value {
    case .bytes(let bytes): return bytes
    case .record:
      guard let record = pickle.record(value) else { return nil }
      // How protocol 2 writes no bytes at all.
      if record.name.hasSuffix(".bytes"), record.arguments.isEmpty { return [] }
      guard let first = record.arguments.first else { return nil }
      if record.name.hasSuffix(".bytearray"), case .bytes(let bytes) = first { return bytes }
      guard record.name == "_codecs.encode", let text = first.string else { return nil }
      let scalars = text.unicodeScalars.compactMap { UInt8(exactly: $0.value) }
      return scalars.count == text.unicodeScalars.count ? scalars : nil
    default: return nil
    }
  }
}
