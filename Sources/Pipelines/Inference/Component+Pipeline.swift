import Arguments
import OrderedCollections

// What a pipeline has to know of the transforms in a config.
extension Component {
  /// The first key of the first LoadImaged inside.
  var firstLoadedKey: String? {
    if Self.isNamed(className, "LoadImage") { return arguments["keys"]?.asStrings?.first }
    for case let component in children {
      if let key = component.firstLoadedKey { return key }
    }
    return nil
  }

  /// The components directly inside its arguments.
  var children: [Component] {
    arguments.values.flatMap { value -> [Component] in
      switch value {
      case .component(let component): [component]
      case .list(let items):
        items.compactMap { if case .component(let component) = $0 { component } else { nil } }
      default: []
      }
    }
  }

  /// This Compose without its SaveImaged.
  var withoutSaving: Component {
    var result = self
    if case .list(let items)? = arguments["transforms"] {
      result.arguments["transforms"] = .list(
        items.filter { if case .component(let item) = $0 { !Self.isNamed(item.className, "SaveImage") } else { true } })
    }
    return result
  }

  /// This Compose with every SaveImaged writing into `folder`; one is added where there is none.
  func saving(to folder: String) -> Component {
    var result = self
    guard case .list(let items)? = arguments["transforms"] else { return result }
    var isSaved = false
    var transforms = items.map { item -> PlainValue in
      guard case .component(var component) = item, Self.isNamed(component.className, "SaveImage") else { return item }
      isSaved = true
      component.arguments["output_dir"] = .string(folder)
      // It names the data set's folder of the bundle's author; the scans come from anywhere.
      component.arguments["data_root_dir"] = nil
      if case .component(var layout)? = component.arguments["folder_layout"] {
        layout.arguments["output_dir"] = .string(folder)
        layout.arguments["data_root_dir"] = nil
        component.arguments["folder_layout"] = .component(layout)
      }
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
