// The producer's batch lane: a column of values becomes records without a JavaScript object for each, and one
// promise says when all of them were acknowledged or have failed. The contract is in src/kafka/lane.ts.
//
// Each record's opaque pointer leads to its call. The client's one delivery callback is upstream's, set by
// librdkafka++: the linker puts ours before it (--wrap in kafka-addon.sh), which keeps what is ours and hands
// on the rest. An interceptor would not do: it can't be added to a client that exists, and it runs before
// librdkafka has spread a batch's errors over its records.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <pthread.h>

#include "columns.h"
#include "js.h"
#include "lanes.h"
#include "src/producer.h"

namespace lanes {
namespace {

using Lock = std::unique_lock<std::mutex>;
using DeliveryCallback = void (*)(rd_kafka_t*, const rd_kafka_message_t*, void*);

constexpr size_t kMaxFailures = 100;
constexpr size_t kBatchRecords = 1000;
constexpr int kPollMs = 100;
// Upstream's opaque pointers lead to an object of its own, which doesn't start like this.
constexpr uint64_t kMark = 0x73747265616D6B69;

class ProduceCall;

struct Slot {
  uint64_t mark;
  ProduceCall* call;
};

struct Failed {
  size_t index;
  rd_kafka_resp_err_t code;
  std::string message;
};

// One call of produce(): lives until its promise is kept.
class ProduceCall {
 public:
  ProduceCall(napi_value request, std::shared_ptr<std::atomic<int>> open_calls);

  const js::Promise& promise() const { return *promise_; }
  size_t count() const { return columns_.count(); }
  void* OpaqueOf(size_t index) { return &slots_[index]; }
  size_t IndexOf(const Slot* slot) const { return slot - slots_.data(); }
  const std::string& topic() const { return topic_; }
  Columns& columns() { return columns_; }

  // A record is done with; an error says how. The last one keeps the promise, and the call is gone.
  void Finish(size_t index, rd_kafka_resp_err_t code, const char* message);
  // The sender holds one more, so that a call lives while it is sent.
  void FinishSending() { Settle(); }

 private:
  void Settle();
  napi_value Result() const;

  kn::EnvState* const state_;
  std::shared_ptr<std::atomic<int>> open_calls_;
  std::string topic_;
  Columns columns_;
  std::unique_ptr<js::Promise> promise_;
  std::vector<Slot> slots_;
  std::atomic<size_t> left_;
  std::mutex mutex_;
  size_t failed_records_ = 0;
  std::vector<Failed> failed_;
};

ProduceCall::ProduceCall(napi_value request, std::shared_ptr<std::atomic<int>> open_calls)
    : state_(kn::Current()), open_calls_(std::move(open_calls)), topic_(js::RequiredText(request, "topic")) {
  columns_.Read(request);
  slots_.assign(columns_.count(), Slot{kMark, this});
  left_ = columns_.count() + 1;
  // Last: a promise that was made must be kept, and a bad request throws above.
  promise_ = std::make_unique<js::Promise>();
}

void ProduceCall::Finish(size_t index, rd_kafka_resp_err_t code, const char* message) {
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    Lock lock(mutex_);
    failed_records_++;
    if (failed_.size() < kMaxFailures) failed_.push_back({index, code, message});
  }
  Settle();
}

void ProduceCall::Settle() {
  if (left_.fetch_sub(1) != 1) return;
  (*open_calls_)--;
  state_->Post([this] {
    std::unique_ptr<ProduceCall> self(this);
    state_->Release();
    promise_->Settle([this] { return Result(); });
  });
}

napi_value ProduceCall::Result() const {
  napi_value result = js::Object(), failed = js::Array(failed_.size());
  for (size_t i = 0; i < failed_.size(); i++) {
    napi_value object = js::Object();
    js::Set(object, "index", js::Number(static_cast<double>(failed_[i].index)));
    js::Set(object, "code", js::Number(failed_[i].code));
    js::Set(object, "message", js::Text(failed_[i].message));
    js::Set(failed, i, object);
  }
  js::Set(result, "records", js::Number(static_cast<double>(count())));
  js::Set(result, "failed", failed);
  js::Set(result, "failedRecords", js::Number(static_cast<double>(failed_records_)));
  return result;
}

// Sends the calls in their order on one thread, which also serves the client's callbacks while calls are
// open. While none is it sleeps, and doesn't touch the client.
class ProducerLane : public std::enable_shared_from_this<ProducerLane> {
 public:
  explicit ProducerLane(rd_kafka_t* client) : client_(client), main_(rd_kafka_queue_get_main(client)) {}

