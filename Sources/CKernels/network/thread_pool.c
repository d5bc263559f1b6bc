#include "../include/thread_pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#if defined(__x86_64__)
#define PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PAUSE() __asm__ volatile("yield")
#else
#define PAUSE() (void)0
#endif

// How often an idle thread looks for the next job before it sleeps: some tens of microseconds, about the time between
// two layers of a network.
enum { SPINS = 2000 };

// The pieces that a thread begins with. Neighbouring pieces read neighbouring memory, so each thread takes a run of them.
typedef struct {
  _Alignas(128) atomic_long next;
  long end;
} piece_range;

struct martlet_thread_pool {
  int count;
  piece_range *ranges;
  pthread_t *workers;
  pthread_mutex_t lock;
  pthread_cond_t wake, done;
  // Rises with every job; odd bits don't matter, only that it changes.
  atomic_uint generation;
  atomic_int is_closing;
  // Whether the current job takes workers, and the workers that are at it. Who has joined is waited for; who comes after
  // the caller has closed the job, because it slept, leaves again.
  atomic_int is_open, active;
  void (*body)(void *, long, int);
  void *context;
};

typedef struct {
  martlet_thread_pool *pool;
  int thread;
} worker_start;

/// Computes the thread's own pieces, then what others have left.
static void work(martlet_thread_pool *pool, int thread) {
  for (int offset = 0; offset < pool->count; offset++) {
    piece_range *range = &pool->ranges[(thread + offset) % pool->count];
    for (;;) {
      long piece = atomic_fetch_add_explicit(&range->next, 1, memory_order_relaxed);
      if (piece >= range->end) break;
      pool->body(pool->context, piece, thread);
    }
  }
}

static void *worker(void *argument) {
  worker_start start = *(worker_start *)argument;
  free(argument);
  martlet_thread_pool *pool = start.pool;
  unsigned seen = 0;
  for (;;) {
    int spins = 0;
    while (atomic_load_explicit(&pool->generation, memory_order_acquire) == seen && spins++ < SPINS) PAUSE();
    if (atomic_load_explicit(&pool->generation, memory_order_acquire) == seen) {
      pthread_mutex_lock(&pool->lock);
      while (atomic_load_explicit(&pool->generation, memory_order_acquire) == seen)
        pthread_cond_wait(&pool->wake, &pool->lock);
      pthread_mutex_unlock(&pool->lock);
    }
    seen = atomic_load_explicit(&pool->generation, memory_order_acquire);
    if (atomic_load_explicit(&pool->is_closing, memory_order_acquire)) return NULL;
    // In one order with the caller, which closes the job and then looks for workers.
    atomic_fetch_add(&pool->active, 1);
    if (atomic_load(&pool->is_open)) work(pool, start.thread);
    if (atomic_fetch_sub(&pool->active, 1) == 1) {
      pthread_mutex_lock(&pool->lock);
      pthread_cond_signal(&pool->done);
      pthread_mutex_unlock(&pool->lock);
    }
  }
}

static void announce(martlet_thread_pool *pool) {
  pthread_mutex_lock(&pool->lock);
  atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
}

martlet_thread_pool *martlet_thread_pool_create(int threads) {
  martlet_thread_pool *pool = calloc(1, sizeof *pool);
  size_t most = threads > 1 ? (size_t)threads : 1;
  pool->workers = calloc(most, sizeof *pool->workers);
  pool->ranges = aligned_alloc(_Alignof(piece_range), most * sizeof *pool->ranges);
  pool->count = 1;
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pthread_cond_init(&pool->done, NULL);
  // A thread that the system refuses is one fewer.
  for (int thread = 1; thread < threads; thread++) {
    worker_start *start = malloc(sizeof *start);
    *start = (worker_start){pool, pool->count};
    if (pthread_create(&pool->workers[pool->count - 1], NULL, worker, start) != 0) {
      free(start);
      break;
    }
    pool->count++;
  }
  return pool;
}

void martlet_thread_pool_destroy(martlet_thread_pool *pool) {
  atomic_store_explicit(&pool->is_closing, 1, memory_order_release);
  announce(pool);
  for (int index = 0; index < pool->count - 1; index++) pthread_join(pool->workers[index], NULL);
  pthread_cond_destroy(&pool->done);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->lock);
  free(pool->workers);
  free(pool->ranges);
  free(pool);
}

int martlet_thread_pool_count(const martlet_thread_pool *pool) { return pool->count; }

void martlet_thread_pool_run(
  martlet_thread_pool *pool, long pieces, void (*body)(void *context, long piece, int thread), void *context) {
  if (pieces <= 1 || pool->count == 1) {
    for (long piece = 0; piece < pieces; piece++) body(context, piece, 0);
    return;
  }
  pool->body = body;
  pool->context = context;
  for (int thread = 0; thread < pool->count; thread++) {
    atomic_store_explicit(&pool->ranges[thread].next, pieces * thread / pool->count, memory_order_relaxed);
    pool->ranges[thread].end = pieces * (thread + 1) / pool->count;
  }
  atomic_store(&pool->is_open, 1);
  announce(pool);
  work(pool, 0);
  atomic_store(&pool->is_open, 0);
  int spins = 0;
  while (atomic_load(&pool->active) > 0 && spins++ < SPINS) PAUSE();
  if (atomic_load(&pool->active) > 0) {
    pthread_mutex_lock(&pool->lock);
    while (atomic_load(&pool->active) > 0) pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
  }
}
