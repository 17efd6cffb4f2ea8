// The part of NAN that @confluentinc/kafka-javascript uses, on Node-API 8, so that its sources compile as
// they are and one addon runs in Node, Bun and Deno. V8's side is in v8.h, libuv's in uv.h.
#ifndef STREAMKIT_KAFKA_NAN_H_
#define STREAMKIT_KAFKA_NAN_H_

// Upstream's workers.cc uses assert without including it.
#include <cassert>
#include <cstring>
#include <string>
#include <utility>

#include "node.h"
#include "node_buffer.h"
#include "uv.h"
#include "v8.h"

#define NAN_INLINE inline
#define NAN_METHOD(name) void name(const Nan::FunctionCallbackInfo<v8::Value>& info)
#define NAUV_WORK_CB(name) void name(uv_async_t* async)

namespace Nan {

using v8::Local;
using v8::Maybe;
using v8::MaybeLocal;

inline Local<v8::Context> GetCurrentContext() { return Local<v8::Context>(); }

Local<v8::Primitive> Undefined();
Local<v8::Primitive> Null();
Local<v8::Boolean> True();

// While JavaScript is calling us a scope does nothing: upstream sets return values inside of inner scopes,
// and the caller's scope ends with the call anyway. Called from the event loop it is a real one.
class HandleScope {
 public:
  HandleScope();
  ~HandleScope();
  HandleScope(const HandleScope&) = delete;
  HandleScope& operator=(const HandleScope&) = delete;

 private:
  napi_handle_scope scope_ = nullptr;
};

// Values already live as long as the call.
class EscapableHandleScope {
 public:
  template <class T>
  Local<T> Escape(Local<T> value) {
    return value;
  }
};

// A reference that keeps its value alive until Reset; the destructor leaves it, as NAN's does: static ones
// outlive their environment.
class Reference {
 public:
  void Reset();
  bool IsEmpty() const { return ref_ == nullptr; }

 protected:
  void Assign(napi_value value);
  napi_value Value() const;

 private:
  kn::EnvState* state_ = nullptr;
  napi_ref ref_ = nullptr;
  // Before version 10 a napi_ref holds no primitive: it lies in an array of one.
  bool boxed_ = false;
};

template <class T>
class Persistent : public Reference {
 public:
  Persistent() = default;
  explicit Persistent(Local<T> value) { Assign(value.napi()); }
  Persistent(const Persistent&) = delete;
  Persistent& operator=(const Persistent&) = delete;
  using Reference::Reset;
  void Reset(Local<T> value) { Assign(value.napi()); }
  Local<T> Get() const { return Local<T>(Value()); }
};

template <class T>
class ReturnValue {
 public:
  explicit ReturnValue(napi_value* slot) : slot_(slot) {}
  template <class S>
  void Set(Local<S> value) const {
    *slot_ = value.napi();
  }

 private:
  napi_value* slot_;
};

template <class T>
class FunctionCallbackInfo {
 public:
  FunctionCallbackInfo(napi_value receiver, const napi_value* arguments, size_t count, bool constructing,
                       napi_value* result)
      : receiver_(receiver), arguments_(arguments), count_(count), constructing_(constructing),
        result_(result) {}

  int Length() const { return static_cast<int>(count_); }
  Local<v8::Value> operator[](int index) const {
    return static_cast<size_t>(index) < count_ ? Local<v8::Value>(arguments_[index]) : Undefined();
  }
  Local<v8::Object> This() const { return Local<v8::Object>(receiver_); }
  bool IsConstructCall() const { return constructing_; }
  ReturnValue<T> GetReturnValue() const { return ReturnValue<T>(result_); }

