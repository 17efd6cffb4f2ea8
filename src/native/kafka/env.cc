// The environment of the current thread, its task queue and the thread pool: see env.h.
#include "env.h"

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <utility>

namespace kn {
namespace {

thread_local EnvState* current = nullptr;
thread_local int call_depth = 0;

// Globals are never destroyed: threads may use them while the process exits.
struct Pool {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> work;
  size_t idle = 0;
};

Pool& ThePool() {
  static Pool* pool = new Pool;
  return *pool;
}

constexpr auto kIdleTime = std::chrono::seconds(10);

void* RunPoolThread(void*) {
  Pool& pool = ThePool();
  std::unique_lock<std::mutex> lock(pool.mutex);
  for (;;) {
    if (pool.work.empty()) {
      pool.idle++;
      bool woken = pool.wake.wait_for(lock, kIdleTime, [&] { return !pool.work.empty(); });
      pool.idle--;
      if (!woken) return nullptr;
    }
    auto work = std::move(pool.work.front());
    pool.work.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

// Takes a new thread wherever no idle one is left for it.
void Submit(std::function<void()> work) {
  Pool& pool = ThePool();
  std::lock_guard<std::mutex> lock(pool.mutex);
  pool.work.push_back(std::move(work));
  if (pool.idle >= pool.work.size()) {
    pool.wake.notify_one();
    return;
  }
  pthread_t thread;
  if (pthread_create(&thread, nullptr, RunPoolThread, nullptr) == 0) {
    pthread_detach(thread);
  } else {
    pool.wake.notify_one();
  }
}

}  // namespace

EnvState::EnvState(napi_env env) : env(env) {
  napi_value name;
  napi_create_string_utf8(env, "kafka", NAPI_AUTO_LENGTH, &name);
  napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, RunTask, &loop_);
  napi_unref_threadsafe_function(env, loop_);
  // Added after the function above, so it runs before that one closes.
  napi_add_env_cleanup_hook(env, OnTearDown, this);
}

void EnvState::Post(std::function<void()> task) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) return;
  auto* boxed = new std::function<void()>(std::move(task));
  if (napi_call_threadsafe_function(loop_, boxed, napi_tsfn_nonblocking) != napi_ok) delete boxed;
}

void EnvState::RunTask(napi_env env, napi_value, void* state, void* task) {
  std::unique_ptr<std::function<void()>> owned(static_cast<std::function<void()>*>(task));
  auto* self = static_cast<EnvState*>(state);
  if (env == nullptr || self->IsClosed()) return;
  EnvState* previous = std::exchange(current, self);
  napi_handle_scope scope;
  napi_open_handle_scope(env, &scope);
  try {
    (*owned)();
  } catch (const Thrown&) {
  }
  ReportPendingException();
  napi_close_handle_scope(env, scope);
  current = previous;
}

void EnvState::OnTearDown(void* state) {
  auto* self = static_cast<EnvState*>(state);
  std::lock_guard<std::mutex> lock(self->mutex_);
  self->closed_ = true;
}

bool EnvState::IsClosed() {
  std::lock_guard<std::mutex> lock(mutex_);
  return closed_;
}

void EnvState::Hold() {
  if (held_++ == 0) napi_ref_threadsafe_function(env, loop_);
}

void EnvState::Release() {
  if (--held_ == 0) napi_unref_threadsafe_function(env, loop_);
}

EnvState* Current() { return current; }
napi_env Env() { return current->env; }

Entry::Entry(EnvState* state) : previous_(std::exchange(current, state)) { call_depth++; }

Entry::~Entry() {
  call_depth--;
  current = previous_;
}

bool InCall() { return call_depth > 0; }

void ReportPendingException() {
  bool pending = false;
  if (napi_is_exception_pending(Env(), &pending) != napi_ok || !pending) return;
  napi_value error;
  if (napi_get_and_clear_last_exception(Env(), &error) == napi_ok) napi_fatal_exception(Env(), error);
}

void RunOnPool(std::function<void()> work, std::function<void()> done) {
  EnvState* state = Current();
  state->Hold();
  Submit([state, work = std::move(work), done = std::move(done)]() mutable {
    work();
    state->Post([state, done = std::move(done)] {
      state->Release();
      done();
    });
  });
}

void KeepForever(void* data) {
  static auto* kept = new std::deque<void*>;
  static auto* mutex = new std::mutex;
  std::lock_guard<std::mutex> lock(*mutex);
  kept->push_back(data);
}

napi_value Undefined() {
  napi_value value;
  napi_get_undefined(Env(), &value);
  return value;
}

void ThrowTypeError(const char* message) {
  napi_throw_type_error(Env(), nullptr, message);
  throw Thrown();
}

void ThrowPlainError(const char* message) {
  napi_throw_error(Env(), nullptr, message);
  throw Thrown();
}

void Check(napi_status status) {
  if (status == napi_ok) return;
  bool pending = false;
  napi_is_exception_pending(Env(), &pending);
  if (!pending) {
    const napi_extended_error_info* info = nullptr;
    napi_get_last_error_info(Env(), &info);
    const char* message = info != nullptr && info->error_message != nullptr ? info->error_message : nullptr;
    napi_throw_error(Env(), nullptr, message != nullptr ? message : "Node-API call failed");
  }
  throw Thrown();
}

}  // namespace kn
