// The consumer's batch lane: from the client's queue into one buffer of lines, without a JavaScript object
// for each record. Waiting and copying happen on threads of the pool. The contract is in src/kafka/lane.ts.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fifo.h"
#include "js.h"
#include "lanes.h"
#include "src/kafka-consumer.h"
#include "taking.h"

namespace lanes {
namespace {

using Clock = std::chrono::steady_clock;
using fifo::Key;
using Lock = std::unique_lock<std::mutex>;

constexpr size_t kMaxBatchRecords = 4096;
constexpr size_t kMaxErrors = 1000;

struct Failure {
  int code;
  std::string message, topic;
  int32_t partition;
  int64_t offset;
};

struct Filled {
  size_t bytes = 0, records = 0;
  std::vector<fifo::Summary> partitions;
  std::map<Key, int64_t> ends;
  std::vector<Failure> failures;
};

class ConsumerLane {
 public:
  explicit ConsumerLane(rd_kafka_t* client) : queue_(rd_kafka_queue_get_consumer(client)) {}

  // Counts those inside, whom `Close` waits for. False once it is closing.
  bool Enter();
  void Leave();
  void Fill(size_t max_bytes, int timeout_ms, Filled* filled);
  void Close();
  fifo::Buffer& buffer() { return buffer_; }

  std::atomic<bool> filling{false};

 private:
  size_t Receive(int timeout_ms, size_t count, Filled* filled);

  rd_kafka_queue_t* queue_;
  fifo::Buffer buffer_;
  std::vector<rd_kafka_message_t*> batch_ = std::vector<rd_kafka_message_t*>(kMaxBatchRecords);
  // Of the last batch: how many records fit into what is left.
  size_t record_bytes_ = 64 << 10;
  std::mutex mutex_;
  std::condition_variable left_;
  int inside_ = 0;
  std::atomic<bool> closing_{false};
};

bool ConsumerLane::Enter() {
  Lock lock(mutex_);
  if (closing_) return false;
  inside_++;
  return true;
}

void ConsumerLane::Leave() {
  Lock lock(mutex_);
  inside_--;
  left_.notify_all();
}

void ConsumerLane::Close() {
  Lock lock(mutex_);
  if (closing_) return;
  closing_ = true;
  while (inside_ > 0) {
    rd_kafka_queue_yield(queue_);
    left_.wait_for(lock, std::chrono::milliseconds(50));
  }
  buffer_.Clear();
  rd_kafka_queue_destroy(queue_);
}

// What isn't a record comes out of the queue as a message with an error.
size_t ConsumerLane::Receive(int timeout_ms, size_t count, Filled* filled) {
  ssize_t found = rd_kafka_consume_batch_queue(queue_, timeout_ms, batch_.data(), count);
  size_t good = 0, bytes = 0;
  for (ssize_t i = 0; i < found; i++) {
    rd_kafka_message_t* message = batch_[i];
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset <= kMaxSafeInteger) {
      bytes += fifo::HeldBytes(message);
      batch_[good++] = message;
      continue;
    }
    std::string topic = message->rkt != nullptr ? rd_kafka_topic_name(message->rkt) : "";
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      filled->ends[Key(topic, message->partition)] = message->offset;
    } else if (filled->failures.size() < kMaxErrors) {
      bool is_error = message->err != RD_KAFKA_RESP_ERR_NO_ERROR;
      filled->failures.push_back({is_error ? message->err : RD_KAFKA_RESP_ERR__BAD_MSG,
                                  is_error ? rd_kafka_message_errstr(message) : "Offset is beyond 2^53 - 1",
                                  topic, message->partition, message->offset});
    }
    rd_kafka_message_destroy(message);
  }
  if (good > 0) {
    record_bytes_ = bytes / good;
    buffer_.Push(batch_.data(), good);
  }
  return found < 0 ? 0 : static_cast<size_t>(found);
}

// A batch is waited for until it is full: only one message is waited for, the rest is what is there.
void ConsumerLane::Fill(size_t max_bytes, int timeout_ms, Filled* filled) {
  auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  bool has_some = false;
  // Asking for nothing counts as a poll: a group must not give up a consumer whose buffer is full.
  if (buffer_.bytes() >= max_bytes) Receive(0, 0, filled);
  while (!closing_) {
    size_t held = buffer_.bytes();
    if (held >= max_bytes) break;
    auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    size_t room = (max_bytes - held) / record_bytes_ + 1;
    size_t count = has_some ? std::min(room, kMaxBatchRecords) : 1;
    size_t found = Receive(has_some || rest < 0 ? 0 : static_cast<int>(rest), count, filled);
    if (found == 0 && (has_some || rest <= 0)) break;
    has_some = has_some || found > 0;
    if (rest <= 0 && timeout_ms > 0) break;
  }
  filled->partitions = buffer_.Summaries();
  filled->bytes = buffer_.bytes();
  filled->records = buffer_.records();
}

