import ArgumentParser
import Pipelines

struct Survey: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prints which networks of a folder of bundles can be built, as the table of Documentation/ModelZoo.md.",
    shouldDisplay: false)

  @Argument(help: "The folder that holds the bundles' folders, such as the model zoo's 'models'.")
  var folder: String

  func run() throws { print(try NetworkSurvey(folder: folder).document, terminator: "") }
}
