// What nan.h, v8.h, node.h and uv.h declare, on Node-API 8.
#include "nan.h"

#include <cmath>
#include <limits>
#include <memory>
#include <mutex>
#include <unordered_set>

#include <openssl/crypto.h>

#include "lanes.h"

using kn::Check;
using kn::Env;

namespace v8 {

void FailEmpty() { kn::ThrowPlainError("A value of another type was expected"); }

napi_valuetype Value::Type() const {
  napi_valuetype type = napi_undefined;
  if (handle != nullptr) napi_typeof(Env(), napi(), &type);
  return type;
}

bool Value::IsUndefined() const { return Type() == napi_undefined; }
bool Value::IsNull() const { return Type() == napi_null; }
bool Value::IsString() const { return Type() == napi_string; }
bool Value::IsNumber() const { return Type() == napi_number; }
bool Value::IsBoolean() const { return Type() == napi_boolean; }
bool Value::IsFunction() const { return Type() == napi_function; }

bool Value::IsObject() const {
  napi_valuetype type = Type();
  return type == napi_object || type == napi_function || type == napi_external;
}

bool Value::IsInt32() const {
  double number = 0;
  if (Type() != napi_number || napi_get_value_double(Env(), napi(), &number) != napi_ok) return false;
  return number >= INT32_MIN && number <= INT32_MAX && number == std::trunc(number) &&
         !(number == 0 && std::signbit(number));
}

bool Value::IsUint32() const {
  double number = 0;
  if (Type() != napi_number || napi_get_value_double(Env(), napi(), &number) != napi_ok) return false;
  return number >= 0 && number <= UINT32_MAX && number == std::trunc(number) &&
         !(number == 0 && std::signbit(number));
}

bool Value::IsArray() const {
  bool result = false;
  if (handle != nullptr) napi_is_array(Env(), napi(), &result);
  return result;
}

bool Value::IsRegExp() const {
  bool result = false;
  napi_value global, constructor;
  if (Type() != napi_object || napi_get_global(Env(), &global) != napi_ok) return false;
  if (napi_get_named_property(Env(), global, "RegExp", &constructor) != napi_ok) return false;
  napi_instanceof(Env(), napi(), constructor, &result);
  return result;
}

Maybe<int32_t> Value::Int32Value(Local<Context>) const { return Nan::To<int32_t>(Local<Value>(handle)); }
Maybe<uint32_t> Value::Uint32Value(Local<Context>) const { return Nan::To<uint32_t>(Local<Value>(handle)); }
MaybeLocal<Object> Value::ToObject(Local<Context>) const { return Nan::ToObject(Local<Value>(handle)); }

Local<BigInt> BigInt::New(Isolate*, int64_t value) {
  napi_value result;
  Check(napi_create_bigint_int64(Env(), value, &result));
  return Local<BigInt>(result);
}

MaybeLocal<Array> Object::GetOwnPropertyNames(Local<Context>) const {
  return Nan::GetOwnPropertyNames(Local<Object>(handle));
}

uint32_t Array::Length() const {
  uint32_t length = 0;
  napi_get_array_length(Env(), napi(), &length);
  return length;
}

Local<String> RegExp::GetSource() const {
  napi_value source;
  Check(napi_get_named_property(Env(), napi(), "source", &source));
  return Local<String>(source);
}

}  // namespace v8

namespace node {

bool Buffer::HasInstance(v8::Local<v8::Value> value) {
  bool result = false;
  if (!value.IsEmpty()) napi_is_buffer(Env(), value.napi(), &result);
  return result;
}

char* Buffer::Data(v8::Local<v8::Value> value) {
  static char nothing[1];
  void* data = nullptr;
  Check(napi_get_buffer_info(Env(), value.napi(), &data, nullptr));
  return data != nullptr ? static_cast<char*>(data) : nothing;
}

size_t Buffer::Length(v8::Local<v8::Value> value) {
  size_t length = 0;
  Check(napi_get_buffer_info(Env(), value.napi(), nullptr, &length));
  return length;
}

void DefineConstant(v8::Local<v8::Object> target, const char* name, double value) {
  napi_property_descriptor constant = {};
  constant.utf8name = name;
  constant.value = Nan::NewNumber(value).napi();
  constant.attributes = napi_enumerable;
  Check(napi_define_properties(Env(), target.napi(), 1, &constant));
}

napi_value RegisterModule(napi_env env, napi_value exports, ModuleInit init) {
  // The process may exit while librdkafka's threads are still in a TLS connection.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);
  kn::Entry entry(new kn::EnvState(env));
  try {
    init(v8::Local<v8::Object>(exports), v8::Local<v8::Value>(), nullptr);
    lanes::Init(exports);
  } catch (const kn::Thrown&) {
  }
  return exports;
}

}  // namespace node