  void Start();
  // False once it is closing.
  bool Add(ProduceCall* call);
  // Waits until every call is done.
  void Close();

  const std::shared_ptr<std::atomic<int>> open_calls = std::make_shared<std::atomic<int>>(0);

 private:
  void Run();
  void Send(ProduceCall* call);
  void SendPlain(ProduceCall* call, rd_kafka_topic_t* topic);
  void SendEach(ProduceCall* call, rd_kafka_topic_t* topic);
  void Poll(int timeout_ms) { rd_kafka_queue_poll_callback(main_, timeout_ms); }

  rd_kafka_t* const client_;
  rd_kafka_queue_t* const main_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<ProduceCall*> waiting_;
  bool closing_ = false;
  bool ended_ = false;
};

void ProducerLane::Start() {
  auto* self = new std::shared_ptr<ProducerLane>(shared_from_this());
  auto run = [](void* boxed) -> void* {
    std::unique_ptr<std::shared_ptr<ProducerLane>> owned(static_cast<std::shared_ptr<ProducerLane>*>(boxed));
    (*owned)->Run();
    return nullptr;
  };
  pthread_t thread;
  if (pthread_create(&thread, nullptr, run, self) != 0) {
    delete self;
    kn::ThrowPlainError("Cannot start the producer lane's thread");
  }
  pthread_detach(thread);
}

bool ProducerLane::Add(ProduceCall* call) {
  Lock lock(mutex_);
  if (closing_) return false;
  (*open_calls)++;
  waiting_.push_back(call);
  changed_.notify_all();
  rd_kafka_queue_yield(main_);
  return true;
}

void ProducerLane::Run() {
  Lock lock(mutex_);
  for (;;) {
    if (!waiting_.empty()) {
      ProduceCall* call = waiting_.front();
      waiting_.pop_front();
      lock.unlock();
      Send(call);
      lock.lock();
    } else if (*open_calls > 0) {
      lock.unlock();
      Poll(kPollMs);
      lock.lock();
    } else if (closing_) {
      break;
    } else {
      changed_.wait(lock);
    }
  }
  rd_kafka_queue_destroy(main_);
  ended_ = true;
  changed_.notify_all();
}

void ProducerLane::Close() {
  Lock lock(mutex_);
  closing_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return ended_; });
}

void ProducerLane::Send(ProduceCall* call) {
  rd_kafka_topic_t* topic = rd_kafka_topic_new(client_, call->topic().c_str(), nullptr);
  if (topic == nullptr) {
    rd_kafka_resp_err_t error = rd_kafka_last_error();
    for (size_t i = 0; i < call->count(); i++) call->Finish(i, error, rd_kafka_err2str(error));
  } else if (call->columns().is_plain()) {
    SendPlain(call, topic);
  } else {
    SendEach(call, topic);
  }
  if (topic != nullptr) rd_kafka_topic_destroy(topic);
  call->FinishSending();
}

