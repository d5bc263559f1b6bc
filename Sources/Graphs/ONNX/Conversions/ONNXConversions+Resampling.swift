import OrderedCollections
import Tensors

extension ONNXConversions {
  static let resampling: [String: Conversion] = [
    // Upsample was deprecated for Resize at opset 10; positions are x / scale, rounded down.
    "Upsample": { importer, call in
      let type = try importer.type(call, 0)
      let scales = try call.floats("scales") ?? importer.floats(call, 1, "scales")
      var attributes: OrderedDictionary<String, Attribute> = [
        "mode": .string(call.string("mode") ?? "nearest"), "coordinate_transformation_mode": .string("asymmetric"),
      ]
      if call.string("mode") ?? "nearest" == "nearest" { attributes["nearest_mode"] = .string("floor") }
      return [try importer.resize(call, type, scales: scales, sizes: nil, attributes)]
    },
    "GridSample": { importer, call in
      // Up to opset 19 the modes went by the names of images.
      let names = ["bilinear": "linear", "bicubic": "cubic"]
      let mode = call.string("mode") ?? "linear"
      return try importer.apply(
        call, "GridSample", [importer.value(call, 0), importer.value(call, 1)],
        [
          "mode": .string(names[mode] ?? mode), "padding_mode": .string(call.string("padding_mode") ?? "zeros"),
          "align_corners": .int(call.int("align_corners") ?? 0),
        ])
    },
    "Resize": { importer, call in
      let type = try importer.type(call, 0)
      let mode = call.string("mode") ?? "nearest"
      guard ResizeMode(rawValue: mode) != nil else { throw call.unsupported("the mode '\(mode)' isn't supported") }
      var attributes: OrderedDictionary<String, Attribute> = ["mode": .string(mode)]
      if call.opset < 11 {
        attributes["coordinate_transformation_mode"] = .string("asymmetric")
        if mode == "nearest" { attributes["nearest_mode"] = .string("floor") }
        return [try importer.resize(call, type, scales: importer.floats(call, 1, "scales"), sizes: nil, attributes)]
      }
      let coordinates = call.string("coordinate_transformation_mode") ?? "half_pixel"
      // What it says holds for sizes; scales keep or change the proportions themselves.
      let policy = call.string("keep_aspect_ratio_policy") ?? "stretch"
      if coordinates == "tf_crop_and_resize" { return try importer.cropAndResize(call, type, mode: mode) }
      guard ResizeCoordinates(rawValue: coordinates) != nil else {
        throw call.unsupported("coordinate_transformation_mode is '\(coordinates)'")
      }
      for name in ["antialias", "exclude_outside"] where call.int(name) ?? 0 != 0 { attributes[name] = .int(1) }
      attributes["coordinate_transformation_mode"] = .string(coordinates)
      if mode == "nearest" { attributes["nearest_mode"] = .string(call.string("nearest_mode") ?? "round_prefer_floor") }
      if mode == "cubic" { attributes["cubic_coeff_a"] = .float(call.float("cubic_coeff_a") ?? -0.75) }
      let axes = try call.ints("axes")?.map { try call.axis($0, rank: type.rank) }
      var scales: [Float]?
      var sizes: [Dimension]?
      if importer.operand(call, 3) != nil {
        let given = try importer.extents(call, 3, "sizes")
        var all = type.shape
        let places = axes ?? Array(all.indices)
        for (axis, size) in zip(places, given) { all[axis] = size }
        sizes = policy == "stretch" ? all : try importer.keepingAspect(call, type, all, places, policy)
      } else {
        let given = try importer.floats(call, 2, "scales")
        var all = Array(repeating: Float(1), count: type.rank)
        for (axis, scale) in zip(axes ?? Array(all.indices), given) { all[axis] = scale }
        scales = all
      }
      return [try importer.resize(call, type, scales: scales, sizes: sizes, attributes)]
    },
  ]
}

