/// The pickle opcodes that are understood: those that PyTorch's writers and Python's default protocols use for plain
/// data. Source: CPython's `Lib/pickletools.py`.
enum PickleOpcode: UInt8 {
  // Protocol 0 and 1
  case mark = 0x28, stop = 0x2e, pop = 0x30, popMark = 0x31, dup = 0x32
  case float = 0x46, int = 0x49, binInt = 0x4a, binInt1 = 0x4b, long = 0x4c, binInt2 = 0x4d, none = 0x4e
  case binPersistentID = 0x51, reduce = 0x52, binString = 0x54, shortBinString = 0x55, binUnicode = 0x58
  case append = 0x61, build = 0x62, global = 0x63, dict = 0x64, appends = 0x65, get = 0x67, binGet = 0x68
  case longBinGet = 0x6a, list = 0x6c, put = 0x70, binPut = 0x71, longBinPut = 0x72, setItem = 0x73, tuple = 0x74
  case setItems = 0x75, emptyDict = 0x7d, emptyList = 0x5d, emptyTuple = 0x29, binFloat = 0x47
  // Protocol 2
  case proto = 0x80, newObject = 0x81, tuple1 = 0x85, tuple2 = 0x86, tuple3 = 0x87, newTrue = 0x88, newFalse = 0x89
  case long1 = 0x8a, long4 = 0x8b
  // Protocol 3
  case binBytes = 0x42, shortBinBytes = 0x43
  // Protocol 4
  case shortBinUnicode = 0x8c, binUnicode8 = 0x8d, binBytes8 = 0x8e, emptySet = 0x8f, addItems = 0x90
  case frozenSet = 0x91, newObjectWithKeywords = 0x92, stackGlobal = 0x93, memoize = 0x94, frame = 0x95
  // Protocol 5
  case byteArray8 = 0x96
}
