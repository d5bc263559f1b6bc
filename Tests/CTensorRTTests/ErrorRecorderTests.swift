import CTensorRT
import Dispatch
import TestSupport
import Testing

@Suite struct ErrorRecorderTests {
  /// Reports through the recorder's own table, as the library does: slot 9 is reportError, 4 to 8 read and clear.
  private struct Table {
    let recorder: OpaquePointer
    private var slots: UnsafePointer<UnsafeRawPointer> {
      UnsafeRawPointer(recorder).load(as: UnsafePointer<UnsafeRawPointer>.self)
    }

    func report(_ code: Int32, _ text: String) {
      typealias Report = @convention(c) (OpaquePointer, Int32, UnsafePointer<CChar>) -> Bool
      #expect(unsafeBitCast(slots[9], to: Report.self)(recorder, code, text) == false)
    }

    var count: Int32 {
      unsafeBitCast(slots[4], to: (@convention(c) (OpaquePointer) -> Int32).self)(recorder)
    }

    func description(_ index: Int32) -> String {
      typealias Describe = @convention(c) (OpaquePointer, Int32) -> UnsafePointer<CChar>
      return String(cString: unsafeBitCast(slots[6], to: Describe.self)(recorder, index))
    }

    func clear() { unsafeBitCast(slots[8], to: (@convention(c) (OpaquePointer) -> Void).self)(recorder) }
  }

  @Test func keepsTheFirstErrorsAndSaysWhenThereWereMore() throws {
    let recorder = try #require(trt_error_recorder_create())
    defer { trt_error_recorder_delete(recorder) }
    let table = Table(recorder: recorder)
    for index: Int32 in 0..<64 { table.report(index % 11, "error \(index)") }
    #expect(!trt_error_recorder_overflowed(recorder))
    table.report(1, "one too many")
    #expect(trt_error_recorder_overflowed(recorder))
    #expect(table.count == 64 && trt_error_recorder_count(recorder) == 64)
    #expect(trt_error_recorder_code(recorder, 5) == 5)
    #expect(table.description(63) == "error 63")
    table.clear()
    #expect(table.count == 0 && !trt_error_recorder_overflowed(recorder))
  }

  @Test func answersIndicesOutOfRange() throws {
    let recorder = try #require(trt_error_recorder_create())
    defer { trt_error_recorder_delete(recorder) }
    #expect(trt_error_recorder_code(recorder, 0) == -1 && trt_error_recorder_code(recorder, -1) == -1)
    #expect(trt_error_recorder_description(recorder, 0) == nil)
    #expect(Table(recorder: recorder).description(99) == "")
  }

  @Test func takesErrorsFromSeveralThreads() throws {
    nonisolated(unsafe) let recorder = try #require(trt_error_recorder_create())
    defer { trt_error_recorder_delete(recorder) }
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      let table = Table(recorder: recorder)
      for index in 0..<7 { table.report(2, "thread \(thread) error \(index)") }
    }
    #expect(trt_error_recorder_count(recorder) == 56)
    let texts = Set((0..<56).compactMap { trt_error_recorder_description(recorder, $0).map { String(cString: $0) } })
    #expect(texts.count == 56)
  }
}
