// How a record's payload becomes lines of a batch: the contract is in src/kafka/lane.ts.
#ifndef STREAMKIT_KAFKA_FRAMING_H_
#define STREAMKIT_KAFKA_FRAMING_H_

#include <cstddef>

#include "js.h"

namespace framing {

enum class Kind { kJson, kLines, kFullLines, kTextLines, kRaw };

// At most how many bytes a payload of this length becomes.
size_t MaxSize(Kind kind, size_t length);

// Appends one payload; returns how many lines that were. A null payload is a tombstone.
size_t Append(Kind kind, const char* payload, size_t length, js::Bytes* out);

}  // namespace framing

#endif  // STREAMKIT_KAFKA_FRAMING_H_