namespace Nan {

Local<v8::Primitive> Undefined() { return Local<v8::Primitive>(kn::Undefined()); }

Local<v8::Primitive> Null() {
  napi_value value;
  napi_get_null(Env(), &value);
  return Local<v8::Primitive>(value);
}

Local<v8::Value> NewBoolean(bool value) {
  napi_value result;
  Check(napi_get_boolean(Env(), value, &result));
  return Local<v8::Value>(result);
}

Local<v8::Boolean> True() { return Factory<v8::Boolean>::New(true); }

HandleScope::HandleScope() {
  if (!kn::InCall()) napi_open_handle_scope(Env(), &scope_);
}

HandleScope::~HandleScope() {
  if (scope_ != nullptr) napi_close_handle_scope(Env(), scope_);
}

void Reference::Assign(napi_value value) {
  Reset();
  napi_valuetype type = napi_undefined;
  Check(napi_typeof(Env(), value, &type));
  boxed_ = type != napi_object && type != napi_function;
  napi_value held = value;
  if (boxed_) {
    Check(napi_create_array_with_length(Env(), 1, &held));
    Check(napi_set_element(Env(), held, 0, value));
  }
  Check(napi_create_reference(Env(), held, 1, &ref_));
  state_ = kn::Current();
}

// Another thread's reference is left to its environment: the static constructors are set by each worker
// thread.
void Reference::Reset() {
  if (ref_ != nullptr && state_ == kn::Current() && !state_->IsClosed()) {
    napi_delete_reference(state_->env, ref_);
  }
  ref_ = nullptr;
}

napi_value Reference::Value() const {
  napi_value value = nullptr;
  if (ref_ == nullptr) return nullptr;
  Check(napi_get_reference_value(Env(), ref_, &value));
  if (boxed_) Check(napi_get_element(Env(), value, 0, &value));
  return value;
}

MaybeLocal<v8::String> NewString(const char* text, size_t length) {
  napi_value value;
  if (napi_create_string_utf8(Env(), text, length, &value) != napi_ok) return MaybeLocal<v8::String>();
  return Local<v8::String>(value);
}

Local<v8::Value> NewNumber(double number) {
  napi_value value;
  Check(napi_create_double(Env(), number, &value));
  return Local<v8::Value>(value);
}

Local<v8::Object> Factory<v8::Object>::New() {
  napi_value value;
  Check(napi_create_object(Env(), &value));
  return Local<v8::Object>(value);
}

Local<v8::Array> Factory<v8::Array>::New(int length) {
  napi_value value;
  Check(napi_create_array_with_length(Env(), length, &value));
  return Local<v8::Array>(value);
}

Maybe<double> ToDouble(Local<v8::Value> value) {
  napi_value number;
  double result = 0;
  if (napi_coerce_to_number(Env(), value.napi(), &number) != napi_ok) return Maybe<double>();
  if (napi_get_value_double(Env(), number, &result) != napi_ok) return Maybe<double>();
  return Maybe<double>(result);
}

// Not a number is 0, what is too large is the largest: as napi_get_value_int64.
int64_t ToInteger(double value) {
  if (std::isnan(value)) return 0;
  if (value >= 9223372036854775807.0) return std::numeric_limits<int64_t>::max();
  if (value <= -9223372036854775808.0) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

Maybe<bool> ToBool(Local<v8::Value> value) {
  napi_value boolean;
  bool result = false;
  if (napi_coerce_to_bool(Env(), value.napi(), &boolean) != napi_ok) return Maybe<bool>();
  napi_get_value_bool(Env(), boolean, &result);
  return Maybe<bool>(result);
}

MaybeLocal<v8::String> ToString(Local<v8::Value> value) {
  napi_value text;
  if (napi_coerce_to_string(Env(), value.napi(), &text) != napi_ok) return MaybeLocal<v8::String>();
  return Local<v8::String>(text);
}

MaybeLocal<v8::Object> ToObject(Local<v8::Value> value) {
  napi_value object;
  if (napi_coerce_to_object(Env(), value.napi(), &object) != napi_ok) return MaybeLocal<v8::Object>();
  return Local<v8::Object>(object);
}

Maybe<bool> Set(Local<v8::Object> object, Local<v8::Value> key, Local<v8::Value> value) {
  napi_status status = napi_set_property(Env(), object.napi(), key.napi(), value.napi());
  return status == napi_ok ? Maybe<bool>(true) : Maybe<bool>();
}

Maybe<bool> Set(Local<v8::Object> object, uint32_t index, Local<v8::Value> value) {
  napi_status status = napi_set_element(Env(), object.napi(), index, value.napi());
  return status == napi_ok ? Maybe<bool>(true) : Maybe<bool>();
}

MaybeLocal<v8::Value> Get(Local<v8::Object> object, Local<v8::Value> key) {
  napi_value value;
  napi_status status = napi_get_property(Env(), object.napi(), key.napi(), &value);
  return status == napi_ok ? MaybeLocal<v8::Value>(Local<v8::Value>(value)) : MaybeLocal<v8::Value>();
}

MaybeLocal<v8::Value> Get(Local<v8::Object> object, uint32_t index) {
  napi_value value;
  napi_status status = napi_get_element(Env(), object.napi(), index, &value);
  return status == napi_ok ? MaybeLocal<v8::Value>(Local<v8::Value>(value)) : MaybeLocal<v8::Value>();
}

Maybe<bool> Has(Local<v8::Object> object, Local<v8::Value> key) {
  bool result = false;
  if (napi_has_property(Env(), object.napi(), key.napi(), &result) != napi_ok) return Maybe<bool>();
  return Maybe<bool>(result);
}

MaybeLocal<v8::Array> GetOwnPropertyNames(Local<v8::Object> object) {
  napi_value names;
  auto filter = static_cast<napi_key_filter>(napi_key_enumerable | napi_key_skip_symbols);
  napi_status status = napi_get_all_property_names(Env(), object.napi(), napi_key_own_only, filter,
                                                   napi_key_numbers_to_strings, &names);
  return status == napi_ok ? MaybeLocal<v8::Array>(Local<v8::Array>(names)) : MaybeLocal<v8::Array>();
}

Local<v8::Value> Error(Local<v8::String> message) {
  napi_value error;
  Check(napi_create_error(Env(), nullptr, message.napi(), &error));
  return Local<v8::Value>(error);
}

Local<v8::Value> Error(const char* message) { return Error(New(message).ToLocalChecked()); }

void ThrowError(const char* message) { napi_throw_error(Env(), nullptr, message); }
void ThrowError(Local<v8::Value> error) { napi_throw(Env(), error.napi()); }

Utf8String::Utf8String(Local<v8::Value> value) {
  napi_value text;
  size_t length = 0;
  Check(napi_coerce_to_string(Env(), value.napi(), &text));
  Check(napi_get_value_string_utf8(Env(), text, nullptr, 0, &length));
  text_.resize(length);
  Check(napi_get_value_string_utf8(Env(), text, &text_[0], length + 1, &length));
}

Local<v8::Value> Encode(const void* bytes, size_t length, Encoding) {
  napi_value buffer;
  Check(napi_create_buffer_copy(Env(), length, bytes, nullptr, &buffer));
  return Local<v8::Value>(buffer);
}

MaybeLocal<v8::Object> NewBuffer(char* bytes, uint32_t length) {
  std::unique_ptr<char, void (*)(void*)> owned(bytes, std::free);
  return Encode(bytes, length, BUFFER).As<v8::Object>();
}

}  // namespace Nan
