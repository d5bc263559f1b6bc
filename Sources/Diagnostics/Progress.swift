/// One step of a long piece of work, as told to whoever watches it.
package struct ProgressUpdate: Sendable, Equatable {
  /// What is being done, as a person would say it: `preprocessing`, `inference`, `writing`.
  package var stage: String
  /// Units done in this stage.
  package var completed: Int
  /// Units of this stage in all.
  package var total: Int

  package init(stage: String, completed: Int, total: Int) {
    self.stage = stage
    self.completed = completed
    self.total = total
  }
}

/// Watches progress; called from the thread that does the work, so it must be quick.
package typealias ProgressObserver = @Sendable (ProgressUpdate) -> Void
