// The moving parts of nan.h and uv.h on Node-API 8: classes and their methods, callbacks, workers, async
// handles.
#include <mutex>
#include <unordered_set>

#include "nan.h"

using kn::Check;
using kn::Env;

namespace v8 {

// What a method or constructor needs when it is called.
struct MethodData {
  kn::EnvState* state;
  FunctionCallback callback;
  std::string name;
};

struct TemplateData {
  MethodData constructor;
  std::vector<MethodData*> methods;
  Nan::Persistent<Function> made;
};

namespace {

constexpr size_t kMaxArguments = 16;

napi_value Invoke(napi_env env, napi_callback_info call) {
  napi_value arguments[kMaxArguments], receiver, new_target = nullptr, result = nullptr;
  size_t count = kMaxArguments;
  void* data = nullptr;
  napi_get_cb_info(env, call, &count, arguments, &receiver, &data);
  napi_get_new_target(env, call, &new_target);
  auto* method = static_cast<MethodData*>(data);
  kn::Entry entry(method->state);
  // Deno has a new target, undefined, for calls without `new` too.
  napi_valuetype type = napi_undefined;
  if (new_target != nullptr) napi_typeof(env, new_target, &type);
  if (count > kMaxArguments) count = kMaxArguments;
  Nan::FunctionCallbackInfo<Value> info(receiver, arguments, count, type == napi_function, &result);
  try {
    method->callback(info);
  } catch (const kn::Thrown&) {
    return nullptr;
  }
  return result;
}

}  // namespace

Local<FunctionTemplate> FunctionTemplate::New(FunctionCallback callback) {
  auto* data = new TemplateData{{kn::Current(), callback, ""}, {}, {}};
  kn::KeepForever(data);
  return Local<FunctionTemplate>(data);
}

void FunctionTemplate::SetClassName(Local<String> name) {
  static_cast<TemplateData*>(handle)->constructor.name = *Nan::Utf8String(name);
}

void FunctionTemplate::AddMethod(const char* name, FunctionCallback callback) {
  auto* data = static_cast<TemplateData*>(handle);
  data->methods.push_back(new MethodData{kn::Current(), callback, name});
}

// A template without a class name is a plain function. Asked twice, it is the same one.
MaybeLocal<Function> FunctionTemplate::GetFunction(Local<Context>) const {
  auto* data = static_cast<TemplateData*>(handle);
  if (!data->made.IsEmpty()) return data->made.Get();
  const std::string& name = data->constructor.name;
  napi_value made;
  if (name.empty()) {
    Check(napi_create_function(Env(), nullptr, 0, Invoke, &data->constructor, &made));
  } else {
    std::vector<napi_property_descriptor> properties;
    for (MethodData* method : data->methods) {
      napi_property_descriptor property = {};
      property.utf8name = method->name.c_str();
      property.method = Invoke;
      property.attributes = napi_default_method;
      property.data = method;
      properties.push_back(property);
    }
    Check(napi_define_class(Env(), name.data(), name.size(), Invoke, &data->constructor, properties.size(),
                            properties.data(), &made));
  }
  data->made.Reset(Local<Function>(made));
  return Local<Function>(made);
}

}  // namespace v8

