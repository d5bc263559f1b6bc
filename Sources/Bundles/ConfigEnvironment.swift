/// What a config may ask of the machine that it runs on.
package struct ConfigEnvironment: Sendable, Hashable {
  /// The value of `torch.cuda.is_available()`.
  package var isCUDAAvailable: Bool

  package init(isCUDAAvailable: Bool = false) { self.isCUDAAvailable = isCUDAAvailable }
}
