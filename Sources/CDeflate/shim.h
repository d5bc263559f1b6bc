// libdeflate decompresses whole buffers (two to three times as fast as zlib); zlib compresses streams in pieces.
#include <libdeflate.h>
#include <zlib.h>
