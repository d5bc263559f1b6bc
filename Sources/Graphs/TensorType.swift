package import Tensors

/// What is known of a value before it is computed: its element type and its shape with symbolic dimensions.
package struct TensorType: Sendable, Hashable {
  package var elementType: ElementType
  package var shape: [Dimension]

  package init(_ elementType: ElementType, _ shape: [Dimension]) {
    self.elementType = elementType
    self.shape = shape
  }

  /// The type of a tensor at hand.
  package init(_ tensor: Tensor) {
    self.init(tensor.elementType, tensor.shape.dimensions.map { Dimension($0) })
  }

  package var rank: Int { shape.count }

  /// The spatial dimensions of `[N, C, spatial…]`.
  package var spatial: [Dimension] { Array(shape.dropFirst(2)) }

  /// The number of elements.
  package var count: Dimension { shape.reduce(Dimension(1), *) }

  /// The shape as numbers, when no symbol is in it.
  package var constantShape: [Int]? {
    let numbers = shape.compactMap(\.constant)
    return numbers.count == shape.count ? numbers : nil
  }
}

extension TensorType: CustomStringConvertible {
  /// `float32[batch, 1, 96, 96, 96]`.
  package var description: String { "\(elementType)[\(shape.map(\.description).joined(separator: ", "))]" }
}
