import Arguments
import OrderedCollections
import Transforms

/// The parts of a bundle that take a scan to a result: transforms before, the inferer, transforms after.
struct PipelineDefinition: Sendable {
  let preprocessing: Compose
  let inferer: any Inferer
  let postprocessing: Compose
  /// The key of the image that the network sees: the first that is loaded.
  let imageKey: String
  /// The key that the post-processing expects the network's output under.
  let predictionKey = "pred"

  /// - Parameter outputFolder: takes the place of `output_dir` in every SaveImaged; a pipeline without SaveImaged gets
  ///   one, so that its result is kept.
  init(_ config: ModelConfig, outputFolder: String) throws {
    let before = try config.component("preprocessing")
    preprocessing = try Compose(before)
    inferer = try Inferers.make(try config.component("inferer"))
    let after = try config.component("postprocessing").saving(to: outputFolder)
    postprocessing = try Compose(after)
    imageKey = before.firstLoadedKey ?? "image"
  }
}

extension Component {
  /// The first key of the first LoadImaged inside.
  fileprivate var firstLoadedKey: String? {
    if Self.isNamed(className, "LoadImage") { return arguments["keys"]?.asStrings?.first }
    for case let component in children {
      if let key = component.firstLoadedKey { return key }
    }
    return nil
  }

  /// The components directly inside its arguments.
  private var children: [Component] {
    arguments.values.flatMap { value -> [Component] in
      switch value {
      case .component(let component): [component]
      case .list(let items):
        items.compactMap { if case .component(let component) = $0 { component } else { nil } }
      default: []
      }
    }
  }

  /// This Compose with every SaveImaged writing into `folder`; one is added where there is none.
  fileprivate func saving(to folder: String) -> Component {
    var result = self
    guard case .list(let items)? = arguments["transforms"] else { return result }
    var isSaved = false
    var transforms = items.map { item -> PlainValue in
      guard case .component(var component) = item, Self.isNamed(component.className, "SaveImage") else { return item }
      isSaved = true
      component.arguments["output_dir"] = .string(folder)
      // It names the data set's folder of the bundle's author; the scans come from anywhere.
      component.arguments["data_root_dir"] = nil
      return .component(component)
    }
    if !isSaved {
      transforms.append(
        .component(
          Component(
            target: "SaveImaged",
            arguments: ["keys": .string("pred"), "output_dir": .string(folder), "output_postfix": .string("seg")],
            path: "\(path)#transforms#\(items.count)")))
    }
    result.arguments["transforms"] = .list(transforms)
    return result
  }

  /// MONAI calls its dictionary transforms `Named`, `NameD` and `NameDict`.
  private static func isNamed(_ className: String, _ name: String) -> Bool {
    ["d", "D", "Dict"].contains { className == name + $0 }
  }
}
