import Graphs
import OrderedCollections
import Tensors

/// Random numbers, drawn by the engine. Each draw of a program has a fixed seed of its own, so that an engine gives the
/// same numbers whenever it starts; they are not PyTorch's.
let randomOperators: [ATenOperator] =
  [("randn", "RandomNormalLike"), ("rand", "RandomUniformLike")].flatMap { name, operation in
    [
      .value(
        """
        \(name)_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
        bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor
        """
      ) { call in
        let input = try call.value("self")
        return try draw(call, operation, like: input, call.elementType("dtype") ?? call.type(input).elementType)
      },
      .value(
        """
        \(name)(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
        bool? pin_memory=None) -> Tensor
        """
      ) { call in
        let type = try call.elementType("dtype") ?? .float32
        return try draw(call, operation, like: filled(call, call.dimensions("size"), 0, type), type)
      },
    ]
  }
  + [
    "bernoulli(Tensor self, *, Generator? generator=None) -> Tensor",
    "multinomial(Tensor self, SymInt num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor",
  ].map { schema in
    .any(schema) {
      throw $0.unsupported("it draws random numbers", expected: "a network that draws none, or normal ones")
    }
  }

private func draw(_ call: ATenCall, _ operation: String, like input: Value, _ type: ElementType) throws -> Value {
  guard type.isFloatingPoint else { throw call.unsupported("random numbers of \(type)", expected: "floating point") }
  let seed = call.graph.nodes.count { $0.operator.hasPrefix("Random") } + 1
  return try call.graph.random(operation, like: input, type, seed: Float(seed))
}
