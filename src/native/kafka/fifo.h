// The consumer lane's buffer: fetched records, by partition, and the choice of which ones are taken next.
#ifndef STREAMKIT_KAFKA_FIFO_H_
#define STREAMKIT_KAFKA_FIFO_H_

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "framing.h"
#include "rdkafka.h"

namespace fifo {

using Key = std::pair<std::string, int32_t>;

// What a record counts beside its payload and key: librdkafka's own memory for it.
constexpr size_t kRecordOverhead = 64;

size_t HeldBytes(const rd_kafka_message_t* message);

struct Partition {
  std::deque<rd_kafka_message_t*> messages;
  size_t bytes = 0;
};

struct Summary {
  Key key;
  size_t records, bytes;
  int64_t first, last;
};

// What to take of one partition, and then what was taken.
struct Order {
  Key key;
  // Exclusive.
  int64_t until;
  size_t max_records;
  std::vector<rd_kafka_message_t*> taken;
};

// Safe for one thread that fills and others that take.
class Buffer {
 public:
  ~Buffer();
  // Takes over the messages, none of which has an error.
  void Push(rd_kafka_message_t** messages, size_t count);
  // Hands over at most `max_bytes` of output, shared fairly; of the orders one in turn gets its first record
  // even if that is larger than its share.
  void Take(std::vector<Order>* orders, size_t max_bytes, framing::Kind framing);
  // Nothing named: all of them.
  void Drop(const std::vector<Key>& keys);
  void Clear();
  size_t bytes();
  size_t records();
  std::vector<Summary> Summaries();

 private:
  size_t Wanted(const Order& order, size_t max_bytes, framing::Kind framing);

  std::mutex mutex_;
  std::map<Key, Partition> partitions_;
  size_t bytes_ = 0;
  size_t records_ = 0;
  size_t turn_ = 0;
};

void Destroy(const std::vector<rd_kafka_message_t*>& messages);

}  // namespace fifo

#endif  // STREAMKIT_KAFKA_FIFO_H_
