#ifndef MARTLET_SHA256_H
#define MARTLET_SHA256_H

#include <stddef.h>
#include <stdint.h>

#if defined(__clang__)
#pragma clang assume_nonnull begin
#endif

/// A SHA-256 under way (FIPS 180-4, https://doi.org/10.6028/NIST.FIPS.180-4).
typedef struct martlet_sha256 {
  uint32_t state[8];
  uint64_t byte_count;
  uint8_t block[64];
} martlet_sha256;

void martlet_sha256_begin(martlet_sha256 *hash);
void martlet_sha256_add(martlet_sha256 *hash, const void *_Nullable bytes, size_t count);
/// Writes the digest; the hash isn't used afterwards.
void martlet_sha256_finish(martlet_sha256 *hash, uint8_t digest[_Nonnull 32]);

#if defined(__clang__)
#pragma clang assume_nonnull end
#endif

#endif
