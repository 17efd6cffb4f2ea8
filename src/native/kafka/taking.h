// One take from the consumer lane: the request, the lines and attributes it becomes, the result.
#ifndef STREAMKIT_KAFKA_TAKING_H_
#define STREAMKIT_KAFKA_TAKING_H_

#include <string>
#include <vector>

#include "fifo.h"
#include "framing.h"
#include "js.h"

namespace lanes {

constexpr int64_t kMaxSafeInteger = (int64_t{1} << 53) - 1;

// `{ topic, partition }`, and back.
napi_value PartitionObject(const fifo::Key& key);
fifo::Key KeyOf(napi_value object);

enum class Attribute { kTopic, kPartition, kOffset, kTimestamp, kKey, kHeaders };

class Taking {
 public:
  // On the JavaScript thread: throws a TypeError for a bad request.
  void Read(napi_value request);
  // On any thread.
  void Run(fifo::Buffer* buffer);
  // On the JavaScript thread, once.
  napi_value Result();

 private:
  struct Part {
    fifo::Key key;
    int64_t first, last;
    size_t records, lines, bytes, tombstones, start;
  };

  void Append(const fifo::Order& order);
  void AppendRows(const rd_kafka_message_t* message, const std::string& topic, size_t lines);

  std::vector<fifo::Order> orders_;
  size_t max_bytes_ = 0;
  framing::Kind framing_ = framing::Kind::kRaw;
  std::vector<Attribute> attributes_;
  bool keep_tombstones_ = false;

  js::Bytes bytes_, lengths_, rows_;
  std::vector<Part> parts_;
};

}  // namespace lanes

#endif  // STREAMKIT_KAFKA_TAKING_H_
