// One take from the consumer lane: the request, the lines and attributes it becomes, the result.
#ifndef STREAMKIT_KAFKA_TAKING_H_
#define STREAMKIT_KAFKA_TAKING_H_

#include <deque>
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

// Where lines go: into memory, or through a block of it into a file that is written anew.
class Outlet {
 public:
  ~Outlet();
  // Of the file, if there shall be one; its errors are kept for `Throw`.
  void Open(const std::string& path);
  js::Bytes* block() { return &block_; }
  // After each record: a full block goes to the file.
  void Pass() {
    if (fd_ >= 0 && block_.size() >= kBlockBytes) Flush();
  }
  void Close();
  // Of all that came.
  size_t size() const { return flushed_ + block_.size(); }
  // On the JavaScript thread: what went wrong with the file.
  void Throw() const;

 private:
  static constexpr size_t kBlockBytes = 512 << 10;

  void Flush();

  js::Bytes block_;
  std::string path_;
  int fd_ = -1;
  int error_ = 0;
  size_t flushed_ = 0;
};

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
    // Pairs of a line's index and its offset, wherever that is not one more than the line's before.
    js::Bytes offsets;
    int64_t expected = -1;

    void Note(int64_t offset, size_t count);
  };

  void Append(const fifo::Order& order);
  void AppendRows(const rd_kafka_message_t* message, const std::string& topic, size_t lines);

  std::vector<fifo::Order> orders_;
  size_t max_bytes_ = 0;
  framing::Kind framing_ = framing::Kind::kRaw;
  std::vector<Attribute> attributes_;
  bool keep_tombstones_ = false;

  std::string file_, attributes_file_;
  Outlet lines_, rows_;
  // Of one record's lines, and of one row.
  size_t longest_ = 0, longest_row_ = 0;
  js::Bytes lengths_;
  std::deque<Part> parts_;
};

}  // namespace lanes

#endif  // STREAMKIT_KAFKA_TAKING_H_
