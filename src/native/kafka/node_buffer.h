// node::Buffer's three functions, on Node-API.
#ifndef STREAMKIT_KAFKA_NODE_BUFFER_H_
#define STREAMKIT_KAFKA_NODE_BUFFER_H_

#include "v8.h"

namespace node {
namespace Buffer {

bool HasInstance(v8::Local<v8::Value> value);
// Never null: upstream takes a null pointer for a value that isn't there, which would make an empty one a
// tombstone.
char* Data(v8::Local<v8::Value> value);
size_t Length(v8::Local<v8::Value> value);

}  // namespace Buffer
}  // namespace node

#endif  // STREAMKIT_KAFKA_NODE_BUFFER_H_