napi_value FailureObject(const Failure& failure) {
  napi_value object = js::Object();
  js::Set(object, "code", js::Number(failure.code));
  js::Set(object, "message", js::Text(failure.message));
  if (failure.topic.empty()) return object;
  js::Set(object, "topic", js::Text(failure.topic));
  if (failure.partition >= 0) js::Set(object, "partition", js::Number(failure.partition));
  if (failure.offset >= 0) js::Set(object, "offset", js::Number(static_cast<double>(failure.offset)));
  return object;
}

napi_value FilledObject(const Filled& filled) {
  napi_value result = js::Object(), partitions = js::Array(filled.partitions.size());
  napi_value ends = js::Array(filled.ends.size()), errors = js::Array(filled.failures.size());
  size_t index = 0;
  for (const fifo::Summary& summary : filled.partitions) {
    napi_value object = PartitionObject(summary.key);
    js::Set(object, "records", js::Number(static_cast<double>(summary.records)));
    js::Set(object, "bytes", js::Number(static_cast<double>(summary.bytes)));
    js::Set(object, "firstOffset", js::Number(static_cast<double>(summary.first)));
    js::Set(object, "lastOffset", js::Number(static_cast<double>(summary.last)));
    js::Set(partitions, index++, object);
  }
  index = 0;
  for (const auto& end : filled.ends) {
    napi_value object = PartitionObject(end.first);
    js::Set(object, "offset", js::Number(static_cast<double>(end.second)));
    js::Set(ends, index++, object);
  }
  index = 0;
  for (const Failure& failure : filled.failures) js::Set(errors, index++, FailureObject(failure));
  js::Set(result, "bufferedBytes", js::Number(static_cast<double>(filled.bytes)));
  js::Set(result, "bufferedRecords", js::Number(static_cast<double>(filled.records)));
  js::Set(result, "partitions", partitions);
  js::Set(result, "ends", ends);
  js::Set(result, "errors", errors);
  return result;
}

napi_value Open(const napi_value* arguments) {
  using NodeKafka::KafkaConsumer;
  auto* consumer = Nan::ObjectWrap::Unwrap<KafkaConsumer>(v8::Local<v8::Object>(arguments[0]));
  if (!consumer->IsConnected()) kn::ThrowPlainError("The consumer is not connected");
  return js::Wrap(std::make_shared<ConsumerLane>(consumer->GetClient()->c_ptr()));
}

// Runs `work` unless the lane is closed.
template <class Work, class Result>
napi_value RunInside(std::shared_ptr<ConsumerLane> lane, Work work, Result result) {
  if (!lane->Enter()) kn::ThrowPlainError("The consumer lane is closed");
  return js::RunAsync(
      [lane, work] {
        work();
        lane->Leave();
      },
      result);
}

napi_value Fill(const napi_value* arguments) {
  auto lane = js::Unwrap<ConsumerLane>(arguments[0]);
  auto max_bytes = static_cast<size_t>(js::ToNumber(arguments[1]));
  int timeout_ms = static_cast<int>(js::ToNumber(arguments[2]));
  if (lane->filling.exchange(true)) kn::ThrowPlainError("The consumer lane is being filled already");
  auto filled = std::make_shared<Filled>();
  return RunInside(
      lane,
      [lane, max_bytes, timeout_ms, filled] {
        lane->Fill(max_bytes, timeout_ms, filled.get());
        lane->filling = false;
      },
      [filled] { return FilledObject(*filled); });
}

napi_value Take(const napi_value* arguments) {
  auto lane = js::Unwrap<ConsumerLane>(arguments[0]);
  auto taking = std::make_shared<Taking>();
  taking->Read(arguments[1]);
  return RunInside(
      lane, [lane, taking] { taking->Run(&lane->buffer()); },
      [taking] { return taking->Result(); });
}

napi_value Drop(const napi_value* arguments) {
  auto lane = js::Unwrap<ConsumerLane>(arguments[0]);
  bool has_names = false;
  napi_is_array(kn::Env(), arguments[1], &has_names);
  std::vector<Key> keys;
  for (size_t i = 0; has_names && i < js::Length(arguments[1]); i++) {
    keys.push_back(KeyOf(js::Get(arguments[1], i)));
  }
  if (!lane->Enter()) return nullptr;
  if (has_names) {
    lane->buffer().Drop(keys);
  } else {
    lane->buffer().Clear();
  }
  lane->Leave();
  return nullptr;
}

napi_value Close(const napi_value* arguments) {
  auto lane = js::Unwrap<ConsumerLane>(arguments[0]);
  return js::RunAsync([lane] { lane->Close(); }, [] { return kn::Undefined(); });
}

}  // namespace

void InitConsumer(napi_value exports) {
  js::Export(exports, "consumerLaneOpen", Open);
  js::Export(exports, "consumerLaneFill", Fill);
  js::Export(exports, "consumerLaneTake", Take);
  js::Export(exports, "consumerLaneDrop", Drop);
  js::Export(exports, "consumerLaneClose", Close);
}

}  // namespace lanes
