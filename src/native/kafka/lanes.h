// The batch lanes' functions on the addon's exports: see consumer-lane.cc, producer-lane.cc, topic-config.cc.
#ifndef STREAMKIT_KAFKA_LANES_H_
#define STREAMKIT_KAFKA_LANES_H_

#include <node_api.h>

namespace lanes {

void Init(napi_value exports);
void InitConsumer(napi_value exports);
void InitProducer(napi_value exports);
void InitTopicConfig(napi_value exports);

}  // namespace lanes

#endif  // STREAMKIT_KAFKA_LANES_H_
