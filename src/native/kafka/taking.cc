// See taking.h; the contract is in src/kafka/lane.ts.
#include "taking.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "text.h"

namespace lanes {
namespace {

using fifo::Key;

constexpr double kMaxTakeBytes = 1 << 30;

void AppendAttribute(const rd_kafka_message_t* message, Attribute attribute, const std::string& topic,
                     js::Bytes* out) {
  switch (attribute) {
    case Attribute::kTopic:
      return text::AppendCsv(out, topic.data(), topic.size());
    case Attribute::kPartition:
      return out->AppendInteger(message->partition);
    case Attribute::kOffset:
      return out->AppendInteger(message->offset);
    case Attribute::kTimestamp: {
      rd_kafka_timestamp_type_t type;
      int64_t timestamp_ms = rd_kafka_message_timestamp(message, &type);
      // -1 is what Kafka writes where there is none; other times may lie before 1970.
      if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && timestamp_ms != -1) out->AppendInteger(timestamp_ms);
      return;
    }
    case Attribute::kKey:
      if (message->key == nullptr) return;
      return text::AppendCsv(out, static_cast<const char*>(message->key), message->key_len);
    case Attribute::kHeaders: {
      rd_kafka_headers_t* headers = nullptr;
      if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) headers = nullptr;
      return text::AppendCsvHeaders(out, headers);
    }
  }
}

size_t IndexOf(const std::string& name, const std::vector<const char*>& names) {
  for (size_t i = 0; i < names.size(); i++) {
    if (name == names[i]) return i;
  }
  kn::ThrowTypeError(("Unknown name \"" + name + "\"").c_str());
}

}  // namespace

Outlet::~Outlet() {
  if (fd_ >= 0) close(fd_);
}

void Outlet::Open(const std::string& path) {
  if (path.empty()) return;
  path_ = path;
  fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd_ < 0) error_ = errno;
}

void Outlet::Flush() {
  const char* next = block_.data();
  for (size_t left = block_.size(); left > 0 && error_ == 0;) {
    ssize_t written = write(fd_, next, left);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) error_ = errno;
    next += written, left -= written;
  }
  flushed_ += block_.size();
  block_.Clear();
}

void Outlet::Close() {
  if (fd_ < 0) return;
  Flush();
  if (close(fd_) != 0 && error_ == 0) error_ = errno;
  fd_ = -1;
}

void Outlet::Throw() const {
  if (error_ != 0) kn::ThrowPlainError((path_ + ": " + std::strerror(error_)).c_str());
}

void Taking::Part::Note(int64_t offset, size_t count) {
  for (size_t line = lines - count; line < lines; line++) {
    if (offset != expected) {
      double pair[] = {static_cast<double>(line), static_cast<double>(offset)};
      offsets.Append(reinterpret_cast<const char*>(pair), sizeof pair);
    }
    expected = offset + 1;
  }
}

napi_value PartitionObject(const Key& key) {
  napi_value object = js::Object();
  js::Set(object, "topic", js::Text(key.first));
  js::Set(object, "partition", js::Number(key.second));
  return object;
}

Key KeyOf(napi_value object) {
  napi_value partition = js::Get(object, "partition");
  if (partition == nullptr) kn::ThrowTypeError("partition is missing");
  return Key(js::RequiredText(object, "topic"), static_cast<int32_t>(js::ToNumber(partition)));
}

void Taking::AppendRows(const rd_kafka_message_t* message, const std::string& topic, size_t lines) {
  if (lines == 0) return;
  js::Bytes* out = rows_.block();
  size_t start = out->size();
  for (size_t i = 0; i < attributes_.size(); i++) {
    if (i > 0) out->Append(',');
    AppendAttribute(message, attributes_[i], topic, out);
  }
  out->Append('\n');
  longest_row_ = std::max(longest_row_, out->size() - start);
  std::string row;
  if (lines > 1) {
    size_t length = out->size() - start;
    row.assign(out->Grow(0) - length, length);
  }
  for (size_t i = 1; i < lines; i++) out->Append(row.data(), row.size());
  rows_.Pass();
}

void Taking::Append(const fifo::Order& order) {
  parts_.emplace_back();
  Part& part = parts_.back();
  part.key = order.key;
  part.first = order.taken.front()->offset, part.last = order.taken.back()->offset;
  part.records = order.taken.size();
  part.lines = part.tombstones = 0;
  part.start = lines_.size();
  for (const rd_kafka_message_t* message : order.taken) {
    bool is_tombstone = message->payload == nullptr;
    if (is_tombstone) part.tombstones++;
    if (is_tombstone && !keep_tombstones_) continue;
    auto* payload = static_cast<const char*>(message->payload);
    size_t before = lines_.size();
    size_t lines = framing::Append(framing_, payload, message->len, lines_.block());
    longest_ = std::max(longest_, lines_.size() - before);
    part.lines += lines;
    part.Note(message->offset, lines);
    if (framing_ == framing::Kind::kRaw) {
      int32_t length = is_tombstone ? -1 : static_cast<int32_t>(message->len);
      lengths_.Append(reinterpret_cast<const char*>(&length), sizeof length);
    }
    if (!attributes_.empty()) AppendRows(message, order.key.first, lines);
    lines_.Pass();
  }
  part.bytes = lines_.size() - part.start;
}

