// README example: begin
import Martlet

func segment(_ scan: String, with bundle: String, into folder: String) throws {
  let segmenter = try Segmenter(bundle: bundle, outputFolder: folder)
  let segmentation = try segmenter.segment(scan)
  for label in segmentation.labels {
    print(label.value, label.name ?? "", label.millilitres, "ml")
  }
}
// README example: end