extension ONNXImporter {
  /// The numbers of a floating-point operand that must be known on reading.
  mutating func floats(_ call: ONNXCall, _ index: Int, _ what: String) throws -> [Float] {
    guard let tensor = tensor(call, index), tensor.elementType.isFloatingPoint, tensor.count <= SymbolicTensor.limit
    else {
      throw call.unsupported("the \(what) aren't known before the network runs", hint: Self.fixedHint)
    }
    return tensor.converted(to: .float32).array(of: Float.self)
  }

  /// The sizes that scale all of `axes` alike: by the smallest factor that they ask for, or the largest.
  fileprivate func keepingAspect(
    _ call: ONNXCall, _ type: TensorType, _ sizes: [Dimension], _ axes: [Int], _ policy: String
  ) throws -> [Dimension] {
    let factors = axes.compactMap { axis -> Double? in
      guard let size = sizes[axis].constant, let extent = type.shape[axis].constant, extent > 0 else { return nil }
      return Double(size) / Double(extent)
    }
    guard ["not_larger", "not_smaller"].contains(policy), factors.count == axes.count,
      let factor = policy == "not_larger" ? factors.min() : factors.max()
    else { throw call.unsupported("keep_aspect_ratio_policy is '\(policy)' for \(type)") }
    var result = sizes
    for axis in axes {
      result[axis] = Dimension(Int((Double(type.shape[axis].constant ?? 0) * factor).rounded(.toNearestOrAwayFromZero)))
    }
    return result
  }

  /// A resize by scales where the batch and the channels stay: then the batch may be open. By sizes otherwise.
  mutating func resize(
    _ call: ONNXCall, _ type: TensorType, scales: [Float]?, sizes: [Dimension]?,
    _ given: OrderedDictionary<String, Attribute>
  ) throws -> ONNXOperand {
    let input = try value(call, 0)
    var attributes = given
    let rank = type.rank
    guard scales?.count ?? rank == rank, sizes?.count ?? rank == rank else {
      throw call.invalid("\(scales?.count ?? sizes?.count ?? 0) factors for \(type)", expected: "one for each axis")
    }
    guard scales?.allSatisfy({ $0 > 0 && $0 <= 4096 }) ?? true else {
      throw call.invalid("the scales are \(scales ?? [])", expected: "numbers above 0, at most 4096")
    }
    let targets =
      sizes
      ?? zip(type.shape, scales ?? []).map { extent, scale in
        scale == 1 ? extent : Dimension(extent.constant.map { Int((Float($0) * scale).rounded(.down)) } ?? 1)
      }
    if case .string("pytorch_half_pixel")? = attributes["coordinate_transformation_mode"],
      zip(type.shape, targets).allSatisfy({ $0 == $1 || $1 != 1 })
    {
      // The two differ only where the result has one element on an axis that had more.
      attributes["coordinate_transformation_mode"] = .string("half_pixel")
    }
    if targets == type.shape, scales?.allSatisfy({ $0 == 1 }) ?? true { return ONNXOperand(input) }
    if let scales {
      let operand = graph.constant(scales, name: "scales")
      return try apply(call, "Resize", [input, nil, operand], attributes)[0]
    }
    guard rank >= 2, zip(type.shape, targets).prefix(2).allSatisfy({ $0 == $1 }) else {
      let numbers = targets.compactMap(\.constant)
      guard numbers.count == rank else {
        throw call.unsupported("the sizes \(targets) depend on the batch", hint: Self.fixedHint)
      }
      return try apply(call, "Resize", [input, nil, nil, list(numbers, "sizes")], attributes)[0]
    }
    let factors = try zip(type.shape, targets).map { extent, target -> Float in
      if extent == target { return 1 }
      guard let extent = extent.constant, let target = target.constant, extent > 0, target > 0 else {
        throw call.unsupported("the sizes \(targets) aren't fixed", hint: Self.fixedHint)
      }
      var scale = Float(target) / Float(extent)
      // Rounding down must give the size in single precision too.
      while (Float(extent) * scale).rounded(.down) < Float(target) { scale = scale.nextUp }
      return scale
    }
    return try apply(call, "Resize", [input, nil, graph.constant(factors, name: "scales")], attributes)[0]
  }
}
