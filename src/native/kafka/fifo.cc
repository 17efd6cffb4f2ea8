// See fifo.h.
#include "fifo.h"

#include <algorithm>

namespace fifo {
namespace {

using Lock = std::lock_guard<std::mutex>;

bool Fits(const Order& order, const rd_kafka_message_t* message, size_t count) {
  return message->offset < order.until && count < order.max_records;
}

size_t OutputBytes(framing::Kind framing, const rd_kafka_message_t* message) {
  // A raw record of no bytes counts one: every record counts.
  return std::max(framing::MaxSize(framing, message->len), size_t{1});
}

// The level at which everyone who wants more gets that much, and together they get `total`.
size_t FairShare(std::vector<size_t> wanted, size_t total) {
  std::sort(wanted.begin(), wanted.end());
  for (size_t i = 0; i < wanted.size(); i++) {
    size_t share = total / (wanted.size() - i);
    if (wanted[i] > share) return share;
    total -= wanted[i];
  }
  return SIZE_MAX;
}

}  // namespace

size_t HeldBytes(const rd_kafka_message_t* message) {
  return message->len + message->key_len + kRecordOverhead;
}

void Destroy(const std::vector<rd_kafka_message_t*>& messages) {
  for (rd_kafka_message_t* message : messages) rd_kafka_message_destroy(message);
}

// A buffer that was not cleared belongs to a client that may be gone, and its records with it: they are left.
Buffer::~Buffer() = default;

void Buffer::Push(rd_kafka_message_t** messages, size_t count) {
  Lock lock(mutex_);
  const rd_kafka_topic_t* topic = nullptr;
  int32_t number = -1;
  Partition* partition = nullptr;
  for (size_t i = 0; i < count; i++) {
    rd_kafka_message_t* message = messages[i];
    if (partition == nullptr || message->rkt != topic || message->partition != number) {
      topic = message->rkt, number = message->partition;
      partition = &partitions_[Key(rd_kafka_topic_name(topic), number)];
    }
    size_t held = HeldBytes(message);
    partition->messages.push_back(message);
    partition->bytes += held;
    bytes_ += held;
  }
  records_ += count;
}

// No more than what one call hands out is looked at.
size_t Buffer::Wanted(const Order& order, size_t max_bytes, framing::Kind framing) {
  auto found = partitions_.find(order.key);
  if (found == partitions_.end()) return 0;
  size_t bytes = 0, count = 0;
  for (const rd_kafka_message_t* message : found->second.messages) {
    if (bytes > max_bytes || !Fits(order, message, count)) break;
    bytes += OutputBytes(framing, message);
    count++;
  }
  return bytes;
}

void Buffer::Take(std::vector<Order>* orders, size_t max_bytes, framing::Kind framing) {
  Lock lock(mutex_);
  std::vector<size_t> wanted;
  for (const Order& order : *orders) wanted.push_back(Wanted(order, max_bytes, framing));
  size_t share = FairShare(wanted, max_bytes);
  // The one whose turn it is: the first at or after the mark that has something.
  size_t privileged = orders->size();
  for (size_t i = 0; i < orders->size() && privileged == orders->size(); i++) {
    size_t candidate = (turn_ + i) % orders->size();
    if (wanted[candidate] > 0) privileged = candidate;
  }
  if (privileged == orders->size()) return;
  turn_ = privileged + 1;
  for (size_t i = 0; i < orders->size(); i++) {
    Order& order = (*orders)[i];
    if (wanted[i] == 0) continue;
    auto found = partitions_.find(order.key);
    Partition& partition = found->second;
    size_t bytes = 0;
    while (!partition.messages.empty()) {
      rd_kafka_message_t* message = partition.messages.front();
      size_t output = OutputBytes(framing, message);
      bool is_granted = i == privileged && order.taken.empty();
      if (!Fits(order, message, order.taken.size()) || (bytes + output > share && !is_granted)) break;
      bytes += output;
      size_t held = HeldBytes(message);
      partition.bytes -= held;
      bytes_ -= held;
      records_--;
      order.taken.push_back(message);
      partition.messages.pop_front();
    }
    if (partition.messages.empty()) partitions_.erase(found);
  }
}

void Buffer::Drop(const std::vector<Key>& keys) {
  std::vector<rd_kafka_message_t*> dropped;
  {
    Lock lock(mutex_);
    for (const Key& key : keys) {
      auto found = partitions_.find(key);
      if (found == partitions_.end()) continue;
      dropped.insert(dropped.end(), found->second.messages.begin(), found->second.messages.end());
      bytes_ -= found->second.bytes;
      records_ -= found->second.messages.size();
      partitions_.erase(found);
    }
  }
  Destroy(dropped);
}

void Buffer::Clear() {
  std::map<Key, Partition> dropped;
  {
    Lock lock(mutex_);
    dropped.swap(partitions_);
    bytes_ = records_ = 0;
  }
  for (auto& entry : dropped) {
    for (rd_kafka_message_t* message : entry.second.messages) rd_kafka_message_destroy(message);
  }
}

size_t Buffer::bytes() {
  Lock lock(mutex_);
  return bytes_;
}

size_t Buffer::records() {
  Lock lock(mutex_);
  return records_;
}

std::vector<Summary> Buffer::Summaries() {
  Lock lock(mutex_);
  std::vector<Summary> all;
  for (const auto& entry : partitions_) {
    const Partition& partition = entry.second;
    const auto& messages = partition.messages;
    int64_t first = messages.front()->offset, last = messages.back()->offset;
    all.push_back({entry.first, messages.size(), partition.bytes, first, last});
  }
  return all;
}

}  // namespace fifo
