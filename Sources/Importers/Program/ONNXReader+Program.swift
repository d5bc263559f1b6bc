import Diagnostics
import Files
package import Graphs
import Tensors

extension ONNXReader: ImportableProgram {
  package var kind: String { "ONNX model" }
  package var className: String { graphName.isEmpty ? Paths.name(of: path) : graphName }

  /// What is told of the file.
  package var facts: [(name: String, value: String)] {
    [
      ("producer", producer), ("IR version", "\(irVersion)"), ("operator set", "\(opset)"), ("nodes", "\(nodeCount)"),
      ("functions", functionCount > 0 ? "\(functionCount)" : ""), ("outputs", outputNames.joined(separator: ", ")),
      ("external data", externalFiles.joined(separator: ", ")),
    ].filter { !$0.1.isEmpty }.map { (name: $0.0, value: $0.1) }
  }

  /// The inputs; nil when the rank of one isn't known. An open first axis is the batch, another open one a symbol of its
  /// own.
  package func declaredInputs() throws -> [(name: String, type: TensorType)]? {
    let types = inputs.compactMap { input in
      input.dimensions.map { dimensions in
        let shape = dimensions.enumerated().map { axis, extent in
          extent.map { Dimension($0) } ?? Dimension(axis == 0 ? "batch" : "\(input.name)[\(axis)]")
        }
        return (name: input.name, type: TensorType(input.elementType, shape))
      }
    }
    return types.count == inputs.count ? types : nil
  }

  /// The network as a graph, with the file's own names of inputs and outputs. Extents that the file fixes stay.
  /// - Throws: ``ONNXError``, `GraphError`, `FileError`, located in the file.
  package func graph(_ options: ImportOptions) throws -> Graph {
    // What is open in the options too is left to the file: 0 is no extent.
    let shapes = zip(inputs, options.inputs).map { input, type -> (String, [Int]) in
      let known = type.shape.enumerated().map { axis, extent in extent.constant ?? (axis == 0 ? 1 : 0) }
      guard let declared = input.dimensions, declared.count == known.count, type.shape.first?.constant == nil else {
        return (input.name, known)
      }
      return (input.name, zip(declared, known).enumerated().map { $0 == 0 ? $1.0 ?? $1.1 : $1.1 })
    }
    let opensBatch = options.inputs.allSatisfy { $0.shape.first?.constant == nil }
    return try located(path) {
      try graph(shapes: Dictionary(shapes) { first, _ in first }, opensBatch: opensBatch)
    }
  }
}
