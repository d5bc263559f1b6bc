// swift-tools-version: 6.2
import PackageDescription

/// Every target is compiled with the strict upcoming features, so that visibility, existentials and
/// imports are written where they are used.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

let collections = Target.Dependency.product(name: "OrderedCollections", package: "swift-collections")

func library(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
  .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: strict)
}

func tests(_ target: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .testTarget(
    name: "\(target)Tests", dependencies: [.target(name: target), "TestSupport", collections] + dependencies,
    swiftSettings: strict)
}

let package = Package(
  name: "martlet",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Martlet", targets: ["Martlet"]),
    .executable(name: "martlet", targets: ["MartletCLI"]),
    .executable(name: "martlet-benchmarks", targets: ["MartletBenchmarks"]),
    // The tests open it with dlopen in place of TensorRT's libraries.
    .library(name: "TensorRTDouble", type: .dynamic, targets: ["TensorRTDouble"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // Bytes, files, errors: what everything stands on.
    library("Diagnostics"),
    library("Files", ["Diagnostics"]),
    library("Arguments", ["Diagnostics", collections]),
    library("Tensors", ["Diagnostics", "Files"]),

    // From files to plain values and tensors.
    .systemLibrary(
      name: "CDeflate", path: "Sources/CDeflate",
      providers: [.apt(["libdeflate-dev", "zlib1g-dev"]), .brew(["libdeflate"])]),
    library("Archives", ["Tensors", "CDeflate", "Files", "Diagnostics", collections]),
    library("PythonSyntax", ["Diagnostics"]),
    library(
      "Bundles",
      [
        "Archives", "Arguments", "PythonSyntax", "Tensors", "Files", "Diagnostics", collections,
        .product(name: "Yams", package: "Yams"),
      ]),

    // The graph, and the networks that make one.
    library(
      "Graphs",
      ["Tensors", "Files", "Diagnostics", collections, .product(name: "SwiftProtobuf", package: "swift-protobuf")],
      exclude: ["ONNX/onnx.proto"]),
    library("Interpreter", ["Graphs", "Tensors", "Diagnostics", collections]),
    library("Passes", ["Interpreter", "Graphs", "Tensors", "Diagnostics", collections]),
    library(
      "Importers",
      ["Archives", "Bundles", "PythonSyntax", "Interpreter", "Graphs", "Tensors", "Files", "Diagnostics", collections]),
    library("Networks", ["Archives", "Arguments", "Graphs", "Tensors", "Diagnostics", collections]),

    // C, for the loops that decide the time.
    .target(name: "CKernels"),

    // Engines.
    .target(name: "COpenVINO"),
    .target(name: "CTensorRT"),
    library(
      "Engines",
      [
        "Interpreter", "Graphs", "Tensors", "Files", "Diagnostics", "CKernels", "COpenVINO", "CTensorRT", collections,
      ]),

    // Scans.
    library("Images", ["Tensors", "CKernels", "CDeflate", "Files", "Diagnostics"]),
    library(
      "Transforms",
      ["Images", "Tensors", "Arguments", "PythonSyntax", "CKernels", "Files", "Diagnostics", collections]),

    // The whole way, and how it is called.
    library(
      "Pipelines",
      [
        "Bundles", "Networks", "Importers", "Passes", "Engines", "Transforms", "Images", "Archives", "Graphs",
        "Tensors",
        "CKernels", "Arguments", "Files", "Diagnostics", collections,
      ]),
    library(
      "Martlet",
      [
        "Pipelines", "Bundles", "Engines", "Images", "Diagnostics",
      ]),
    .executableTarget(
      name: "MartletCLI",
      dependencies: [
        "Martlet", "Pipelines", "Bundles", "Importers", "Engines", "Graphs", "Images", "Archives", "Tensors", "Files",
        "Diagnostics", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),

    // Times the stages and the engines; not part of the product.
    .executableTarget(
      name: "MartletBenchmarks",
      dependencies: [
        "Pipelines", "Transforms", "Bundles", "Engines", "Graphs", "Images", "Archives", "Arguments", "Tensors",
        "Files",
        "Diagnostics", collections, .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Benchmarks", swiftSettings: strict),

    // Tests.
    .target(
      name: "TestSupport", dependencies: ["Images", "Tensors", "Files", "Diagnostics"], path: "Tests/TestSupport",
      swiftSettings: strict),
    .target(name: "TensorRTDouble", path: "Tests/TensorRTDouble"),
    tests("CTensorRT"),
    tests("Diagnostics"),
    tests("Files", ["Diagnostics"]),
    tests("Arguments", ["Diagnostics"]),
    tests("Tensors", ["Diagnostics"]),
    tests("Archives", ["Tensors", "Files", "Diagnostics"]),
    tests("PythonSyntax", ["Diagnostics"]),
    tests("Bundles", ["Archives", "Arguments", "PythonSyntax", "Files", "Diagnostics"]),
    tests("Graphs", ["Tensors", "Diagnostics"]),
    tests("Passes", ["Engines", "Interpreter", "Graphs", "Tensors", "Files", "Diagnostics"]),
    tests(
      "Importers",
      ["Archives", "Interpreter", "Pipelines", "Graphs", "Engines", "Tensors", "Files", "Diagnostics"]),
    tests("Interpreter", ["Graphs", "Tensors", "Diagnostics"]),
    tests(
      "Networks",
      ["Archives", "Arguments", "Graphs", "Interpreter", "Passes", "Engines", "Tensors", "Files", "Diagnostics"]),
    tests("Engines", ["Graphs", "Tensors", "Files", "Diagnostics"]),
    .testTarget(
      name: "ConformanceTests", dependencies: ["Engines", "Graphs", "Tensors", "Files", "Diagnostics", "TestSupport"],
      exclude: ["Lists"], swiftSettings: strict),
    tests("Images", ["Tensors", "Files", "Diagnostics", "CDeflate"]),
    tests("Transforms", ["Images", "Archives", "Arguments", "Tensors", "Files", "Diagnostics"]),
    tests(
      "Pipelines",
      [
        "Bundles", "Engines", "Passes", "Images", "Transforms", "Archives", "Graphs", "Tensors", "Arguments", "Files",
        "Diagnostics",
      ]),
    tests("Martlet", ["Images", "Tensors"]),
    tests("MartletCLI", ["Images", "Tensors"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c17
)
