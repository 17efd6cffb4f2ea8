// See columns.h.
#include "columns.h"

#include <cmath>
#include <cstring>

#include "text.h"

namespace lanes {
namespace {

// For librdkafka as kafka-addon.sh patches it: the timestamp 0.
constexpr int64_t kTimestampZero = INT64_MIN;

[[noreturn]] void Refuse(const char* name, const char* reason) {
  kn::ThrowTypeError((std::string(name) + ": " + reason).c_str());
}

const int32_t* Int32s(const js::View& view) { return reinterpret_cast<const int32_t*>(view.data); }

// -1: nowhere.
ptrdiff_t Find(const char* bytes, size_t length, const std::string& text) {
  const void* found = memmem(bytes, length, text.data(), text.size());
  return found != nullptr ? static_cast<const char*>(found) - bytes : -1;
}

}  // namespace

void BytesColumn::Read(napi_value column, const char* name) {
  napi_value bytes = js::Get(column, "bytes"), lengths = js::Get(column, "lengths");
  if (bytes == nullptr) Refuse(name, "bytes are missing");
  bytes_ = js::TypedArray(bytes, napi_uint8_array, name);
  has_lengths_ = lengths != nullptr;
  if (!has_lengths_) {
    const char *next = bytes_.data, *end = bytes_.data + bytes_.length;
    while (next < end) {
      const void* found = std::memchr(next, '\n', end - next);
      next = found != nullptr ? static_cast<const char*>(found) + 1 : end;
      count_++;
    }
    return;
  }
  lengths_ = js::TypedArray(lengths, napi_int32_array, name);
  count_ = lengths_.length;
  size_t total = 0;
  for (size_t i = 0; i < count_; i++) {
    int32_t length = Int32s(lengths_)[i];
    if (length < -1) Refuse(name, "a length is negative");
    if (length > 0) total += length;
  }
  if (total != bytes_.length) Refuse(name, "the lengths' sum is not that of the bytes");
}

const char* BytesColumn::Next(size_t* length) {
  const char* start = bytes_.data + offset_;
  if (has_lengths_) {
    int32_t found = Int32s(lengths_)[index_++];
    *length = found < 0 ? 0 : found;
    offset_ += *length;
    return found < 0 ? nullptr : start;
  }
  size_t rest = bytes_.length - offset_;
  const void* end = std::memchr(start, '\n', rest);
  *length = end != nullptr ? static_cast<const char*>(end) - start : rest;
  offset_ += *length + (end != nullptr ? 1 : 0);
  return start;
}

void Columns::Read(napi_value request) {
  napi_value values = js::Get(request, "values"), keys = js::Get(request, "keys");
  napi_value between = js::Get(request, "keyBetween"), partitions = js::Get(request, "partitions");
  napi_value timestamps = js::Get(request, "timestampsMs"), headers = js::Get(request, "headers");
  if (values == nullptr) Refuse("values", "missing");
  values_.Read(values, "values");
  if (keys != nullptr) keys_.Read(keys, "keys");
  if (headers != nullptr) headers_.Read(headers, "headers");
  if (partitions != nullptr) partitions_ = js::TypedArray(partitions, napi_int32_array, "partitions");
  if (timestamps != nullptr) timestamps_ = js::TypedArray(timestamps, napi_float64_array, "timestampsMs");
  if (between != nullptr) {
    has_key_between_ = true;
    after_ = js::ToText(js::Get(between, size_t{0}));
    until_ = js::ToText(js::Get(between, size_t{1}));
  }
  if (keys_.exists() && keys_.count() != count()) Refuse("keys", "not as many as values");
  if (headers_.exists() && headers_.count() != count()) Refuse("headers", "not as many as values");
  if (partitions_.data != nullptr && partitions_.length != count()) {
    Refuse("partitions", "not as many as values");
  }
  if (timestamps_.data != nullptr && timestamps_.length != count()) {
    Refuse("timestampsMs", "not as many as values");
  }
  // The request's properties may be changed: what was found in them is kept in an array of ours.
  napi_value kept = js::Array(0);
  size_t index = 0;
  for (napi_value column : {values, keys, headers}) {
    if (column == nullptr) continue;
    js::Set(kept, index++, js::Get(column, "bytes"));
    napi_value lengths = js::Get(column, "lengths");
    if (lengths != nullptr) js::Set(kept, index++, lengths);
  }
  if (partitions != nullptr) js::Set(kept, index++, partitions);
  if (timestamps != nullptr) js::Set(kept, index++, timestamps);
  kn::Check(napi_create_reference(kn::Env(), kept, 1, &request_));
}

Columns::~Columns() {
  if (request_ != nullptr) napi_delete_reference(kn::Env(), request_);
}

void Columns::FindKey(Record* record) const {
  if (record->value == nullptr) return;
  ptrdiff_t after = Find(record->value, record->value_length, after_);
  if (after < 0) return;
  size_t start = after + after_.size();
  ptrdiff_t length = Find(record->value + start, record->value_length - start, until_);
  if (length < 0) return;
  record->key = record->value + start;
  record->key_length = length;
}

Record Columns::At(size_t index) {
  Record record;
  record.value = values_.Next(&record.value_length);
  if (keys_.exists()) {
    record.key = keys_.Next(&record.key_length);
  } else if (has_key_between_) {
    FindKey(&record);
  }
  if (partitions_.data != nullptr) {
    int32_t partition = Int32s(partitions_)[index];
    if (partition >= 0) record.partition = partition;
    if (partition < RD_KAFKA_PARTITION_UA) record.error = RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
  }
  if (timestamps_.data != nullptr) {
    double timestamp_ms = reinterpret_cast<const double*>(timestamps_.data)[index];
    if (!std::isnan(timestamp_ms)) record.timestamp_ms = static_cast<int64_t>(timestamp_ms);
    // Of librdkafka's 0 is now.
    if (timestamp_ms == 0) record.timestamp_ms = kTimestampZero;
    // What Kafka writes where there is none.
    if (timestamp_ms == -1) record.error = RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP;
  }
  if (headers_.exists()) {
    size_t length;
    const char* json = headers_.Next(&length);
    if (json != nullptr) record.headers = text::ParseHeaders(json, length);
    if (json != nullptr && record.headers == nullptr) record.error = RD_KAFKA_RESP_ERR__INVALID_ARG;
  }
  return record;
}

}  // namespace lanes
