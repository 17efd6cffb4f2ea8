// node.h's macros for constants and for the module's entry, on Node-API.
#ifndef STREAMKIT_KAFKA_NODE_H_
#define STREAMKIT_KAFKA_NODE_H_

#include "node_buffer.h"
#include "v8.h"

#define NODE_MAJOR_VERSION 20

namespace node {

void DefineConstant(v8::Local<v8::Object> target, const char* name, double value);

typedef void (*ModuleInit)(v8::Local<v8::Object> exports, v8::Local<v8::Value> module, void* context);
napi_value RegisterModule(napi_env env, napi_value exports, ModuleInit init);

}  // namespace node

// The name is the constant as it is written, as in node.h.
#define NODE_DEFINE_CONSTANT(target, constant) \
  node::DefineConstant(target, #constant, static_cast<double>(constant))

#define NODE_MODULE(name, init)                                                                        \
  extern "C" __attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env,   \
                                                                                       napi_value exports) { \
    return node::RegisterModule(env, exports, init);                                                   \
  }                                                                                                    \
  extern "C" __attribute__((visibility("default"))) int32_t node_api_module_get_api_version_v1() { return 8; }

#endif  // STREAMKIT_KAFKA_NODE_H_
