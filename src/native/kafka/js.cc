// See js.h.
#include "js.h"

#include <charconv>
#include <cstdlib>

using kn::Check;
using kn::Env;

namespace js {

napi_value Number(double value) {
  napi_value result;
  Check(napi_create_double(Env(), value, &result));
  return result;
}

napi_value Text(const std::string& text) {
  napi_value result;
  Check(napi_create_string_utf8(Env(), text.data(), text.size(), &result));
  return result;
}

napi_value Object() {
  napi_value result;
  Check(napi_create_object(Env(), &result));
  return result;
}

napi_value Array(size_t length) {
  napi_value result;
  Check(napi_create_array_with_length(Env(), length, &result));
  return result;
}

void Set(napi_value object, const char* name, napi_value value) {
  Check(napi_set_named_property(Env(), object, name, value));
}

void Set(napi_value array, size_t index, napi_value value) {
  Check(napi_set_element(Env(), array, static_cast<uint32_t>(index), value));
}

napi_value Get(napi_value object, const char* name) {
  napi_value value;
  napi_valuetype type;
  Check(napi_get_named_property(Env(), object, name, &value));
  Check(napi_typeof(Env(), value, &type));
  return type == napi_undefined ? nullptr : value;
}

napi_value Get(napi_value array, size_t index) {
  napi_value value;
  Check(napi_get_element(Env(), array, static_cast<uint32_t>(index), &value));
  return value;
}

size_t Length(napi_value array) {
  uint32_t length = 0;
  Check(napi_get_array_length(Env(), array, &length));
  return length;
}

double ToNumber(napi_value value) {
  double result = 0;
  Check(napi_get_value_double(Env(), value, &result));
  return result;
}

double NumberOr(napi_value object, const char* name, double otherwise) {
  napi_value value = Get(object, name);
  return value == nullptr ? otherwise : ToNumber(value);
}

std::string ToText(napi_value value) {
  size_t length = 0;
  Check(napi_get_value_string_utf8(Env(), value, nullptr, 0, &length));
  std::string text(length, '\0');
  Check(napi_get_value_string_utf8(Env(), value, &text[0], length + 1, &length));
  return text;
}

std::string RequiredText(napi_value object, const char* name) {
  napi_value value = Get(object, name);
  if (value == nullptr) kn::ThrowTypeError((std::string(name) + " is missing").c_str());
  return ToText(value);
}

std::string TextOr(napi_value object, const char* name, const char* otherwise) {
  napi_value value = Get(object, name);
  return value == nullptr ? otherwise : ToText(value);
}

View TypedArray(napi_value value, napi_typedarray_type type, const char* name) {
  static const char nothing[8] = {};
  napi_typedarray_type found;
  size_t length = 0;
  void* data = nullptr;
  bool is_typed = false;
  napi_is_typedarray(Env(), value, &is_typed);
  if (is_typed) Check(napi_get_typedarray_info(Env(), value, &found, &length, &data, nullptr, nullptr));
  if (!is_typed || found != type) kn::ThrowTypeError((std::string(name) + " is of a wrong type").c_str());
  return {data != nullptr ? static_cast<const char*>(data) : nothing, length};
}

Bytes::~Bytes() { std::free(data_); }

void Bytes::Reserve(size_t capacity) {
  if (capacity <= capacity_) return;
  auto* grown = static_cast<char*>(std::realloc(data_, capacity));
  // Nothing can be said about it from here: the process is out of memory.
  if (grown == nullptr) std::abort();
  data_ = grown;
  capacity_ = capacity;
}

void Bytes::AppendInteger(int64_t value) {
  char text[24];
  Append(text, std::to_chars(text, text + sizeof text, value).ptr - text);
}

napi_value Bytes::ToBuffer() {
  napi_value buffer;
  void* unused;
  if (size_ == 0) {
    Check(napi_create_buffer(Env(), 0, &unused, &buffer));
    return buffer;
  }
  auto finalize = [](napi_env, void* data, void*) { std::free(data); };
  if (napi_create_external_buffer(Env(), size_, data_, finalize, nullptr, &buffer) == napi_ok) {
    data_ = nullptr;
  } else {
    // A host that refuses memory that isn't its own gets a copy.
    Check(napi_create_buffer_copy(Env(), size_, data_, &unused, &buffer));
  }
  return buffer;
}

namespace {

// A copy: small things only.
napi_value ToTypedArray(napi_typedarray_type type, size_t element_size, const char* data, size_t size) {
  napi_value buffer, array;
  void* memory = nullptr;
  Check(napi_create_arraybuffer(Env(), size, &memory, &buffer));
  if (size > 0) __builtin_memcpy(memory, data, size);
  Check(napi_create_typedarray(Env(), type, size / element_size, buffer, 0, &array));
  return array;
}

}  // namespace

napi_value Bytes::ToInt32Array() { return ToTypedArray(napi_int32_array, sizeof(int32_t), data_, size_); }
napi_value Bytes::ToFloat64Array() { return ToTypedArray(napi_float64_array, sizeof(double), data_, size_); }

Promise::Promise() { Check(napi_create_promise(Env(), &deferred_, &value_)); }

void Promise::Settle(const std::function<napi_value()>& result) const {
  try {
    napi_resolve_deferred(Env(), deferred_, result());
  } catch (const kn::Thrown&) {
    napi_value error;
    napi_get_and_clear_last_exception(Env(), &error);
    napi_reject_deferred(Env(), deferred_, error);
  }
}

napi_value RunAsync(std::function<void()> work, std::function<napi_value()> result) {
  Promise promise;
  kn::RunOnPool(std::move(work), [promise, result = std::move(result)] { promise.Settle(result); });
  return promise.value();
}

namespace {

constexpr size_t kMaxArguments = 4;

struct Exported {
  kn::EnvState* state;
  Function function;
};

napi_value Invoke(napi_env env, napi_callback_info call) {
  napi_value arguments[kMaxArguments];
  size_t count = kMaxArguments;
  void* data = nullptr;
  napi_get_cb_info(env, call, &count, arguments, nullptr, &data);
  auto* exported = static_cast<Exported*>(data);
  kn::Entry entry(exported->state);
  try {
    return exported->function(arguments);
  } catch (const kn::Thrown&) {
    return nullptr;
  }
}

}  // namespace

void Export(napi_value exports, const char* name, Function function) {
  napi_value made;
  auto* data = new Exported{kn::Current(), function};
  kn::KeepForever(data);
  Check(napi_create_function(Env(), name, NAPI_AUTO_LENGTH, Invoke, data, &made));
  Set(exports, name, made);
}

}  // namespace js
