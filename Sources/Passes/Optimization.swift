/// The rewrites that every network goes through before it is written or compiled: fewer nodes, the same numbers but
/// for rounding.
package enum Optimization {
  /// In this order, again and again until none finds anything.
  package static let passes: [any Pass] = [
    UnusedNodes(),
    ConstantFolding(),
    RuleSweep(IdentityRemoval()),
    RuleSweep(GeluFusion()),
    RuleSweep(NormalizationFusion()),
    RuleSweep(AttentionScaling()),
    RuleSweep(AffineFolding()),
    RuleSweep(PaddingFolding()),
    RuleSweep(PaddingMerging()),
    RuleSweep(TransposeMerging()),
    RuleSweep(ReshapeMerging()),
    RuleSweep(SliceMerging()),
    RuleSweep(ConcatMerging()),
    CommonSubexpressions(),
    NodeOrder(),
  ]

  /// Each round leaves less to do; networks need two to four.
  private static let rounds = 16

  package static let driver = PassDriver(passes, rounds: rounds)
}