 private:
  napi_value receiver_;
  const napi_value* arguments_;
  size_t count_;
  bool constructing_;
  napi_value* result_;
};

using FunctionCallback = v8::FunctionCallback;

MaybeLocal<v8::String> NewString(const char* text, size_t length);
Local<v8::Value> NewNumber(double value);
Local<v8::Value> NewBoolean(bool value);

// What `Nan::New<T>(…)` makes; like NAN's, text may fail and numbers don't.
template <class T>
struct Factory;
template <>
struct Factory<v8::String> {
  static MaybeLocal<v8::String> New(const char* text) { return NewString(text, std::strlen(text)); }
  static MaybeLocal<v8::String> New(const char* text, int length) { return NewString(text, length); }
  static MaybeLocal<v8::String> New(const std::string& text) { return NewString(text.data(), text.size()); }
};
template <class T>
struct NumberFactory {
  static Local<T> New(double value) { return NewNumber(value).As<T>(); }
};
template <>
struct Factory<v8::Number> : NumberFactory<v8::Number> {};
template <>
struct Factory<v8::Int32> : NumberFactory<v8::Int32> {};
template <>
struct Factory<v8::Uint32> : NumberFactory<v8::Uint32> {};
template <>
struct Factory<v8::Boolean> {
  static Local<v8::Boolean> New(bool value) { return NewBoolean(value).As<v8::Boolean>(); }
};
template <>
struct Factory<v8::Object> {
  static Local<v8::Object> New();
};
template <>
struct Factory<v8::Array> {
  static Local<v8::Array> New(int length = 0);
};
template <>
struct Factory<v8::Function> {
  static Local<v8::Function> New(const Persistent<v8::Function>& kept) { return kept.Get(); }
};
template <>
struct Factory<v8::FunctionTemplate> {
  static Local<v8::FunctionTemplate> New(FunctionCallback callback) {
    return v8::FunctionTemplate::New(callback);
  }
};

template <class T, class... Arguments>
auto New(Arguments&&... arguments) {
  return Factory<T>::New(std::forward<Arguments>(arguments)...);
}
inline MaybeLocal<v8::String> New(const char* text) { return Factory<v8::String>::New(text); }
inline MaybeLocal<v8::String> New(const std::string& text) { return Factory<v8::String>::New(text); }
inline Local<v8::Int32> New(int value) { return Factory<v8::Int32>::New(value); }
template <class T>
Local<T> New(const Persistent<T>& kept) {
  return kept.Get();
}

// `Nan::To<T>`: numbers and booleans become a Maybe, V8's classes a MaybeLocal.
Maybe<double> ToDouble(Local<v8::Value> value);
Maybe<bool> ToBool(Local<v8::Value> value);
MaybeLocal<v8::String> ToString(Local<v8::Value> value);
MaybeLocal<v8::Object> ToObject(Local<v8::Value> value);
int64_t ToInteger(double value);

template <class T>
struct Conversion {
  static Maybe<T> To(Local<v8::Value> value) {
    Maybe<double> number = ToDouble(value);
    return number.IsNothing() ? Maybe<T>() : Maybe<T>(static_cast<T>(ToInteger(number.FromJust())));
  }
};
template <>
struct Conversion<double> {
  static Maybe<double> To(Local<v8::Value> value) { return ToDouble(value); }
};
template <>
struct Conversion<bool> {
  static Maybe<bool> To(Local<v8::Value> value) { return ToBool(value); }
};
template <>
struct Conversion<v8::String> {
  static MaybeLocal<v8::String> To(Local<v8::Value> value) { return ToString(value); }
};
template <>
struct Conversion<v8::Object> {
  static MaybeLocal<v8::Object> To(Local<v8::Value> value) { return ToObject(value); }
};
template <class T>
auto To(Local<v8::Value> value) {
  return Conversion<T>::To(value);
}

Maybe<bool> Set(Local<v8::Object> object, Local<v8::Value> key, Local<v8::Value> value);
Maybe<bool> Set(Local<v8::Object> object, uint32_t index, Local<v8::Value> value);
MaybeLocal<v8::Value> Get(Local<v8::Object> object, Local<v8::Value> key);
MaybeLocal<v8::Value> Get(Local<v8::Object> object, uint32_t index);
Maybe<bool> Has(Local<v8::Object> object, Local<v8::Value> key);
MaybeLocal<v8::Array> GetOwnPropertyNames(Local<v8::Object> object);

MaybeLocal<v8::Function> GetFunction(Local<v8::FunctionTemplate> made);
MaybeLocal<v8::Object> NewInstance(Local<v8::Function> constructor, int count, Local<v8::Value> arguments[]);
void SetPrototypeMethod(Local<v8::FunctionTemplate> made, const char* name, FunctionCallback callback);

Local<v8::Value> Error(const char* message);
Local<v8::Value> Error(Local<v8::String> message);
void ThrowError(const char* message);
void ThrowError(Local<v8::Value> error);

class Utf8String {
 public:
  explicit Utf8String(Local<v8::Value> value);
  const char* operator*() const { return text_.c_str(); }
  int length() const { return static_cast<int>(text_.size()); }

 private:
  std::string text_;
};

enum Encoding { BUFFER };
Local<v8::Value> Encode(const void* bytes, size_t length, Encoding);
// Takes over memory of malloc's. Copied at once: external memory costs a finalizer, and some hosts refuse it.
MaybeLocal<v8::Object> NewBuffer(char* bytes, uint32_t length);

class Callback {
 public:
  Callback() = default;
  explicit Callback(Local<v8::Function> function) : function_(function) {}
  ~Callback() { function_.Reset(); }
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;

  bool IsEmpty() const { return function_.IsEmpty(); }
  Local<v8::Function> GetFunction() const { return function_.Get(); }
  Local<v8::Value> Call(int count, Local<v8::Value> arguments[]) const;
  // Upstream's setPartitioner means to keep the function, but calls the empty callback with it.
  void operator()(Local<v8::Object>) const {
    if (!IsEmpty()) Call(0, nullptr);
  }

 private:
  Persistent<v8::Function> function_;
};

// Work for a thread of the pool, with a callback afterwards.
class AsyncWorker {
 public:
  explicit AsyncWorker(Callback* callback) : callback(callback) {}
  virtual ~AsyncWorker() { delete callback; }
  virtual void Execute() = 0;
  virtual void WorkComplete();
  virtual void Destroy() { delete this; }

 protected:
  virtual void HandleOKCallback() {}
  virtual void HandleErrorCallback() {}
  void SetErrorMessage(const char* message) { error_ = message, failed_ = true; }
  const char* ErrorMessage() const { return failed_ ? error_.c_str() : nullptr; }

  Callback* callback;

 private:
  std::string error_;
  bool failed_ = false;
};

void AsyncQueueWorker(AsyncWorker* worker);

// The native half of a JavaScript object. `Unwrap` checks what it finds: a method that is called on a wrong
// object throws a TypeError in every runtime, where only Node would.
class ObjectWrap {
 public:
  virtual ~ObjectWrap();
  template <class T>
  static T* Unwrap(Local<v8::Object> object) {
    T* found = dynamic_cast<T*>(Find(object));
    if (found == nullptr) kn::ThrowTypeError("Illegal invocation");
    return found;
  }

 protected:
  void Wrap(Local<v8::Object> object);

 private:
  static ObjectWrap* Find(Local<v8::Object> object);
};

}  // namespace Nan

#endif  // STREAMKIT_KAFKA_NAN_H_
