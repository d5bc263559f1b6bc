import ArgumentParser
import Importers

struct Operators: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prints the operators of PyTorch that programs (.ts, .pt2) may use, as Markdown.")

  func run() throws { try Terminal.print(String(SupportedOperators.markdown.dropLast())) }
}
