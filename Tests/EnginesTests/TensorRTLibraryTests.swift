import Diagnostics
import Engines
import Foundation
import TestSupport
import Testing

/// Finding the library, and files that aren't one.
@Suite struct TensorRTLibraryTests {
  @Test func namesThePlacesWhereItLooked() throws {
    for product in TensorRTProduct.allCases {
      let error = #expect(throws: EngineError.self) {
        try TensorRTLibrary.load(product, location: "/nonexistent/folder")
      }
      guard case .libraryMissing(product.title, let places, _)? = error else { throw try #require(error) }
      #expect(places == ["/nonexistent/folder (the option)"])
      #expect(error?.diagnosis.kind == .unavailable)
      #expect(error?.diagnosis.hint?.contains(product.environmentVariable) == true)
    }
  }

  @Test func looksWhereTheVariableSaysAndNowhereElse() throws {
    var search = TensorRTLibrary.search(.rtx)
    search.environment = ["MARTLET_TENSORRT_RTX": "/nonexistent/rtx"]
    let error = #expect(throws: EngineError.self) { try TensorRTLibrary.load(.rtx, search) }
    guard case .libraryMissing(_, let places, _)? = error else { throw try #require(error) }
    #expect(places == ["/nonexistent/rtx (the variable MARTLET_TENSORRT_RTX)"])
  }

  @Test func refusesATextFileInItsPlace() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("not a library", to: "libtensorrt_rtx.so.1.7.1")
    let error = #expect(throws: EngineError.self) { try TensorRTLibrary.load(.rtx, location: folder.path) }
    guard case .libraryUnusable(_, path, _, _)? = error else { throw try #require(error) }
  }

  @Test func refusesALibraryOfAnUnknownVersionWithTheKnownOnes() throws {
    try TensorRTDouble.use(version: 10400) { double in
      let folder = try TensorRTFolders.folder(10400, .rtx)
      let error = #expect(throws: TensorRTError.self) { try TensorRTLibrary.load(.rtx, location: folder) }
      guard case .unknownVersion(_, let version)? = error else { throw try #require(error) }
      #expect(version.description == "1.4.0")
      #expect(
        error?.description.contains("TensorRT for RTX 1.5 to 1.7, TensorRT 10.0 to 10.16, TensorRT 11.0 to 11.1")
          == true)
      // Nothing else was called.
      #expect(double.transcript == ["getInferLibVersion"])
    }
  }

  @Test func refusesTheOtherProduct() throws {
    try TensorRTDouble.use(version: 101_300) { _ in
      let folder = try TensorRTFolders.folder(101_300, .standard)
      let error = #expect(throws: TensorRTError.self) {
        try TensorRTLibrary.load(.rtx, location: folder + "/libnvinfer.so.10.13.0")
      }
      guard case .otherProduct(_, "TensorRT 10.13.0", .rtx)? = error else { throw try #require(error) }
    }
  }

  @Test func saysThatTheParserIsMissing() throws {
    try TensorRTDouble.use(version: 10600) { _ in
      let folder = try TemporaryFolder()
      try FileManager.default.createSymbolicLink(
        atPath: folder.file("libtensorrt_rtx.so.1.6.0"), withDestinationPath: TensorRTDouble.path)
      let error = #expect(throws: EngineError.self) { try TensorRTLibrary.load(.rtx, location: folder.path) }
      guard case .libraryUnusable(_, folder.file("libtensorrt_onnxparser_rtx.so.1.6.0"), _, _)? = error else {
        throw try #require(error)
      }
    }
  }

  @Test func takesTheNewestOfAFolder() throws {
    try TensorRTDouble.use(version: 10502) { _ in
      let folder = try TemporaryFolder()
      for version in ["1.5.2", "1.5.10", "1.5.9"] {
        for name in ["libtensorrt_rtx.so", "libtensorrt_onnxparser_rtx.so"] {
          try FileManager.default.createSymbolicLink(
            atPath: folder.file("\(name).\(version)"), withDestinationPath: TensorRTDouble.path)
        }
      }
      let library = try TensorRTLibrary.load(.rtx, location: folder.path)
      #expect(library.path == folder.file("libtensorrt_rtx.so.1.5.10"))
      #expect(library.parserPath == folder.file("libtensorrt_onnxparser_rtx.so.1.5.10"))
      #expect(library.title == "TensorRT for RTX 1.5.2")
    }
  }
}
