import Arguments
import Diagnostics
import OrderedCollections
import Testing

@Suite struct ArgumentReaderTests {
  private let component = Component(
    target: "monai.networks.nets.UNet",
    arguments: [
      "channels": .list([.int(4), .int(8)]), "kernel_size": .int(3), "dropout": .double(0.5), "bias": .bool(false),
      "name": .string("a"), "nothing": .null,
    ], path: "network_def")

  @Test func argumentsAreReadByTheirTypes() throws {
    var reader = ArgumentReader(component)
    #expect(try reader.ints("channels") == [4, 8])
    #expect(try reader.ints("kernel_size") == [3])
    #expect(try reader.double("dropout") == 0.5)
    #expect(try reader.bool("bias") == false)
    #expect(try reader.string("name") == "a")
    #expect(try reader.optionalInt("nothing") == nil)
    #expect(try reader.int("absent", default: 7) == 7)
    try reader.finish()
  }

  @Test func aMissingArgumentIsNamedWithItsPath() throws {
    var reader = ArgumentReader(component)
    let error = try #require(throws: ArgumentError.self) { try reader.int("strides") }
    #expect(error == .missing(component: "UNet", path: "network_def", name: "strides"))
  }

  @Test func aValueOfTheWrongKindIsNamedWithItsPath() throws {
    var reader = ArgumentReader(component)
    let error = try #require(throws: ArgumentError.self) { try reader.int("dropout") }
    #expect(error.diagnosis.location == ["network_def#dropout"])
    #expect(error.diagnosis.expected == "an integer")
  }

  @Test func argumentsThatNobodyReadAreRefused() throws {
    var reader = ArgumentReader(component)
    _ = try reader.ints("channels")
    reader.ignore("kernel_size", "dropout", "bias")
    let error = try #require(throws: ArgumentError.self) { try reader.finish() }
    guard case .unknown(_, _, let names, _) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(names == ["name", "nothing"])
  }
}
