// The part of V8's value classes that @confluentinc/kafka-javascript uses, on Node-API: a value is a
// `napi_value`, and `Local<T>` holds a T that is nothing but that handle, so that `local->Method()` works.
#ifndef STREAMKIT_KAFKA_V8_H_
#define STREAMKIT_KAFKA_V8_H_

#include <cstdint>
#include <type_traits>
#include <vector>

#include "env.h"

namespace Nan {
template <class T>
class FunctionCallbackInfo;
}

namespace v8 {

class Value;
class String;
class Object;
class Array;
class Function;

[[noreturn]] void FailEmpty();

// Every class below is one pointer: a `napi_value`, or what a template is to us.
struct Handle {
  void* handle = nullptr;
};

template <class T>
class Local {
 public:
  Local() = default;
  explicit Local(void* handle) { value_.handle = handle; }
  template <class S, class = std::enable_if_t<std::is_base_of<T, S>::value>>
  Local(const Local<S>& other) {  // NOLINT: V8 converts upwards silently too
    value_.handle = other.raw();
  }

  T* operator->() const { return const_cast<T*>(&value_); }
  T* operator*() const { return const_cast<T*>(&value_); }
  bool IsEmpty() const { return value_.handle == nullptr; }
  template <class S>
  Local<S> As() const {
    return Local<S>(value_.handle);
  }
  template <class S>
  static Local<T> Cast(const Local<S>& other) {
    return Local<T>(other.raw());
  }
  template <class S>
  bool operator==(const Local<S>& other) const {
    bool equal = false;
    if (IsEmpty() || other.IsEmpty()) return IsEmpty() == other.IsEmpty();
    napi_strict_equals(kn::Env(), napi(), other.napi(), &equal);
    return equal;
  }

  void* raw() const { return value_.handle; }
  napi_value napi() const { return static_cast<napi_value>(value_.handle); }

 private:
  T value_;
};

template <class T>
class MaybeLocal {
 public:
  MaybeLocal() = default;
  template <class S, class = std::enable_if_t<std::is_base_of<T, S>::value>>
  MaybeLocal(const Local<S>& local) : local_(local) {}  // NOLINT: as in V8

  bool IsEmpty() const { return local_.IsEmpty(); }
  // V8 aborts on an empty one; we return to JavaScript with the exception.
  Local<T> ToLocalChecked() const {
    if (IsEmpty()) FailEmpty();
    return local_;
  }
  template <class S>
  bool ToLocal(Local<S>* out) const {
    *out = local_;
    return !IsEmpty();
  }
  template <class S>
  Local<S> FromMaybe(Local<S> otherwise) const {
    return IsEmpty() ? otherwise : Local<S>(local_);
  }

 private:
  Local<T> local_;
};

template <class T>
class Maybe {
 public:
  Maybe() = default;
  explicit Maybe(const T& value) : has_(true), value_(value) {}
  bool IsNothing() const { return !has_; }
  bool IsJust() const { return has_; }
  T FromJust() const {
    if (!has_) FailEmpty();
    return value_;
  }
  T ToChecked() const { return FromJust(); }
  T FromMaybe(const T& otherwise) const { return has_ ? value_ : otherwise; }

 private:
  bool has_ = false;
  T value_{};
};

class Isolate {
 public:
  static Isolate* GetCurrent() { return nullptr; }
};
class Context : public Handle {};

class Value : public Handle {
 public:
  bool IsUndefined() const;
  bool IsNull() const;
  bool IsNullOrUndefined() const { return IsNull() || IsUndefined(); }
  bool IsString() const;
  bool IsNumber() const;
  bool IsInt32() const;
  bool IsUint32() const;
  bool IsBoolean() const;
  bool IsObject() const;
  bool IsFunction() const;
  bool IsArray() const;
  bool IsRegExp() const;
  Maybe<int32_t> Int32Value(Local<Context>) const;
  Maybe<uint32_t> Uint32Value(Local<Context>) const;
  MaybeLocal<Object> ToObject(Local<Context>) const;

  napi_value napi() const { return static_cast<napi_value>(handle); }

 private:
  napi_valuetype Type() const;
};

class Primitive : public Value {};
class Boolean : public Primitive {};
class String : public Primitive {};
class Number : public Primitive {};
class Int32 : public Number {};
class Uint32 : public Number {};
class BigInt : public Primitive {
 public:
  static Local<BigInt> New(Isolate*, int64_t value);
};

class Object : public Value {
 public:
  MaybeLocal<Array> GetOwnPropertyNames(Local<Context>) const;
};
class Array : public Object {
 public:
  uint32_t Length() const;
};
class Function : public Object {};
class RegExp : public Object {
 public:
  Local<String> GetSource() const;
};

// Upstream declares two members of it and uses neither.
template <class T>
class Persistent {};

// A class or function to be made. Its methods are collected until `GetFunction` asks for it.
using FunctionCallback = void (*)(const Nan::FunctionCallbackInfo<Value>&);
struct TemplateData;

class ObjectTemplate : public Handle {
 public:
  // Node-API keeps the native pointer itself.
  void SetInternalFieldCount(int) {}
};

class FunctionTemplate : public Handle {
 public:
  void SetClassName(Local<String> name);
  Local<ObjectTemplate> InstanceTemplate() const { return Local<ObjectTemplate>(handle); }
  MaybeLocal<Function> GetFunction(Local<Context>) const;

  static Local<FunctionTemplate> New(FunctionCallback callback);
  void AddMethod(const char* name, FunctionCallback callback);
};

}  // namespace v8

#endif  // STREAMKIT_KAFKA_V8_H_
