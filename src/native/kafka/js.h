// Short names for the Node-API calls that the lanes need: making results, reading requests, keeping promises.
#ifndef STREAMKIT_KAFKA_JS_H_
#define STREAMKIT_KAFKA_JS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "env.h"

namespace js {

napi_value Number(double value);
napi_value Text(const std::string& text);
napi_value Object();
napi_value Array(size_t length);
void Set(napi_value object, const char* name, napi_value value);
void Set(napi_value array, size_t index, napi_value value);

// Null for a property that isn't there or is undefined.
napi_value Get(napi_value object, const char* name);
napi_value Get(napi_value array, size_t index);
size_t Length(napi_value array);
double ToNumber(napi_value value);
double NumberOr(napi_value object, const char* name, double otherwise);
std::string ToText(napi_value value);
// Throws where it is none.
std::string RequiredText(napi_value object, const char* name);
std::string TextOr(napi_value object, const char* name, const char* otherwise);

struct View {
  const char* data = nullptr;
  // Of elements, not bytes.
  size_t length = 0;
};
// The memory of a typed array of this type; throws for another. Never a null pointer.
View TypedArray(napi_value value, napi_typedarray_type type, const char* name);

// Memory of malloc's that grows; becomes a JavaScript Buffer without a copy.
class Bytes {
 public:
  Bytes() = default;
  ~Bytes();
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  void Reserve(size_t capacity);
  char* Grow(size_t count) {
    if (size_ + count > capacity_) Reserve(size_ + count > capacity_ * 2 ? size_ + count : capacity_ * 2);
    char* start = data_ + size_;
    size_ += count;
    return start;
  }
  void Append(const char* bytes, size_t count) {
    if (count > 0) __builtin_memcpy(Grow(count), bytes, count);
  }
  void Append(const char* text) { Append(text, __builtin_strlen(text)); }
  void Append(char byte) { *Grow(1) = byte; }
  void AppendInteger(int64_t value);
  size_t size() const { return size_; }
  const char* data() const { return data_; }
  // Keeps the memory for what comes next.
  void Clear() { size_ = 0; }
  // Hands the memory over.
  napi_value ToBuffer();
  napi_value ToInt32Array();
  napi_value ToFloat64Array();

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

// A promise that a native thread keeps. `Settle` runs on the JavaScript thread; what it throws is the
// rejection.
class Promise {
 public:
  Promise();
  napi_value value() const { return value_; }
  void Settle(const std::function<napi_value()>& result) const;

 private:
  napi_deferred deferred_;
  napi_value value_;
};

// `work` on the pool, then the promise is kept with `result`.
napi_value RunAsync(std::function<void()> work, std::function<napi_value()> result);

// A native object behind an opaque value. What it points to lives while anyone uses it.
template <class T>
napi_value Wrap(std::shared_ptr<T> object) {
  napi_value value;
  auto* boxed = new std::shared_ptr<T>(std::move(object));
  auto finalize = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<T>*>(data); };
  kn::Check(napi_create_external(kn::Env(), boxed, finalize, nullptr, &value));
  return value;
}
template <class T>
std::shared_ptr<T> Unwrap(napi_value value) {
  void* boxed = nullptr;
  kn::Check(napi_get_value_external(kn::Env(), value, &boxed));
  return *static_cast<std::shared_ptr<T>*>(boxed);
}

// A function of the exports. Its arguments that are left out are undefined.
using Function = napi_value (*)(const napi_value* arguments);
void Export(napi_value exports, const char* name, Function function);

}  // namespace js

#endif  // STREAMKIT_KAFKA_JS_H_
