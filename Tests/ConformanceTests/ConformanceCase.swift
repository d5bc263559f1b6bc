import Diagnostics
import Engines
import Files
import Foundation
import Graphs
import TestSupport
import Tensors

/// One node test of the ONNX standard: a model, and what it gives for some tensors.
struct ConformanceCase: Sendable {
  let name: String
  let folder: String
  let relativeTolerance: Double
  let absoluteTolerance: Double
  let operators: [String]
  /// The element types of inputs and outputs as ONNX names them; `sequence` and `optional` for what is no tensor.
  let types: [String]

  /// What becomes of a case.
  enum Outcome: Sendable {
    /// The outputs agree. The inputs named here were given to the reader as constants.
    case passed(constants: [String])
    /// The reader refuses the model, or the engine one of its nodes by name.
    case refused(String)
    /// The engine refuses it, or its outputs differ.
    case failed(String)
  }

  /// The cases that `Tools/conformance/write_cases.py` wrote to `folder`.
  static func all(in folder: String) throws -> [ConformanceCase] {
    let text = try String(contentsOfFile: folder + "/cases.tsv", encoding: .utf8)
    return try text.split(separator: "\n").map { line in
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard fields.count == 5, let relative = Double(fields[1]), let absolute = Double(fields[2]) else {
        throw ConformanceError.badLine(String(line))
      }
      return ConformanceCase(
        name: fields[0], folder: folder + "/" + fields[0], relativeTolerance: relative, absoluteTolerance: absolute,
        operators: fields[3].split(separator: ",").map(String.init),
        types: fields[4].split(separator: ",").map(String.init))
    }
  }

  // MARK: Running

  func run(on backend: any EngineBackend) -> Outcome {
    let graph: Graph
    let constants: [String]
    do { (graph, constants) = try imported() } catch { return .refused(Self.text(error)) }
    do {
      let session = try backend.compile(EngineSource(graph), EngineOptions()).makeSession()
      for set in try dataSets() {
        let inputs = try session.inputs.map { specification in
          guard let tensor = set.inputs[specification.name] else { throw ConformanceError.noData(specification.name) }
          return tensor
        }
        for (output, result) in zip(graph.outputs, try session.run(inputs)) {
          guard let expected = set.outputs[output.name] else { throw ConformanceError.noData(output.name) }
          if let difference = difference(result, expected) { return .failed("\(output.name) \(difference)") }
        }
      }
      return .passed(constants: constants)
    } catch let error as EngineError {
      if case .nodeRefused = error { return .refused(Self.text(error)) }
      return .failed(Self.text(error))
    } catch { return .failed(Self.text(error)) }
  }

  /// The model as a graph of fixed shapes. Where an operator must know an operand before it runs (a shape, axes, pads,
  /// a number of elements), the inputs that could be one become constants with the case's own elements: small integers
  /// and truth values first, then small lists of other numbers too.
  private func imported() throws -> (graph: Graph, constants: [String]) {
    let reader = try ONNXReader(path: folder + "/model.onnx")
    let sets = try dataSets()
    let inputs = sets.first?.inputs ?? [:]
    func graph(_ constants: [String: Tensor]) throws -> Graph {
      let graph = try reader.graph(
        shapes: inputs.mapValues(\.shape.dimensions), opensBatch: false, constants: constants)
      try graph.verify()
      return graph
    }
    func isOperand(_ tensor: Tensor) -> Bool { tensor.shape.rank <= 1 && tensor.count <= 16 }
    do { return (try graph([:]), []) } catch {
      let integers = inputs.filter { isOperand($0.value) && !$0.value.elementType.isFloatingPoint }
      let small = inputs.filter { isOperand($0.value) }
      for constants in [integers, small] where !constants.isEmpty && sets.count == 1 {
        if let graph = try? graph(constants) { return (graph, constants.keys.sorted()) }
      }
      throw error
    }
  }

  private func dataSets() throws -> [(inputs: [String: Tensor], outputs: [String: Tensor])] {
    var sets: [(inputs: [String: Tensor], outputs: [String: Tensor])] = []
    while PathKind(path: "\(folder)/test_data_set_\(sets.count)") == .folder {
      let prefix = "\(folder)/test_data_set_\(sets.count)/"
      var set = (inputs: [String: Tensor](), outputs: [String: Tensor]())
      for file in try FileManager.default.contentsOfDirectory(atPath: prefix) {
        let content = try ONNXTensorFile(path: prefix + file)
        if file.hasPrefix("input") {
          set.inputs[content.name] = content.tensor
        } else {
          set.outputs[content.name] = content.tensor
        }
      }
      sets.append(set)
    }
    return sets
  }

  /// How a result differs from what the case expects, by the standard's own measure:
  /// |result - expected| ≤ absolute + relative · |expected| for each element.
  private func difference(_ result: Tensor, _ expected: Tensor) -> String? {
    guard result.elementType == expected.elementType, result.shape == expected.shape else {
      return "is \(result.elementType) \(result.shape), expected \(expected.elementType) \(expected.shape)"
    }
    // Wide integers don't fit a double.
    if [.int64, .uint64].contains(result.elementType) {
      let isEqual = result.withUnsafeBytes { left in expected.withUnsafeBytes { left.elementsEqual($0) } }
      if isEqual { return nil }
    }
    let left = result.converted(to: .float64).array(of: Double.self)
    let right = expected.converted(to: .float64).array(of: Double.self)
    for (index, (a, b)) in zip(left, right).enumerated() {
      if a == b || a.isNaN && b.isNaN { continue }
      guard abs(a - b) <= absoluteTolerance + relativeTolerance * abs(b), b.isFinite else {
        return "[\(index)] is \(a), expected \(b)"
      }
    }
    return nil
  }

  private static func text(_ error: any Error) -> String {
    guard let error = error as? any DiagnosedError else { return "\(error)" }
    return error.diagnosis.description.split(separator: "\n").joined(separator: "; ")
  }
}

enum ConformanceError: Error {
  case badLine(String)
  case noData(String)
}
