#include "lanes.h"
#include "rdkafka.h"
extern "C" void __real_rd_kafka_conf_set_dr_msg_cb(rd_kafka_conf_t*, void (*)(rd_kafka_t*, const rd_kafka_message_t*, void*));
extern "C" void __wrap_rd_kafka_conf_set_dr_msg_cb(rd_kafka_conf_t* c, void (*f)(rd_kafka_t*, const rd_kafka_message_t*, void*)) { __real_rd_kafka_conf_set_dr_msg_cb(c, f); }
void lanes::Init(napi_value) {}