void Taking::Run(fifo::Buffer* buffer) {
  buffer->Take(&orders_, max_bytes_, framing_);
  lines_.Open(file_);
  rows_.Open(attributes_file_);
  size_t size = 0;
  for (const fifo::Order& order : orders_) {
    for (const rd_kafka_message_t* message : order.taken) size += framing::MaxSize(framing_, message->len);
  }
  if (file_.empty()) lines_.block()->Reserve(size);
  for (const fifo::Order& order : orders_) {
    if (order.taken.empty()) continue;
    Append(order);
    fifo::Destroy(order.taken);
  }
  lines_.Close();
  rows_.Close();
}

napi_value Taking::Result() {
  napi_value result = js::Object(), partitions = js::Array(parts_.size());
  lines_.Throw();
  rows_.Throw();
  size_t index = 0;
  for (Part& part : parts_) {
    napi_value object = PartitionObject(part.key);
    js::Set(object, "firstOffset", js::Number(static_cast<double>(part.first)));
    js::Set(object, "lastOffset", js::Number(static_cast<double>(part.last)));
    js::Set(object, "records", js::Number(static_cast<double>(part.records)));
    js::Set(object, "lines", js::Number(static_cast<double>(part.lines)));
    js::Set(object, "bytes", js::Number(static_cast<double>(part.bytes)));
    js::Set(object, "tombstones", js::Number(static_cast<double>(part.tombstones)));
    js::Set(object, "startByte", js::Number(static_cast<double>(part.start)));
    js::Set(object, "offsets", part.offsets.ToFloat64Array());
    js::Set(partitions, index++, object);
  }
  bool is_raw = framing_ == framing::Kind::kRaw;
  js::Set(result, "sizeBytes", js::Number(static_cast<double>(lines_.size())));
  js::Set(result, "longestBytes", js::Number(static_cast<double>(longest_)));
  js::Set(result, "longestRowBytes", js::Number(static_cast<double>(longest_row_)));
  js::Set(result, "bytes", file_.empty() ? lines_.block()->ToBuffer() : kn::Undefined());
  js::Set(result, "lengths", is_raw ? lengths_.ToInt32Array() : kn::Undefined());
  bool gives_rows = !attributes_.empty() && attributes_file_.empty();
  js::Set(result, "attributes", gives_rows ? rows_.block()->ToBuffer() : kn::Undefined());
  js::Set(result, "partitions", partitions);
  return result;
}

void Taking::Read(napi_value request) {
  double max_bytes = js::NumberOr(request, "maxBytes", 0);
  if (!(max_bytes > 0 && max_bytes <= kMaxTakeBytes)) kn::ThrowTypeError("maxBytes must be 1 to 1 GiB");
  max_bytes_ = static_cast<size_t>(max_bytes);
  framing_ = static_cast<framing::Kind>(
      IndexOf(js::RequiredText(request, "framing"), {"json", "lines", "full-lines", "text-lines", "raw"}));
  keep_tombstones_ = IndexOf(js::RequiredText(request, "tombstones"), {"skip", "keep"}) == 1;
  file_ = js::TextOr(request, "file", "");
  attributes_file_ = js::TextOr(request, "attributesFile", "");
  napi_value attributes = js::Get(request, "attributes"), partitions = js::Get(request, "partitions");
  for (size_t i = 0; attributes != nullptr && i < js::Length(attributes); i++) {
    attributes_.push_back(
        static_cast<Attribute>(IndexOf(js::ToText(js::Get(attributes, i)),
                                       {"topic", "partition", "offset", "timestamp", "key", "headers"})));
  }
  for (size_t i = 0; partitions != nullptr && i < js::Length(partitions); i++) {
    napi_value partition = js::Get(partitions, i);
    auto until = static_cast<int64_t>(js::NumberOr(partition, "untilOffset", kMaxSafeInteger + 1.0));
    double max_records = js::NumberOr(partition, "maxRecords", kMaxSafeInteger);
    orders_.push_back({KeyOf(partition), until, static_cast<size_t>(max_records < 0 ? 0 : max_records), {}});
  }
}

}  // namespace lanes
