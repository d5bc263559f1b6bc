package import Arguments
package import Bundles
import Files

/// The merged config of a model: a bundle's own, or the files that the user names.
package struct ModelConfig {
  package let resolver: ConfigResolver
  /// What to call it in messages.
  package let name: String

  /// - Throws: ``ConfigError``, ``BundleError``, ``ModelError/needsConfig(path:)``.
  package init(_ model: Model, _ options: NetworkOptions) throws {
    if case .bundle(let bundle) = model {
      let resolver = try bundle.configResolver(
        configFiles: options.configFiles, metaFile: options.metaFile, overrides: options.overrides)
      self.init(resolver: resolver, name: bundle.path)
      return
    }
    guard let files = options.configFiles, !files.isEmpty else { throw ModelError.needsConfig(path: model.path) }
    try self.init(files: files, overrides: options.overrides)
  }

  private init(resolver: ConfigResolver, name: String) {
    self.resolver = resolver
    self.name = name
  }

  /// Configs by their paths; macros may name files beside the first.
  package init(files: [String], overrides: [ConfigOverride]) throws {
    var tree = try ConfigTree(files: files)
    for override in overrides { try tree.apply(override) }
    let folder = files.first.map { Paths.parent(of: $0) } ?? "."
    self.init(
      resolver: ConfigResolver(tree: tree, folder: folder, overridden: overrides.map(\.path)),
      name: files.joined(separator: ", "))
  }

  /// The entry `id`, which must be a component.
  /// - Throws: ``ModelError``, ``ConfigError``.
  package func component(_ id: String) throws -> Component {
    guard resolver.contains(id) else { throw ModelError.missingEntry(id: id, config: name) }
    let value = try resolver.resolve(id)
    guard case .component(let component) = value else { throw ModelError.notAComponent(id: id, found: value.summary) }
    return component
  }
}
