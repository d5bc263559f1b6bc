import Diagnostics
import Engines
import Files
import TestSupport
import Testing

@Suite struct LibrarySearchTests {
  private func search(
    _ folder: TemporaryFolder, chosen: String? = nil, variable: String? = nil, executable: String? = nil
  ) -> LibrarySearch {
    LibrarySearch(
      libraryName: "libopenvino_c.so", runtimeName: "openvino", variable: "MARTLET_OPENVINO", chosenPath: chosen,
      environment: variable.map { ["MARTLET_OPENVINO": $0] } ?? [:], currentFolder: folder.path, executable: executable)
  }

  private func touch(_ folder: TemporaryFolder, _ path: String) throws -> String {
    try AtomicFile.write("not a library\n", to: folder.file(path))
    return folder.file(path)
  }

  @Test func theOptionComesFirstThenTheVariableThenRuntimeFolders() throws {
    let folder = try TemporaryFolder()
    let chosen = try touch(folder, "chosen/libopenvino_c.so")
    let named = try touch(folder, "named/libopenvino_c.so.2641")
    let local = try touch(folder, ".runtime/openvino/libopenvino_c.so.2641")
    #expect(search(folder, chosen: "chosen", variable: "named").find() == .file(chosen))
    #expect(search(folder, chosen: chosen, variable: "named").find() == .file(chosen))
    #expect(search(folder, variable: "named").find() == .file(named))
    #expect(search(folder, variable: "").find() == .file(local))
    #expect(search(folder).find() == .file(local))
  }

  @Test func aNamedPlaceIsTheOnlyOne() throws {
    let folder = try TemporaryFolder()
    _ = try touch(folder, ".runtime/openvino/libopenvino_c.so")
    #expect(
      search(folder, chosen: "nowhere").find()
        == .notFound(places: [folder.file("nowhere") + " (the option)"], trySystem: false))
    #expect(
      search(folder, variable: "/no/such/folder").find()
        == .notFound(places: ["/no/such/folder (the variable MARTLET_OPENVINO)"], trySystem: false))
  }

  @Test func theRuntimeOfTheRepositoryIsFoundFromTheExecutable() throws {
    let folder = try TemporaryFolder()
    let library = try touch(folder, "repository/.runtime/openvino/libopenvino_c.so.2641")
    let elsewhere = try TemporaryFolder()
    for depth in ["martlet", ".build/x86_64/release/martlet", "a/b/c/d/martlet"] {
      #expect(search(elsewhere, executable: folder.file("repository/\(depth)")).find() == .file(library))
    }
    guard
      case .notFound(let places, true) = search(elsewhere, executable: folder.file("repository/a/b/c/d/e/martlet"))
        .find()
    else {
      Issue.record("five folders up is too far")
      return
    }
    #expect(places.count == 6)
    #expect(places.first == elsewhere.file(".runtime/openvino"))
  }

  @Test func theNewestLibraryOfAFolderIsTakenAndAWheelsLibsToo() throws {
    let folder = try TemporaryFolder()
    for version in ["2620", "2641", "2700", "999"] { _ = try touch(folder, "many/libopenvino_c.so.\(version)") }
    #expect(search(folder, chosen: "many").find() == .file(folder.file("many/libopenvino_c.so.2700")))
    let wheel = try touch(folder, "wheel/libs/libopenvino_c.so.2641")
    #expect(search(folder, chosen: "wheel").find() == .file(wheel))
  }

  @Test func aMissingLibraryIsUnavailableAndNamesThePlacesAndTheCommand() throws {
    let folder = try TemporaryFolder()
    let backend = OpenVINOBackend(search: search(folder, chosen: "nowhere"))
    let error = #expect(throws: EngineError.self) {
      try backend.compile(EngineCorpus.convRelu(), EngineOptions())
    }
    let diagnosis = try #require(error?.diagnosis)
    #expect(diagnosis.kind == .unavailable)
    #expect(diagnosis.kind.exitCode == 69)
    #expect(diagnosis.location == [folder.file("nowhere") + " (the option)"])
    #expect(diagnosis.hint?.contains("make runtimes") == true)
    #expect(diagnosis.hint?.contains("MARTLET_OPENVINO") == true)
    guard case .missing(let reason, let remedy) = backend.availability() else {
      Issue.record("it can't be available")
      return
    }
    #expect(reason.contains(folder.file("nowhere")))
    #expect(remedy.contains("make runtimes"))
  }

  @Test(arguments: ["libopenvino_c.so", ""])
  func aTextFileInItsPlaceIsNamed(name: String) throws {
    let folder = try TemporaryFolder()
    let file = try touch(folder, "broken/libopenvino_c.so")
    let backend = OpenVINOBackend(search: search(folder, chosen: name.isEmpty ? "broken" : "broken/\(name)"))
    let error = #expect(throws: EngineError.self) { try backend.compile(EngineCorpus.convRelu(), EngineOptions()) }
    let diagnosis = try #require(error?.diagnosis)
    #expect(diagnosis.kind == .unavailable)
    #expect(diagnosis.location == [file])
    #expect(diagnosis.hint?.contains("make runtimes") == true)
  }

  @Test func aLibraryWithoutTheFunctionsIsNamedWithTheFirstOneItLacks() throws {
    // The system's own libm is a good library of the wrong kind.
    let candidates = ["/lib/x86_64-linux-gnu/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6", "/lib64/libm.so.6"]
    let file = try #require(candidates.first { PathKind(path: $0) == .file })
    let error = #expect(throws: EngineError.self) {
      try OpenVINOBackend(library: file).compile(EngineCorpus.convRelu(), EngineOptions())
    }
    guard case .libraryUnusable(_, let path, let reason, _)? = error else {
      Issue.record("expected an unusable library")
      return
    }
    #expect(path == file)
    #expect(reason.contains("ov_get_error_info"))
  }

  @Test func theFetchedLibraryIsAvailable() throws {
    guard case .available(let version, let location, let devices) = try EngineCorpus.openVINO().availability() else {
      Issue.record("run 'make runtimes'")
      return
    }
    #expect(version.hasPrefix("2026.4.1"))
    #expect(location?.hasPrefix(EngineCorpus.runtimeFolder) == true)
    #expect(devices.contains { $0.hasPrefix("CPU: ") })
  }
}