// Values and keys only: many records a call of librdkafka's. Once its queue is full all further records of a
// batch are refused, so the order is kept when they are sent again.
void ProducerLane::SendPlain(ProduceCall* call, rd_kafka_topic_t* topic) {
  std::vector<rd_kafka_message_t> batch(kBatchRecords);
  size_t next = 0, held = 0;
  while (next < call->count() || held > 0) {
    while (held < kBatchRecords && next < call->count()) {
      Record record = call->columns().At(next);
      rd_kafka_message_t& message = batch[held++];
      message = {};
      message.payload = const_cast<char*>(record.value);
      message.len = record.value_length;
      message.key = const_cast<char*>(record.key);
      message.key_len = record.key_length;
      message._private = call->OpaqueOf(next++);
    }
    rd_kafka_produce_batch(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, batch.data(),
                           static_cast<int>(held));
    size_t refused = 0;
    for (size_t i = 0; i < held; i++) {
      if (batch[i].err == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        batch[refused++] = batch[i];
      } else if (batch[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        size_t index = call->IndexOf(static_cast<const Slot*>(batch[i]._private));
        call->Finish(index, batch[i].err, rd_kafka_err2str(batch[i].err));
      }
    }
    held = refused;
    Poll(held > 0 ? 10 : 0);
  }
}

void ProducerLane::SendEach(ProduceCall* call, rd_kafka_topic_t* topic) {
  for (size_t i = 0; i < call->count(); i++) {
    Record record = call->columns().At(i);
    if (record.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (record.headers != nullptr) rd_kafka_headers_destroy(record.headers);
      call->Finish(i, record.error, rd_kafka_err2str(record.error));
      continue;
    }
    rd_kafka_resp_err_t error;
    for (;;) {
      error = rd_kafka_producev(
          client_, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(record.partition),
          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
          RD_KAFKA_V_VALUE(const_cast<char*>(record.value), record.value_length),
          RD_KAFKA_V_KEY(record.key, record.key_length), RD_KAFKA_V_TIMESTAMP(record.timestamp_ms),
          RD_KAFKA_V_HEADERS(record.headers), RD_KAFKA_V_OPAQUE(call->OpaqueOf(i)), RD_KAFKA_V_END);
      if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) break;
      Poll(10);
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      // Only a record that was taken over takes its headers with it.
      if (record.headers != nullptr) rd_kafka_headers_destroy(record.headers);
      call->Finish(i, error, rd_kafka_err2str(error));
    }
    if (i % kBatchRecords == 0) Poll(0);
  }
}

// What upstream's client wanted to be called for each delivery.
std::atomic<DeliveryCallback> upstream_callback{nullptr};

void OnDelivery(rd_kafka_t* client, const rd_kafka_message_t* message, void* opaque) {
  auto* slot = static_cast<const Slot*>(message->_private);
  if (slot != nullptr && slot->mark == kMark) {
    // Not rd_kafka_message_errstr: of a produced record that is its payload.
    const char* text = message->err != RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_err2str(message->err) : "";
    slot->call->Finish(slot->call->IndexOf(slot), message->err, text);
    return;
  }
  DeliveryCallback upstream = upstream_callback;
  if (upstream != nullptr) upstream(client, message, opaque);
}

napi_value Open(const napi_value* arguments) {
  auto* producer = Nan::ObjectWrap::Unwrap<NodeKafka::Producer>(v8::Local<v8::Object>(arguments[0]));
  if (!producer->IsConnected()) kn::ThrowPlainError("The producer is not connected");
  auto lane = std::make_shared<ProducerLane>(producer->GetClient()->c_ptr());
  lane->Start();
  return js::Wrap(lane);
}

napi_value Produce(const napi_value* arguments) {
  auto lane = js::Unwrap<ProducerLane>(arguments[0]);
  auto call = std::make_unique<ProduceCall>(arguments[1], lane->open_calls);
  napi_value promise = call->promise().value();
  kn::Current()->Hold();
  if (lane->Add(call.get())) {
    call.release();
  } else {
    kn::Current()->Release();
    call->promise().Settle([]() -> napi_value { kn::ThrowPlainError("The producer lane is closed"); });
  }
  return promise;
}

napi_value Close(const napi_value* arguments) {
  auto lane = js::Unwrap<ProducerLane>(arguments[0]);
  return js::RunAsync([lane] { lane->Close(); }, [] { return kn::Undefined(); });
}

}  // namespace

void InitProducer(napi_value exports) {
  js::Export(exports, "producerLaneOpen", Open);
  js::Export(exports, "producerLaneProduce", Produce);
  js::Export(exports, "producerLaneClose", Close);
}

void Init(napi_value exports) {
  InitConsumer(exports);
  InitProducer(exports);
  InitTopicConfig(exports);
}

}  // namespace lanes

extern "C" {

void __real_rd_kafka_conf_set_dr_msg_cb(rd_kafka_conf_t* config, lanes::DeliveryCallback callback);

void __wrap_rd_kafka_conf_set_dr_msg_cb(rd_kafka_conf_t* config, lanes::DeliveryCallback callback) {
  lanes::upstream_callback = callback;
  __real_rd_kafka_conf_set_dr_msg_cb(config, lanes::OnDelivery);
}

}  // extern "C"
