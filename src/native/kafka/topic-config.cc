// What a broker says of a topic's configuration: see TopicConfig in src/kafka/lane.ts. The package's own
// admin client does not ask for it.
#include <memory>
#include <string>

#include "js.h"
#include "lanes.h"
#include "rdkafka.h"
#include "src/producer.h"

namespace lanes {
namespace {

struct Answer {
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
  std::string message = "Local: Timed out";
  bool has_value = false;
  std::string value;
};

void ReadEntries(const rd_kafka_ConfigResource_t* resource, const std::string& name, Answer* answer) {
  answer->code = rd_kafka_ConfigResource_error(resource);
  const char* text = rd_kafka_ConfigResource_error_string(resource);
  answer->message = text != nullptr ? text : rd_kafka_err2str(answer->code);
  size_t count;
  const rd_kafka_ConfigEntry_t** entries = rd_kafka_ConfigResource_configs(resource, &count);
  for (size_t i = 0; i < count; i++) {
    if (name != rd_kafka_ConfigEntry_name(entries[i])) continue;
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    answer->has_value = value != nullptr;
    if (value != nullptr) answer->value = value;
  }
}

void Ask(rd_kafka_t* client, const std::string& topic, const std::string& name, int timeout_ms,
         Answer* answer) {
  char error[512];
  rd_kafka_AdminOptions_t* options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
  rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, error, sizeof error);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
  rd_kafka_ConfigResource_t* resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
  rd_kafka_DescribeConfigs(client, &resource, 1, options, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, timeout_ms + 1000);
  if (event != nullptr) {
    answer->code = rd_kafka_event_error(event);
    answer->message = rd_kafka_event_error_string(event);
    const rd_kafka_DescribeConfigs_result_t* result = rd_kafka_event_DescribeConfigs_result(event);
    size_t count = 0;
    const rd_kafka_ConfigResource_t** found =
        result != nullptr ? rd_kafka_DescribeConfigs_result_resources(result, &count) : nullptr;
    if (answer->code == RD_KAFKA_RESP_ERR_NO_ERROR && count > 0) ReadEntries(found[0], name, answer);
    rd_kafka_event_destroy(event);
  }
  rd_kafka_ConfigResource_destroy(resource);
  rd_kafka_queue_destroy(queue);
  rd_kafka_AdminOptions_destroy(options);
}

napi_value TopicConfig(const napi_value* arguments) {
  auto* producer = Nan::ObjectWrap::Unwrap<NodeKafka::Producer>(v8::Local<v8::Object>(arguments[0]));
  if (!producer->IsConnected()) kn::ThrowPlainError("The producer is not connected");
  rd_kafka_t* client = producer->GetClient()->c_ptr();
  std::string topic = js::ToText(arguments[1]), name = js::ToText(arguments[2]);
  int timeout_ms = static_cast<int>(js::ToNumber(arguments[3]));
  auto answer = std::make_shared<Answer>();
  return js::RunAsync(
      [client, topic, name, timeout_ms, answer] { Ask(client, topic, name, timeout_ms, answer.get()); },
      [answer] {
        napi_value object = js::Object();
        js::Set(object, "code", js::Number(answer->code));
        js::Set(object, "message", js::Text(answer->message));
        if (answer->has_value) js::Set(object, "value", js::Text(answer->value));
        return object;
      });
}

}  // namespace

void InitTopicConfig(napi_value exports) { js::Export(exports, "topicConfig", TopicConfig); }

}  // namespace lanes
