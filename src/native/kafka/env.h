// What every part of the addon shares: the JavaScript environment of the current thread, the way back to its
// event loop from any other thread, and a pool of threads for work that blocks. The rest is written on this.
#ifndef STREAMKIT_KAFKA_ENV_H_
#define STREAMKIT_KAFKA_ENV_H_

#include <node_api.h>

#include <cstddef>
#include <functional>
#include <mutex>

namespace kn {

// One for each environment that loads the addon (the main thread's, each worker thread's). Never freed:
// native threads may still hold it when its environment has gone.
class EnvState {
 public:
  explicit EnvState(napi_env env);

  const napi_env env;

  // Runs the task on the JavaScript thread, in the order of posts. From any thread. Tasks are dropped once
  // the environment is being torn down.
  void Post(std::function<void()> task);

  // The event loop stays alive while something is held: an open async handle, a piece of work, a promise.
  void Hold();
  void Release();

  bool IsClosed();

 private:
  static void RunTask(napi_env env, napi_value, void* state, void* task);
  static void OnTearDown(void* state);

  std::mutex mutex_;
  bool closed_ = false;
  int held_ = 0;
  napi_threadsafe_function loop_ = nullptr;
};

// The state of the JavaScript code that is running on this thread, set whenever JavaScript calls in.
EnvState* Current();
napi_env Env();

// Thrown by our headers through upstream's code where V8 would abort or upstream would use a null pointer;
// the next entry from JavaScript catches it. A JavaScript exception is pending then.
struct Thrown {};

// While it lives, JavaScript has called us: values live until we return, and exceptions are the caller's.
class Entry {
 public:
  explicit Entry(EnvState* state);
  ~Entry();
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

 private:
  EnvState* const previous_;
};

// Is a call from JavaScript under way, rather than one from the event loop?
bool InCall();

// Gives what a callback threw to the runtime's uncaught exception: a pending one fails all later calls.
void ReportPendingException();

// Runs `work` on a thread of the pool, then `done` on the JavaScript thread. The pool grows with the work
// that blocks: a consumer that waits must not starve others, as it would on the runtime's own four threads.
void RunOnPool(std::function<void()> work, std::function<void()> done);

// What a function of ours needs lives as long as the process: the runtime doesn't say when it lets a function
// go.
void KeepForever(void* data);

napi_value Undefined();

// Throws a TypeError or Error of this message, then `Thrown`.
[[noreturn]] void ThrowTypeError(const char* message);
[[noreturn]] void ThrowPlainError(const char* message);

// Turns a failed Node-API call into a pending exception and `Thrown`.
void Check(napi_status status);

}  // namespace kn

#endif  // STREAMKIT_KAFKA_ENV_H_
