import Engines
import Tensors

/// A session as the sliding window drives it.
final class SessionPredictor: WindowPredictor {
  private let session: any Session
  private let batches: ClosedRange<Int>?

  /// - Parameter batches: What the engine takes; larger batches are split, and what is left over is filled up.
  init(_ session: any Session, batches: ClosedRange<Int>? = nil) {
    self.session = session
    self.batches = batches
  }

  func predict(_ batch: Tensor, into outputs: inout [Tensor]) throws {
    guard let batches, !batches.contains(batch.shape[0]) else { return try session.run([batch], into: &outputs) }
    outputs = try inPieces(batch, batches)
  }

  private func inPieces(_ batch: Tensor, _ batches: ClosedRange<Int>) throws -> [Tensor] {
    var results: [Tensor] = []
    var start = 0
    let count = batch.shape[0]
    while start < count {
      let size = min(batches.upperBound, count - start)
      let piece = filled(batch.sliced(0, start..<start + size), to: max(size, batches.lowerBound))
      for (index, output) in try session.run([piece]).enumerated() {
        if index == results.count {
          results.append(
            Tensor(output.elementType, Shape([count] + output.shape.dimensions.dropFirst()), isZeroed: false))
        }
        let bytes = output.byteCount / output.shape[0]
        results[index].withMutableBytes { target in
          output.withUnsafeBytes { source in
            UnsafeMutableRawBufferPointer(rebasing: target[start * bytes..<(start + size) * bytes])
              .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<(size * bytes)]))
          }
        }
      }
      start += size
    }
    return results
  }

  /// `piece` with zeros behind it.
  private func filled(_ piece: Tensor, to count: Int) -> Tensor {
    guard piece.shape[0] < count else { return piece }
    var result = Tensor(piece.elementType, Shape([count] + piece.shape.dimensions.dropFirst()))
    result.withMutableBytes { target in
      piece.withUnsafeBytes { source in
        UnsafeMutableRawBufferPointer(rebasing: target[..<source.count]).copyMemory(from: source)
      }
    }
    return result
  }
}
