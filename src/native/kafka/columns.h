// The columns of one produce() request: JavaScript's typed arrays, read in place, one record after the other.
#ifndef STREAMKIT_KAFKA_COLUMNS_H_
#define STREAMKIT_KAFKA_COLUMNS_H_

#include <string>
#include <vector>

#include "js.h"
#include "rdkafka.h"

namespace lanes {

// Values one after the other, by their lengths (-1 is NULL) or each ended by a line feed.
class BytesColumn {
 public:
  // Throws a TypeError where lengths and bytes don't agree.
  void Read(napi_value column, const char* name);
  bool exists() const { return bytes_.data != nullptr; }
  size_t count() const { return count_; }
  // Moves on. Null for NULL, never for an empty value.
  const char* Next(size_t* length);

 private:
  js::View bytes_, lengths_;
  bool has_lengths_ = false;
  size_t count_ = 0;
  size_t index_ = 0;
  size_t offset_ = 0;
};

struct Record {
  const char* value = nullptr;
  size_t value_length = 0;
  const char* key = nullptr;
  size_t key_length = 0;
  int32_t partition = RD_KAFKA_PARTITION_UA;
  // 0 is now, INT64_MIN is 0.
  int64_t timestamp_ms = 0;
  // The caller's.
  rd_kafka_headers_t* headers = nullptr;
  // What is wrong with it.
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
};

class Columns {
 public:
  Columns() = default;
  // On the thread of `Read`.
  ~Columns();
  Columns(const Columns&) = delete;
  Columns& operator=(const Columns&) = delete;

  // Keeps the request's arrays alive.
  void Read(napi_value request);
  size_t count() const { return values_.count(); }
  // Has it values and keys only?
  bool is_plain() const {
    return partitions_.data == nullptr && timestamps_.data == nullptr && !headers_.exists();
  }
  // In order: each index once, from 0.
  Record At(size_t index);

 private:
  void FindKey(Record* record) const;

  napi_ref request_ = nullptr;
  BytesColumn values_, keys_, headers_;
  js::View partitions_, timestamps_;
  bool has_key_between_ = false;
  std::string after_, until_;
};

}  // namespace lanes

#endif  // STREAMKIT_KAFKA_COLUMNS_H_
