// Interpolation. https://onnx.ai/onnx/operators/onnx__Resize.html (opset 19)

import OrderedCollections
import Tensors

let resizeOperators = [
  OperatorDefinition(
    "Resize", since: 19, inputs: 3...4,
    attributes: [
      "mode": .string, "coordinate_transformation_mode": .string, "nearest_mode": .string, "cubic_coeff_a": .float,
      "antialias": .int, "exclude_outside": .int,
    ]
  ) { call in
    let input = try call.input(0)
    try call.requireFloatingPoint(input)
    if call.inputs.count > 3, call.inputs[3] != nil {
      let sizes = try call.constantInts(3)
      guard sizes.count == input.rank, sizes.allSatisfy({ $0 >= 1 }) else {
        throw call.error("the sizes are \(sizes)", expected: "\(input.rank) positive numbers")
      }
      return [TensorType(input.elementType, sizes.map { Dimension($0) })]
    }
    let scales = try call.constantFloats(2)
    guard scales.count == input.rank, scales.allSatisfy({ $0 > 0 && $0 <= 4096 }) else {
      throw call.error("the scales are \(scales)", expected: "\(input.rank) positive numbers")
    }
    return [
      TensorType(
        input.elementType,
        try zip(input.shape, scales).map { extent, scale in
          if scale == 1 { return extent }
          guard let number = extent.constant, number < 1 << 24 else {
            throw call.error("the extent \(extent) is scaled by \(scale)", expected: "a fixed extent")
          }
          return Dimension(Int((Float(number) * scale).rounded(.down)))
        })
    ]
  }
]

/// How a resized element is computed from its neighbours.
package enum ResizeMode: String, Sendable, Hashable { case nearest, linear, cubic }

/// Where a resized element lies among the input's.
package enum ResizeCoordinates: String, Sendable, Hashable {
  /// The first and last elements of both coincide.
  case alignCorners = "align_corners"
  /// The outer edges of both coincide: (x + ½) / scale - ½.
  case halfPixel = "half_pixel"
  /// As ``halfPixel``; an axis of one element is made of the first.
  case pytorchHalfPixel = "pytorch_half_pixel"
  /// As ``halfPixel``, but the centres of both coincide also where scaling doesn't give a whole number of elements.
  case halfPixelSymmetric = "half_pixel_symmetric"
  /// The beginnings of both coincide: x / scale.
  case asymmetric
}

/// Which element is the nearest to a place between two.
package enum NearestRounding: String, Sendable, Hashable {
  case preferFloor = "round_prefer_floor"
  case preferCeiling = "round_prefer_ceil"
  case floor
  case ceiling = "ceil"

  /// The element's index. Places a billionth beside a boundary are on it.
  package func index(_ place: Double) -> Int {
    switch self {
    case .preferFloor: Int((place - 0.5 - 1e-9).rounded(.up))
    case .preferCeiling: Int((place + 0.5 + 1e-9).rounded(.down))
    case .floor: Int((place + 1e-9).rounded(.down))
    case .ceiling: Int((place - 1e-9).rounded(.up))
    }
  }
}

extension Graph {
  /// `[N, C, spatial…]` with each spatial extent multiplied by its scale and rounded down.
  ///
  /// PyTorch's `interpolate` is: `nearest` with ``ResizeCoordinates/asymmetric``; `nearest-exact` with
  /// ``ResizeCoordinates/halfPixel``; `linear` and `cubic` with
  /// ``ResizeCoordinates/alignCorners`` or ``ResizeCoordinates/halfPixel``.
  package mutating func resize(
    _ input: Value, scales: [Float], mode: ResizeMode, coordinates: ResizeCoordinates
  ) throws -> Value {
    let operand = constant([1, 1] + scales, name: "scales")
    var attributes: OrderedDictionary<String, Attribute> = [
      "mode": .string(mode.rawValue), "coordinate_transformation_mode": .string(coordinates.rawValue),
    ]
    if mode == .nearest {
      attributes["nearest_mode"] = .string(coordinates == .halfPixel ? "round_prefer_ceil" : "floor")
    }
    if mode == .cubic { attributes["cubic_coeff_a"] = .float(-0.75) }
    return try apply("Resize", [input, nil, operand], attributes)[0]
  }

  /// `[N, C, spatial…]` with the spatial extents `sizes`; the input's must be fixed. Written as scales, so that the
  /// batch stays free.
  package mutating func resize(
    _ input: Value, to sizes: [Int], mode: ResizeMode, coordinates: ResizeCoordinates
  ) throws -> Value {
    let scales = zip(type(of: input).spatial, sizes).map { extent, size -> Float in
      let extent = Float(extent.constant ?? 1)
      var scale = Float(size) / extent
      // Rounding down must give the size in single precision too.
      while (extent * scale).rounded(.down) < Float(size) { scale = scale.nextUp }
      return scale
    }
    return try resize(input, scales: scales, mode: mode, coordinates: coordinates)
  }
}