namespace Nan {
namespace {

// The objects that are alive. A wrapped pointer of another addon is not among them.
struct Registry {
  std::mutex mutex;
  std::unordered_set<void*> alive;
};

Registry& TheRegistry() {
  static Registry* registry = new Registry;
  return *registry;
}

napi_value OrUndefined(Local<v8::Value> value) { return value.IsEmpty() ? kn::Undefined() : value.napi(); }

// Once the environment is being torn down nothing may be called any more: the object is left as it is.
void Collect(napi_env, void* object, void* state) {
  auto* owner = static_cast<kn::EnvState*>(state);
  if (owner->IsClosed()) return;
  kn::Entry entry(owner);
  delete static_cast<ObjectWrap*>(object);
}

}  // namespace

ObjectWrap::~ObjectWrap() {
  std::lock_guard<std::mutex> lock(TheRegistry().mutex);
  TheRegistry().alive.erase(this);
}

void ObjectWrap::Wrap(Local<v8::Object> object) {
  Check(napi_wrap(Env(), object.napi(), this, Collect, kn::Current(), nullptr));
  std::lock_guard<std::mutex> lock(TheRegistry().mutex);
  TheRegistry().alive.insert(this);
}

ObjectWrap* ObjectWrap::Find(Local<v8::Object> object) {
  void* found = nullptr;
  if (!object->IsObject() || napi_unwrap(Env(), object.napi(), &found) != napi_ok) return nullptr;
  std::lock_guard<std::mutex> lock(TheRegistry().mutex);
  return TheRegistry().alive.count(found) != 0 ? static_cast<ObjectWrap*>(found) : nullptr;
}

MaybeLocal<v8::Function> GetFunction(Local<v8::FunctionTemplate> made) {
  return made->GetFunction(GetCurrentContext());
}

void SetPrototypeMethod(Local<v8::FunctionTemplate> made, const char* name, FunctionCallback callback) {
  made->AddMethod(name, callback);
}

MaybeLocal<v8::Object> NewInstance(Local<v8::Function> constructor, int count, Local<v8::Value> arguments[]) {
  std::vector<napi_value> values;
  for (int i = 0; i < count; i++) values.push_back(OrUndefined(arguments[i]));
  napi_value instance;
  napi_status status = napi_new_instance(Env(), constructor.napi(), values.size(), values.data(), &instance);
  return status == napi_ok ? MaybeLocal<v8::Object>(Local<v8::Object>(instance)) : MaybeLocal<v8::Object>();
}

Local<v8::Value> Callback::Call(int count, Local<v8::Value> arguments[]) const {
  std::vector<napi_value> values;
  for (int i = 0; i < count; i++) values.push_back(OrUndefined(arguments[i]));
  napi_value result = nullptr;
  napi_value function = function_.Get().napi();
  napi_call_function(Env(), kn::Undefined(), function, values.size(), values.data(), &result);
  if (!kn::InCall()) kn::ReportPendingException();
  return Local<v8::Value>(result != nullptr ? result : kn::Undefined());
}

void AsyncWorker::WorkComplete() {
  HandleScope scope;
  if (failed_) {
    HandleErrorCallback();
  } else {
    HandleOKCallback();
  }
  delete callback;
  callback = nullptr;
}

void AsyncQueueWorker(AsyncWorker* worker) {
  kn::RunOnPool([worker] { worker->Execute(); },
                [worker] {
                  try {
                    worker->WorkComplete();
                  } catch (const kn::Thrown&) {
                  }
                  worker->Destroy();
                });
}

}  // namespace Nan

namespace {

struct ThreadEntry {
  uv_thread_cb entry;
  void* argument;
};

void* RunThread(void* boxed) {
  ThreadEntry start = *static_cast<ThreadEntry*>(boxed);
  delete static_cast<ThreadEntry*>(boxed);
  start.entry(start.argument);
  return nullptr;
}

}  // namespace

int uv_thread_create(uv_thread_t* thread, uv_thread_cb entry, void* argument) {
  return pthread_create(thread, nullptr, RunThread, new ThreadEntry{entry, argument});
}

int uv_async_init(uv_loop_t*, uv_async_t* async, uv_async_cb callback) {
  async->callback = callback;
  async->state = kn::Current();
  async->state->Hold();
  return 0;
}

int uv_async_send(uv_async_t* async) {
  if (async->sent.exchange(true)) return 0;
  async->state->Post([async] {
    async->sent = false;
    if (!async->closing) async->callback(async);
  });
  return 0;
}

// The close callback frees the handle: posted, it comes after all sends.
void uv_close(uv_handle_t* handle, uv_close_cb callback) {
  auto* async = static_cast<uv_async_t*>(handle);
  async->closing = true;
  async->state->Post([async, callback] {
    async->state->Release();
    callback(async);
  });
}
