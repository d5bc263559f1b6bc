import Files
package import Tensors

/// A tensor in a file of its own (`TensorProto`), as the standard's test data and model zoos have them:
/// `test_data_set_0/input_0.pb`.
package struct ONNXTensorFile {
  package let name: String
  package let tensor: Tensor

  /// Opens the file; raw elements stay in it.
  /// - Throws: ``ONNXError``, `FileError`.
  package init(path: String) throws {
    let file = try MappedFile(path: path)
    let message = try file.withBytes { bytes in try ONNXMessageReader(bytes).tensor() }
    name = message.name
    tensor = try ONNXTensors(file).tensor(message)
  }
}
