import Files
package import Tensors

/// What the header of a NIfTI-1 or NIfTI-2 file says (nifti1.h, nifti2.h of the NIfTI Data Format Working Group).
package struct NIfTIHeader: Sendable, Hashable {
  package enum Version: Int, Sendable {
    case one = 1, two = 2
  }

  package var version: Version
  package var isBigEndian: Bool
  /// Whether the voxels are in a file of their own (`.img`).
  package var isPair: Bool
  /// The extents, first axis fastest in the file: [X, Y, Z] or [X, Y, Z, T, …], as nibabel gives them.
  package var shape: [Int]
  /// The voxels' type in the file.
  package var elementType: ElementType
  /// A stored value v stands for `slope · v + intercept`; 1 and 0 when the header gives no usable slope.
  package var slope: Double
  package var intercept: Double
  /// From voxel indices to mm (RAS+): the sform when its code isn't 0, else the qform when its code isn't 0, else the
  /// spacing with the image's centre at the origin and x reversed. nibabel's `get_best_affine`.
  package var affine: Affine
  /// The eight numbers of pixdim after nibabel's repairs: the qform's handedness, then the grid spacing per axis.
  package var pixdim: [Double]
  /// The xyzt_units code as stored.
  package var units: Int
  package var sformCode: Int
  package var qformCode: Int
  package var sform: Affine
  /// The affine of the qform, whatever its code; nil when its quaternion is no rotation.
  package var qform: Affine?
  package var description: String
  /// The first voxel's place in its file, in bytes.
  package var voxelOffset: Int

  package var voxelCount: Int { shape.reduce(1, *) }
  package var isScaled: Bool { slope != 1 || intercept != 0 }

  /// Reads the header of the image at `path` without its voxels.
  /// - Throws: ``NIfTIError``, `FileError`.
  package init(path: String) throws {
    self = try NIfTIFile(path: path).header
  }

  static let longestLength = 540

  /// Reads a header from the first bytes of a file.
  /// - Throws: ``NIfTIError``.
  init(bytes: [UInt8]) throws {
    guard let fields = NIfTIFields(bytes) else { throw NIfTIError.notNIfTI }
    version = fields.version
    isBigEndian = fields.isBigEndian
    isPair = fields.isPair
    shape = try Self.shape(fields)
    elementType = try Self.elementType(fields.datatype)
    (slope, intercept) = try Self.scaling(slope: fields.slope, intercept: fields.intercept)
    units = fields.units
    description = fields.description
    voxelOffset = try Self.voxelOffset(fields)
    pixdim = Self.repaired(fields.pixdim)
    sformCode = (0...5).contains(fields.sformCode) ? fields.sformCode : 0
    qformCode = (0...5).contains(fields.qformCode) ? fields.qformCode : 0
    sform = Affine(rows: [fields.srow[0], fields.srow[1], fields.srow[2], [0, 0, 0, 1]])
    qform = Self.qform(fields, pixdim: pixdim)
    affine = .identity
    affine = try bestAffine()
    guard affine.isFinite else {
      throw NIfTIError.notFinite(field: sformCode != 0 ? "sform" : qformCode != 0 ? "qform" : "pixdim")
    }
  }

  private static func shape(_ fields: NIfTIFields) throws -> [Int] {
    guard (1...7).contains(fields.dim[0]) else { throw NIfTIError.invalidShape(fields.dim) }
    let shape = Array(fields.dim[1...fields.dim[0]])
    // 2^56 elements of eight bytes still have an address.
    guard let count = Shape(shape).checkedCount, count < 1 << 56 else { throw NIfTIError.invalidShape(shape) }
    guard count > 0 else { throw NIfTIError.emptyImage(shape) }
    return shape
  }

  private static func elementType(_ datatype: Int) throws -> ElementType {
    switch datatype {
    case 2: return .uint8
    case 4: return .int16
    case 8: return .int32
    case 16: return .float32
    case 64: return .float64
    case 256: return .int8
    case 512: return .uint16
    case 768: return .uint32
    case 1024: return .int64
    case 1280: return .uint64
    default:
      let names = [
        0: "unknown", 1: "binary", 32: "complex64", 128: "RGB24", 1536: "float128", 1792: "complex128",
        2048: "complex256", 2304: "RGBA32",
      ]
      throw NIfTIError.unsupportedDatatype(name: names[datatype] ?? "unknown", code: datatype)
    }
  }

  private static func scaling(slope: Double, intercept: Double) throws -> (Double, Double) {
    guard slope != 0, slope.isFinite else { return (1, 0) }
    guard intercept.isFinite else { throw NIfTIError.notFinite(field: "scl_inter") }
    return (slope, intercept)
  }

  /// An offset of 0 in a single file is its smallest one, as other readers take it.
  private static func voxelOffset(_ fields: NIfTIFields) throws -> Int {
    let lowest = fields.isPair ? 0 : fields.version == .one ? 352 : 544
    guard fields.voxelOffset != 0 else { return lowest }
    guard fields.voxelOffset >= Double(lowest), fields.voxelOffset < 0x1p52 else {
      throw NIfTIError.invalidVoxelOffset(fields.voxelOffset)
    }
    return Int(fields.voxelOffset)
  }

  /// nibabel's repairs: a handedness that isn't ±1 is 1, a spatial spacing of 0 is 1, a negative one its magnitude.
  private static func repaired(_ pixdim: [Double]) -> [Double] {
    var result = pixdim
    if abs(result[0]) != 1 { result[0] = 1 }
    for axis in 1...3 { result[axis] = result[axis] == 0 ? 1 : abs(result[axis]) }
    return result
  }

  private static func qform(_ fields: NIfTIFields, pixdim: [Double]) -> Affine? {
    let tolerance = 3 * (fields.version == .one ? Double(Float.ulpOfOne) : Double.ulpOfOne)
    let (b, c, d) = (fields.quaternion[0], fields.quaternion[1], fields.quaternion[2])
    guard let quaternion = Quaternion(b: b, c: c, d: d, tolerance: tolerance) else { return nil }
    let rotation = quaternion.matrix
    let scales = [pixdim[1], pixdim[2], pixdim[3] * pixdim[0]]
    return Affine(
      rows: (0..<3).map { row in (0..<3).map { rotation[row][$0] * scales[$0] } + [fields.offset[row]] } + [
        [0, 0, 0, 1]
      ])
  }

  private func bestAffine() throws -> Affine {
    if sformCode != 0 { return sform }
    if qformCode != 0 {
      guard let qform else { throw NIfTIError.invalidQuaternion }
      return qform
    }
    var scales = [1.0, 1, 1]
    var origin = [0.0, 0, 0]
    for axis in 0..<min(shape.count, 3) {
      scales[axis] = pixdim[axis + 1]
      origin[axis] = Double(shape[axis] - 1) / 2
    }
    scales[0] = -scales[0]
    var result = Affine.scaling(scales)
    for axis in 0..<3 { result[axis, 3] = -origin[axis] * scales[axis] }
    return result
  }
}
