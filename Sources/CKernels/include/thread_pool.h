#pragma once
// A pool of threads that share out the pieces of one job at a time.

typedef struct martlet_thread_pool martlet_thread_pool;

/// A pool of `threads` in all, the caller's included.
martlet_thread_pool *martlet_thread_pool_create(int threads);
void martlet_thread_pool_destroy(martlet_thread_pool *pool);
int martlet_thread_pool_count(const martlet_thread_pool *pool);

/// Calls `body(context, piece, thread)` for every piece in 0..<pieces, each on one of the threads 0..<count; returns
/// when all are done. One caller at a time.
void martlet_thread_pool_run(
  martlet_thread_pool *pool, long pieces, void (*body)(void *context, long piece, int thread), void *context);
