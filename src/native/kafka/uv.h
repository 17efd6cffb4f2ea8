// The part of libuv that @confluentinc/kafka-javascript uses: locks and threads are POSIX's own, an async
// handle posts to the environment's event loop. Bun's own `uv_…` symbols panic, Deno has none.
#ifndef STREAMKIT_KAFKA_UV_H_
#define STREAMKIT_KAFKA_UV_H_

#include <pthread.h>
#include <unistd.h>

#include <atomic>

namespace kn {
class EnvState;
}

struct uv_loop_t;
inline uv_loop_t* uv_default_loop() { return nullptr; }

typedef pthread_mutex_t uv_mutex_t;
inline int uv_mutex_init(uv_mutex_t* mutex) { return pthread_mutex_init(mutex, nullptr); }
inline void uv_mutex_destroy(uv_mutex_t* mutex) { pthread_mutex_destroy(mutex); }
inline void uv_mutex_lock(uv_mutex_t* mutex) { pthread_mutex_lock(mutex); }
inline void uv_mutex_unlock(uv_mutex_t* mutex) { pthread_mutex_unlock(mutex); }

// An admin client that is made from another client copies that one's lock. A copied POSIX lock is undefined,
// and one that both share would keep the client waiting for each admin request: a copy is a lock of its own.
struct uv_rwlock_t {
  uv_rwlock_t() = default;
  uv_rwlock_t(const uv_rwlock_t&) { pthread_rwlock_init(&lock, nullptr); }
  uv_rwlock_t& operator=(const uv_rwlock_t&) {
    pthread_rwlock_init(&lock, nullptr);
    return *this;
  }
  pthread_rwlock_t lock;
};
inline int uv_rwlock_init(uv_rwlock_t* rw) { return pthread_rwlock_init(&rw->lock, nullptr); }
inline void uv_rwlock_destroy(uv_rwlock_t* rw) { pthread_rwlock_destroy(&rw->lock); }
inline void uv_rwlock_rdlock(uv_rwlock_t* rw) { pthread_rwlock_rdlock(&rw->lock); }
inline void uv_rwlock_rdunlock(uv_rwlock_t* rw) { pthread_rwlock_unlock(&rw->lock); }
inline void uv_rwlock_wrlock(uv_rwlock_t* rw) { pthread_rwlock_wrlock(&rw->lock); }
inline void uv_rwlock_wrunlock(uv_rwlock_t* rw) { pthread_rwlock_unlock(&rw->lock); }
inline int uv_rwlock_tryrdlock(uv_rwlock_t* rw) { return pthread_rwlock_tryrdlock(&rw->lock); }
inline int uv_rwlock_trywrlock(uv_rwlock_t* rw) { return pthread_rwlock_trywrlock(&rw->lock); }

typedef pthread_t uv_thread_t;
typedef void (*uv_thread_cb)(void* argument);
int uv_thread_create(uv_thread_t* thread, uv_thread_cb entry, void* argument);
inline int uv_thread_join(uv_thread_t* thread) { return pthread_join(*thread, nullptr); }

// Upstream casts one to the other, so the handle must come first.
struct uv_handle_t {
  void* data = nullptr;
};
struct uv_async_t;
typedef void (*uv_async_cb)(uv_async_t* handle);
typedef void (*uv_close_cb)(uv_handle_t* handle);
struct uv_async_t : uv_handle_t {
  uv_async_cb callback = nullptr;
  kn::EnvState* state = nullptr;
  bool closing = false;
  // Several sends before the loop comes round are one call, as in libuv.
  std::atomic<bool> sent{false};
};

int uv_async_init(uv_loop_t*, uv_async_t* async, uv_async_cb callback);
int uv_async_send(uv_async_t* async);
void uv_close(uv_handle_t* handle, uv_close_cb callback);

#endif  // STREAMKIT_KAFKA_UV_H_
